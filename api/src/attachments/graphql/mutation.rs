//! The mutation `createAttachmentUpload`.

use async_graphql::{Context, Object};

use super::payloads::{CreateAttachmentUploadInput, CreateAttachmentUploadPayload};
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    conversations::attachment_uploads,
    error::Result,
};

/// Root of the attachment mutations.
#[derive(Default)]
pub struct AttachmentsMutation;

#[Object]
impl AttachmentsMutation {
    /// Announces a file that the viewer is about to send in a conversation, and returns where its bytes go. A file that
    /// is not sent within a day is deleted. Idempotent by `clientUploadId` as long as the file exists. Refuses with
    /// NOT_FOUND, NOT_A_PARTICIPANT, CONVERSATION_ENDED, FILE_TYPE_NOT_ALLOWED, FILE_TOO_LARGE, REQUIRED, INVALID,
    /// OUT_OF_RANGE or IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::ConversationsWrite)")]
    async fn create_attachment_upload(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The file to upload.")] input: CreateAttachmentUploadInput,
    ) -> Result<CreateAttachmentUploadPayload> {
        let announced = attachment_uploads::announce(ctx.app()?, ctx.caller()?, &input.draft()).await;
        CreateAttachmentUploadPayload::of(ctx, announced)
    }
}
