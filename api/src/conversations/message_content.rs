//! The one check of messages and notes. Whatever way a text comes in, this module decides what it may be and in which
//! form it is stored. A client's text is checked, and a wrong one is refused. A provider's text was already sent, so it
//! is never refused: what a client may not send is left out of it.

use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    conversation,
    id::ParticipantId,
    thread_item::{ItemKind, TextFormat},
};

use super::{
    channel_capabilities::{self, DIRECT_LIMIT},
    markdown,
    thread_items::NewItem,
};
use crate::{
    auth::secret,
    contacts::detail_validation::FieldPath,
    error::{Error, Result, UserErrorCode},
    plain_text,
    templates::rendered_template::TemplateDraft,
    text,
};

/// Maximum length of a client message id, in characters.
pub const MAX_CLIENT_MESSAGE_ID: usize = 100;
/// Maximum length of a note, in Unicode scalar values.
pub const MAX_NOTE: usize = 4_096;
/// Maximum length of a message on a channel without a limit, in Unicode scalar values.
pub const MAX_BODY: usize = 32_768;

/// The input fields of a message, for refusals.
#[derive(Clone, Copy, Debug)]
pub struct MessageFields {
    /// The client message id.
    pub client_message_id: FieldPath,
    /// The text.
    pub body: FieldPath,
    /// The format of the text.
    pub format: FieldPath,
}

impl MessageFields {
    /// The fields of the mutations whose input is the message.
    pub const OF_INPUT: Self = Self {
        client_message_id: &["input", "clientMessageId"],
        body: &["input", "body"],
        format: &["input", "format"],
    };
    /// The fields of `startWebChat`, whose input contains the message.
    pub const OF_FIRST_MESSAGE: Self = Self {
        client_message_id: &["input", "message", "clientMessageId"],
        body: &["input", "message", "body"],
        format: &["input", "message"],
    };
}

/// The limits of the texts in a conversation.
#[derive(Clone, Copy, Debug)]
pub struct MessageRules {
    /// Maximum length in Unicode scalar values. `None` if the channel has no limit of its own.
    pub character_limit: Option<usize>,
    /// True if texts may be Markdown.
    pub rich_text: bool,
}

impl MessageRules {
    /// The limits of notes.
    pub const NOTE: Self = Self { character_limit: Some(MAX_NOTE), rich_text: false };

    /// Returns the limits of messages in a conversation.
    #[must_use]
    pub fn of(conversation: &conversation::Model) -> Self {
        match conversation.channel {
            Some(channel) => Self::on_channel(channel, conversation.character_limit),
            None => Self { character_limit: Some(DIRECT_LIMIT), rich_text: true },
        }
    }

    /// Returns the limits of messages on a channel. `configured` is the entry point's own limit, if it has one.
    #[must_use]
    pub fn on_channel(channel: Channel, configured: Option<i32>) -> Self {
        let can = channel_capabilities::of(channel);
        let configured = configured.and_then(|limit| usize::try_from(limit).ok());
        Self { character_limit: configured.or(can.character_limit), rich_text: can.rich_text }
    }

    /// Returns `character_limit` as the schema shows it.
    #[must_use]
    pub fn shown_limit(self) -> Option<i32> {
        self.character_limit.and_then(|limit| i32::try_from(limit).ok())
    }

    /// Returns a text in its stored form. Refuses with `REQUIRED`, `INVALID`, `TOO_LONG` or
    /// `FORMAT_NOT_SUPPORTED`.
    pub fn check(self, body: &str, format: TextFormat, fields: MessageFields) -> Result<String> {
        let invalid = |field, why: &'static str| Err(Error::refused(UserErrorCode::Invalid, field, why));
        let unsupported =
            |why: &'static str| Err(Error::refused(UserErrorCode::FormatNotSupported, fields.format, why));
        let body = plain_text::lines(body);
        if text::is_blank(&body) {
            return Err(Error::refused(UserErrorCode::Required, fields.body, "The message has no text."));
        }
        let most = self.character_limit.unwrap_or(MAX_BODY);
        let most = if format == TextFormat::Plain { most } else { most.min(markdown::LONGEST) };
        if body.chars().count() > most {
            let why = format!("At most {most} characters are allowed.");
            let refused = Error::refused(UserErrorCode::TooLong, fields.body, why);
            return Err(refused.with_excess(most, body.chars().count()));
        }
        if plain_text::has_control(&body) {
            return invalid(fields.body, "Control characters are not allowed.");
        }
        match format {
            TextFormat::Plain => Ok(body),
            TextFormat::Markdown if self.rich_text => Ok(body),
            TextFormat::Markdown => unsupported("This channel does not support rich text."),
            TextFormat::Html => unsupported("HTML is not supported. Use Markdown."),
        }
    }
}

/// A message or note as a client sends it.
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
    /// The template that the message is written with, if any.
    pub template: Option<TemplateDraft>,
    /// The ids of the files of the message. A note has none.
    pub attachments: Vec<String>,
    /// The input fields of the message.
    pub fields: MessageFields,
}

/// A client message id that was checked, with the digest of its call.
#[derive(Clone, Debug)]
pub struct ClientMessageId {
    /// The id.
    pub id: String,
    /// The digest of the call. It differs for another kind, text, format, answered message, template or file.
    pub digest: Vec<u8>,
    /// The input field of the id.
    pub field: FieldPath,
}

impl Draft {
    /// Checks the client message id. Refuses with `REQUIRED` or `INVALID`. The digest is of the text as it came, so
    /// that only a repeated call is a retry.
    pub fn check_id(&self, kind: ItemKind) -> Result<ClientMessageId> {
        let (id, field) = (&self.client_message_id, self.fields.client_message_id);
        if !(1..=MAX_CLIENT_MESSAGE_ID).contains(&id.chars().count()) || id.chars().any(char::is_control) {
            let why = format!("A client message id has 1 to {MAX_CLIENT_MESSAGE_ID} printable characters.");
            let code = if id.is_empty() { UserErrorCode::Required } else { UserErrorCode::Invalid };
            return Err(Error::refused(code, field, why));
        }
        let template = self.template.as_ref().map(|used| {
            let values = used.values.iter().map(|one| (&one.name, &one.value)).collect::<Vec<_>>();
            (&used.template_id, used.version, values)
        });
        let asked = (kind as i16, &self.body, self.format as i16, &self.reply_to, &self.attachments, template);
        let asked = serde_json::to_string(&asked).map_err(Error::internal)?;
        Ok(ClientMessageId { id: id.clone(), digest: secret::digest(&asked), field })
    }

    /// Checks the text and its format by the rules of the conversation. A message with files needs no text. Refuses as
    /// [`MessageRules::check`] does.
    pub fn check(&self, id: &ClientMessageId, rules: MessageRules) -> Result<MessageContent> {
        self.check_text(id, rules, &self.body, self.format)
    }

    /// Checks a text in place of the draft's own. Refuses as [`MessageRules::check`] does.
    pub fn check_text(
        &self,
        id: &ClientMessageId,
        rules: MessageRules,
        text: &str,
        format: TextFormat,
    ) -> Result<MessageContent> {
        let body = match text::is_blank(text) && !self.attachments.is_empty() {
            true => String::new(),
            false => rules.check(text, format, self.fields)?,
        };
        Ok(MessageContent { client_id: Some(id.clone()), body, format, sent_at: None })
    }
}

/// The content of a message or note, in its stored form.
#[derive(Clone, Debug)]
pub struct MessageContent {
    client_id: Option<ClientMessageId>,
    body: String,
    format: TextFormat,
    sent_at: Option<DateTime<Utc>>,
}

impl MessageContent {
    /// Returns the content of a message that a provider delivered. Its control characters are left out. It may be
    /// empty or longer than the channel's limit, because nobody could send it again.
    #[must_use]
    pub fn delivered(body: &str, format: TextFormat, sent_at: Option<DateTime<Utc>>) -> Self {
        let allowed = |c: &char| !c.is_control() || matches!(c, '\n' | '\t');
        let body = plain_text::lines(body).chars().filter(allowed).collect();
        Self { client_id: None, body, format, sent_at }
    }

    /// Returns the text.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// Returns the content as a message of a participant that both sides see.
    #[must_use]
    pub fn into_item(self, author: ParticipantId) -> NewItem {
        let (client_message_id, digest) = self.client_id.map(|key| (key.id, key.digest)).unzip();
        NewItem {
            format: self.format,
            client_message_id,
            digest,
            sent_at: self.sent_at,
            ..NewItem::message(author, self.body)
        }
    }
}

#[cfg(test)]
mod tests {
    use entity::{channel::Channel, thread_item::TextFormat};

    use super::{MessageContent, MessageFields, MessageRules};

    #[test]
    fn a_delivered_text_is_stored_as_a_sent_one_is_and_never_refused() {
        let rules = MessageRules::on_channel(Channel::Sms, None);
        let sent = |text: &str| rules.check(text, TextFormat::Plain, MessageFields::OF_INPUT).ok();
        let delivered = |text: &str| MessageContent::delivered(text, TextFormat::Plain, None).body().to_owned();
        for (text, stored) in [("a\r\nb\rc\td", "a\nb\nc\td"), ("a\u{2028}b", "a\nb"), ("\u{d55c}", "\u{d55c}")] {
            assert_eq!((sent(text).as_deref(), delivered(text).as_str()), (Some(stored), stored));
        }
        for (text, stored) in [("a\u{0}b\u{7}", "ab"), (" ", " "), ("", "")] {
            assert_eq!((sent(text), delivered(text).as_str()), (None, stored), "{text:?}");
        }
        let long = "x".repeat(1_001);
        assert_eq!((sent(&long), delivered(&long)), (None, long));
    }
}
