//! Beginning a chat. A customer has one open chat at an entry point: whoever begins again while it is open goes on in it,
//! and after its end begins another.

use async_graphql::{ID, InputObject};
use chrono::Duration;
use entity::{
    channel::Channel,
    chat_key, conversation, customer, entry_point,
    id::CustomerId,
    participant::ParticipantRole,
    thread_item::{AnnouncementKind, ItemKind, TextFormat},
};
use sea_orm::{ActiveValue::Set, EntityTrait, TryInsertResult};
use serde_json::json;

use super::{
    forms::{self, Answers, WebChatAnswerInput},
    identities::{self, Signed, VisitorIdentityInput},
    sites, tokens,
};
use crate::{
    agents::{queues, tasks},
    app::{App, Tx},
    auth::{
        context::Origin,
        secret,
        viewer::{Caller, VisitorViewer},
    },
    contacts::details::{MAX_URL, is_page},
    conversations::{
        announcements, channels, customers,
        participants::{self, Who},
    },
    error::{Error, Result, UserErrorCode},
    intake::messages::{self, Written},
    plain_text, text,
    throttle::TooSoon,
};

/// With what a chat begins.
#[derive(Clone, Debug, InputObject)]
pub struct StartWebChatInput {
    /// The entry point of the web site.
    pub entry_point_id: ID,
    /// The answers to its form, at most 20, each field once.
    #[graphql(default)]
    pub fields: Vec<WebChatAnswerInput>,
    /// The first message.
    pub message: Option<FirstMessageInput>,
    /// The page on which the visitor is, at most 2,000 characters. Shown to agents.
    pub page_url: Option<String>,
    /// Who the visitor is, where the site knows.
    pub identity: Option<VisitorIdentityInput>,
    /// Whoever is not sure that a first try arrived sends the same key again, and the chat begins once. 1 to 100 characters
    /// that the client makes up. For a visitor without a token and without an identity 22 or more that nobody can guess,
    /// such as a random UUID: within an hour the key brings a token, later it is refused.
    #[graphql(secret)]
    pub idempotency_key: Option<String>,
}

/// The first message of a chat.
#[derive(Clone, Debug, InputObject)]
pub struct FirstMessageInput {
    /// An id that the client makes up, 1 to 100 characters. Sent again with it, the message is there once, for ever.
    pub client_message_id: String,
    /// The text, 1 to 1,000 characters (Unicode scalar values).
    pub body: String,
}

/// A chat that goes on.
pub struct Started {
    pub conversation: conversation::Model,
    pub visitor: VisitorViewer,
    /// The text of a new token; none for a visitor who came with one that opens the chat.
    pub token: Option<String>,
    /// Whether the chat is new.
    pub new: bool,
    /// Whether an earlier call with the same key has done this.
    pub replayed: bool,
}

/// What tells a customer's chats at an entry point apart: nothing, as one is open at a time.
const TOPIC: &str = "";

/// What somebody is called of whom no name is known.
const NAMELESS: &str = "Visitor";

/// The longest key and id, in characters; the shortest key of who is known by nothing else.
const MAX_KEY: usize = 100;
const MIN_SECRET_KEY: usize = 22;

/// For how long such a key brings a token: as long as one may try to get a first answer.
const KEY_COUNTS_FOR: Duration = Duration::hours(1);

const KEY: &[&str] = &["input", "idempotencyKey"];
const BODY: &[&str] = &["input", "message", "body"];

/// A wish that was found to be in order.
struct Wish<'a> {
    entry_point: entry_point::Model,
    visitor: Option<&'a VisitorViewer>,
    signed: Option<Signed>,
    answers: Answers,
    page: Option<String>,
    first: Option<Written>,
    key: Option<Key>,
    origin: &'a Origin,
}

/// What makes a call one call.
struct Key {
    hash: Vec<u8>,
    /// As an address writes it.
    name: String,
    digest: Vec<u8>,
}

/// Begins a chat, or goes on in the one that is open.
pub async fn start(app: &App, by: Option<&Caller>, origin: &Origin, input: &StartWebChatInput) -> Result<Started> {
    let visitor = match by {
        None => None,
        Some(Caller::Visitor(visitor)) => Some(visitor),
        Some(Caller::Person(_) | Caller::Service(_)) => {
            return Err(Error::refused(
                UserErrorCode::NotAllowed,
                &[],
                "Chats are begun by visitors, without a token.",
            ));
        }
    };
    app.throttle.chat(origin.address).map_err(|TooSoon(wait)| Error::too_many_attempts(wait))?;
    let found = sites::find(app.db.read(), &input.entry_point_id, origin.site.as_ref()).await?;
    let entry_point = found.ok_or_else(|| Error::not_found(&["input", "entryPointId"]))?;
    let signed = input.identity.as_ref().map(|given| identities::prove(&entry_point, given, app.clock.now()));
    let signed = signed.transpose()?;
    let wish = &Wish {
        answers: forms::check(&entry_point.form, &input.fields)?,
        page: page(input.page_url.as_deref())?,
        first: input.message.as_ref().map(first).transpose()?,
        key: key(input, visitor.is_some() || signed.is_some())?,
        entry_point,
        visitor,
        signed,
        origin,
    };
    app.transaction(|tx| Box::pin(begin(tx, wish))).await
}

async fn begin(tx: &Tx<'_>, wish: &Wish<'_>) -> Result<Started> {
    let entry_point = &wish.entry_point;
    let customer = identify(tx, wish).await?;
    if let Some(key) = &wish.key
        && let Some(conversation) = earlier(tx, wish, customer.id, key).await?
    {
        return hand_out(tx, wish, &customer, conversation, false, true).await;
    }
    let (mut conversation, new) = messages::find(tx, entry_point, customer.id, TOPIC).await?;
    let who = Who::Customer(customer.id);
    let author = participants::join(tx, &conversation, who, ParticipantRole::Customer).await?;
    let said = told(&wish.answers, wish.page.as_deref());
    if new && !said.is_empty() {
        announcements::tell(tx, &mut conversation, AnnouncementKind::FormAnswered, Some(&author), said).await?;
    }
    let enqueued = tasks::enqueue(tx, &mut conversation, entry_point).await?;
    // Looked at again now that nobody can archive it, or take the site away, any more.
    let now = queues::entry_point(tx.db(), entry_point.id).await?;
    let admitted = now.map_or(!new, |now| sites::admits(&now, wish.origin.site.as_ref()));
    if !admitted {
        return Err(Error::not_found(&["input", "entryPointId"]));
    }
    if let Some(first) = &wish.first
        && messages::once(tx, author.id, first).await?.is_none()
    {
        messages::write(tx, &mut conversation, &author, first).await?;
    }
    tasks::answer(tx, &mut conversation, enqueued).await?;
    if let Some(key) = &wish.key {
        remember(tx, &customer, &conversation, key).await?;
    }
    hand_out(tx, wish, &customer, conversation, new, false).await
}

/// Whose chat it is: of whom the site has signed, else of the visitor's token, else of somebody new.
async fn identify(tx: &Tx<'_>, wish: &Wish<'_>) -> Result<customer::Model> {
    let mut about = wish.answers.about.clone();
    if let Some(signed) = &wish.signed {
        about.name = about.name.or_else(|| signed.about.name.clone());
        about.email = about.email.or_else(|| signed.about.email.clone());
    }
    let entry_point = wish.entry_point.id;
    let address = match (&wish.signed, wish.visitor, &wish.key) {
        (Some(signed), ..) => identities::address(entry_point, &signed.external_id),
        (None, Some(visitor), _) => {
            let known = customer::Entity::find_by_id(visitor.customer).one(tx.db()).await?;
            return customers::learn(tx, known.ok_or(Error::Unauthenticated)?, &about).await;
        }
        // By the key, so that who calls twice at once is one customer.
        (None, None, Some(key)) => format!("key:{entry_point}:{}", key.name),
        (None, None, None) => format!("visit:{}", tx.clock().uuid()),
    };
    if about.name.is_none() && customers::known(tx, Channel::Webchat, &address).await?.is_none() {
        about.name = Some(NAMELESS.to_owned());
    }
    customers::identify(tx, Channel::Webchat, &address, &about).await
}

/// What an earlier call with the same key has begun.
async fn earlier(tx: &Tx<'_>, wish: &Wish<'_>, customer: CustomerId, key: &Key) -> Result<Option<conversation::Model>> {
    let found = chat_key::Entity::find_by_id((customer, key.hash.clone())).one(tx.db()).await?;
    let Some(found) = found else { return Ok(None) };
    let reused = |why: &'static str| Err(Error::refused(UserErrorCode::IdempotencyKeyReused, KEY, why));
    if found.digest != key.digest {
        return reused("This key was used for something else.");
    }
    let proven = wish.visitor.is_some() || wish.signed.is_some();
    if !proven && tx.clock().now() - found.created_at >= KEY_COUNTS_FOR {
        return reused("This key was used long ago. Go on with the token that it brought.");
    }
    Ok(conversation::Entity::find_by_id(found.conversation_id).one(tx.db()).await?)
}

/// Writes what was begun by a key.
async fn remember(
    tx: &Tx<'_>,
    customer: &customer::Model,
    conversation: &conversation::Model,
    key: &Key,
) -> Result<()> {
    let row = chat_key::ActiveModel {
        customer_id: Set(customer.id),
        key_hash: Set(key.hash.clone()),
        digest: Set(key.digest.clone()),
        conversation_id: Set(conversation.id),
        created_at: Set(tx.clock().now()),
    };
    let insert = chat_key::Entity::insert(row).on_conflict_do_nothing();
    match insert.exec_without_returning(tx.db()).await? {
        TryInsertResult::Inserted(1) => Ok(()),
        // Another call with the key was quicker; the transaction begins anew and finds what it made.
        _ => Err(Error::Again),
    }
}

/// The chat with a token, for who has none that opens it.
async fn hand_out(
    tx: &Tx<'_>,
    wish: &Wish<'_>,
    customer: &customer::Model,
    conversation: conversation::Model,
    new: bool,
    replayed: bool,
) -> Result<Started> {
    let entry_point = wish.entry_point.id;
    let opens = |visitor: &&VisitorViewer| visitor.customer == customer.id && visitor.entry_point == entry_point;
    if let Some(visitor) = wish.visitor.filter(opens) {
        return Ok(Started { conversation, visitor: *visitor, token: None, new, replayed });
    }
    let given = tokens::give(tx, customer.id, entry_point, wish.origin.site.as_ref()).await?;
    Ok(Started { conversation, visitor: given.visitor, token: Some(given.text), new, replayed })
}

/// What agents are told before the first message.
fn told(answers: &Answers, page: Option<&str>) -> String {
    let page = page.map(|page| format!("Page: {page}"));
    answers.lines.iter().cloned().chain(page).collect::<Vec<_>>().join("\n")
}

fn page(url: Option<&str>) -> Result<Option<String>> {
    let Some(url) = url.map(str::trim).filter(|url| !url.is_empty()) else { return Ok(None) };
    if !is_page(url) {
        let why = format!("A page's address begins with https:// or http:// and has at most {MAX_URL} characters.");
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "pageUrl"], why));
    }
    Ok(Some(url.to_owned()))
}

fn first(given: &FirstMessageInput) -> Result<Written> {
    // Its digest is that of the text as it came, as for `sendMessage`.
    let (asked_for, body) = (&given.body, plain_text::lines(&given.body));
    if !(1..=MAX_KEY).contains(&given.client_message_id.chars().count())
        || plain_text::has_control(&given.client_message_id)
    {
        let why = format!("An id has 1 to {MAX_KEY} printable characters.");
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "message", "clientMessageId"], why));
    }
    let most = channels::of(Channel::Webchat).character_limit.unwrap_or(usize::MAX);
    if body.chars().count() > most {
        return Err(Error::refused(UserErrorCode::TooLong, BODY, format!("At most {most} characters.")));
    }
    if text::is_blank(&body) || plain_text::has_control(&body) {
        let why = "A message has text, and no control characters but tabs and line breaks.";
        return Err(Error::refused(UserErrorCode::Invalid, BODY, why));
    }
    Ok(Written {
        id: given.client_message_id.clone(),
        body,
        format: TextFormat::Plain,
        sent_at: None,
        digest: Some(asked(asked_for)),
    })
}

/// Tells one message from another, as `sendMessage` does, so that either is a second try of the other.
fn asked(body: &str) -> Vec<u8> {
    let (kind, format) = (ItemKind::Message as i16, TextFormat::Plain as i16);
    secret::digest(&json!([kind, body, format, null]).to_string())
}

/// The key of a call, if it has one; `known` is whose call it is without it.
fn key(input: &StartWebChatInput, known: bool) -> Result<Option<Key>> {
    let Some(key) = input.idempotency_key.as_deref() else { return Ok(None) };
    let least = if known { 1 } else { MIN_SECRET_KEY };
    if !(least..=MAX_KEY).contains(&key.chars().count()) || plain_text::has_control(key) {
        let why = format!("A key has {least} to {MAX_KEY} printable characters.");
        return Err(Error::refused(UserErrorCode::Invalid, KEY, why));
    }
    let StartWebChatInput { entry_point_id, fields, message, page_url, identity, .. } = input;
    // A signature may be a new one of the same visitor.
    let identity = identity.as_ref().map(|identity| &identity.external_id);
    let asked = format!("{entry_point_id:?} {fields:?} {message:?} {page_url:?} {identity:?}");
    Ok(Some(Key { hash: secret::digest(key), name: secret::name(key), digest: secret::digest(&asked) }))
}
