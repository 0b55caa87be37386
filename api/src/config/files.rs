//! The settings of the file store and of the virus scanner.

use std::path::PathBuf;

use super::{Secret, raw_settings::RawSettings};

/// The settings of the file store.
#[derive(Clone, Debug)]
pub struct FileStoreConfig {
    /// The place of the files.
    pub place: FilePlace,
    /// The address of a server that speaks the protocol of S3. None for Amazon's.
    pub endpoint: Option<String>,
    /// The region of the bucket.
    pub region: String,
    /// The id and the secret of an access key. None for the credentials of the machine.
    pub credentials: Option<(String, Secret)>,
    /// The virus scanner. None if files are not scanned.
    pub scanner: Option<Scanner>,
}

/// The place of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilePlace {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of S3, with the beginning of all names.
    Bucket {
        /// The name of the bucket.
        bucket: String,
        /// The beginning of the names of all files. It may be empty.
        prefix: String,
    },
}

/// The address of a clamd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scanner {
    /// A host and a port.
    Tcp(String),
    /// The path of a socket.
    Socket(String),
}

impl FileStoreConfig {
    /// Reads the settings.
    pub(super) fn read(given: &RawSettings) -> anyhow::Result<Self> {
        let set = |name: &str| Some(given.text(name).0).filter(|text| !text.is_empty());
        let credentials = match (set("RAPPORT_S3_ACCESS_KEY_ID"), set("RAPPORT_S3_SECRET_ACCESS_KEY")) {
            (Some(id), Some(secret)) => Some((id, Secret::from(secret.as_str()))),
            (None, None) => None,
            (Some(_), None) => anyhow::bail!("RAPPORT_S3_SECRET_ACCESS_KEY is refused: it is missing"),
            (None, Some(_)) => anyhow::bail!("RAPPORT_S3_ACCESS_KEY_ID is refused: it is missing"),
        };
        Ok(Self {
            place: given.read("RAPPORT_FILES", place)?,
            endpoint: set("RAPPORT_S3_ENDPOINT"),
            region: given.text("RAPPORT_S3_REGION").0,
            credentials,
            scanner: given.read("RAPPORT_SCANNER", scanner)?,
        })
    }
}

fn place(text: &str) -> Result<FilePlace, String> {
    let Some(rest) = text.strip_prefix("s3://") else {
        return if text.is_empty() || text.contains("://") {
            Err("is neither a folder nor s3://BUCKET".to_owned())
        } else {
            Ok(FilePlace::Folder(PathBuf::from(text)))
        };
    };
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err("names no bucket".to_owned());
    }
    Ok(FilePlace::Bucket { bucket: bucket.to_owned(), prefix: prefix.trim_matches('/').to_owned() })
}

fn scanner(text: &str) -> Result<Option<Scanner>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    match (text.strip_prefix("clamd://"), text.strip_prefix("clamd:")) {
        (Some(address), _) if address.contains(':') => Ok(Some(Scanner::Tcp(address.to_owned()))),
        (None, Some(path)) if path.starts_with('/') => Ok(Some(Scanner::Socket(path.to_owned()))),
        _ => Err("is neither clamd://HOST:PORT nor clamd:/PATH/OF/SOCKET".to_owned()),
    }
}
