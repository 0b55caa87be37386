//! The mutations of templates, for supervisors and administrators.

use async_graphql::{Context, Object};

use super::payloads::{
    ArchiveTemplatePayload, CreateTemplatePayload, ImportTemplatesInput, ImportTemplatesPayload, UpdateTemplatePayload,
};
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    contact_center::{admin_change::Created, graphql::payloads::admin_actor},
    error::Result,
    template_library::{
        template_admin::{self, ArchiveTemplateInput, CreateTemplateInput, UpdateTemplateInput},
        template_exchange,
    },
};

/// Root mutations of templates.
#[derive(Default)]
pub struct TemplatesMutation;

#[Object]
impl TemplatesMutation {
    /// Creates a template. For supervisors and administrators. Refuses with REQUIRED, INVALID, TOO_LONG, DUPLICATE when
    /// a template in use has the name or the shortcut, LIMIT_REACHED when 2,000 are in use, FORMAT_NOT_SUPPORTED,
    /// IDEMPOTENCY_KEY_REUSED, or NOT_ALLOWED when the viewer is not a supervisor.
    #[graphql(guard = "Needs(Scope::AgentsWrite)")]
    async fn create_template(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The template to create.")] input: CreateTemplateInput,
    ) -> Result<CreateTemplatePayload> {
        let made = template_admin::create(ctx.app()?, admin_actor(ctx)?, &input).await;
        CreateTemplatePayload::of(made.map(Created::into_change))
    }

    /// Changes a template. Messages keep the text that was sent. For supervisors and administrators; what an
    /// administrator made, only administrators change. Idempotent. Refuses as `createTemplate` does, and with NOT_FOUND
    /// or ARCHIVED.
    #[graphql(guard = "Needs(Scope::AgentsWrite)")]
    async fn update_template(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The template and its changes.")] input: UpdateTemplateInput,
    ) -> Result<UpdateTemplatePayload> {
        UpdateTemplatePayload::of(template_admin::update(ctx.app()?, admin_actor(ctx)?, &input).await)
    }

    /// Archives a template for ever. It can no longer be used, and messages keep what was sent with it. For supervisors
    /// and administrators; what an administrator made, only administrators archive. Idempotent. Refuses with NOT_FOUND
    /// or NOT_ALLOWED.
    #[graphql(guard = "Needs(Scope::AgentsWrite)")]
    async fn archive_template(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The template to archive.")] input: ArchiveTemplateInput,
    ) -> Result<ArchiveTemplatePayload> {
        ArchiveTemplatePayload::of(template_admin::archive(ctx.app()?, admin_actor(ctx)?, &input).await)
    }

    /// Imports templates from JSON: creates new ones, and changes those in use with the same name. All of them or none.
    /// For supervisors and administrators. Idempotent. Refuses as `createTemplate` and `updateTemplate` do; `message`
    /// names the template.
    #[graphql(guard = "Needs(Scope::AgentsWrite)")]
    async fn import_templates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The templates to import.")] input: ImportTemplatesInput,
    ) -> Result<ImportTemplatesPayload> {
        ImportTemplatesPayload::of(template_exchange::import(ctx.app()?, admin_actor(ctx)?, &input.json).await)
    }
}
