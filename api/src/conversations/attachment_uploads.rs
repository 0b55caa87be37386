//! Announcements of files that a participant is about to upload for a message.

use entity::{
    attachment::{self, ScanState},
    conversation::{self, ConversationKind, ConversationStatus},
    id::AttachmentId,
};

use super::{
    conversation_rows,
    message_files::{check_file, direction, not_allowed, rules, uploader},
    messages, participants,
};
use crate::{
    app::{App, Tx},
    attachments::{
        attachment_rows, file_names,
        file_rules::LONGEST_FILE,
        file_types::{self, FileType},
    },
    auth::{secret, viewer::Caller},
    contacts::detail_validation::FieldPath,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
};

/// Maximum length of a client's id of an upload, in characters.
const MAX_CLIENT_ID: usize = 100;
const CLIENT_ID: FieldPath = &["input", "clientUploadId"];
const NAME: FieldPath = &["input", "name"];
const MEDIA_TYPE: FieldPath = &["input", "mediaType"];
const BYTE_SIZE: FieldPath = &["input", "byteSize"];
const SHA256: FieldPath = &["input", "sha256"];

/// A file as a client announces it.
#[derive(Clone, Debug)]
pub struct AttachmentDraft {
    /// The id of the conversation.
    pub conversation_id: String,
    /// The id that the client made up.
    pub client_upload_id: String,
    /// The name of the file.
    pub name: String,
    /// The media type that the client knows.
    pub media_type: String,
    /// The length in bytes.
    pub byte_size: i64,
    /// The SHA-256 of the bytes, in hexadecimal digits.
    pub sha256: String,
}

/// An announced file, checked.
struct CheckedDraft {
    name: String,
    file_type: &'static FileType,
    sha256: Vec<u8>,
}

impl AttachmentDraft {
    /// Checks what does not depend on the conversation. Refuses with `REQUIRED`, `INVALID`, `OUT_OF_RANGE` or
    /// `FILE_TYPE_NOT_ALLOWED`.
    fn check(&self) -> Result<CheckedDraft> {
        let invalid = |field, why: &'static str| Error::refused(UserErrorCode::Invalid, field, why);
        let id = &self.client_upload_id;
        if !(1..=MAX_CLIENT_ID).contains(&id.chars().count()) || id.chars().any(char::is_control) {
            let code = if id.is_empty() { UserErrorCode::Required } else { UserErrorCode::Invalid };
            return Err(Error::refused(code, CLIENT_ID, "A client upload id has 1 to 100 printable characters."));
        }
        let why = "A file name has 1 to 200 characters, an ending, and no path or control characters.";
        let name = file_names::check(&self.name).ok_or_else(|| invalid(NAME, why))?;
        let unknown = || not_allowed(NAME, "Files of this type cannot be sent.");
        let file_type = file_types::by_name(&name).ok_or_else(unknown)?;
        if !file_type.may_be_declared(&self.media_type) {
            return Err(not_allowed(MEDIA_TYPE, "The media type is not that of the file name."));
        }
        if !(1..=LONGEST_FILE).contains(&self.byte_size) {
            let refused = Error::refused(UserErrorCode::OutOfRange, BYTE_SIZE, "1 byte to 100 MiB.");
            let limit = if self.byte_size < 1 { 1 } else { LONGEST_FILE };
            return Err(refused.with_excess(limit, self.byte_size));
        }
        let sha256 = hex::decode(&self.sha256).ok().filter(|digest| digest.len() == 32);
        let sha256 = sha256.ok_or_else(|| invalid(SHA256, "The SHA-256 of the file has 64 hexadecimal digits."))?;
        Ok(CheckedDraft { name, file_type, sha256 })
    }

    /// Returns the digest of the call.
    fn digest(&self) -> Vec<u8> {
        let Self { conversation_id, name, media_type, byte_size, sha256, .. } = self;
        let asked = serde_json::json!([conversation_id, name, media_type, byte_size, sha256]);
        secret::digest(&asked.to_string())
    }
}

/// Announces a file that the caller is about to upload. Returns it, and false if an earlier call announced it. Refuses
/// with `NOT_FOUND`, `NOT_A_PARTICIPANT`, `CONVERSATION_ENDED`, `FILE_TYPE_NOT_ALLOWED`, `FILE_TOO_LARGE`, `REQUIRED`,
/// `INVALID`, `OUT_OF_RANGE` or `IDEMPOTENCY_KEY_REUSED`.
pub async fn announce(app: &App, by: &Caller, draft: &AttachmentDraft) -> Result<(attachment::Model, bool)> {
    messages::check_rate(app, by)?;
    let (uploader, digest) = (&uploader(by), &draft.digest());
    let CheckedDraft { name, file_type, sha256 } = &draft.check()?;
    app.transaction(|tx| {
        Box::pin(async move {
            if let Some(earlier) = attachment_rows::find_announced(tx.db(), uploader, &draft.client_upload_id).await? {
                return match (earlier.digest == *digest, earlier.removed_at) {
                    (false, _) => {
                        let why = "This client upload id was used for another file.";
                        Err(Error::refused(UserErrorCode::IdempotencyKeyReused, CLIENT_ID, why))
                    }
                    (true, Some(_)) => Err(Error::not_found(CLIENT_ID)),
                    (true, None) => Ok((earlier, false)),
                };
            }
            let field = conversation_rows::FIELD;
            let conversation = conversation_rows::find_by_id(tx.db(), by, &draft.conversation_id, field).await?;
            check_takes_part(tx, by, &conversation).await?;
            let rules = rules(tx.db(), &conversation).await?;
            check_file(&rules, file_type, direction(by), draft.byte_size, (NAME, BYTE_SIZE))?;
            let row = attachment::Model {
                id: AttachmentId(tx.clock().uuid()),
                conversation_id: conversation.id,
                uploader: uploader.clone(),
                client_upload_id: draft.client_upload_id.clone(),
                digest: digest.clone(),
                item_id: None,
                position: 0,
                name: name.clone(),
                media_type: file_type.media_type().to_owned(),
                byte_size: draft.byte_size,
                sha256: sha256.clone(),
                width: None,
                height: None,
                has_thumbnail: false,
                scan: ScanState::Unscanned,
                created_at: tx.clock().now(),
                stored_at: None,
                removed_at: None,
            };
            // The same call at the same time has announced it. The next attempt finds its row.
            attachment_rows::insert(tx, &row).await.on_unique(|| Error::Again)?;
            Ok((row, true))
        })
    })
    .await
}

/// Refuses a caller who could not send a message now. The message itself is checked again when it is sent.
async fn check_takes_part(tx: &Tx<'_>, by: &Caller, conversation: &conversation::Model) -> Result<()> {
    let me = participants::find_caller(tx.db(), conversation.id, by).await?;
    let joins = matches!(by, Caller::Service(_)) && conversation.kind != ConversationKind::Direct;
    let reopens = me.as_ref().is_some_and(|me| messages::reopens(conversation, me));
    if conversation.status == ConversationStatus::Closed && !reopens {
        return Err(conversation_rows::conversation_ended(conversation_rows::FIELD));
    }
    if me.is_none_or(|me| me.left_at.is_some()) && !joins {
        return Err(participants::not_a_participant());
    }
    Ok(())
}
