//! Writing, changing and taking back messages, and notes among those who serve. Whoever writes takes part now; what was sent
//! once with a client's id is never sent again, also not after the conversation has ended.

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
    channels, direct,
    items::{self, NewItem},
    markdown, participants, receipts, renderings, threads,
};
use crate::{
    app::{App, Tx},
    auth::{
        secret,
        viewer::{Caller, Viewer},
    },
    error::{Error, Result, UserErrorCode},
    plain_text, text,
    throttle::TooSoon,
    users::people,
};

/// The longest id of a client, in characters.
const MAX_CLIENT_ID: usize = 100;
/// The longest note, and the longest message where a channel has no limit, in Unicode scalar values.
pub const MAX_NOTE: usize = 4_096;
pub const MAX_BODY: usize = 32_768;

const BODY: &[&str] = &["input", "body"];
const FORMAT: &[&str] = &["input", "format"];
const REPLY: &[&str] = &["input", "replyToId"];
const CLIENT_ID: &[&str] = &["input", "clientMessageId"];
const MESSAGE: &[&str] = &["input", "messageId"];

/// A text to be sent.
#[derive(Clone, Debug)]
pub struct Draft {
    pub client_message_id: String,
    pub body: String,
    pub format: TextFormat,
    pub reply_to: Option<String>,
}

/// What was sent, now or by an earlier call.
#[derive(Clone, Debug)]
pub struct Sent {
    pub item: thread_item::Model,
    pub replayed: bool,
}

impl Draft {
    /// Tells one wish from another.
    fn digest(&self, kind: ItemKind) -> Vec<u8> {
        let format = self.format as i16;
        secret::digest(&serde_json::json!([kind as i16, self.body, format, self.reply_to]).to_string())
    }

    fn check_id(&self) -> Result<()> {
        let id = &self.client_message_id;
        if id.is_empty() || id.chars().count() > MAX_CLIENT_ID || id.chars().any(char::is_control) {
            let why = format!("A client's id has 1 to {MAX_CLIENT_ID} printable characters.");
            return Err(Error::refused(UserErrorCode::Invalid, CLIENT_ID, why));
        }
        Ok(())
    }
}

/// Sends a message of the caller.
pub async fn send(app: &App, by: &Caller, conversation_id: &str, draft: &Draft) -> Result<Sent> {
    draft.check_id()?;
    count(app, by)?;
    let rendered = &renderings::prepare(&draft.body, draft.format).await?;
    app.transaction(|tx| {
        Box::pin(async move {
            let named = threads::named(tx.db(), by, conversation_id, threads::FIELD).await?;
            let bond = bond(tx, &named).await?;
            let mut conversation = threads::hold(tx, named.id).await?;
            let me = participants::own(tx.db(), conversation.id, by).await?.ok_or_else(participants::takes_no_part)?;
            let digest = draft.digest(ItemKind::Message);
            if let Some(sent) = earlier(tx, &me, draft, &digest).await? {
                return Ok(sent);
            }
            may_write(tx, &conversation, &me, bond.as_ref()).await?;
            let body = check_body(&draft.body, limit(&conversation, draft.format))?;
            check_format(&conversation, draft.format)?;
            let reply_to = match &draft.reply_to {
                Some(id) => {
                    let target = items::named(tx.db(), by, id, REPLY).await?;
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
            let item = items::append(tx, &mut conversation, new).await?;
            if item.format == TextFormat::Markdown {
                renderings::keep(tx, &item, rendered.as_ref()).await?;
            }
            if let (Some(bond), Some(user)) = (&bond, author) {
                direct::tell(tx, &conversation, user, bond).await?;
            }
            Ok(Sent { item, replayed: false })
        })
    })
    .await
}

/// Counts a message or a note of the caller, or a change of one.
fn count(app: &App, by: &Caller) -> Result<()> {
    let visitor = matches!(by, Caller::Visitor(_));
    let counted = app.throttle.message(by.payer(), visitor);
    counted.map_err(|TooSoon(retry_after)| Error::RateLimited { retry_after })
}

/// What an earlier call of the same author with the same client's id has made.
async fn earlier(tx: &Tx<'_>, me: &participant::Model, draft: &Draft, digest: &[u8]) -> Result<Option<Sent>> {
    let found = thread_item::Entity::find()
        .filter(thread_item::Column::AuthorId.eq(me.id))
        .filter(thread_item::Column::ClientMessageId.eq(draft.client_message_id.as_str()))
        .one(tx.db())
        .await?;
    match found {
        None => Ok(None),
        Some(item) if item.digest.as_deref() == Some(digest) => Ok(Some(Sent { item, replayed: true })),
        Some(_) => {
            let why = "This client's id was used for another message.";
            Err(Error::refused(UserErrorCode::IdempotencyKeyReused, CLIENT_ID, why))
        }
    }
}

/// What stands between the two of a direct conversation, held before the conversation is.
async fn bond(tx: &Tx<'_>, conversation: &conversation::Model) -> Result<Option<relationship::Model>> {
    match (conversation.lo, conversation.hi) {
        (Some(lo), Some(hi)) => Ok(direct::bond(tx, lo, hi).await?),
        _ => Ok(None),
    }
}

/// Refuses whoever may not write in a held conversation now.
async fn may_write(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    me: &participant::Model,
    bond: Option<&relationship::Model>,
) -> Result<()> {
    if conversation.status == ConversationStatus::Closed {
        return Err(threads::ended(threads::FIELD));
    }
    if me.left_at.is_some() {
        return Err(participants::takes_no_part());
    }
    if let (Some(lo), Some(hi)) = (conversation.lo, conversation.hi) {
        let connected = bond.is_some_and(|bond| bond.connection == Connection::Connected);
        if !connected || people::by_ids(tx.db(), &[lo, hi]).await?.len() < 2 {
            let why = "Only people who are connected and take part write to one another.";
            return Err(Error::refused(UserErrorCode::NotAllowed, threads::FIELD, why));
        }
    }
    Ok(())
}

/// The longest message of a conversation, in Unicode scalar values; none where its channel has no limit.
#[must_use]
pub fn channel_limit(conversation: &conversation::Model) -> Option<usize> {
    match conversation.channel {
        Some(channel) => channels::of(channel).character_limit,
        None => Some(channels::DIRECT_LIMIT),
    }
}

fn limit(conversation: &conversation::Model, format: TextFormat) -> usize {
    let most = channel_limit(conversation).unwrap_or(MAX_BODY);
    if format == TextFormat::Plain { most } else { most.min(markdown::LONGEST) }
}

/// Whether the texts of a conversation may be Markdown.
#[must_use]
pub fn rich_text(conversation: &conversation::Model) -> bool {
    conversation.channel.is_none_or(|channel| channels::of(channel).rich_text)
}

fn check_format(conversation: &conversation::Model, format: TextFormat) -> Result<()> {
    let why = match format {
        TextFormat::Plain => return Ok(()),
        TextFormat::Markdown if rich_text(conversation) => return Ok(()),
        TextFormat::Markdown => "This channel has no rich text.",
        TextFormat::Html => "HTML is not taken; write Markdown.",
    };
    Err(Error::refused(UserErrorCode::Invalid, FORMAT, why))
}

fn check_body(body: &str, most: usize) -> Result<String> {
    let body = plain_text::lines(body);
    if text::is_blank(&body) {
        return Err(Error::refused(UserErrorCode::Invalid, BODY, "There is nothing to send."));
    }
    if body.chars().count() > most {
        return Err(Error::refused(UserErrorCode::TooLong, BODY, format!("At most {most} characters.")));
    }
    if plain_text::has_control(&body) {
        return Err(Error::refused(UserErrorCode::Invalid, BODY, "Control characters are not allowed."));
    }
    Ok(body)
}

/// Changes the text of a message of the caller; whether it was another.
pub async fn edit(
    app: &App,
    by: &Caller,
    id: &str,
    body: &str,
    format: TextFormat,
) -> Result<(thread_item::Model, bool)> {
    count(app, by)?;
    let rendered = &renderings::prepare(body, format).await?;
    app.transaction(|tx| {
        Box::pin(async move {
            let (conversation, mut item) = own_message(tx, by, id).await?;
            if item.deleted_at.is_some() {
                return Err(Error::refused(UserErrorCode::NotAllowed, MESSAGE, "The message was taken back."));
            }
            let body = check_body(body, limit(&conversation, format))?;
            check_format(&conversation, format)?;
            if item.body == body && item.format == format {
                return Ok((item, false));
            }
            item.body = body;
            item.format = format;
            item.edited_at = Some(tx.clock().now());
            items::change(tx, &conversation, &item).await?;
            renderings::keep(tx, &item, rendered.as_ref()).await?;
            Ok((item, true))
        })
    })
    .await
}

/// Takes a message of the caller back. Its place stays, without its text; whether it was there still.
pub async fn delete(app: &App, by: &Caller, id: &str) -> Result<(thread_item::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let (conversation, mut item) = own_message(tx, by, id).await?;
            if item.deleted_at.is_some() {
                return Ok((item, false));
            }
            item.body.clear();
            item.format = TextFormat::Plain;
            item.deleted_at = Some(tx.clock().now());
            items::change(tx, &conversation, &item).await?;
            renderings::forget(tx, item.id).await?;
            direct::withdraw(tx, &conversation, &item).await?;
            Ok((item, true))
        })
    })
    .await
}

/// A message of the caller that can still be changed, and its conversation, held.
async fn own_message(tx: &Tx<'_>, by: &Caller, id: &str) -> Result<(conversation::Model, thread_item::Model)> {
    let named = items::named(tx.db(), by, id, MESSAGE).await?;
    let conversation = threads::find(tx.db(), by, &[named.conversation_id]).await?.pop();
    let conversation = conversation.ok_or_else(|| Error::not_found(MESSAGE))?;
    let bond = bond(tx, &conversation).await?;
    let conversation = threads::hold(tx, conversation.id).await?;
    let me = participants::own(tx.db(), conversation.id, by).await?;
    let Some(me) = me.filter(|me| named.author_id == Some(me.id)) else {
        return Err(Error::refused(UserErrorCode::NotAllowed, MESSAGE, "Only its author changes a message."));
    };
    if conversation.channel.is_some_and(|channel| !channels::of(channel).edits) {
        let why = "On this channel what was sent stays as it is.";
        return Err(Error::refused(UserErrorCode::NotAllowed, MESSAGE, why));
    }
    may_write(tx, &conversation, &me, bond.as_ref()).await?;
    let item = items::reread(tx, named.id).await?;
    Ok((conversation, item))
}

/// Writes a note that only those who serve the customer see. By whoever takes part now, and by supervisors, who need not.
pub async fn note(app: &App, by: &Viewer, conversation_id: &str, draft: &Draft) -> Result<Sent> {
    draft.check_id()?;
    count(app, &Caller::Person(*by))?;
    app.transaction(|tx| {
        Box::pin(async move {
            let caller = &Caller::Person(*by);
            let named = threads::named(tx.db(), caller, conversation_id, threads::FIELD).await?;
            if named.kind == ConversationKind::Direct {
                let why = "Notes are for conversations with customers.";
                return Err(Error::refused(UserErrorCode::NotAllowed, threads::FIELD, why));
            }
            let mut conversation = threads::hold(tx, named.id).await?;
            let me = participants::own(tx.db(), conversation.id, caller).await?;
            let digest = draft.digest(ItemKind::Note);
            if let Some(me) = &me
                && let Some(sent) = earlier(tx, me, draft, &digest).await?
            {
                return Ok(sent);
            }
            let body = check_body(&draft.body, MAX_NOTE)?;
            let me = match me {
                Some(me) if me.left_at.is_none() => me,
                me if supervises(tx, by.user).await? => match me {
                    Some(me) => me,
                    None => participants::attend(tx, &conversation, by.user).await?,
                },
                _ => return Err(participants::takes_no_part()),
            };
            let new = NewItem {
                kind: ItemKind::Note,
                visibility: ItemVisibility::Agent,
                client_message_id: Some(draft.client_message_id.clone()),
                digest: Some(digest),
                ..NewItem::message(me.id, body)
            };
            let item = items::append(tx, &mut conversation, new).await?;
            Ok(Sent { item, replayed: false })
        })
    })
    .await
}

async fn supervises(tx: &Tx<'_>, user: UserId) -> Result<bool> {
    Ok(people::role(tx.db(), user).await?.is_some_and(|role| role >= Role::Supervisor))
}
