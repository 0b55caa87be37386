//! The types of files that messages can carry. A type is known by the ending of the name.

/// The group of a type, which shares limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileFamily {
    /// Pictures.
    Picture,
    /// Sound.
    Audio,
    /// Moving pictures.
    Video,
    /// Documents and all other files.
    Document,
}

/// The test that the bytes of a file of a type must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileContent {
    /// Text without markup that a browser would run.
    Text,
    /// A compound file of Microsoft's binary formats with one of these streams.
    Compound(&'static [&'static str]),
    /// A ZIP archive of Office Open XML with parts in this folder and without macros.
    OfficeOpenXml(&'static str),
    /// A ZIP archive.
    Zip,
    /// A picture whose size can be read, of this media type.
    Picture(&'static str),
    /// Content that begins with these bytes.
    Beginning(&'static [u8]),
    /// Content that is recognized as one of these media types.
    Recognized(&'static [&'static str]),
}

/// A type of file.
#[derive(Debug, PartialEq, Eq)]
pub struct FileType {
    /// The ending of file names, in lower case.
    pub extension: &'static str,
    /// The media types that a client may declare. The first is stored and served.
    pub media_types: &'static [&'static str],
    /// The group of the type.
    pub family: FileFamily,
    /// The test that the bytes must pass.
    pub content: FileContent,
}

impl FileType {
    /// Returns the media type with which files of the type are served.
    #[must_use]
    pub fn media_type(&self) -> &'static str {
        self.media_types.first().copied().unwrap_or("application/octet-stream")
    }

    /// Returns true when a client may declare a media type for a file of the type. Browsers declare none for types that
    /// their system does not know.
    #[must_use]
    pub fn may_be_declared(&self, media_type: &str) -> bool {
        let bare = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        bare.is_empty() || bare == "application/octet-stream" || self.media_types.contains(&bare.as_str())
    }
}

use FileContent::{Beginning, Compound, OfficeOpenXml, Picture, Recognized, Text, Zip};
use FileFamily::{Audio, Document, Video};

const fn file_type(
    extension: &'static str,
    media_types: &'static [&'static str],
    family: FileFamily,
    content: FileContent,
) -> FileType {
    FileType { extension, media_types, family, content }
}

const WORD: &[&str] = &["application/msword"];
const POWER_POINT: &[&str] = &["application/vnd.ms-powerpoint"];
const EXCEL: &[&str] = &["application/vnd.ms-excel"];
const WORD_XML: &[&str] = &["application/vnd.openxmlformats-officedocument.wordprocessingml.document"];
const POWER_POINT_XML: &[&str] = &["application/vnd.openxmlformats-officedocument.presentationml.presentation"];
const EXCEL_XML: &[&str] = &["application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"];
const CSV: &[&str] = &["text/csv", "application/csv", "text/plain", "application/vnd.ms-excel"];
const JPEG: &[&str] = &["image/jpeg", "image/jpg", "image/pjpeg"];
const ZIP: &[&str] = &["application/zip", "application/x-zip-compressed", "application/x-zip"];
const WAV: &[&str] = &["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"];

/// All types, in the order of the manual.
pub static FILE_TYPES: [FileType; 27] = [
    file_type("txt", &["text/plain"], Document, Text),
    file_type("csv", CSV, Document, Text),
    file_type("doc", WORD, Document, Compound(&["WordDocument"])),
    file_type("docx", WORD_XML, Document, OfficeOpenXml("word/")),
    file_type("ppt", POWER_POINT, Document, Compound(&["PowerPoint Document"])),
    file_type("pptx", POWER_POINT_XML, Document, OfficeOpenXml("ppt/")),
    file_type("xls", EXCEL, Document, Compound(&["Workbook", "Book"])),
    file_type("xlsx", EXCEL_XML, Document, OfficeOpenXml("xl/")),
    file_type("pdf", &["application/pdf", "application/x-pdf"], Document, Beginning(b"%PDF-")),
    file_type("png", &["image/png"], FileFamily::Picture, Picture("image/png")),
    file_type("jpg", JPEG, FileFamily::Picture, Picture("image/jpeg")),
    file_type("jpeg", JPEG, FileFamily::Picture, Picture("image/jpeg")),
    file_type("gif", &["image/gif"], FileFamily::Picture, Picture("image/gif")),
    file_type("webp", &["image/webp"], FileFamily::Picture, Picture("image/webp")),
    file_type("bmp", &["image/bmp", "image/x-ms-bmp"], FileFamily::Picture, Picture("image/bmp")),
    file_type("zip", ZIP, Document, Zip),
    file_type("mp3", &["audio/mpeg", "audio/mp3"], Audio, Recognized(&["audio/mpeg"])),
    file_type("wav", WAV, Audio, Recognized(&["audio/x-wav"])),
    file_type("ogg", &["audio/ogg", "application/ogg"], Audio, Recognized(&["audio/ogg", "audio/opus"])),
    file_type("m4a", &["audio/mp4", "audio/m4a", "audio/x-m4a"], Audio, Recognized(&["audio/m4a", "video/mp4"])),
    file_type("aac", &["audio/aac", "audio/x-aac"], Audio, Recognized(&["audio/aac"])),
    file_type("amr", &["audio/amr"], Audio, Recognized(&["audio/amr"])),
    file_type("mp4", &["video/mp4"], Video, Recognized(&["video/mp4", "video/x-m4v"])),
    file_type("3gp", &["video/3gpp", "audio/3gpp"], Video, Recognized(&["video/3gpp", "video/mp4"])),
    file_type("avi", &["video/x-msvideo", "video/avi", "video/msvideo"], Video, Recognized(&["video/x-msvideo"])),
    file_type("flv", &["video/x-flv"], Video, Recognized(&["video/x-flv"])),
    file_type("mkv", &["video/x-matroska", "video/webm"], Video, Recognized(&["video/x-matroska", "video/webm"])),
];

/// Returns the type of a file by the ending of its name. None for an unknown ending and for a name without one.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static FileType> {
    let (_, extension) = name.rsplit_once('.')?;
    by_extension(extension)
}

/// Returns the type with an ending.
#[must_use]
pub fn by_extension(extension: &str) -> Option<&'static FileType> {
    FILE_TYPES.iter().find(|one| one.extension.eq_ignore_ascii_case(extension))
}
