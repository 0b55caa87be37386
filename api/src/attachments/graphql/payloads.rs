//! Input and result types of `createAttachmentUpload`.

use async_graphql::{Context, ID, InputObject, SimpleObject};
use entity::attachment;

use super::types::Attachment;
use crate::{
    attachments::{attachment_rows, retention::UNSENT_KEPT},
    auth::{links, request_context::ContextExt as _},
    conversations::attachment_uploads::AttachmentDraft,
    error::Result,
    events::graphql::effect::Effect,
    instant::Instant,
};

/// The file to upload.
#[derive(InputObject)]
pub struct CreateAttachmentUploadInput {
    /// The conversation in which to send the file.
    conversation_id: ID,
    /// An id that the client creates for this upload, 1 to 100 printable characters, such as a UUID. A second call with
    /// the same id returns the first upload.
    client_upload_id: String,
    /// The name of the file, 1 to 200 characters without a path. Its ending is one of
    /// `replyCapability.attachments.types`.
    name: String,
    /// The media type that the client knows, such as `image/png`. Empty if it knows none.
    #[graphql(default)]
    media_type: String,
    /// The length in bytes, at least 1.
    byte_size: i64,
    /// The SHA-256 of the bytes, in 64 hexadecimal digits. Bytes with another digest are refused.
    sha256: String,
}

impl CreateAttachmentUploadInput {
    /// Returns the file as a draft.
    #[must_use]
    pub fn draft(self) -> AttachmentDraft {
        AttachmentDraft {
            conversation_id: self.conversation_id.0,
            client_upload_id: self.client_upload_id,
            name: self.name,
            media_type: self.media_type,
            byte_size: self.byte_size,
            sha256: self.sha256,
        }
    }
}

/// An announced file, and where its bytes go.
#[derive(SimpleObject)]
pub struct AttachmentUpload {
    /// The file. Name its id in `sendMessage` when its bytes are uploaded.
    attachment: Attachment,
    /// A path on this server to which the client sends the bytes by PUT, as the body and without a header. It works for
    /// an hour; a repeated call returns a new one. The same bytes can be sent again. Null if they have been uploaded.
    url: Option<String>,
    /// The time at which a file that was not sent is deleted.
    expires_at: Instant,
}

/// The result of `createAttachmentUpload`.
#[derive(SimpleObject)]
pub struct CreateAttachmentUploadPayload {
    /// The upload. Null when refused.
    upload: Option<AttachmentUpload>,
    /// True if an earlier call with the same `clientUploadId` had announced the file. The outcome is then NO_CHANGE.
    replayed: bool,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

impl CreateAttachmentUploadPayload {
    /// Returns the payload for the outcome of the call. Refusals become `userErrors`.
    pub fn of(ctx: &Context<'_>, announced: Result<(attachment::Model, bool)>) -> Result<Self> {
        let (row, effect) = Effect::split(announced)?;
        let replayed = effect.is_repeated();
        let upload = row.map(|row| upload(ctx, row)).transpose()?;
        Ok(Self { upload, replayed, effect })
    }
}

fn upload(ctx: &Context<'_>, row: attachment::Model) -> Result<AttachmentUpload> {
    let sign = || links::sign(ctx.app()?, ctx.caller()?, &attachment_rows::upload_path(row.id), *links::LIFETIME.end());
    let url = row.stored_at.is_none().then(sign).transpose()?;
    Ok(AttachmentUpload { expires_at: Instant(row.created_at + UNSENT_KEPT), attachment: Attachment(row), url })
}
