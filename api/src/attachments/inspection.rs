//! The look at the bytes of a file. They must be what the name and the declared type say. What could run in a browser
//! or in an office program is refused.

use std::{
    fs::File,
    io::{self, BufReader, Read as _, Seek as _, SeekFrom},
};

use image::{ImageFormat, ImageReader};
use zip::ZipArchive;

use super::file_types::{FileContent, FileType};

/// The bytes at the beginning by which most types are recognized.
const HEAD: usize = 8 << 10;
/// The bytes at the beginning of a text that must have no markup.
const MARKUP_WITHIN: usize = 4 << 10;
/// What begins markup that browsers run.
const MARKUP: [&str; 9] = ["<!doctype", "<html", "<head", "<body", "<script", "<svg", "<iframe", "<?xml", "<?php"];
/// The longest side of a picture, in pixels.
pub const LONGEST_SIDE: u32 = 16_384;
/// Maximum number of pixels of a picture. Showing one takes four bytes for each.
pub const MOST_PIXELS: u64 = 100_000_000;
/// Maximum number of files in an archive of Office Open XML.
const MOST_ENTRIES: u16 = 10_000;
/// The longest end of a ZIP archive: its record with the longest comment.
const LONGEST_ZIP_END: u64 = 22 + 65_535;

/// The facts about a file that is what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Inspected {
    /// The width and the height of a picture, in pixels.
    pub size: Option<(u32, u32)>,
}

/// The reason why a file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unacceptable {
    /// The bytes are not those of the type.
    OtherContent,
    /// The picture has too many pixels.
    TooManyPixels,
}

/// Looks at the bytes of a file of a type. Takes little memory, whatever the length.
pub fn inspect(file: &mut File, file_type: &FileType) -> io::Result<Result<Inspected, Unacceptable>> {
    file.rewind()?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD as u64).read_to_end(&mut head)?;
    let matches = match file_type.content {
        FileContent::Text => is_text(file, &head)?,
        FileContent::Compound(streams) => is_compound(file, streams)?,
        FileContent::OfficeOpenXml(folder) => is_office_open_xml(file, folder)?,
        FileContent::Zip => head.starts_with(b"PK") && entries_of_zip(file)?.is_some(),
        FileContent::Beginning(bytes) => head.starts_with(bytes),
        FileContent::Recognized(media_types) => recognized(&head).is_some_and(|found| media_types.contains(&found)),
        FileContent::Picture(media_type) => {
            if recognized(&head) != Some(media_type) {
                return Ok(Err(Unacceptable::OtherContent));
            }
            return Ok(picture(file));
        }
    };
    Ok(if matches { Ok(Inspected::default()) } else { Err(Unacceptable::OtherContent) })
}

/// Returns the media type that the first bytes show.
fn recognized(head: &[u8]) -> Option<&'static str> {
    infer::get(head).map(|found| found.mime_type())
}

/// Returns true for a text of any encoding without markup. It has no control characters, unless a mark at its beginning
/// says that it is UTF-16.
fn is_text(file: &mut File, head: &[u8]) -> io::Result<bool> {
    let wide = head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]);
    if !wide && recognized(head).is_some() {
        return Ok(false);
    }
    let beginning: Vec<u8> = head.iter().take(MARKUP_WITHIN).copied().filter(|byte| *byte != 0).collect();
    let beginning = String::from_utf8_lossy(&beginning).to_ascii_lowercase();
    if MARKUP.iter().any(|mark| beginning.contains(mark)) {
        return Ok(false);
    }
    if wide {
        return Ok(true);
    }
    file.rewind()?;
    let mut buffer = [0; 16 << 10];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(true);
        }
        if buffer[..read].iter().any(|byte| is_control(*byte)) {
            return Ok(false);
        }
    }
}

/// Returns true for a byte that no text of an encoding based on ASCII has. White space and the escape of Japanese
/// encodings (ISO-2022-JP) are no such bytes.
const fn is_control(byte: u8) -> bool {
    byte == 0x7f || (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
}

/// Returns true for a compound file with one of the streams in its root.
fn is_compound(file: &mut File, streams: &[&str]) -> io::Result<bool> {
    file.rewind()?;
    let Ok(compound) = cfb::CompoundFile::open(file) else { return Ok(false) };
    Ok(streams.iter().any(|stream| compound.is_stream(stream)))
}

/// Returns true for an archive of Office Open XML with parts in a folder and without macros.
fn is_office_open_xml(file: &mut File, folder: &str) -> io::Result<bool> {
    if entries_of_zip(file)?.is_none_or(|entries| entries > MOST_ENTRIES) {
        return Ok(false);
    }
    file.rewind()?;
    let Ok(archive) = ZipArchive::new(BufReader::new(file)) else { return Ok(false) };
    let names: Vec<_> = archive.file_names().flatten().collect();
    Ok(names.iter().any(|name| name == "[Content_Types].xml")
        && names.iter().any(|name| name.starts_with(folder))
        && !names.iter().any(|name| name.to_ascii_lowercase().ends_with("vbaproject.bin")))
}

/// Returns the number of files that the end of a ZIP archive names. None without such an end.
fn entries_of_zip(file: &mut File) -> io::Result<Option<u16>> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_ZIP_END)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let at = end.windows(4).rposition(|bytes| bytes == b"PK\x05\x06");
    let entries = at.and_then(|at| end.get(at + 10..at + 12));
    Ok(entries.and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes))
}

/// Reads the size of a picture from its head.
fn picture(file: &mut File) -> Result<Inspected, Unacceptable> {
    let size = || {
        file.rewind().ok()?;
        let reader = ImageReader::new(BufReader::new(file)).with_guessed_format().ok()?;
        let known = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Gif, ImageFormat::WebP];
        reader.format().filter(|format| known.contains(format))?;
        reader.into_dimensions().ok()
    };
    let (width, height) = size().ok_or(Unacceptable::OtherContent)?;
    let pixels = u64::from(width) * u64::from(height);
    if width > LONGEST_SIDE || height > LONGEST_SIDE || pixels > MOST_PIXELS {
        return Err(Unacceptable::TooManyPixels);
    }
    Ok(Inspected { size: Some((width, height)) })
}
