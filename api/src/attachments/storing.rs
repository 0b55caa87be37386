//! The way of an uploaded file from a temporary file into the store: looked at, scanned, stored, recorded. Nobody can
//! read the file before the last step.

use std::sync::Arc;

use entity::{attachment, id::AttachmentId};
use tokio::{fs::File, sync::Semaphore, task::spawn_blocking};

use super::{
    attachment_rows::{self, StoredFile},
    file_types,
    inspection::{self, Inspected, Unacceptable},
    scanning::{self, Verdict},
    thumbnails,
};
use crate::{
    app::App,
    error::{Error, Result},
};

/// The files that are looked at at once. An archive with many files takes some memory.
static INSPECTIONS: Semaphore = Semaphore::const_new(4);

/// The result of an upload.
#[derive(Clone, Debug)]
pub enum StoreOutcome {
    /// The file can be sent.
    Stored(Box<attachment::Model>),
    /// The bytes are not acceptable.
    Refused(Unacceptable),
    /// The scanner found something in the file.
    Infected,
    /// The file was removed meanwhile.
    Removed,
}

/// Stores the bytes of an announced file, whose length and digest were checked. A repeated call stores the same bytes
/// again. Fails with `Unavailable` if the scanner or the store fails.
pub async fn store(app: &App, row: &attachment::Model, mut file: File) -> Result<StoreOutcome> {
    let Some(file_type) = file_types::by_name(&row.name) else {
        return Ok(StoreOutcome::Refused(Unacceptable::OtherContent));
    };
    let mut looked_at = file.try_clone().await.map_err(Error::internal)?.into_std().await;
    let turn = INSPECTIONS.acquire().await.map_err(Error::internal)?;
    let looking = spawn_blocking(move || inspection::inspect(&mut looked_at, file_type));
    let found = looking.await.map_err(Error::internal)?.map_err(Error::internal)?;
    drop(turn);
    let Inspected { size } = match found {
        Ok(inspected) => inspected,
        Err(why) => return Ok(StoreOutcome::Refused(why)),
    };
    let unavailable = |error: anyhow::Error| Error::Unavailable(Arc::new(error));
    let scan = match scanning::scan(app.config.files.scanner.as_ref(), &file).await.map_err(unavailable)? {
        Verdict::Readable(scan) => scan,
        Verdict::Infected => return Ok(StoreOutcome::Infected),
    };
    let has_thumbnail = size.is_some() && store_thumbnail(app, row.id, &file).await?;
    let length = u64::try_from(row.byte_size).unwrap_or_default();
    app.files.put(&attachment_rows::key(row.id), &mut file, length).await.map_err(unavailable)?;
    let size = size.map(|(width, height)| (width.cast_signed(), height.cast_signed()));
    let stored = StoredFile { size, has_thumbnail, scan };
    let id = row.id;
    let recorded = app.transaction(|tx| Box::pin(async move { attachment_rows::record_stored(tx, id, stored).await }));
    let Some(row) = recorded.await? else {
        forget(app, id).await.map_err(unavailable)?;
        return Ok(StoreOutcome::Removed);
    };
    Ok(StoreOutcome::Stored(Box::new(row)))
}

/// Deletes the bytes of a file whose row was removed while they were stored.
async fn forget(app: &App, id: AttachmentId) -> anyhow::Result<()> {
    app.files.delete(&attachment_rows::key(id)).await?;
    app.files.delete(&attachment_rows::thumbnail_key(id)).await
}

/// Makes and stores the thumbnail of a picture. Returns false if it cannot be made.
async fn store_thumbnail(app: &App, id: AttachmentId, file: &File) -> Result<bool> {
    let picture = file.try_clone().await.map_err(Error::internal)?.into_std().await;
    let Some(jpeg) = thumbnails::make(picture).await else { return Ok(false) };
    let stored = app.files.put_bytes(&attachment_rows::thumbnail_key(id), jpeg.into()).await;
    stored.map_err(|error| Error::Unavailable(Arc::new(error)))?;
    Ok(true)
}
