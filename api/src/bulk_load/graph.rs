//! Edge lists, plain or gzip. Each line has two numbers, and `#` begins a comment. An error names the number of the
//! invalid line.

use std::{
    fs::File,
    io::{BufRead as _, BufReader, Read},
    path::Path,
};

use anyhow::{Context as _, bail};
use flate2::bufread::MultiGzDecoder;

/// The largest number that a person can have.
const MAX_NUMBER: u32 = 999_999_999;

/// Reads the edges of a file. Fails at the first line that is not a pair of two different numbers.
pub fn read(path: &Path) -> anyhow::Result<Vec<(u32, u32)>> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown} cannot be read"))?;
    let mut file = BufReader::new(file);
    // The first two bytes identify gzip, because the name of the file may not.
    let zipped = file.fill_buf().with_context(|| format!("{shown} cannot be read"))?.starts_with(&[0x1f, 0x8b]);
    let text: Box<dyn Read> = if zipped { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut edges = Vec::new();
    for (index, line) in BufReader::new(text).lines().enumerate() {
        let number = index + 1;
        let line = line.with_context(|| format!("{shown}, line {number}: the file is damaged or not text"))?;
        match edge(&line) {
            Ok(Some(edge)) => edges.push(edge),
            Ok(None) => {}
            Err(why) => bail!("{shown}, line {number}: {why}"),
        }
    }
    Ok(edges)
}

fn edge(line: &str) -> Result<Option<(u32, u32)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let numbers: Option<Vec<u32>> =
        line.split_whitespace().map(|word| word.parse().ok().filter(|number| *number <= MAX_NUMBER)).collect();
    match numbers.as_deref() {
        Some([a, b]) if a == b => Err(format!("{a} is paired with itself")),
        Some([a, b]) => Ok(Some((*a, *b))),
        _ => Err(format!("expected two whole numbers from 0 to {MAX_NUMBER}, found {:?}", shorten(line))),
    }
}

fn shorten(line: &str) -> String {
    line.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::read;

    fn written(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(bytes).expect("written");
        file
    }

    #[test]
    fn plain_and_zipped_files_read_alike() {
        let text = b"# people\n0 1\n\n1\t2\n";
        let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        zipped.write_all(text).expect("zipped");
        for file in [written(text), written(&zipped.finish().expect("zipped"))] {
            assert_eq!(read(file.path()).expect("edges"), [(0, 1), (1, 2)]);
        }
    }

    #[test]
    fn a_broken_line_is_named_by_its_number() {
        for (text, line) in [
            ("0 1\n2\n", 2),
            ("0 1\n1 2\nx y\n", 3),
            ("0 1 2\n", 1),
            ("5 5\n", 1),
            ("-1 2\n", 1),
            ("0 9999999999\n", 1),
        ] {
            let error = read(written(text.as_bytes()).path()).expect_err(text).to_string();
            assert!(error.contains(&format!("line {line}:")), "{error}");
        }
        let damaged = read(written(&[0x1f, 0x8b, 8, 0, 1, 2, 3]).path());
        assert!(damaged.is_err());
        assert!(read(written(b"0 1\n\xff\xfe\n").path()).expect_err("not text").to_string().contains("line 2"));
    }
}
