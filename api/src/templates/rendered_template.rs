//! A template that was filled in for a conversation. The preview and the message are made by the same function, so they
//! are equal.

use entity::{
    conversation,
    id::TemplateId,
    thread_item::TextFormat,
    user::{self, Role, UserStatus},
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait as _};

use super::{
    parameter_values::{self, TemplateValueInput, ValueFields},
    system_values::SystemValues,
    template_body::TemplateBody,
    template_rows::{self, VersionedTemplate},
};
use crate::{
    app::App,
    auth::viewer::{Caller, Scope},
    clock::Clock,
    config::Config,
    contacts::detail_validation::FieldPath,
    error::{Error, Result, UserErrorCode},
};

/// A template to fill in.
#[derive(Clone, Debug)]
pub struct TemplateDraft {
    /// The id of the template.
    pub template_id: String,
    /// The version that the client has shown. None for the present one.
    pub version: Option<i32>,
    /// The values of its parameters.
    pub values: Vec<TemplateValueInput>,
    /// The input fields, for refusals.
    pub fields: TemplateFields,
}

/// The input fields of a template, for refusals.
#[derive(Clone, Copy, Debug)]
pub struct TemplateFields {
    /// The template.
    pub template: FieldPath,
    /// The version.
    pub version: FieldPath,
    /// The values.
    pub values: ValueFields,
}

impl TemplateFields {
    /// The fields of `renderTemplate`.
    pub const OF_INPUT: Self = Self {
        template: &["input", "templateId"],
        version: &["input", "version"],
        values: ValueFields {
            values: &["input", "values"],
            name: &["input", "values", "name"],
            value: &["input", "values", "value"],
        },
    };
    /// The fields of `sendMessage`.
    pub const OF_MESSAGE: Self = Self {
        template: &["input", "template", "templateId"],
        version: &["input", "template", "version"],
        values: ValueFields {
            values: &["input", "template", "values"],
            name: &["input", "template", "values", "name"],
            value: &["input", "template", "values", "value"],
        },
    };
}

/// A template that was filled in.
#[derive(Clone, Debug)]
pub struct RenderedTemplate {
    /// The template and its text.
    pub template: VersionedTemplate,
    /// The text with the values.
    pub text: String,
    /// The format of the text.
    pub format: TextFormat,
    /// The names of the parameters without a value.
    pub open: Vec<String>,
}

/// The surroundings in which a template is filled in.
#[derive(Clone, Copy)]
pub struct RenderingContext<'a> {
    /// The settings, with the name of the organization.
    pub config: &'a Config,
    /// The clock.
    pub clock: &'a Clock,
    /// The writer of the message.
    pub caller: &'a Caller,
    /// The conversation.
    pub conversation: &'a conversation::Model,
}

impl<'a> RenderingContext<'a> {
    /// Returns the surroundings of a caller in a conversation.
    #[must_use]
    pub fn of(app: &'a App, caller: &'a Caller, conversation: &'a conversation::Model) -> Self {
        Self { config: &app.config, clock: &app.clock, caller, conversation }
    }
}

/// Fills in a template for a conversation. Refuses with `NOT_FOUND`, `ARCHIVED` or `NOT_ALLOWED` (another channel) for
/// the template, with `OUT_OF_RANGE` for a version that is not the present one, and as
/// [`parameter_values::check`] does for the values. Visitors have no templates.
pub async fn render(
    db: &impl ConnectionTrait,
    within: RenderingContext<'_>,
    draft: &TemplateDraft,
) -> Result<RenderedTemplate> {
    let TemplateFields { template: field, version: version_field, values: value_fields } = draft.fields;
    let agent = writer(db, within.caller).await?.ok_or_else(|| Error::not_found(field))?;
    if within.conversation.customer_id.is_none() {
        let why = "Templates are for conversations with customers.";
        return Err(Error::refused(UserErrorCode::NotAllowed, field, why));
    }
    let id = TemplateId::parse(&draft.template_id).ok_or_else(|| Error::not_found(field))?;
    let template = template_rows::find(db, id).await?.ok_or_else(|| Error::not_found(field))?;
    if template.row.archived_at.is_some() {
        return Err(Error::refused(UserErrorCode::Archived, field, "The template is archived."));
    }
    if !template.is_for(within.conversation.channel) {
        let why = "The template is not for this channel.";
        return Err(Error::refused(UserErrorCode::NotAllowed, field, why));
    }
    if let Some(shown) = draft.version.filter(|shown| *shown != template.row.version) {
        let why = "The template has changed. Show its present version.";
        let refused = Error::refused(UserErrorCode::OutOfRange, version_field, why);
        return Err(refused.with_excess(template.row.version, shown));
    }
    let system = SystemValues::read(
        db,
        within.conversation,
        agent.as_ref(),
        &within.config.organization_name,
        within.clock.now(),
    )
    .await?;
    let parameters = &template.text.parameters.0;
    let values = parameter_values::check(parameters, &draft.values, system.locale, value_fields)?;
    let body = TemplateBody::parse(&template.text.body);
    let body = body.map_err(|why| Error::internal(anyhow::anyhow!("a stored template is malformed: {why:?}")))?;
    let markdown = template.text.format == TextFormat::Markdown;
    let filled = body.fill(|name| {
        let value = values.get(name).cloned().or_else(|| system.get(name))?;
        Some(if markdown { without_marks(&value) } else { value })
    });
    Ok(RenderedTemplate { text: filled.text, format: template.text.format, open: filled.open, template })
}

/// Returns the agent who writes, or no one for a program with the scope of agents. None if the caller may not see
/// templates.
async fn writer(db: &impl ConnectionTrait, caller: &Caller) -> Result<Option<Option<user::Model>>, DbErr> {
    match caller {
        Caller::Person(viewer) => {
            let person = user::Entity::find_by_id(viewer.user).one(db).await?;
            Ok(person.filter(|person| person.role >= Role::Agent && person.status == UserStatus::Active).map(Some))
        }
        Caller::Service(service) => Ok(service.scopes.has(Scope::AgentsRead).then_some(None)),
        Caller::Visitor(_) => Ok(None),
    }
}

/// Returns a value whose characters are no marks of Markdown. Its lines become one.
fn without_marks(value: &str) -> String {
    let mut written = String::with_capacity(value.len());
    for c in value.replace('\n', " ").chars() {
        let begins = written.is_empty() && matches!(c, '-' | '+' | '=');
        // A number with a full stop begins a list.
        let counts = matches!(c, '.' | ')') && written.bytes().all(|byte| byte.is_ascii_digit());
        if begins || counts || matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '~' | '&' | '|' | '#') {
            written.push('\\');
        }
        written.push(c);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::without_marks;
    use crate::conversations::markdown_text::{TextMarks, write};

    #[test]
    fn a_value_in_markdown_is_read_as_it_was_written() {
        for value in [
            "5*3*2",
            "[Your account](https://evil.example)",
            "# x",
            "- a",
            "1. a",
            "a_b_c",
            "<b>",
            "&amp;",
            "~~a~~",
            "\\",
        ] {
            assert_eq!(write(&without_marks(value), TextMarks::Asterisks), value);
        }
    }
}
