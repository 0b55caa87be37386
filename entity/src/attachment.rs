//! A file that a participant sends with a message. Its bytes are in the file store.

use async_graphql::Enum;
use sea_orm::{
    FromJsonQueryResult,
    entity::prelude::{
        ActiveModelBehavior, DateTimeUtc, DeriveActiveEnum, DeriveEntityModel, DerivePrimaryKey, DeriveRelation,
        EntityTrait, EnumIter, PrimaryKeyTrait,
    },
};
use serde::{Deserialize, Serialize};

use crate::id::{AttachmentId, ConversationId, ThreadItemId};

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "attachment")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: AttachmentId,
    pub conversation_id: ConversationId,
    /// The user, customer or program that uploads it, by its API id.
    pub uploader: String,
    /// The id that the uploader's client gave. Unique for its uploader.
    pub client_upload_id: String,
    /// The digest of the call that came with `client_upload_id`.
    pub digest: Vec<u8>,
    /// The message that it was sent with. Null until then.
    pub item_id: Option<ThreadItemId>,
    /// The position among the files of its message, counted from 0.
    pub position: i16,
    pub name: String,
    /// The media type of its kind of file, whatever the client declared.
    pub media_type: String,
    /// The length in bytes.
    pub byte_size: i64,
    /// The SHA-256 of its bytes.
    pub sha256: Vec<u8>,
    /// The width of a picture in pixels.
    pub width: Option<i32>,
    /// The height of a picture in pixels.
    pub height: Option<i32>,
    /// True if the file store has a small picture of it.
    pub has_thumbnail: bool,
    pub scan: ScanState,
    pub created_at: DateTimeUtc,
    /// The time at which its bytes were stored. Null until then.
    pub stored_at: Option<DateTimeUtc>,
    /// The time at which it was removed. Its bytes are deleted soon after, and then its row.
    pub removed_at: Option<DateTimeUtc>,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The verdict of the virus scanner about a file.
#[derive(Copy, Clone, Debug, PartialEq, Eq, Hash, EnumIter, DeriveActiveEnum, Enum, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[sea_orm(rs_type = "i16", db_type = "SmallInteger")]
pub enum ScanState {
    /// The server has no scanner, or the file has not arrived yet.
    #[sea_orm(num_value = 1)]
    Unscanned = 1,
    /// The scanner found nothing.
    #[sea_orm(num_value = 2)]
    Clean = 2,
}

/// The rules that an entry point sets for files. What it leaves out is as on its channel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, FromJsonQueryResult)]
pub struct AttachmentOverrides {
    /// False if messages carry no files.
    pub allowed: bool,
    /// Maximum number of files of a message.
    pub maximum_count: Option<i32>,
    /// Maximum length of all files of a message together, in bytes.
    pub maximum_bytes: Option<i64>,
    /// The file types that differ from the channel's.
    pub types: Vec<FileTypeOverride>,
}

/// The directions in which an entry point permits a type of file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTypeOverride {
    /// The ending of file names.
    pub extension: String,
    /// True if customers may send it.
    pub inbound: bool,
    /// True if the organization may send it.
    pub outbound: bool,
}
