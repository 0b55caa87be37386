//! A template that was filled in for a conversation. The preview and the message are made by the same function, so they
//! are equal.

use entity::{conversation, id::TemplateId, thread_item::TextFormat};
use sea_orm::ConnectionTrait;

use super::{
    parameter_values::{self, TemplateValueInput, ValueFields},
    system_values::SystemValues,
    template_body::TemplateBody,
    template_rows::{self, VersionedTemplate},
};
use crate::{
    app::App,
    auth::viewer::Caller,
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
    let agent = match within.caller {
        Caller::Person(viewer) => Some(viewer.user),
        Caller::Service(_) => None,
        Caller::Visitor(_) => return Err(Error::not_found(field)),
    };
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
    let system =
        SystemValues::read(db, within.conversation, agent, &within.config.organization_name, within.clock.now())
            .await?;
    let parameters = &template.text.parameters.0;
    let values = parameter_values::check(parameters, &draft.values, system.locale, value_fields)?;
    let body = TemplateBody::parse(&template.text.body);
    let body = body.map_err(|why| Error::internal(anyhow::anyhow!("a stored template is malformed: {why:?}")))?;
    let filled = body.fill(|name| values.get(name).cloned().or_else(|| system.get(name)));
    Ok(RenderedTemplate { text: filled.text, format: template.text.format, open: filled.open, template })
}
