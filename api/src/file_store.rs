//! The store of files: a folder of this machine, or a bucket of S3 or of what speaks its protocol. A file that was put
//! is durable. Files are never changed.

use std::{
    io,
    ops::Range,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::Context as _;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream::BoxStream};
use object_store::{
    ClientOptions, GetOptions, ObjectStore, ObjectStoreExt as _, PutPayload, WriteMultipart, aws::AmazonS3Builder,
    local::LocalFileSystem, path::Path, prefix::PrefixStore,
};
use tokio::{
    fs::File,
    io::{AsyncReadExt as _, AsyncSeekExt as _},
};

use crate::config::{FilePlace, FileStoreConfig};

/// The size of a part in which long files are written, in bytes. Parts of S3 have at least 5 MiB.
const PART: usize = 5 << 20;
/// The parts of one file that are on their way at once.
const PARTS_AT_ONCE: usize = 2;
/// The time to connect to a bucket, and the longest pause of its answers.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
const PAUSE: Duration = Duration::from_secs(30);
/// The age at which a file that was never finished is certainly abandoned. No upload takes so long.
const ABANDONED_AFTER: Duration = Duration::from_secs(3_600);

/// The folder of attachments in the store.
pub const ATTACHMENT_FOLDER: &str = "attachments";

/// The store of files. Clones share it.
#[derive(Clone)]
pub struct FileStore {
    store: Arc<dyn ObjectStore>,
    /// The folder, if the store is one.
    folder: Option<PathBuf>,
}

impl FileStore {
    /// Opens the store. Creates a missing folder.
    pub fn open(config: &FileStoreConfig) -> anyhow::Result<Self> {
        match &config.place {
            FilePlace::Folder(folder) => {
                std::fs::create_dir_all(folder)
                    .with_context(|| format!("RAPPORT_FILES is refused: {} cannot be created", folder.display()))?;
                // Without it, a file that was acknowledged could be lost with the power.
                let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
                Ok(Self { store: Arc::new(store), folder: Some(folder.clone()) })
            }
            FilePlace::Bucket { bucket, prefix } => {
                let mut builder = AmazonS3Builder::new()
                    .with_bucket_name(bucket)
                    .with_region(&config.region)
                    .with_client_options(patient());
                if let Some(endpoint) = &config.endpoint {
                    builder = builder.with_endpoint(endpoint);
                }
                if let Some((id, secret)) = &config.credentials {
                    builder = builder.with_access_key_id(id).with_secret_access_key(secret.expose());
                }
                let store = builder.build().context("RAPPORT_FILES is refused")?;
                Ok(Self { store: Arc::new(PrefixStore::new(store, prefix.as_str())), folder: None })
            }
        }
    }

    /// Stores the first `length` bytes of an open file under a key. Takes the memory of at most two parts.
    pub async fn put(&self, key: &str, file: &mut File, length: u64) -> anyhow::Result<()> {
        file.rewind().await?;
        if length <= PART as u64 {
            let mut bytes = Vec::with_capacity(usize::try_from(length)?);
            file.take(length).read_to_end(&mut bytes).await?;
            return self.put_bytes(key, bytes.into()).await;
        }
        let mut writing = WriteMultipart::new_with_chunk_size(self.store.put_multipart(&Path::from(key)).await?, PART);
        let mut left = length;
        let mut buffer = vec![0; 256 << 10];
        while left > 0 {
            let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            let read = file.read(&mut buffer[..most]).await?;
            if read == 0 {
                writing.abort().await?;
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            if let Err(error) = writing.wait_for_capacity(PARTS_AT_ONCE).await {
                writing.abort().await.ok();
                return Err(error.into());
            }
            writing.write(&buffer[..read]);
            left -= read as u64;
        }
        writing.finish().await?;
        Ok(())
    }

    /// Stores bytes under a key.
    pub async fn put_bytes(&self, key: &str, bytes: Bytes) -> anyhow::Result<()> {
        self.store.put(&Path::from(key), PutPayload::from(bytes)).await?;
        Ok(())
    }

    /// Opens a range of a file for reading. None if there is no such file.
    pub async fn read(
        &self,
        key: &str,
        range: Range<u64>,
    ) -> anyhow::Result<Option<BoxStream<'static, io::Result<Bytes>>>> {
        let options = GetOptions { range: Some(range.into()), ..GetOptions::default() };
        match self.store.get_opts(&Path::from(key), options).await {
            Ok(found) => Ok(Some(found.into_stream().map(|part| part.map_err(io::Error::other)).boxed())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the length of a file. None if there is no such file.
    pub async fn length(&self, key: &str) -> anyhow::Result<Option<u64>> {
        match self.store.head(&Path::from(key)).await {
            Ok(found) => Ok(Some(found.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes a file, if there is one.
    pub async fn delete(&self, key: &str) -> anyhow::Result<()> {
        match self.store.delete(&Path::from(key)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Deletes the unfinished files that a server left in the folder when it was killed. A bucket needs a rule of its
    /// own that ends incomplete multipart uploads.
    pub async fn sweep(&self, now: SystemTime) -> anyhow::Result<usize> {
        let Some(folder) = self.folder.clone() else { return Ok(0) };
        Ok(tokio::task::spawn_blocking(move || sweep(&folder.join(ATTACHMENT_FOLDER), now)).await?)
    }
}

/// The options of the client of a bucket. A reader decides on how long a file takes, so only a pause is limited.
fn patient() -> ClientOptions {
    let options = ClientOptions::new().with_timeout_disabled().with_read_timeout(PAUSE);
    options.with_connect_timeout(CONNECT_WITHIN).with_allow_http(true)
}

/// Deletes abandoned unfinished files, and leaves out what another instance deletes. The store writes to `NAME#NUMBER`
/// and renames at the end.
fn sweep(folder: &FilePath, now: SystemTime) -> usize {
    let mut swept = 0;
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let unfinished = name.rsplit_once('#').is_some_and(|(_, number)| number.bytes().all(|b| b.is_ascii_digit()));
        match entry.metadata() {
            Ok(about) if about.is_dir() => swept += sweep(&entry.path(), now),
            Ok(about) if unfinished => {
                let written = about.modified().unwrap_or(now);
                let abandoned = now.duration_since(written).unwrap_or_default() > ABANDONED_AFTER;
                swept += usize::from(abandoned && std::fs::remove_file(entry.path()).is_ok());
            }
            _ => {}
        }
    }
    swept
}
