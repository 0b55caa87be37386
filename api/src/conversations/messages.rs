//! Sending, editing and deleting messages, and writing notes. Only current participants write messages. A client
//! message id sends its message at most once, even after the conversation has ended.

use entity::{
    conversation::{self, ConversationKind, ConversationStatus},
    id::UserId,
    participant,
    relationship::{self, Connection},
    thread_item::{self, ItemKind, ItemVisibility, TextFormat},
    user::Role,
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::{
    channel_capabilities, conversation_rows, direct_messages, markdown, participants, receipts, renderings,
    thread_items::{self, NewItem},
};
use crate::{
    app::{App, Tx},
    auth::{
        secret,
        viewer::{Caller, Viewer},
    },
    error::{Error, Result, UserErrorCode},
    plain_text,
    rate_limit::RateLimited,
    text,
    users::people,
};

/// Maximum length of a client message id, in characters.
const MAX_CLIENT_ID: usize = 100;
/// Maximum length of a note, in Unicode scalar values.
pub const MAX_NOTE: usize = 4_096;
/// Maximum length of a message on a channel without a limit, in Unicode scalar values.
pub const MAX_BODY: usize = 32_768;

const BODY: &[&str] = &["input", "body"];
const FORMAT: &[&str] = &["input", "format"];
const REPLY: &[&str] = &["input", "replyToId"];
const CLIENT_ID: &[&str] = &["input", "clientMessageId"];
const MESSAGE: &[&str] = &["input", "messageId"];

/// A message or note to send.
#[derive(Clone, Debug)]
pub struct Draft {
    /// The id that the client created. It makes the call idempotent.
    pub client_message_id: String,
    /// The text, as the client sent it.
    pub body: String,
    /// The format of `body`.
    pub format: TextFormat,
    /// The id of the message that this one answers, if any.
    pub reply_to: Option<String>,
}

/// A message or note that this call or an earlier one sent.
#[derive(Clone, Debug)]
pub struct SentMessage {
    /// The stored item.
    pub item: thread_item::Model,
    /// True when an earlier call had already sent the item.
    pub replayed: bool,
}

impl Draft {
    /// Returns a digest that differs for another kind, text, format or answered message.
    fn digest(&self, kind: ItemKind) -> Vec<u8> {
        let format = self.format as i16;
        secret::digest(&serde_json::json!([kind as i16, self.body, format, self.reply_to]).to_string())
    }

    fn check_id(&self) -> Result<()> {
        let id = &self.client_message_id;
        if id.is_empty() || id.chars().count() > MAX_CLIENT_ID || id.chars().any(char::is_control) {
            let why = format!("A client message id has 1 to {MAX_CLIENT_ID} printable characters.");
            return Err(Error::refused(UserErrorCode::Invalid, CLIENT_ID, why));
        }
        Ok(())
    }
}

/// Sends a message of the caller, and marks the conversation as read up to it. Locks the relationship of a direct
/// conversation, then the conversation. Emits `ItemAdded`, and `ReceiptAdvanced` if earlier messages were unread.
/// Notifies the other user of a direct conversation. A repeated call returns the first message. Refuses with
/// `NOT_FOUND`, `NOT_A_PARTICIPANT`, `CONVERSATION_ENDED`, `NOT_ALLOWED`, `TOO_LONG`, `INVALID` or
/// `IDEMPOTENCY_KEY_REUSED`.
pub async fn send(app: &App, by: &Caller, conversation_id: &str, draft: &Draft) -> Result<SentMessage> {
    draft.check_id()?;
    check_rate(app, by)?;
    let rendered = &renderings::prepare(&draft.body, draft.format).await?;
    app.transaction(|tx| {
        Box::pin(async move {
            let named = conversation_rows::find_by_id(tx.db(), by, conversation_id, conversation_rows::FIELD).await?;
            let bond = lock_relationship(tx, &named).await?;
            let mut conversation = conversation_rows::lock(tx, named.id).await?;
            let me = participants::find_caller(tx.db(), conversation.id, by)
                .await?
                .ok_or_else(participants::not_a_participant)?;
            let digest = draft.digest(ItemKind::Message);
            if let Some(sent) = find_duplicate(tx, &me, draft, &digest).await? {
                return Ok(sent);
            }
            check_may_write(tx, &conversation, &me, bond.as_ref()).await?;
            let body = check_body(&draft.body, limit(&conversation, draft.format))?;
            check_format(&conversation, draft.format)?;
            let reply_to = match &draft.reply_to {
                Some(id) => {
                    let target = thread_items::find_message_by_id(tx.db(), by, id, REPLY).await?;
                    if target.conversation_id != conversation.id {
                        return Err(Error::not_found(REPLY));
                    }
                    Some(target.id)
                }
                None => None,
            };
            let new = NewItem {
                inbound: me.customer_id.is_some(),
                format: draft.format,
                reply_to,
                client_message_id: Some(draft.client_message_id.clone()),
                digest: Some(digest),
                ..NewItem::message(me.id, body)
            };
            let author = me.user_id;
            receipts::read_before_answer(tx, &conversation, me).await?;
            let item = thread_items::append(tx, &mut conversation, new).await?;
            if item.format == TextFormat::Markdown {
                renderings::keep(tx, &item, rendered.as_ref()).await?;
            }
            if let (Some(bond), Some(user)) = (&bond, author) {
                direct_messages::notify(tx, &conversation, user, bond).await?;
            }
            Ok(SentMessage { item, replayed: false })
        })
    })
    .await
}

/// Counts a message, a note or an edit of the caller towards their rate limit. Visitors have a limit of their own.
fn check_rate(app: &App, by: &Caller) -> Result<()> {
    let visitor = matches!(by, Caller::Visitor(_));
    let counted = app.rate_limits.message(by.limit_subject(), visitor);
    counted.map_err(|RateLimited(retry_after)| Error::RateLimited { retry_after })
}

/// Returns the item that the same author sent earlier with the same client message id. Refuses with
/// `IDEMPOTENCY_KEY_REUSED` if that item has another digest.
async fn find_duplicate(
    tx: &Tx<'_>,
    me: &participant::Model,
    draft: &Draft,
    digest: &[u8],
) -> Result<Option<SentMessage>> {
    let found = thread_item::Entity::find()
        .filter(thread_item::Column::AuthorId.eq(me.id))
        .filter(thread_item::Column::ClientMessageId.eq(draft.client_message_id.as_str()))
        .one(tx.db())
        .await?;
    match found {
        None => Ok(None),
        Some(item) if item.digest.as_deref() == Some(digest) => Ok(Some(SentMessage { item, replayed: true })),
        Some(_) => {
            let why = "This client message id was used for another message.";
            Err(Error::refused(UserErrorCode::IdempotencyKeyReused, CLIENT_ID, why))
        }
    }
}

/// Locks the relationship of the two users of a direct conversation. It must be locked before the conversation.
async fn lock_relationship(tx: &Tx<'_>, conversation: &conversation::Model) -> Result<Option<relationship::Model>> {
    match (conversation.lo, conversation.hi) {
        (Some(lo), Some(hi)) => Ok(direct_messages::lock_relationship(tx, lo, hi).await?),
        _ => Ok(None),
    }
}

/// Refuses if the participant may not write now. The conversation must be locked.
async fn check_may_write(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    me: &participant::Model,
    bond: Option<&relationship::Model>,
) -> Result<()> {
    if conversation.status == ConversationStatus::Closed {
        return Err(conversation_rows::conversation_ended(conversation_rows::FIELD));
    }
    if me.left_at.is_some() {
        return Err(participants::not_a_participant());
    }
    if let (Some(lo), Some(hi)) = (conversation.lo, conversation.hi) {
        let connected = bond.is_some_and(|bond| bond.connection == Connection::Connected);
        if !connected || people::by_ids(tx.db(), &[lo, hi]).await?.len() < 2 {
            let why = "You can write only to people you are connected with and who have an active account.";
            return Err(Error::refused(UserErrorCode::NotAllowed, conversation_rows::FIELD, why));
        }
    }
    Ok(())
}

/// Returns the maximum length of a message in a conversation, in Unicode scalar values. `None` if its channel has no
/// limit.
#[must_use]
pub fn channel_limit(conversation: &conversation::Model) -> Option<usize> {
    match conversation.channel {
        Some(channel) => channel_capabilities::of(channel).character_limit,
        None => Some(channel_capabilities::DIRECT_LIMIT),
    }
}

fn limit(conversation: &conversation::Model, format: TextFormat) -> usize {
    let most = channel_limit(conversation).unwrap_or(MAX_BODY);
    if format == TextFormat::Plain { most } else { most.min(markdown::LONGEST) }
}

/// Returns true if the messages of a conversation may be Markdown.
#[must_use]
pub fn rich_text(conversation: &conversation::Model) -> bool {
    conversation.channel.is_none_or(|channel| channel_capabilities::of(channel).rich_text)
}

fn check_format(conversation: &conversation::Model, format: TextFormat) -> Result<()> {
    let why = match format {
        TextFormat::Plain => return Ok(()),
        TextFormat::Markdown if rich_text(conversation) => return Ok(()),
        TextFormat::Markdown => "This channel does not support rich text.",
        TextFormat::Html => "HTML is not supported. Use Markdown.",
    };
    Err(Error::refused(UserErrorCode::Invalid, FORMAT, why))
}

fn check_body(body: &str, most: usize) -> Result<String> {
    let body = plain_text::lines(body);
    if text::is_blank(&body) {
        return Err(Error::refused(UserErrorCode::Invalid, BODY, "The message has no text."));
    }
    if body.chars().count() > most {
        return Err(Error::refused(UserErrorCode::TooLong, BODY, format!("At most {most} characters are allowed.")));
    }
    if plain_text::has_control(&body) {
        return Err(Error::refused(UserErrorCode::Invalid, BODY, "Control characters are not allowed."));
    }
    Ok(body)
}

/// Changes the text of a message of the caller. Returns the message, and true if its text or format changed. Locks
/// the relationship of a direct conversation, then the conversation. Emits `ItemChanged`. Refuses with `NOT_FOUND`,
/// `NOT_ALLOWED`, `NOT_A_PARTICIPANT`, `CONVERSATION_ENDED`, `TOO_LONG` or `INVALID`.
pub async fn edit(
    app: &App,
    by: &Caller,
    id: &str,
    body: &str,
    format: TextFormat,
) -> Result<(thread_item::Model, bool)> {
    check_rate(app, by)?;
    let rendered = &renderings::prepare(body, format).await?;
    app.transaction(|tx| {
        Box::pin(async move {
            let (conversation, mut item) = lock_own_message(tx, by, id).await?;
            if item.deleted_at.is_some() {
                return Err(Error::refused(UserErrorCode::NotAllowed, MESSAGE, "The message was deleted."));
            }
            let body = check_body(body, limit(&conversation, format))?;
            check_format(&conversation, format)?;
            if item.body == body && item.format == format {
                return Ok((item, false));
            }
            item.body = body;
            item.format = format;
            item.edited_at = Some(tx.clock().now());
            thread_items::save_changed(tx, &conversation, &item).await?;
            renderings::keep(tx, &item, rendered.as_ref()).await?;
            Ok((item, true))
        })
    })
    .await
}

/// Deletes a message of the caller. The message loses its text and keeps its place. Returns the message, and true if
/// it was not deleted before. Locks the relationship of a direct conversation, then the conversation. Emits
/// `ItemChanged`. Refuses with `NOT_FOUND`, `NOT_ALLOWED`, `NOT_A_PARTICIPANT` or `CONVERSATION_ENDED`.
pub async fn delete(app: &App, by: &Caller, id: &str) -> Result<(thread_item::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let (conversation, mut item) = lock_own_message(tx, by, id).await?;
            if item.deleted_at.is_some() {
                return Ok((item, false));
            }
            item.body.clear();
            item.format = TextFormat::Plain;
            item.deleted_at = Some(tx.clock().now());
            thread_items::save_changed(tx, &conversation, &item).await?;
            renderings::forget(tx, item.id).await?;
            direct_messages::withdraw_notification(tx, &conversation, &item).await?;
            Ok((item, true))
        })
    })
    .await
}

/// Locks the conversation of a message that the caller may change, and returns both. Locks the relationship of a
/// direct conversation first. Refuses if the caller is not the author or the channel has no edits.
async fn lock_own_message(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(conversation::Model, thread_item::Model)> {
    let named = thread_items::find_message_by_id(tx.db(), by, id, MESSAGE).await?;
    let conversation = conversation_rows::find_rows(tx.db(), by, &[named.conversation_id]).await?.pop();
    let conversation = conversation.ok_or_else(|| Error::not_found(MESSAGE))?;
    let bond = lock_relationship(tx, &conversation).await?;
    let conversation = conversation_rows::lock(tx, conversation.id).await?;
    let me = participants::find_caller(tx.db(), conversation.id, by).await?;
    let Some(me) = me.filter(|me| named.author_id == Some(me.id)) else {
        return Err(Error::refused(UserErrorCode::NotAllowed, MESSAGE, "Only the author can change this message."));
    };
    if conversation.channel.is_some_and(|channel| !channel_capabilities::of(channel).edits) {
        let why = "This channel does not support changing or deleting messages.";
        return Err(Error::refused(UserErrorCode::NotAllowed, MESSAGE, why));
    }
    check_may_write(tx, &conversation, &me, bond.as_ref()).await?;
    let item = thread_items::reread(tx, named.id).await?;
    Ok((conversation, item))
}

/// Writes a note that only the organization's side sees. Current participants and all supervisors may write notes.
/// Locks the conversation. Emits `ItemAdded`, and `ParticipantChanged` for a supervisor who was never a participant.
/// A repeated call returns the first note.
pub async fn note(app: &App, by: &Viewer, conversation_id: &str, draft: &Draft) -> Result<SentMessage> {
    draft.check_id()?;
    check_rate(app, &Caller::Person(*by))?;
    app.transaction(|tx| {
        Box::pin(async move {
            let caller = &Caller::Person(*by);
            let named =
                conversation_rows::find_by_id(tx.db(), caller, conversation_id, conversation_rows::FIELD).await?;
            if named.kind == ConversationKind::Direct {
                let why = "Notes are only available in conversations with customers.";
                return Err(Error::refused(UserErrorCode::NotAllowed, conversation_rows::FIELD, why));
            }
            let mut conversation = conversation_rows::lock(tx, named.id).await?;
            let me = participants::find_caller(tx.db(), conversation.id, caller).await?;
            let digest = draft.digest(ItemKind::Note);
            if let Some(me) = &me
                && let Some(sent) = find_duplicate(tx, me, draft, &digest).await?
            {
                return Ok(sent);
            }
            let body = check_body(&draft.body, MAX_NOTE)?;
            let me = match me {
                Some(me) if me.left_at.is_none() => me,
                me if is_supervisor(tx, by.user).await? => match me {
                    Some(me) => me,
                    None => participants::record_observer(tx, &conversation, by.user).await?,
                },
                _ => return Err(participants::not_a_participant()),
            };
            let new = NewItem {
                kind: ItemKind::Note,
                visibility: ItemVisibility::Agent,
                client_message_id: Some(draft.client_message_id.clone()),
                digest: Some(digest),
                ..NewItem::message(me.id, body)
            };
            let item = thread_items::append(tx, &mut conversation, new).await?;
            Ok(SentMessage { item, replayed: false })
        })
    })
    .await
}

async fn is_supervisor(tx: &Tx<'_>, user: UserId) -> Result<bool> {
    Ok(people::role(tx.db(), user).await?.is_some_and(|role| role >= Role::Supervisor))
}
