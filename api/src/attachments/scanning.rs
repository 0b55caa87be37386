//! The virus scanner: a clamd, which gets each file before anybody can read it (`INSTREAM`).

use std::time::Duration;

use anyhow::bail;
use clamav_client::tokio::{Socket, Tcp, scan_stream};
use entity::attachment::ScanState;
use tokio::fs::File;
use tokio::io::AsyncSeekExt as _;
use tokio_util::io::ReaderStream;

use crate::config::Scanner;

/// The time that the scanner has for one file.
const WITHIN: Duration = Duration::from_secs(120);
/// The bytes that are sent to the scanner at once.
const CHUNK: usize = 64 << 10;

/// The verdict about a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The file may be read.
    Readable(ScanState),
    /// The scanner found something.
    Infected,
}

/// Scans an open file. Without a scanner, every file may be read. Fails if the scanner gives no verdict.
pub async fn scan(scanner: Option<&Scanner>, file: &File) -> anyhow::Result<Verdict> {
    let Some(scanner) = scanner else { return Ok(Verdict::Readable(ScanState::Unscanned)) };
    let mut file = file.try_clone().await?;
    file.rewind().await?;
    let bytes = ReaderStream::with_capacity(file, CHUNK);
    let scanning = async {
        match scanner {
            Scanner::Tcp(address) => scan_stream(bytes, Tcp { host_address: address.as_str() }, Some(CHUNK)).await,
            Scanner::Socket(path) => scan_stream(bytes, Socket { socket_path: path.as_str() }, Some(CHUNK)).await,
        }
    };
    let answer = tokio::time::timeout(WITHIN, scanning).await??;
    // The answers of clamd(8): `stream: OK`, `stream: NAME FOUND`, and `… ERROR`.
    let text = String::from_utf8_lossy(&answer);
    match text.trim_matches(|c: char| c == '\0' || c.is_whitespace()) {
        "stream: OK" => Ok(Verdict::Readable(ScanState::Clean)),
        found if found.ends_with(" FOUND") => Ok(Verdict::Infected),
        other => bail!("the scanner answered {other:?}"),
    }
}
