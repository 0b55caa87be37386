//! The rules for the files of messages in conversations, and the files that go with a message.

use entity::{
    attachment::{self, AttachmentOverrides},
    conversation, entry_point,
    id::{AttachmentId, ThreadItemId},
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait as _};

use super::{participants::ParticipantRef, thread_items};
use crate::{
    app::{Locked, Tx},
    attachments::{
        attachment_rows::{self, ATTACHMENTS},
        file_rules::{FileDirection, FileProblem, FileRules},
        file_types::{self, FileType},
    },
    auth::viewer::Caller,
    contacts::detail_validation::FieldPath,
    error::{Error, Result, UserErrorCode},
};

/// Returns the refusal of a file that may not be sent.
#[must_use]
pub fn not_allowed(field: FieldPath, why: &'static str) -> Error {
    Error::refused(UserErrorCode::FileTypeNotAllowed, field, why)
}

/// Returns the id under which a caller's uploads are known.
#[must_use]
pub fn uploader(caller: &Caller) -> String {
    match ParticipantRef::of(caller) {
        ParticipantRef::User(user) => user.to_string(),
        ParticipantRef::Customer(customer) => customer.to_string(),
        ParticipantRef::Key(key) => key.to_string(),
    }
}

/// Returns files by id, as far as the caller sees their messages, or announced them and has not sent them yet.
pub async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[AttachmentId],
) -> Result<Vec<attachment::Model>, DbErr> {
    let mut rows = attachment_rows::by_ids(db, ids).await?;
    let items: Vec<ThreadItemId> = rows.iter().filter_map(|row| row.item_id).collect();
    let seen = thread_items::find(db, caller, &items).await?;
    let uploader = uploader(caller);
    rows.retain(|row| match row.item_id {
        Some(item) => seen.iter().any(|seen| seen.id == item),
        None => row.uploader == uploader,
    });
    Ok(rows)
}

/// Returns the direction of a caller's files.
#[must_use]
pub fn direction(caller: &Caller) -> FileDirection {
    match caller {
        Caller::Visitor(_) => FileDirection::Inbound,
        Caller::Person(_) | Caller::Service(_) => FileDirection::Outbound,
    }
}

/// Returns what the entry point of a conversation changes in the rules of its channel.
async fn overrides(
    db: &impl ConnectionTrait,
    conversation: &conversation::Model,
) -> Result<Option<AttachmentOverrides>, DbErr> {
    let Some(id) = conversation.entry_point_id else { return Ok(None) };
    Ok(entry_point::Entity::find_by_id(id).one(db).await?.and_then(|row| row.attachment_overrides))
}

/// Returns the rules for files in a conversation.
pub async fn rules(db: &impl ConnectionTrait, conversation: &conversation::Model) -> Result<FileRules, DbErr> {
    let overrides = overrides(db, conversation).await?;
    Ok(FileRules::of(conversation.channel, overrides.as_ref()))
}

/// Refuses a file that the rules do not permit with `FILE_TYPE_NOT_ALLOWED` or `FILE_TOO_LARGE`.
pub fn check_file(
    rules: &FileRules,
    file_type: &FileType,
    direction: FileDirection,
    bytes: i64,
    fields: (FieldPath, FieldPath),
) -> Result<()> {
    match rules.problem(file_type, direction, bytes) {
        None => Ok(()),
        Some(FileProblem::Type) => Err(not_allowed(fields.0, "Files of this type cannot be sent here.")),
        Some(FileProblem::TooLarge(most)) => {
            let why = format!("A file of this type has at most {most} bytes here.");
            Err(Error::refused(UserErrorCode::FileTooLarge, fields.1, why).with_excess(most, bytes))
        }
    }
}

/// Locks the files of a message that the caller sends now. The conversation must be locked. Refuses with `NOT_FOUND`,
/// `NOT_ALLOWED`, `INVALID`, `FILE_NOT_UPLOADED`, `LIMIT_REACHED`, `FILE_TYPE_NOT_ALLOWED` or `FILE_TOO_LARGE`.
pub async fn lock_to_send(
    tx: &Tx<'_>,
    by: &Caller,
    conversation: &Locked<conversation::Model>,
    ids: &[String],
) -> Result<Vec<Locked<attachment::Model>>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rules = rules(tx.db(), conversation).await?;
    let most = usize::try_from(rules.maximum_count).unwrap_or_default();
    if ids.len() > most {
        let why = format!("A message has at most {most} files here.");
        let refused = Error::refused(UserErrorCode::LimitReached, ATTACHMENTS, why);
        return Err(refused.with_excess(most, ids.len()));
    }
    let parsed: Option<Vec<AttachmentId>> = ids.iter().map(|id| AttachmentId::parse(id)).collect();
    let parsed = parsed.ok_or_else(|| Error::not_found(ATTACHMENTS))?;
    let files = attachment_rows::lock_to_send(tx, conversation.id, &uploader(by), &parsed).await?;
    for file in &files {
        let file_type = file_types::by_name(&file.name);
        let file_type = file_type.ok_or_else(|| not_allowed(ATTACHMENTS, "Files of this type cannot be sent."))?;
        check_file(&rules, file_type, direction(by), file.byte_size, (ATTACHMENTS, ATTACHMENTS))?;
    }
    let total: i64 = files.iter().map(|file| file.byte_size).sum();
    if total > rules.maximum_bytes {
        let why = format!("The files of a message have at most {} bytes together.", rules.maximum_bytes);
        let refused = Error::refused(UserErrorCode::FileTooLarge, ATTACHMENTS, why);
        return Err(refused.with_excess(rules.maximum_bytes, total));
    }
    Ok(files)
}
