//! Messages that are written with a template. The text of a locked template is sent as it was filled in. Any other text
//! may be changed by the agent before it is sent.

use entity::{conversation, id::ThreadItemId, template_use, thread_item::TextFormat};

use super::{
    markdown_text::{self, TextMarks},
    message_content::{ClientMessageId, Draft, MessageContent, MessageRules},
};
use crate::{
    error::{Error, Result, UserErrorCode},
    templates::{rendered_template::RenderedTemplate, template_body},
};

/// A text of a template as a conversation's channel takes it.
#[derive(Clone, Debug)]
pub struct PreparedText {
    /// The text.
    pub text: String,
    /// The format of the text.
    pub format: TextFormat,
}

/// The use of a template in a message that is about to be written.
#[derive(Clone, Debug)]
pub struct TemplateUsage {
    rendered: RenderedTemplate,
    edited: bool,
}

impl TemplateUsage {
    /// Returns the row that records the use in a message.
    #[must_use]
    pub fn into_row(self, item: ThreadItemId) -> template_use::Model {
        let (template_id, version) = (self.rendered.template.row.id, self.rendered.template.text.version);
        template_use::Model { item_id: item, template_id, version, edited: self.edited }
    }
}

/// Returns the text of a filled-in template for a conversation. Markdown becomes plain text on a channel without rich
/// text.
#[must_use]
pub fn prepare(conversation: &conversation::Model, rendered: &RenderedTemplate) -> PreparedText {
    match rendered.format {
        TextFormat::Markdown if !MessageRules::of(conversation).rich_text => {
            PreparedText { text: markdown_text::write(&rendered.text, TextMarks::None), format: TextFormat::Plain }
        }
        format => PreparedText { text: rendered.text.clone(), format },
    }
}

/// Checks a message that is written with a template. Without a text of its own it takes the template's. Refuses with
/// `PARAMETER_MISSING` while a parameter is open, with `TEMPLATE_LOCKED` for another text than a locked template's, and
/// as [`MessageRules::check`] does.
pub fn check(
    draft: &Draft,
    id: &ClientMessageId,
    conversation: &conversation::Model,
    rendered: RenderedTemplate,
) -> Result<(MessageContent, TemplateUsage)> {
    let (rules, prepared) = (MessageRules::of(conversation), prepare(conversation, &rendered));
    let own = !crate::text::is_blank(&draft.body);
    let edited = own && draft.body != prepared.text;
    let missing = |why: String, field| Error::refused(UserErrorCode::ParameterMissing, field, why);
    if edited && rendered.template.row.locked {
        let why = "The text of this template cannot be changed.";
        return Err(Error::refused(UserErrorCode::TemplateLocked, draft.fields.body, why));
    }
    if !edited && !rendered.open.is_empty() {
        let fields = draft.template.as_ref().map_or(draft.fields.body, |template| template.fields.values.values);
        return Err(missing(format!("Values are missing: {}.", rendered.open.join(", ")), fields));
    }
    if edited && template_body::has_placeholder(&draft.body) {
        return Err(missing("The text has a parameter that is not filled in.".to_owned(), draft.fields.body));
    }
    let (text, format) = if edited { (&draft.body, draft.format) } else { (&prepared.text, prepared.format) };
    let content = draft.check_text(id, rules, text, format)?;
    Ok((content, TemplateUsage { rendered, edited }))
}
