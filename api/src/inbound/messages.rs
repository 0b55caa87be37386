//! The one way in for what customers write. A message of a provider, the start of a web chat and a visitor's later
//! message take the same steps in one transaction: customer, conversation, once only, task, item, closed message.

use entity::{
    announcement::AnnouncementParameters,
    conversation::{self, ConversationStatus},
    entry_point,
    id::EntryPointId,
    intake::Intake,
    participant::ParticipantRole,
    provider_message::MessageDirection,
    thread_item::{self, AnnouncementKind, ItemKind},
};

use super::once_only::{self, ProviderMessageId, StartKey};
use crate::{
    app::{App, SharedLock, Tx},
    auth::viewer::{Caller, VisitorViewer},
    conversations::{
        addresses::Address,
        announcements::{self, NewAnnouncement},
        conversation_rows::{self, ConversationKey},
        customers::{self, CustomerDetails, CustomerReference},
        message_content::{Draft, MessageContent, MessageRules},
        messages::{self, CheckedMessage, MessageCheck, Sending, SentMessage},
        participants::{self, ParticipantRef},
        thread_items::NewItem,
    },
    entry_points::entry_point_rows,
    error::{Error, Result},
    tasks::queueing,
};

/// The input field of an entry point, for refusals.
const ENTRY_POINT: &[&str] = &["input", "entryPointId"];

/// A message of a customer to an entry point, or the start of a conversation without one.
#[derive(Clone, Debug)]
pub struct InboundMessage {
    /// The customer who wrote.
    pub customer: CustomerReference,
    /// The customer's details that came with the message.
    pub details: CustomerDetails,
    /// The text that separates the customer's conversations at the entry point. Empty if there is only one, else for
    /// example the subject of an e-mail.
    pub topic: String,
    /// The facts that a web site gave at the start of a chat. Agents see the answers and the page before the first
    /// message of a new conversation, and all facts with its task.
    pub introduction: Option<Intake>,
    /// The content of the message. `None` if the customer only begins or continues the conversation.
    pub message: Option<InboundContent>,
    /// The id that the provider gave to the message. If senders may choose it, it is joined with a digest of the
    /// message. Else somebody could keep a message out by guessing its id.
    pub provider_id: Option<ProviderMessageId>,
    /// The key by which the visitor's call takes effect once.
    pub start_key: Option<StartKey>,
}

/// The content of a customer's message.
#[derive(Clone, Debug)]
pub enum InboundContent {
    /// A provider delivered it. It is stored as it came.
    Delivered(MessageContent),
    /// A visitor sends it. It is checked by the limits of its conversation, unless it was sent before.
    Sent(Draft),
}

impl InboundMessage {
    /// Describes a message that a provider delivered.
    #[must_use]
    pub fn delivered(from: Address, provider_id: &str, message: MessageContent) -> Self {
        Self {
            customer: CustomerReference::Address(from),
            details: CustomerDetails::default(),
            topic: String::new(),
            introduction: None,
            message: Some(InboundContent::Delivered(message)),
            provider_id: Some(ProviderMessageId::new(provider_id)),
            start_key: None,
        }
    }
}

/// The effect of a message on its conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboundOutcome {
    /// A new conversation began.
    Began,
    /// A closed conversation was reopened, with a new task.
    Reopened,
    /// An open conversation continued.
    Continued,
    /// It had already arrived, by the provider's id or the visitor's key. Nothing was written.
    Replayed,
}

/// An inbound message that is stored.
#[derive(Clone, Debug)]
pub struct InboundReceipt {
    /// The stored message, if there is one.
    pub message: Option<thread_item::Model>,
    /// The conversation of the message.
    pub conversation: conversation::Model,
    /// The effect of the message on the conversation.
    pub outcome: InboundOutcome,
}

/// Receives a message in a transaction of its own. Locks the entry point. Refuses as [`receive`] does.
pub async fn deliver(app: &App, to: EntryPointId, incoming: &InboundMessage) -> Result<InboundReceipt> {
    app.transaction(|tx| {
        Box::pin(async move {
            let at = entry_point_rows::lock(tx, to).await?.ok_or_else(|| Error::not_found(ENTRY_POINT))?;
            receive(tx, &at, incoming).await
        })
    })
    .await
}

/// Receives what a customer wrote. Creates the customer, the conversation and the task if they do not exist. Locks the
/// customer and the conversation, and takes the routing lock in shared mode. Emits `ItemAdded`, `ParticipantChanged`,
/// `TaskQueued` and `TaskChanged`, or nothing if it had already arrived. Refuses with `NOT_FOUND` if a conversation
/// would begin at an archived entry point, with `IDEMPOTENCY_KEY_REUSED`, or with `REQUIRED`, `INVALID` or `TOO_LONG`
/// for the text of a visitor.
pub async fn receive(
    tx: &Tx<'_>,
    at: &SharedLock<entry_point::Model>,
    incoming: &InboundMessage,
) -> Result<InboundReceipt> {
    // This check comes first, because the message stays in its conversation even if its customer has changed.
    if let Some(id) = &incoming.provider_id
        && let Some((conversation, message)) = once_only::find_delivered(tx, at.id, id).await?
    {
        return Ok(InboundReceipt { message: Some(message), conversation, outcome: InboundOutcome::Replayed });
    }
    let customer = customers::identify(tx, at.channel, &incoming.customer, &incoming.details).await?;
    if let Some(key) = &incoming.start_key
        && let Some(conversation) = once_only::find_started(tx, &customer, key).await?
    {
        return Ok(InboundReceipt { message: None, conversation, outcome: InboundOutcome::Replayed });
    }
    let key = ConversationKey {
        channel: at.channel,
        entry_point: at.id,
        queue: at.queue_id,
        customer: customer.id,
        topic: incoming.topic.clone(),
    };
    let (mut conversation, began) = conversation_rows::find_or_create(tx, &key).await?;
    if began && at.archived_at.is_some() {
        return Err(Error::not_found(ENTRY_POINT));
    }
    let who = ParticipantRef::Customer(customer.id);
    let author = participants::join(tx, &conversation, who, ParticipantRole::Customer).await?;
    let client_id = match &incoming.message {
        Some(InboundContent::Sent(draft)) => Some(draft.check_id(ItemKind::Message)?),
        _ => None,
    };
    let earlier = match &client_id {
        Some(id) if !began => messages::find_duplicate(tx, author.id, id).await?,
        _ => None,
    };
    let outcome = match conversation.status {
        _ if began => InboundOutcome::Began,
        ConversationStatus::Closed if earlier.is_none() => InboundOutcome::Reopened,
        _ => InboundOutcome::Continued,
    };
    let message = match earlier {
        Some(earlier) => Some(earlier),
        None => {
            let told = incoming.introduction.as_ref().filter(|_| began).and_then(form_answered);
            let introduction = told.map(|parameters| {
                let answered = NewAnnouncement::own(AnnouncementKind::FormAnswered, &author).with(parameters);
                announcements::item(&conversation, answered)
            });
            let rules = match outcome {
                InboundOutcome::Continued => MessageRules::of(&conversation),
                _ => MessageRules::on_channel(at.channel, at.character_limit),
            };
            let message = match (&incoming.message, &client_id) {
                (Some(InboundContent::Sent(draft)), Some(id)) => Some(draft.check(id, rules)?),
                (Some(InboundContent::Delivered(content)), _) => Some(content.clone()),
                _ => None,
            };
            let message = message.map(|content| NewItem { inbound: true, ..content.into_item(author.id) });
            let items = introduction.into_iter().chain(message).collect();
            let added =
                queueing::enqueue(tx, &mut conversation, Some(at), incoming.introduction.clone(), items).await?;
            added.into_iter().find(|item| item.kind == ItemKind::Message)
        }
    };
    if let (Some(id), Some(message)) = (&incoming.provider_id, &message) {
        once_only::record_provider_message(tx, at.id, id, message.id, MessageDirection::Inbound).await?;
    }
    if let Some(key) = &incoming.start_key {
        once_only::record_start(tx, &customer, conversation.id, key).await?;
    }
    Ok(InboundReceipt { message, conversation: conversation.into_row(), outcome })
}

/// Returns what the thread tells agents of an introduction. `None` if that is nothing.
fn form_answered(intake: &Intake) -> Option<AnnouncementParameters> {
    let (answers, page_url) = (intake.answers.clone(), intake.page_url.clone());
    let told = AnnouncementParameters { answers, page_url, ..AnnouncementParameters::default() };
    (told != AnnouncementParameters::default()).then_some(told)
}

/// Sends a message of a visitor in their conversation, and marks the conversation as read up to it. A conversation that
/// has ended is opened again with a new task, if its channel reopens conversations. Locks the conversation. Emits what
/// [`receive`] emits, and `ReceiptAdvanced` if earlier messages were unread. A repeated call returns the first message.
/// Refuses as [`Sending::check`] does.
pub async fn send(app: &App, by: &VisitorViewer, conversation_id: &str, draft: &Draft) -> Result<SentMessage> {
    let caller = &Caller::Visitor(*by);
    let sending = &Sending::begin(app, caller, conversation_id, draft).await?;
    app.transaction(|tx| {
        Box::pin(async move {
            // An entry point is locked before the conversation. It is needed for a new task only.
            let found = sending.find_conversation(tx).await?;
            let at = match found.entry_point_id {
                Some(id) if found.status == ConversationStatus::Closed => entry_point_rows::lock(tx, id).await?,
                _ => None,
            };
            let CheckedMessage { mut conversation, item, extras, .. } = match sending.check(tx, &found).await? {
                MessageCheck::Replayed(item) => return Ok(SentMessage { item: *item, replayed: true }),
                MessageCheck::New(checked) => *checked,
            };
            let added = queueing::enqueue(tx, &mut conversation, at.as_ref(), None, vec![item]).await?;
            let item = added.into_iter().next();
            let item = item.ok_or_else(|| Error::internal(anyhow::anyhow!("the message was not written")))?;
            sending.complete(tx, &item, extras).await?;
            Ok(SentMessage { item, replayed: false })
        })
    })
    .await
}
