//! The start of a web chat. A customer has at most one open chat at an entry point. A start while it is open
//! continues it. A start after its end begins another.

use async_graphql::{ID, InputObject};
use chrono::Duration;
use entity::{
    announcement::AnnouncementParameters,
    channel::Channel,
    conversation, customer, entry_point,
    id::CustomerId,
    participant::ParticipantRole,
    thread_item::{AnnouncementKind, ItemKind, TextFormat},
    web_chat_key,
};
use sea_orm::{ActiveValue::Set, EntityTrait, TryInsertResult};
use serde_json::json;

use super::{
    signed_identity::{self, SignedIdentity, VisitorIdentityInput},
    tokens,
};
use crate::{
    app::{App, Tx},
    auth::{
        request_context::Origin,
        secret,
        viewer::{Caller, VisitorViewer},
    },
    contacts::details::{MAX_URL, is_page},
    conversations::{
        announcements::{self, NewAnnouncement},
        channel_capabilities, customers,
        participants::{self, ParticipantRef},
    },
    entry_points::{
        allowed_origins, entry_point_rows,
        pre_chat_form::{self, Answers, WebChatAnswerInput},
    },
    error::{Error, Result, UserErrorCode},
    inbound::messages::{self, MessageContent},
    plain_text,
    rate_limit::RateLimited,
    tasks::queueing,
    text,
};

/// The entry point, the answers of its form and the first message of a chat.
#[derive(Clone, Debug, InputObject)]
pub struct StartWebChatInput {
    /// The entry point of the web site.
    pub entry_point_id: ID,
    /// The answers to the pre-chat form, at most 20, each field once.
    #[graphql(default)]
    pub fields: Vec<WebChatAnswerInput>,
    /// The message that opens the chat.
    pub message: Option<FirstMessageInput>,
    /// The address of the page that the visitor sees, at most 2,000 characters. Agents see it.
    pub page_url: Option<String>,
    /// The visitor's signed identity, if the site knows the visitor.
    pub identity: Option<VisitorIdentityInput>,
    /// A key that the client creates, 1 to 100 characters. A retry with the same key does not start the chat again. A
    /// visitor without a token and without an identity needs a key of 22 or more characters that cannot be guessed,
    /// such as a random UUID. Such a key returns a token within an hour, and is refused later.
    #[graphql(secret)]
    pub idempotency_key: Option<String>,
}

/// The first message of a chat.
#[derive(Clone, Debug, InputObject)]
pub struct FirstMessageInput {
    /// An id that the client creates, 1 to 100 characters. A retry with the same id does not add the message again,
    /// without a time limit.
    pub client_message_id: String,
    /// The text, 1 to 1,000 characters (Unicode scalar values).
    pub body: String,
}

/// A chat that was started or continued.
pub struct StartedChat {
    /// The conversation of the chat.
    pub conversation: conversation::Model,
    /// The visitor who continues the chat.
    pub visitor: VisitorViewer,
    /// The text of a new token. `None` if the call's own token opens the chat.
    pub token: Option<String>,
    /// True if the chat is new.
    pub new: bool,
    /// True if an earlier call with the same key has started it.
    pub replayed: bool,
}

/// The topic of every web chat. It is empty, because only one chat is open at a time.
const TOPIC: &str = "";

/// The display name of a customer whose name is not known.
const NAMELESS: &str = "Visitor";

/// Maximum length of a key and of an id, in characters.
const MAX_KEY: usize = 100;
/// Minimum length of a key that alone identifies the visitor, in characters.
const MIN_SECRET_KEY: usize = 22;

/// Time during which such a key returns a token. It is as long as a client may retry to get a first answer.
const KEY_COUNTS_FOR: Duration = Duration::hours(1);

const KEY: &[&str] = &["input", "idempotencyKey"];
const BODY: &[&str] = &["input", "message", "body"];

/// The input of a call, after the check.
struct StartChat<'a> {
    entry_point: entry_point::Model,
    visitor: Option<&'a VisitorViewer>,
    signed: Option<SignedIdentity>,
    answers: Answers,
    page: Option<String>,
    first: Option<MessageContent>,
    key: Option<Key>,
    origin: &'a Origin,
}

/// The idempotency key of a call.
struct Key {
    hash: Vec<u8>,
    /// The key, in the form that an address contains.
    name: String,
    digest: Vec<u8>,
}

/// Starts a chat, or continues the customer's open chat. Locks the conversation. Refuses with `NOT_FOUND`, `INVALID`,
/// `TOO_LONG`, `NOT_ALLOWED`, `IDEMPOTENCY_KEY_REUSED` or `TOO_MANY_ATTEMPTS`.
pub async fn start(app: &App, by: Option<&Caller>, origin: &Origin, input: &StartWebChatInput) -> Result<StartedChat> {
    let visitor = match by {
        None => None,
        Some(Caller::Visitor(visitor)) => Some(visitor),
        Some(Caller::Person(_) | Caller::Service(_)) => {
            return Err(Error::refused(
                UserErrorCode::NotAllowed,
                &[],
                "Only visitors can start a web chat, not users or API keys.",
            ));
        }
    };
    app.rate_limits.check_web_chat(origin.address).map_err(|RateLimited(wait)| Error::too_many_attempts(wait))?;
    let found = allowed_origins::find(app.db.read(), &input.entry_point_id, origin.site.as_ref()).await?;
    let entry_point = found.ok_or_else(|| Error::not_found(&["input", "entryPointId"]))?;
    let signed = input.identity.as_ref().map(|given| signed_identity::verify(&entry_point, given, app.clock.now()));
    let signed = signed.transpose()?;
    let wish = &StartChat {
        answers: pre_chat_form::check(&entry_point.form, &input.fields)?,
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

async fn begin(tx: &Tx<'_>, wish: &StartChat<'_>) -> Result<StartedChat> {
    let entry_point = &wish.entry_point;
    let customer = identify(tx, wish).await?;
    if let Some(key) = &wish.key
        && let Some(conversation) = find_duplicate(tx, wish, customer.id, key).await?
    {
        return issue_token_if_needed(tx, wish, &customer, conversation, false, true).await;
    }
    let (mut conversation, new) = messages::find(tx, entry_point, customer.id, TOPIC).await?;
    let who = ParticipantRef::Customer(customer.id);
    let author = participants::join(tx, &conversation, who, ParticipantRole::Customer).await?;
    if new && (!wish.answers.all.is_empty() || wish.page.is_some()) {
        let parameters = AnnouncementParameters {
            answers: wish.answers.all.clone(),
            page_url: wish.page.clone(),
            ..AnnouncementParameters::default()
        };
        let answered = NewAnnouncement::own(AnnouncementKind::FormAnswered, &author).with(parameters);
        announcements::announce(tx, &mut conversation, answered).await?;
    }
    let enqueued = queueing::enqueue(tx, &mut conversation, entry_point).await?;
    // Looked at again now that nobody can archive it, or take the site away, any more.
    let now = entry_point_rows::find(tx.db(), entry_point.id).await?;
    let admitted = now.map_or(!new, |now| allowed_origins::is_allowed(&now, wish.origin.site.as_ref()));
    if !admitted {
        return Err(Error::not_found(&["input", "entryPointId"]));
    }
    if let Some(first) = &wish.first
        && messages::find_duplicate(tx, author.id, first).await?.is_none()
    {
        messages::write(tx, &mut conversation, &author, first).await?;
    }
    queueing::announce_closed(tx, &mut conversation, enqueued).await?;
    if let Some(key) = &wish.key {
        record_key(tx, &customer, &conversation, key).await?;
    }
    issue_token_if_needed(tx, wish, &customer, conversation, new, false).await
}

/// Returns the customer of the chat: that of the signed identity, else that of the visitor's token, else a new one.
async fn identify(tx: &Tx<'_>, wish: &StartChat<'_>) -> Result<customer::Model> {
    let mut about = wish.answers.about.clone();
    if let Some(signed) = &wish.signed {
        about.name = about.name.or_else(|| signed.about.name.clone());
        about.email = about.email.or_else(|| signed.about.email.clone());
    }
    let entry_point = wish.entry_point.id;
    let address = match (&wish.signed, wish.visitor, &wish.key) {
        (Some(signed), ..) => signed_identity::address(entry_point, &signed.external_id),
        (None, Some(visitor), _) => {
            let known = customer::Entity::find_by_id(visitor.customer).one(tx.db()).await?;
            return customers::update_details(tx, known.ok_or(Error::Unauthenticated)?, &about).await;
        }
        // The address contains the key, so that two simultaneous calls find one customer.
        (None, None, Some(key)) => format!("key:{entry_point}:{}", key.name),
        (None, None, None) => format!("visit:{}", tx.clock().uuid()),
    };
    if about.name.is_none() && customers::find_by_address(tx, Channel::Webchat, &address).await?.is_none() {
        about.name = Some(NAMELESS.to_owned());
    }
    customers::identify(tx, Channel::Webchat, &address, &about).await
}

/// Returns the conversation that an earlier call with the same key started. Refuses with `IDEMPOTENCY_KEY_REUSED` if
/// the input was different, or if the key alone no longer returns a token.
async fn find_duplicate(
    tx: &Tx<'_>,
    wish: &StartChat<'_>,
    customer: CustomerId,
    key: &Key,
) -> Result<Option<conversation::Model>> {
    let found = web_chat_key::Entity::find_by_id((customer, key.hash.clone())).one(tx.db()).await?;
    let Some(found) = found else { return Ok(None) };
    let reused = |why: &'static str| Err(Error::refused(UserErrorCode::IdempotencyKeyReused, KEY, why));
    if found.digest != key.digest {
        return reused("This key was used for a different call.");
    }
    let proven = wish.visitor.is_some() || wish.signed.is_some();
    if !proven && tx.clock().now() - found.created_at >= KEY_COUNTS_FOR {
        return reused("This key has expired. Continue with the token that it returned.");
    }
    Ok(conversation::Entity::find_by_id(found.conversation_id).one(tx.db()).await?)
}

/// Saves a key with the conversation that it started.
async fn record_key(
    tx: &Tx<'_>,
    customer: &customer::Model,
    conversation: &conversation::Model,
    key: &Key,
) -> Result<()> {
    let row = web_chat_key::ActiveModel {
        customer_id: Set(customer.id),
        key_hash: Set(key.hash.clone()),
        digest: Set(key.digest.clone()),
        conversation_id: Set(conversation.id),
        created_at: Set(tx.clock().now()),
    };
    let insert = web_chat_key::Entity::insert(row).on_conflict_do_nothing();
    match insert.exec_without_returning(tx.db()).await? {
        TryInsertResult::Inserted(1) => Ok(()),
        // Another call with the key was faster. The transaction begins again and finds that chat.
        _ => Err(Error::Again),
    }
}

/// Returns the chat, with a new token if the visitor has none that opens it.
async fn issue_token_if_needed(
    tx: &Tx<'_>,
    wish: &StartChat<'_>,
    customer: &customer::Model,
    conversation: conversation::Model,
    new: bool,
    replayed: bool,
) -> Result<StartedChat> {
    let entry_point = wish.entry_point.id;
    let opens = |visitor: &&VisitorViewer| visitor.customer == customer.id && visitor.entry_point == entry_point;
    if let Some(visitor) = wish.visitor.filter(opens) {
        return Ok(StartedChat { conversation, visitor: *visitor, token: None, new, replayed });
    }
    let given = tokens::issue(tx, customer.id, entry_point, wish.origin.site.as_ref()).await?;
    Ok(StartedChat { conversation, visitor: given.visitor, token: Some(given.text), new, replayed })
}

fn page(url: Option<&str>) -> Result<Option<String>> {
    let Some(url) = url.map(str::trim).filter(|url| !url.is_empty()) else { return Ok(None) };
    if !is_page(url) {
        let why = format!("A page's address begins with https:// or http:// and has at most {MAX_URL} characters.");
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "pageUrl"], why));
    }
    Ok(Some(url.to_owned()))
}

fn first(given: &FirstMessageInput) -> Result<MessageContent> {
    // The digest is of the text as it came, as for `sendMessage`.
    let (asked_for, body) = (&given.body, plain_text::lines(&given.body));
    if !(1..=MAX_KEY).contains(&given.client_message_id.chars().count())
        || plain_text::has_control(&given.client_message_id)
    {
        let why = format!("A client message id has 1 to {MAX_KEY} printable characters.");
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "message", "clientMessageId"], why));
    }
    let most = channel_capabilities::of(Channel::Webchat).character_limit.unwrap_or(usize::MAX);
    if body.chars().count() > most {
        return Err(Error::refused(UserErrorCode::TooLong, BODY, format!("At most {most} characters are allowed.")));
    }
    if text::is_blank(&body) || plain_text::has_control(&body) {
        let why = "A message needs text. Tabs and line breaks are the only control characters allowed.";
        return Err(Error::refused(UserErrorCode::Invalid, BODY, why));
    }
    Ok(MessageContent {
        id: given.client_message_id.clone(),
        body,
        format: TextFormat::Plain,
        sent_at: None,
        digest: Some(fingerprint(asked_for)),
    })
}

/// Returns a digest that differs for another text. It equals the digest of `sendMessage`, so that either call can be
/// a retry of the other.
fn fingerprint(body: &str) -> Vec<u8> {
    let (kind, format) = (ItemKind::Message as i16, TextFormat::Plain as i16);
    secret::digest(&json!([kind, body, format, null]).to_string())
}

/// Returns the key of a call, if it has one. `known` is true if a token or an identity identifies the visitor.
fn key(input: &StartWebChatInput, known: bool) -> Result<Option<Key>> {
    let Some(key) = input.idempotency_key.as_deref() else { return Ok(None) };
    let least = if known { 1 } else { MIN_SECRET_KEY };
    if !(least..=MAX_KEY).contains(&key.chars().count()) || plain_text::has_control(key) {
        let why = format!("An idempotency key has {least} to {MAX_KEY} printable characters.");
        return Err(Error::refused(UserErrorCode::Invalid, KEY, why));
    }
    let StartWebChatInput { entry_point_id, fields, message, page_url, identity, .. } = input;
    // A retry may carry a newer signature of the same visitor.
    let identity = identity.as_ref().map(|identity| &identity.external_id);
    let asked = format!("{entry_point_id:?} {fields:?} {message:?} {page_url:?} {identity:?}");
    Ok(Some(Key { hash: secret::digest(key), name: secret::name(key), digest: secret::digest(&asked) }))
}
