//! The results of the mutations of templates.

use std::sync::Arc;

use async_graphql::{InputObject, SimpleObject};

use super::types::Template;
use crate::{
    contact_center::graphql::payloads::{IntoNode, admin_payloads},
    error::Result,
    events::graphql::effect::Effect,
    template_library::template_exchange::Imported,
    templates::template_rows::VersionedTemplate,
};

admin_payloads! {
    CreateTemplatePayload "createTemplate" template: Template, "The template";
    UpdateTemplatePayload "updateTemplate" template: Template, "The template";
    ArchiveTemplatePayload "archiveTemplate" template: Template, "The template";
}

impl IntoNode for VersionedTemplate {
    type Node = Template;
    fn into_node(self) -> Template {
        Template(Arc::new(self.row))
    }
}

/// The templates to import.
#[derive(InputObject)]
pub struct ImportTemplatesInput {
    /// The text of a file as `templatesExport` returns it, with at most 2,000 templates, each name once. A template in
    /// use with the same name is changed. Nothing is archived. A text that is longer than a request can be imported in
    /// parts.
    pub json: String,
}

/// The result of `importTemplates`.
#[derive(SimpleObject)]
pub struct ImportTemplatesPayload {
    /// The number of created templates.
    created: i32,
    /// The number of changed templates.
    changed: i32,
    /// The number of templates that were in use without a difference.
    unchanged: i32,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

impl ImportTemplatesPayload {
    /// Returns the payload for the outcome of the call. Refusals become `userErrors`.
    pub fn of(imported: Result<Imported>) -> Result<Self> {
        let outcome = imported.map(|imported| (imported, imported.created + imported.changed > 0));
        let (imported, effect) = Effect::split(outcome)?;
        let Imported { created, changed, unchanged } = imported.unwrap_or_default();
        Ok(Self { created, changed, unchanged, effect })
    }
}
