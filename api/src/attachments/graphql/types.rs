//! GraphQL types of attachments and of the rules for them.

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{
    attachment::{self, ScanState},
    id::AttachmentId,
};

use super::loader::AttachmentById;
use crate::{
    attachments::{
        attachment_rows,
        file_rules::{FileRules, PermittedType},
    },
    auth::{links, request_context::ContextExt as _},
    error::Result,
    instant::Instant,
    memory_budget::LongText,
    pagination::list_size,
};

/// A file that a message carries, or that the viewer has announced to send.
#[derive(Clone)]
pub struct Attachment(pub attachment::Model);

impl Attachment {
    /// Returns a file by id, if the viewer may see it.
    pub async fn find(ctx: &Context<'_>, id: AttachmentId) -> Result<Option<Self>> {
        Ok(ctx.load(AttachmentById(id)).await?.map(Self))
    }
}

/// A file that a message carries, or that the viewer has announced to send.
#[Object]
impl Attachment {
    /// The file's id, `file_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The file's name, at most 200 characters. Show it as text: a file name can contain any characters but path
    /// separators and control characters.
    async fn name(&self) -> LongText<&str> {
        LongText(&self.0.name)
    }

    /// The media type, by the ending of the name. The bytes were checked to be of this type.
    async fn media_type(&self) -> &str {
        &self.0.media_type
    }

    /// The length in bytes.
    async fn byte_size(&self) -> i64 {
        self.0.byte_size
    }

    /// The SHA-256 of the bytes, in 64 hexadecimal digits.
    async fn sha256(&self) -> String {
        hex::encode(&self.0.sha256)
    }

    /// The width of a picture as it is stored, in pixels. Null for other files and before the upload.
    async fn width(&self) -> Option<i32> {
        self.0.width
    }

    /// The height of a picture as it is stored, in pixels. Null for other files and before the upload.
    async fn height(&self) -> Option<i32> {
        self.0.height
    }

    /// True if the bytes have been uploaded. Only such a file can be sent.
    async fn uploaded(&self) -> bool {
        self.0.stored_at.is_some()
    }

    /// The verdict of the virus scanner. A file in which it found something is never stored.
    async fn scan(&self) -> ScanState {
        self.0.scan
    }

    /// The time at which the file was announced.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }

    /// A path on this server that downloads the file without a header, for a short time and with the viewer's rights.
    /// Keep it as safe as a password. Parts of a file can be requested by `Range`. Null before the upload.
    async fn url(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 300, desc = "The seconds for which the path works, 10 to 3,600.")] expires_in_seconds: i32,
    ) -> Option<Result<String>> {
        self.0.stored_at?;
        Some(link(ctx, &attachment_rows::path(self.0.id), expires_in_seconds))
    }

    /// A path like `url` of a small JPEG picture with at most 480 pixels a side. Null for files that are no pictures,
    /// and for pictures that are too large or too odd to be shown.
    async fn thumbnail_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 300, desc = "The seconds for which the path works, 10 to 3,600.")] expires_in_seconds: i32,
    ) -> Option<Result<String>> {
        (self.0.stored_at.is_some() && self.0.has_thumbnail).then_some(())?;
        Some(link(ctx, &attachment_rows::thumbnail_path(self.0.id), expires_in_seconds))
    }
}

/// Returns a signed path for the viewer.
fn link(ctx: &Context<'_>, path: &str, seconds: i32) -> Result<String> {
    links::sign(ctx.app()?, ctx.caller()?, path, seconds)
}

/// The rules for the files of one message.
#[derive(SimpleObject)]
pub struct AttachmentRules {
    /// The maximum number of files.
    maximum_count: i32,
    /// The maximum length of all files together, in bytes.
    maximum_bytes: i64,
    /// The types of files that either side may send. Empty if messages carry no files.
    #[graphql(directive = list_size::apply(4))]
    types: Vec<FileTypeRule>,
}

impl From<FileRules> for AttachmentRules {
    fn from(rules: FileRules) -> Self {
        let types = rules.types.into_iter().map(FileTypeRule).collect();
        Self { maximum_count: rules.maximum_count, maximum_bytes: rules.maximum_bytes, types }
    }
}

/// A type of file that messages may carry.
pub struct FileTypeRule(PermittedType);

/// A type of file that messages may carry.
#[Object]
impl FileTypeRule {
    /// The ending of file names, in lower case and without a full stop.
    async fn extension(&self) -> &str {
        self.0.file_type.extension
    }

    /// The media types that a client may declare for it. The first one is served.
    async fn media_types(&self) -> &[&str] {
        self.0.file_type.media_types
    }

    /// True if customers may send it.
    async fn inbound(&self) -> bool {
        self.0.inbound
    }

    /// True if the organization may send it. In a direct conversation: true for both users.
    async fn outbound(&self) -> bool {
        self.0.outbound
    }

    /// The maximum length of one file, in bytes.
    async fn maximum_bytes(&self) -> i64 {
        self.0.maximum_bytes
    }
}
