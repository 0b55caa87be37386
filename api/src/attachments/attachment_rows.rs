//! The rows of attachments: found for readers, locked for changes, attached to messages, removed.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    attachment::{self, ScanState},
    id::{AttachmentId, ConversationId, ThreadItemId},
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _,
};

use crate::{
    app::{Locked, Tx},
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    file_store::ATTACHMENT_FOLDER,
};

/// The input field of the files of a message, for refusals.
pub const ATTACHMENTS: &[&str] = &["input", "attachmentIds"];
/// The path of the files, before their ids.
pub const FOLDER: &str = "/attachments";

/// Returns the path of a file.
#[must_use]
pub fn path(id: AttachmentId) -> String {
    format!("{FOLDER}/{id}")
}

/// Returns the path to which the bytes of a file are uploaded.
#[must_use]
pub fn upload_path(id: AttachmentId) -> String {
    format!("{FOLDER}/{id}/upload")
}

/// Returns the path of the thumbnail of a file.
#[must_use]
pub fn thumbnail_path(id: AttachmentId) -> String {
    format!("{FOLDER}/{id}/thumbnail")
}

/// Returns the key of a file in the file store.
#[must_use]
pub fn key(id: AttachmentId) -> String {
    // The last digits are random, so that no folder has too many files.
    format!("{ATTACHMENT_FOLDER}/{:02x}/{}", id.0.as_bytes()[15], id.0)
}

/// Returns the key of a thumbnail in the file store.
#[must_use]
pub fn thumbnail_key(id: AttachmentId) -> String {
    format!("{}-thumbnail", key(id))
}

/// Returns files by id, without those that were removed.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[AttachmentId]) -> Result<Vec<attachment::Model>, DbErr> {
    let mut sql = Sql::select::<attachment::Entity>("a", "WHERE a.removed_at IS NULL AND a.id IN ");
    sql.bind_list(ids);
    sql.models::<attachment::Entity>(db).await
}

/// Returns the files of messages, each list in the order of its message.
pub async fn of_items(
    db: &impl ConnectionTrait,
    items: &[ThreadItemId],
) -> Result<HashMap<ThreadItemId, Vec<attachment::Model>>, DbErr> {
    if items.is_empty() {
        return Ok(HashMap::new());
    }
    let mut sql = Sql::select::<attachment::Entity>("a", "WHERE a.removed_at IS NULL AND a.item_id IN ");
    sql.bind_list(items);
    let mut found: HashMap<_, Vec<attachment::Model>> = HashMap::new();
    for row in sql.models::<attachment::Entity>(db).await? {
        if let Some(item) = row.item_id {
            found.entry(item).or_default().push(row);
        }
    }
    for rows in found.values_mut() {
        rows.sort_by_key(|row| row.position);
    }
    Ok(found)
}

/// Returns true if messages of a conversation have files.
pub async fn any_sent(db: &impl ConnectionTrait, conversation: ConversationId) -> Result<bool, DbErr> {
    let mut sql = Sql::new("SELECT id FROM attachment WHERE item_id IS NOT NULL AND conversation_id = ");
    sql.bind(conversation);
    sql.push(" LIMIT 1");
    Ok(sql.one(db).await?.is_some())
}

/// Returns the upload that a client announced with an id of its own, also if it was removed.
pub async fn find_announced(
    db: &impl ConnectionTrait,
    uploader: &str,
    client_upload_id: &str,
) -> Result<Option<attachment::Model>, DbErr> {
    attachment::Entity::find()
        .filter(attachment::Column::Uploader.eq(uploader))
        .filter(attachment::Column::ClientUploadId.eq(client_upload_id))
        .one(db)
        .await
}

/// Inserts the row of an announced file.
pub async fn insert(tx: &Tx<'_>, row: &attachment::Model) -> Result<(), DbErr> {
    attachment::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(())
}

/// Locks files that the uploader may send in a conversation, in the order of `ids`. Refuses with `NOT_FOUND` files that
/// are not the uploader's own of this conversation, with `NOT_ALLOWED` files that were sent before, and with
/// `FILE_NOT_UPLOADED` files whose bytes are not stored.
pub async fn lock_to_send(
    tx: &Tx<'_>,
    conversation: ConversationId,
    uploader: &str,
    ids: &[AttachmentId],
) -> Result<Vec<Locked<attachment::Model>>> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let refuse = |code, why: &'static str| Err(Error::refused(code, ATTACHMENTS, why));
    if sorted.len() < ids.len() {
        return refuse(UserErrorCode::Invalid, "A file can be named once only.");
    }
    let named = attachment::Entity::find().filter(attachment::Column::Id.is_in(sorted));
    let mut rows = tx.lock_all(named.order_by_asc(attachment::Column::Id)).await?;
    let mine = |row: &Locked<attachment::Model>| {
        row.uploader == uploader && row.conversation_id == conversation && row.removed_at.is_none()
    };
    if rows.len() < ids.len() || !rows.iter().all(mine) {
        return Err(Error::not_found(ATTACHMENTS));
    }
    if rows.iter().any(|row| row.item_id.is_some()) {
        return refuse(UserErrorCode::NotAllowed, "A file was sent with another message.");
    }
    if rows.iter().any(|row| row.stored_at.is_none()) {
        return refuse(UserErrorCode::FileNotUploaded, "The bytes of a file have not been uploaded.");
    }
    rows.sort_by_key(|row| ids.iter().position(|id| *id == row.id));
    Ok(rows)
}

/// Makes locked files part of a message, in their order.
pub async fn attach(tx: &Tx<'_>, item: ThreadItemId, files: Vec<Locked<attachment::Model>>) -> Result<()> {
    for (position, mut row) in files.into_iter().enumerate() {
        row.item_id = Some(item);
        row.position = i16::try_from(position).unwrap_or(i16::MAX);
        tx.save(&row).await?;
    }
    Ok(())
}

/// The facts about a file whose bytes are stored.
#[derive(Clone, Copy, Debug)]
pub struct StoredFile {
    /// The width and the height of a picture, in pixels.
    pub size: Option<(i32, i32)>,
    /// True if there is a thumbnail.
    pub has_thumbnail: bool,
    /// The verdict of the scanner.
    pub scan: ScanState,
}

/// Records that the bytes of a file are stored. Locks its row. Returns the file, or none if it was removed meanwhile.
pub async fn record_stored(tx: &Tx<'_>, id: AttachmentId, stored: StoredFile) -> Result<Option<attachment::Model>> {
    let Some(mut row) = tx.lock_one(attachment::Entity::find_by_id(id)).await? else { return Ok(None) };
    if row.removed_at.is_some() {
        return Ok(None);
    }
    if row.stored_at.is_none() {
        (row.width, row.height) = stored.size.unzip();
        row.has_thumbnail = stored.has_thumbnail;
        row.scan = stored.scan;
        row.stored_at = Some(tx.clock().now());
        tx.save(&row).await?;
    }
    Ok(Some(row.into_row()))
}

/// Removes the files of a deleted message. Nobody can read them from then on.
pub async fn remove_of_item(tx: &Tx<'_>, item: ThreadItemId) -> Result<(), DbErr> {
    let mut sql = Sql::new("UPDATE attachment SET removed_at = ");
    sql.bind(tx.clock().now());
    sql.push(" WHERE removed_at IS NULL AND item_id = ");
    sql.bind(item);
    sql.run(tx.db()).await.map(drop)
}

/// Removes at most `most` files that were announced before a time and never sent. Returns their number.
pub async fn remove_unsent(tx: &Tx<'_>, before: DateTime<Utc>, most: u64) -> Result<u64, DbErr> {
    let mut sql = Sql::new("UPDATE attachment SET removed_at = ");
    sql.bind(tx.clock().now());
    sql.push(
        " WHERE item_id IS NULL AND removed_at IS NULL AND id IN (SELECT id FROM attachment WHERE item_id IS NULL",
    );
    sql.push(" AND removed_at IS NULL AND created_at < ");
    sql.bind(before);
    sql.push(" ORDER BY created_at, id LIMIT ");
    sql.bind(most);
    sql.push(")");
    sql.run(tx.db()).await
}

/// A removed file, whose bytes must be deleted.
#[derive(Clone, Copy, Debug, FromQueryResult)]
pub struct RemovedFile {
    /// The id of the file.
    pub id: AttachmentId,
    /// The time at which it was removed.
    pub removed_at: DateTime<Utc>,
}

/// Returns removed files after another one, the earliest first.
pub async fn removed(
    db: &impl ConnectionTrait,
    after: Option<RemovedFile>,
    most: u64,
) -> Result<Vec<RemovedFile>, DbErr> {
    let mut sql = Sql::new("SELECT id, removed_at FROM attachment WHERE removed_at IS NOT NULL");
    if let Some(after) = after {
        sql.push(" AND (removed_at, id) > (");
        sql.bind(after.removed_at);
        sql.push(", ");
        sql.bind(after.id);
        sql.push(")");
    }
    sql.push(" ORDER BY removed_at, id LIMIT ");
    sql.bind(most);
    sql.all::<RemovedFile>(db).await
}

/// Deletes the rows of removed files, whose bytes were deleted before.
pub async fn forget(tx: &Tx<'_>, ids: &[AttachmentId]) -> Result<(), DbErr> {
    let mut sql = Sql::new("DELETE FROM attachment WHERE removed_at IS NOT NULL AND id IN ");
    sql.bind_list(ids);
    sql.run(tx.db()).await.map(drop)
}
