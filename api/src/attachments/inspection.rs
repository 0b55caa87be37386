//! The look at the bytes of a file. They must be what the name and the declared type say. What could run in a browser
//! or in an office program is refused.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom},
};

use image::{ImageFormat, ImageReader};
use zip::ZipArchive;

use super::file_types::{FileContent, FileType};

/// The bytes at the beginning by which most types are recognized.
const HEAD: usize = 8 << 10;
/// The bytes at the beginning of a text that must have no markup.
const MARKUP_WITHIN: usize = 4 << 10;
/// Words at the beginning of markup that a browser runs.
const MARKUP: [&str; 9] = ["<!doctype", "<html", "<head", "<body", "<script", "<svg", "<iframe", "<?xml", "<?php"];
/// Formats that are written with letters and are no texts.
const NO_TEXTS: [&str; 4] = ["application/pdf", "application/rtf", "text/html", "text/xml"];
/// The storages of macros in compound files. A presentation keeps its macros elsewhere, where they are not seen.
const MACROS: [&str; 3] = ["Macros", "_VBA_PROJECT_CUR", "VBA"];
/// Maximum number of storages and streams of a compound file.
const MOST_STREAMS: usize = 10_000;
/// The longest directory of an archive of Office Open XML, in bytes.
const LONGEST_DIRECTORY: u32 = 4 << 20;
/// The longest side of a picture, in pixels.
pub const LONGEST_SIDE: u32 = 16_384;
/// Maximum number of pixels of a picture. Showing one takes four bytes for each.
pub const MOST_PIXELS: u64 = 100_000_000;
/// Maximum number of segments before the frame of a JPEG file.
const MOST_SEGMENTS: usize = 10_000;
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
        FileContent::Zip => head.starts_with(b"PK") && end_of_zip(file)?.is_some(),
        FileContent::Beginning(bytes) => head.starts_with(bytes),
        FileContent::Recognized(media_types) => recognized(&head).is_some_and(|found| media_types.contains(&found)),
        FileContent::Picture(media_type) => {
            if recognized(&head) != Some(media_type) {
                return Ok(Err(Unacceptable::OtherContent));
            }
            return Ok(picture(file, media_type));
        }
    };
    Ok(if matches { Ok(Inspected::default()) } else { Err(Unacceptable::OtherContent) })
}

/// Returns the media type that the first bytes show.
fn recognized(head: &[u8]) -> Option<&'static str> {
    infer::get(head).map(|found| found.mime_type())
}

/// Returns true for a text of any encoding without markup and without control characters. A mark at its beginning says
/// that it is UTF-16.
fn is_text(file: &mut File, head: &[u8]) -> io::Result<bool> {
    let wide = [&[0xff, 0xfe], &[0xfe, 0xff]].iter().position(|mark| head.starts_with(*mark));
    if wide.is_none() && recognized(head).is_some_and(|found| NO_TEXTS.contains(&found)) {
        return Ok(false);
    }
    let beginning: Vec<u8> = head.iter().take(MARKUP_WITHIN).copied().filter(|byte| *byte != 0).collect();
    let beginning = String::from_utf8_lossy(&beginning).to_ascii_lowercase();
    if MARKUP.iter().any(|mark| beginning.contains(mark)) {
        return Ok(false);
    }
    file.rewind()?;
    let mut reader = BufReader::with_capacity(64 << 10, file);
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(true);
        }
        let units = |high: usize| {
            let pairs = buffer.chunks(2).filter(|pair| pair.len() == 2);
            pairs.filter(move |pair| pair[high] == 0).map(move |pair| pair[1 - high])
        };
        // The buffer has an even length, so no unit of two bytes is cut but the last one of the file.
        let odd = match wide {
            None => buffer.iter().any(|byte| is_control(*byte)),
            Some(0) => units(1).any(is_control),
            Some(_) => units(0).any(is_control),
        };
        if odd {
            return Ok(false);
        }
        let read = buffer.len();
        reader.consume(read);
    }
}

/// Returns true for a byte that no text of an encoding based on ASCII has. White space and the escape of Japanese
/// encodings (ISO-2022-JP) are no such bytes.
const fn is_control(byte: u8) -> bool {
    byte == 0x7f || (byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0c | 0x1b))
}

/// Returns true for a compound file with one of the streams in its root and without macros.
fn is_compound(file: &mut File, streams: &[&str]) -> io::Result<bool> {
    file.rewind()?;
    let Ok(compound) = cfb::CompoundFile::open(file) else { return Ok(false) };
    let macros = |entry: cfb::Entry| entry.is_storage() && MACROS.contains(&entry.name());
    let safe = !compound.walk().take(MOST_STREAMS).any(macros) && compound.walk().nth(MOST_STREAMS).is_none();
    Ok(safe && streams.iter().any(|stream| compound.is_stream(stream)))
}

/// Returns true for an archive of Office Open XML with parts in a folder and without macros.
fn is_office_open_xml(file: &mut File, folder: &str) -> io::Result<bool> {
    // A record of ZIP64 could name any number of files. It counts if one of these numbers has all bits set.
    let small = |end: ZipEnd| end.entries <= MOST_ENTRIES && end.length <= LONGEST_DIRECTORY && end.place != u32::MAX;
    if !end_of_zip(file)?.is_some_and(small) {
        return Ok(false);
    }
    file.rewind()?;
    let Ok(archive) = ZipArchive::new(BufReader::new(file)) else { return Ok(false) };
    let names: Vec<_> = archive.file_names().flatten().collect();
    Ok(names.iter().any(|name| name == "[Content_Types].xml")
        && names.iter().any(|name| name.starts_with(folder))
        && !names.iter().any(|name| name.to_ascii_lowercase().ends_with("vbaproject.bin")))
}

/// The end of a ZIP archive: the number of its files, and the length and the place of its directory.
struct ZipEnd {
    entries: u16,
    length: u32,
    place: u32,
}

/// Reads the end of a ZIP archive. None without one.
fn end_of_zip(file: &mut File) -> io::Result<Option<ZipEnd>> {
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_ZIP_END)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    let record = end.windows(4).rposition(|bytes| bytes == b"PK\x05\x06").and_then(|at| end.get(at..at + 22));
    Ok(record.map(|record| ZipEnd {
        entries: u16::from_le_bytes([record[10], record[11]]),
        length: u32::from_le_bytes([record[12], record[13], record[14], record[15]]),
        place: u32::from_le_bytes([record[16], record[17], record[18], record[19]]),
    }))
}

/// Reads the size of a picture from its head.
fn picture(file: &mut File, media_type: &str) -> Result<Inspected, Unacceptable> {
    file.rewind().map_err(|_| Unacceptable::OtherContent)?;
    let mut reader = BufReader::new(file);
    let size = match media_type {
        // The decoder would read the whole file into memory.
        "image/jpeg" => size_of_jpeg(&mut reader),
        "image/bmp" => size_of_bmp(&mut reader),
        _ => {
            let known = [ImageFormat::Png, ImageFormat::Gif, ImageFormat::WebP];
            let reader = ImageReader::new(reader).with_guessed_format().ok();
            let reader = reader.filter(|reader| reader.format().is_some_and(|format| known.contains(&format)));
            reader.and_then(|reader| reader.into_dimensions().ok())
        }
    };
    let (width, height) = size.ok_or(Unacceptable::OtherContent)?;
    let pixels = u64::from(width) * u64::from(height);
    if width > LONGEST_SIDE || height > LONGEST_SIDE || pixels > MOST_PIXELS {
        return Err(Unacceptable::TooManyPixels);
    }
    Ok(Inspected { size: Some((width, height)) })
}

/// Reads the size from the frame header of a JPEG file (ITU-T T.81, section B.2.2).
fn size_of_jpeg(reader: &mut BufReader<&mut File>) -> Option<(u32, u32)> {
    let mut start = [0; 2];
    reader.read_exact(&mut start).ok()?;
    // A file has a few dozen segments before its frame.
    for _ in 0..MOST_SEGMENTS {
        let mut byte = [0; 1];
        loop {
            reader.read_exact(&mut byte).ok()?;
            if byte[0] != 0xff {
                break;
            }
        }
        let mut segment = [0; 7];
        reader.read_exact(&mut segment[..2]).ok()?;
        let length = u16::from_be_bytes([segment[0], segment[1]]);
        if matches!(byte[0], 0xc0..=0xcf) && !matches!(byte[0], 0xc4 | 0xc8 | 0xcc) {
            reader.read_exact(&mut segment[2..]).ok()?;
            let side = |high: usize| u32::from(u16::from_be_bytes([segment[high], segment[high + 1]]));
            return Some((side(5), side(3))).filter(|(width, height)| *width > 0 && *height > 0);
        }
        reader.seek_relative(i64::from(length.checked_sub(2)?)).ok()?;
    }
    None
}

/// Reads the size from the head of a bitmap of Windows.
fn size_of_bmp(reader: &mut BufReader<&mut File>) -> Option<(u32, u32)> {
    let mut head = [0; 26];
    reader.read_exact(&mut head).ok()?;
    let number = |at: usize| i32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    // The oldest form has a short head with short numbers.
    let (width, height) = match number(14) {
        12 => {
            let short = |at: usize| u32::from(u16::from_le_bytes([head[at], head[at + 1]]));
            (short(18), short(20))
        }
        _ => (number(18).unsigned_abs(), number(22).unsigned_abs()),
    };
    (width > 0 && height > 0).then_some((width, height))
}
