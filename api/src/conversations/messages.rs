//! Sending messages and writing notes. Only current participants write messages. A client message id sends its message
//! at most once, even after the conversation has ended.

use entity::{
    attachment,
    conversation::{self, ConversationKind, ConversationStatus},
    id::{ParticipantId, UserId},
    participant::{self, ParticipantRole},
    relationship::{self, Connection},
    thread_item::{self, ItemKind, ItemVisibility, TextFormat},
    user::Role,
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::{
    channel_capabilities, conversation_rows, direct_messages,
    message_content::{ClientMessageId, Draft, MessageRules},
    message_files,
    participants::{self, ParticipantRef},
    prepared_messages::{self, TemplateUsage},
    receipts,
    renderings::{self, RenderedText},
    thread_items::{self, NewItem},
};
use crate::{
    app::{App, Locked, SharedLock, Tx},
    attachments::attachment_rows,
    auth::viewer::Caller,
    error::{Error, Result, UserErrorCode},
    rate_limit::RateLimited,
    templates::{
        rendered_template::{self, RenderingContext},
        template_rows,
    },
    users::people,
};

const REPLY: &[&str] = &["input", "replyToId"];

/// A message or note that this call or an earlier one sent.
#[derive(Clone, Debug)]
pub struct SentMessage {
    /// The stored item.
    pub item: thread_item::Model,
    /// True when an earlier call had already sent the item.
    pub replayed: bool,
}

impl SentMessage {
    /// Returns the item, and true if this call added it.
    #[must_use]
    pub fn into_change(self) -> (thread_item::Model, bool) {
        (self.item, !self.replayed)
    }
}

/// A call that sends a message, before its transaction.
pub struct Sending<'a> {
    by: &'a Caller,
    conversation_id: &'a str,
    draft: &'a Draft,
    id: ClientMessageId,
    rendered: Option<RenderedText>,
}

/// A message that may be written now, in its locked conversation.
pub struct CheckedMessage {
    /// The conversation.
    pub conversation: Locked<conversation::Model>,
    /// The message.
    pub item: NewItem,
    /// The files and the template of the message.
    pub extras: MessageExtras,
    author: Option<UserId>,
    bond: Option<SharedLock<relationship::Model>>,
}

/// The files and the template of a message, which are stored after its item.
pub struct MessageExtras {
    files: Vec<Locked<attachment::Model>>,
    template: Option<TemplateUsage>,
}

/// The result of the check of a message.
pub enum MessageCheck {
    /// An earlier call with the same id has written the message.
    Replayed(Box<thread_item::Model>),
    /// The message may be written.
    New(Box<CheckedMessage>),
}

impl<'a> Sending<'a> {
    /// Counts the message towards the caller's rate limit, checks its id and renders it. Refuses with `INVALID`.
    pub async fn begin(app: &App, by: &'a Caller, conversation_id: &'a str, draft: &'a Draft) -> Result<Self> {
        let id = draft.check_id(ItemKind::Message)?;
        check_rate(app, by)?;
        let rendered = renderings::prepare(&draft.body, draft.format).await?;
        Ok(Self { by, conversation_id, draft, id, rendered })
    }

    /// Returns the conversation of the message, not locked. Refuses with `NOT_FOUND`.
    pub async fn find_conversation(&self, tx: &Tx<'_>) -> Result<conversation::Model> {
        conversation_rows::find_by_id(tx.db(), self.by, self.conversation_id, conversation_rows::FIELD).await
    }

    /// Checks the message, and marks its conversation as read up to it. Locks the relationship of a direct
    /// conversation, then the conversation. Emits `ReceiptAdvanced` if earlier messages were unread. Refuses with
    /// `NOT_FOUND`, `NOT_A_PARTICIPANT`, `CONVERSATION_ENDED`, `NOT_ALLOWED`, `TOO_LONG`, `INVALID` or
    /// `IDEMPOTENCY_KEY_REUSED`.
    pub async fn check(&self, tx: &Tx<'_>, found: &conversation::Model) -> Result<MessageCheck> {
        let bond = lock_relationship(tx, found).await?;
        let conversation = conversation_rows::lock(tx, found.id).await?;
        let me = participants::find_caller(tx.db(), conversation.id, self.by).await?;
        if let Some(me) = &me
            && let Some(earlier) = find_duplicate(tx, me.id, &self.id).await?
        {
            return Ok(MessageCheck::Replayed(Box::new(earlier)));
        }
        let me = join_as_bot(tx, self.by, &conversation, me).await?.ok_or_else(|| no_part(self.by, &conversation))?;
        check_may_write(tx, &conversation, &me, bond.as_ref(), reopens(&conversation, &me)).await?;
        let (content, template) = match &self.draft.template {
            Some(draft) => {
                let within = RenderingContext {
                    config: tx.config(),
                    clock: tx.clock(),
                    caller: self.by,
                    conversation: &conversation,
                };
                let rendered = rendered_template::render(tx.db(), within, draft).await?;
                let (content, usage) = prepared_messages::check(self.draft, &self.id, &conversation, rendered)?;
                (content, Some(usage))
            }
            None => (self.draft.check(&self.id, MessageRules::of(&conversation))?, None),
        };
        let reply_to = match &self.draft.reply_to {
            Some(id) => {
                let target = thread_items::find_message_by_id(tx.db(), self.by, id, REPLY).await?;
                if target.conversation_id != conversation.id {
                    return Err(Error::not_found(REPLY));
                }
                Some(target.id)
            }
            None => None,
        };
        let files = message_files::lock_to_send(tx, self.by, &conversation, &self.draft.attachments).await?;
        let item = NewItem { inbound: me.customer_id.is_some(), reply_to, ..content.into_item(me.id) };
        let author = me.user_id;
        receipts::read_before_answer(tx, &conversation, me).await?;
        Ok(MessageCheck::New(Box::new(CheckedMessage {
            conversation,
            item,
            author,
            extras: MessageExtras { files, template },
            bond,
        })))
    }

    /// Stores the HTML of the written message, if it is Markdown, attaches its files and records its template.
    pub async fn complete(&self, tx: &Tx<'_>, item: &thread_item::Model, extras: MessageExtras) -> Result<()> {
        attachment_rows::attach(tx, item.id, extras.files).await?;
        if let Some(usage) = extras.template {
            template_rows::record_use(tx, usage.into_row(item.id)).await?;
        }
        match item.format {
            TextFormat::Markdown => renderings::keep(tx, item, self.rendered.as_ref()).await,
            TextFormat::Plain | TextFormat::Html => Ok(()),
        }
    }
}

/// Sends a message of a user, and marks the conversation as read up to it. A customer's message goes through
/// `inbound::messages::send`. Locks the relationship of a direct conversation, then the conversation. Emits
/// `ItemAdded`, and `ReceiptAdvanced` if earlier messages were unread. Notifies the other user of a direct
/// conversation. A repeated call returns the first message. Refuses as [`Sending::check`] does.
pub async fn send(app: &App, by: &Caller, conversation_id: &str, draft: &Draft) -> Result<SentMessage> {
    let sending = &Sending::begin(app, by, conversation_id, draft).await?;
    app.transaction(|tx| {
        Box::pin(async move {
            let found = sending.find_conversation(tx).await?;
            let CheckedMessage { mut conversation, item, author, extras, bond } =
                match sending.check(tx, &found).await? {
                    MessageCheck::Replayed(item) => return Ok(SentMessage { item: *item, replayed: true }),
                    MessageCheck::New(checked) => *checked,
                };
            let item = thread_items::append(tx, &mut conversation, item).await?;
            sending.complete(tx, &item, extras).await?;
            if let (Some(bond), Some(author)) = (&bond, author) {
                direct_messages::notify(tx, &conversation, author, bond).await?;
            }
            Ok(SentMessage { item, replayed: false })
        })
    })
    .await
}

/// Lets a program with an organization key take part in an open conversation with a customer. Returns the caller's
/// participant, which is `me` for every other caller. Emits `ParticipantChanged` if the program joined.
async fn join_as_bot(
    tx: &Tx<'_>,
    by: &Caller,
    conversation: &Locked<conversation::Model>,
    me: Option<participant::Model>,
) -> Result<Option<participant::Model>> {
    let Caller::Service(service) = by else { return Ok(me) };
    if conversation.status == ConversationStatus::Closed || conversation.kind == ConversationKind::Direct {
        return Ok(me);
    }
    let who = ParticipantRef::Key(service.key);
    participants::join(tx, conversation, who, ParticipantRole::Bot).await.map(Some)
}

/// Returns the refusal of a caller without a part. A program takes part when it writes, unless the conversation has
/// ended.
fn no_part(by: &Caller, conversation: &conversation::Model) -> Error {
    match by {
        Caller::Service(_) if conversation.status == ConversationStatus::Closed => {
            conversation_rows::conversation_ended(conversation_rows::FIELD)
        }
        Caller::Service(_) | Caller::Person(_) | Caller::Visitor(_) => participants::not_a_participant(),
    }
}

/// Returns true if a message of the participant opens the conversation again after its end.
#[must_use]
pub fn reopens(conversation: &conversation::Model, author: &participant::Model) -> bool {
    author.customer_id.is_some()
        && conversation.topic.is_some()
        && conversation.channel.is_some_and(|channel| channel_capabilities::of(channel).reopens)
}

/// Counts a message, a note or an edit of the caller towards their rate limit. Visitors have a limit of their own.
pub fn check_rate(app: &App, by: &Caller) -> Result<()> {
    let visitor = matches!(by, Caller::Visitor(_));
    let counted = app.rate_limits.message(by.limit_subject(), visitor);
    counted.map_err(|RateLimited(retry_after)| Error::RateLimited { retry_after })
}

/// Returns the item that a participant wrote earlier with the same client message id, if any. The conversation must be
/// locked. Refuses with `IDEMPOTENCY_KEY_REUSED` if that item has another digest.
pub async fn find_duplicate(
    tx: &Tx<'_>,
    author: ParticipantId,
    id: &ClientMessageId,
) -> Result<Option<thread_item::Model>> {
    let found = thread_item::Entity::find()
        .filter(thread_item::Column::AuthorId.eq(author))
        .filter(thread_item::Column::ClientMessageId.eq(id.id.as_str()))
        .one(tx.db())
        .await?;
    match found {
        Some(item) if item.digest.as_deref() != Some(&id.digest) => {
            let why = "This client message id was used for another message.";
            Err(Error::refused(UserErrorCode::IdempotencyKeyReused, id.field, why))
        }
        found => Ok(found),
    }
}

/// Locks the relationship of the two users of a direct conversation. It must be locked before the conversation.
pub async fn lock_relationship(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
) -> Result<Option<SharedLock<relationship::Model>>> {
    match (conversation.lo, conversation.hi) {
        (Some(lo), Some(hi)) => Ok(direct_messages::lock_relationship(tx, lo, hi).await?),
        _ => Ok(None),
    }
}

/// Refuses if the participant may not write now. `reopens` is true if the message opens a conversation that has ended.
pub async fn check_may_write(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    me: &participant::Model,
    bond: Option<&SharedLock<relationship::Model>>,
    reopens: bool,
) -> Result<()> {
    if conversation.status == ConversationStatus::Closed && !reopens {
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

/// Writes a note that only the organization's side sees. Current participants, all supervisors and organization keys
/// may write notes. Locks the conversation. Emits `ItemAdded`, and `ParticipantChanged` for a supervisor or a program
/// that was never a participant. A repeated call returns the first note.
pub async fn note(app: &App, by: &Caller, conversation_id: &str, draft: &Draft) -> Result<SentMessage> {
    if let Caller::Visitor(_) = by {
        return Err(Error::PersonsOnly);
    }
    let key = &draft.check_id(ItemKind::Note)?;
    check_rate(app, by)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let named = conversation_rows::find_by_id(tx.db(), by, conversation_id, conversation_rows::FIELD).await?;
            if named.kind == ConversationKind::Direct {
                let why = "Notes are only available in conversations with customers.";
                return Err(Error::refused(UserErrorCode::NotAllowed, conversation_rows::FIELD, why));
            }
            let mut conversation = conversation_rows::lock(tx, named.id).await?;
            let me = participants::find_caller(tx.db(), conversation.id, by).await?;
            if let Some(me) = &me
                && let Some(item) = find_duplicate(tx, me.id, key).await?
            {
                return Ok(SentMessage { item, replayed: true });
            }
            let content = draft.check(key, MessageRules::NOTE)?;
            let me = match me {
                Some(me) if me.left_at.is_none() => me,
                me if may_observe(tx, by).await? => match me {
                    Some(me) => me,
                    None => participants::record_observer(tx, &conversation, ParticipantRef::of(by)).await?,
                },
                _ => return Err(participants::not_a_participant()),
            };
            let new = NewItem { kind: ItemKind::Note, visibility: ItemVisibility::Agent, ..content.into_item(me.id) };
            let item = thread_items::append(tx, &mut conversation, new).await?;
            Ok(SentMessage { item, replayed: false })
        })
    })
    .await
}

/// Returns true if a caller may write notes without taking part: supervisors and organization keys.
async fn may_observe(tx: &Tx<'_>, by: &Caller) -> Result<bool> {
    match by {
        Caller::Person(viewer) => {
            Ok(people::role(tx.db(), viewer.user).await?.is_some_and(|role| role >= Role::Supervisor))
        }
        Caller::Service(_) => Ok(true),
        Caller::Visitor(_) => Ok(false),
    }
}
