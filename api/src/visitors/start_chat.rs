//! The start of a web chat. A customer has at most one open chat at an entry point. A start while it is open
//! continues it. A start after its end begins another.

use std::collections::BTreeSet;

use async_graphql::{ID, InputObject};
use chrono::Duration;
use chrono_tz::Tz;
use entity::{
    conversation,
    id::EntryPointId,
    intake::{Intake, IntakeAttribute},
    thread_item::TextFormat,
};

use super::{
    signed_identity::{self, VisitorIdentityInput},
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
        addresses::{Address, VisitorId},
        customers::CustomerReference,
        message_content::{Draft, MessageFields},
    },
    entry_points::{
        allowed_origins,
        pre_chat_form::{self, Answers, WebChatAnswerInput},
    },
    error::{Error, INPUT, Result, UserErrorCode},
    inbound::{
        messages::{self, InboundContent, InboundMessage, InboundOutcome, InboundReceipt},
        once_only::StartKey,
    },
    plain_text,
    rate_limit::RateLimited,
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
    /// The address of the page that led the visitor to that page, at most 2,000 characters. Agents see it.
    pub referrer: Option<String>,
    /// The visitor's language as a BCP 47 tag, such as `ko-KR`, at most 35 characters. Agents see it.
    pub locale: Option<String>,
    /// The visitor's time zone as an IANA name, such as `Asia/Seoul`. Dates in prepared texts are in this zone.
    pub time_zone: Option<String>,
    /// Further facts that the site knows about the visitor, at most 20, each name once. Agents see them. They prove
    /// nothing, because the visitor's browser sends them.
    #[graphql(default)]
    pub attributes: Vec<IntakeAttributeInput>,
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
    /// An id that the client creates, 1 to 100 printable characters. A retry with the same id does not add the message
    /// again, without a time limit.
    pub client_message_id: String,
    /// The text, not empty. Its maximum length in Unicode scalar values is `webChat.characterLimit` for a new
    /// chat, and `replyCapability.characterLimit` for an open one.
    pub body: String,
}

/// A fact that a site knows about a visitor.
#[derive(Clone, Debug, InputObject)]
pub struct IntakeAttributeInput {
    /// The name of the fact, 1 to 50 printable characters.
    pub name: String,
    /// The value, 1 to 500 printable characters.
    pub value: String,
}

/// A chat that was started or continued.
pub struct StartedChat {
    /// The conversation of the chat.
    pub conversation: conversation::Model,
    /// The visitor who continues the chat.
    pub visitor: VisitorViewer,
    /// The text of a new token. `None` if the call's own token opens the chat.
    pub token: Option<String>,
    /// True if the chat is new, or the call added its message.
    pub changed: bool,
    /// True if an earlier call with the same key has started it.
    pub replayed: bool,
}

/// The topic of every web chat. It is empty, because only one chat is open at a time.
const TOPIC: &str = "";

/// Maximum length of a language tag, in characters.
const MAX_LANGUAGE: usize = 35;
/// Maximum length of the browser's name for itself that is kept, in characters.
const MAX_AGENT: usize = 500;
/// Maximum number of attributes of a visitor.
const MAX_ATTRIBUTES: usize = 20;
/// Maximum length of an attribute's name, in characters.
const MAX_ATTRIBUTE_NAME: usize = 50;
/// Maximum length of an attribute's value, in characters.
const MAX_ATTRIBUTE: usize = 500;

/// Maximum length of a key, in characters.
const MAX_KEY: usize = 100;
/// Minimum length of a key that alone identifies the visitor, in characters.
const MIN_SECRET_KEY: usize = 22;

/// Time during which such a key returns a token. It is as long as a client may retry to get a first answer.
const KEY_COUNTS_FOR: Duration = Duration::hours(1);

const KEY: &[&str] = &["input", "idempotencyKey"];

/// A call, as far as it can be checked without its entry point.
struct StartChat<'a> {
    input: &'a StartWebChatInput,
    entry_point: EntryPointId,
    visitor: Option<&'a VisitorViewer>,
    intake: Intake,
    key: Option<Key>,
    origin: &'a Origin,
}

/// The idempotency key of a call.
struct Key {
    /// The key, in the form that an address contains.
    name: String,
    start: StartKey,
}

/// Starts a chat, or continues the customer's open chat. Locks the entry point, the customer and the conversation.
/// Refuses with `NOT_FOUND`, `REQUIRED`, `INVALID`, `TOO_LONG`, `NOT_ALLOWED`, `IDEMPOTENCY_KEY_REUSED` or
/// `TOO_MANY_ATTEMPTS`.
pub async fn start(app: &App, by: Option<&Caller>, origin: &Origin, input: &StartWebChatInput) -> Result<StartedChat> {
    let visitor = match by {
        None => None,
        Some(Caller::Visitor(visitor)) => Some(visitor),
        Some(Caller::Person(_) | Caller::Service(_)) => {
            return Err(Error::refused(
                UserErrorCode::NotAllowed,
                INPUT,
                "Only visitors can start a web chat, not users or API keys.",
            ));
        }
    };
    app.rate_limits.check_web_chat(origin.address).map_err(|RateLimited(wait)| Error::too_many_attempts(wait))?;
    let call = &StartChat {
        input,
        entry_point: EntryPointId::parse(&input.entry_point_id).ok_or_else(not_found)?,
        visitor,
        intake: intake(input, origin)?,
        key: key(input, visitor.is_some() || input.identity.is_some())?,
        origin,
    };
    app.transaction(|tx| Box::pin(begin(tx, call))).await
}

async fn begin(tx: &Tx<'_>, call: &StartChat<'_>) -> Result<StartedChat> {
    // The lock keeps the site allowed until the commit, so the entry point is read once.
    let at = allowed_origins::lock(tx, call.entry_point, call.origin.site.as_ref()).await?.ok_or_else(not_found)?;
    let Answers { about: mut details, all: answers } = pre_chat_form::check(&at.form, &call.input.fields)?;
    let signed = call.input.identity.as_ref();
    let signed =
        signed.map(|given| signed_identity::verify(&tx.config().sealing, &at, given, tx.clock().now())).transpose()?;
    let customer = match (signed, call.visitor, &call.key) {
        (Some(signed), ..) => {
            details.name = details.name.or(signed.about.name);
            details.email = details.email.or(signed.about.email);
            CustomerReference::Address(Address::visitor(at.id, &VisitorId::Signed(&signed.external_id)))
        }
        (None, Some(visitor), _) => CustomerReference::Known(visitor.customer),
        (None, None, Some(key)) => CustomerReference::Address(Address::visitor(at.id, &VisitorId::Key(&key.name))),
        (None, None, None) => CustomerReference::Address(Address::visitor(at.id, &VisitorId::New(tx.clock().uuid()))),
    };
    let introduction = Intake { answers, ..call.intake.clone() };
    let incoming = InboundMessage {
        customer,
        details,
        topic: TOPIC.to_owned(),
        introduction: Some(introduction).filter(|given| *given != Intake::default()),
        message: call.input.message.as_ref().map(|given| InboundContent::Sent(first(given))),
        provider_id: None,
        start_key: call.key.as_ref().map(|key| key.start.clone()),
    };
    let InboundReceipt { conversation, outcome, message } = messages::receive(tx, &at, &incoming).await?;
    let replayed = outcome == InboundOutcome::Replayed;
    let changed = outcome == InboundOutcome::Began || (!replayed && message.is_some());
    let customer =
        conversation.customer_id.ok_or_else(|| Error::internal(anyhow::anyhow!("a chat has no customer")))?;
    // The visitor gets a new token, unless the call's own token opens the chat.
    let opens = |visitor: &&VisitorViewer| visitor.customer == customer && visitor.entry_point == at.id;
    if let Some(visitor) = call.visitor.filter(opens) {
        return Ok(StartedChat { conversation, visitor: *visitor, token: None, changed, replayed });
    }
    let given = tokens::issue(tx, customer, at.id, call.origin.site.as_ref()).await?;
    Ok(StartedChat { conversation, visitor: given.visitor, token: Some(given.text), changed, replayed })
}

fn not_found() -> Error {
    Error::not_found(&["input", "entryPointId"])
}

/// Returns what the visitor brought, without the answers.
fn intake(input: &StartWebChatInput, origin: &Origin) -> Result<Intake> {
    Ok(Intake {
        answers: Vec::new(),
        page_url: page(input.page_url.as_deref(), &["input", "pageUrl"])?,
        referrer: page(input.referrer.as_deref(), &["input", "referrer"])?,
        locale: input.locale.as_deref().map(language).transpose()?,
        time_zone: input.time_zone.as_deref().map(time_zone).transpose()?,
        user_agent: origin.agent.as_deref().map(|agent| agent.chars().take(MAX_AGENT).collect()),
        attributes: attributes(&input.attributes)?,
    })
}

/// Checks the name of a time zone.
fn time_zone(name: &str) -> Result<String> {
    if name.parse::<Tz>().is_ok() {
        return Ok(name.to_owned());
    }
    let why = "A time zone is an IANA name, such as Europe/Berlin.";
    Err(Error::refused(UserErrorCode::Invalid, &["input", "timeZone"], why))
}

/// Checks a BCP 47 tag: groups of 1 to 8 letters and digits, joined by hyphens.
fn language(tag: &str) -> Result<String> {
    let well_formed =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if tag.len() <= MAX_LANGUAGE && tag.split('-').all(well_formed) {
        return Ok(tag.to_owned());
    }
    let why = format!("A language is a BCP 47 tag of at most {MAX_LANGUAGE} characters.");
    Err(Error::refused(UserErrorCode::Invalid, &["input", "locale"], why))
}

fn attributes(given: &[IntakeAttributeInput]) -> Result<Vec<IntakeAttribute>> {
    let fits = |text: &str, most| (1..=most).contains(&text.chars().count()) && !plain_text::has_control(text);
    let names: BTreeSet<&str> = given.iter().map(|attribute| attribute.name.as_str()).collect();
    let valid = given.iter().all(|one| fits(&one.name, MAX_ATTRIBUTE_NAME) && fits(&one.value, MAX_ATTRIBUTE));
    if !valid || given.len() > MAX_ATTRIBUTES || names.len() < given.len() {
        let why = format!(
            "At most {MAX_ATTRIBUTES} attributes, each name once, with printable names of 1 to {MAX_ATTRIBUTE_NAME} and \
             values of 1 to {MAX_ATTRIBUTE} characters."
        );
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "attributes"], why));
    }
    Ok(given.iter().map(|one| IntakeAttribute { name: one.name.clone(), value: one.value.clone() }).collect())
}

fn page(url: Option<&str>, field: &'static [&'static str]) -> Result<Option<String>> {
    let Some(url) = url.map(str::trim).filter(|url| !url.is_empty()) else { return Ok(None) };
    if !is_page(url) {
        let why = format!("A page's address begins with https:// or http:// and has at most {MAX_URL} characters.");
        return Err(Error::refused(UserErrorCode::Invalid, field, why));
    }
    Ok(Some(url.to_owned()))
}

/// Returns the first message as `sendMessage` would send it, so that either call can be a retry of the other.
fn first(given: &FirstMessageInput) -> Draft {
    Draft {
        client_message_id: given.client_message_id.clone(),
        body: given.body.clone(),
        format: TextFormat::Plain,
        reply_to: None,
        template: None,
        attachments: Vec::new(),
        fields: MessageFields::OF_FIRST_MESSAGE,
    }
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
    let start = StartKey {
        hash: secret::digest(key),
        digest: secret::digest(&asked),
        valid_for: (!known).then_some(KEY_COUNTS_FOR),
        field: KEY,
    };
    Ok(Some(Key { name: secret::name(key), start }))
}
