//! Queries of templates. Agents and organization keys with the scope AGENTS_READ see them.

use async_graphql::{Context, ID, InputObject, Object};
use entity::{channel::Channel, template::TemplateStage};

use super::types::{RenderedTemplate, Template, TemplateConnection};
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    contact_center::graphql::loading::may_see_agents,
    contacts::search::Search,
    conversations::{conversation_rows, message_content::MessageRules, prepared_messages},
    error::{Error, Result},
    memory_budget::LongText,
    pagination::{Page, PageArguments},
    template_library::{template_exchange, template_list::TemplateList},
    templates::{
        parameter_values::TemplateValueInput,
        rendered_template::{self, RenderingContext, TemplateDraft, TemplateFields},
    },
    users::people,
};

/// The template to fill in.
#[derive(InputObject)]
struct RenderTemplateInput {
    /// The template.
    template_id: ID,
    /// The conversation with a customer in which it is used.
    conversation_id: ID,
    /// The values of its parameters, each at most once. Missing ones stay open.
    #[graphql(default)]
    values: Vec<TemplateValueInput>,
}

/// Root queries of templates.
#[derive(Default)]
pub struct TemplatesQuery;

#[Object]
impl TemplatesQuery {
    /// The templates in use, ordered by name. Empty when the viewer is not an agent.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    #[expect(clippy::too_many_arguments, reason = "the arguments of a list in GraphQL")]
    async fn templates(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The words to find in the name, the shortcut, the category or the text. Every word must be \
                          there. Case and accents are ignored.")]
        search: Option<String>,
        #[graphql(desc = "Only templates that can be used on this channel.")] channel: Option<Channel>,
        #[graphql(desc = "Only templates of this part of a conversation.")] stage: Option<TemplateStage>,
        #[graphql(desc = "Only templates of this category, letter by letter.")] category: Option<String>,
        #[graphql(desc = "The number of templates from the start, 0 to 100; 20 without `first` and `last`.")]
        first: Option<i32>,
        #[graphql(desc = "The page begins after this cursor.")] after: Option<String>,
        #[graphql(desc = "The number of templates from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The page ends before this cursor.")] before: Option<String>,
    ) -> Result<TemplateConnection> {
        let search = Search::new(search.as_deref(), None)?;
        let list = TemplateList { search, channel, stage, category };
        let page = Page::new(PageArguments { first, after, last, before }, &list.fingerprint())?;
        if !may_see_agents(ctx).await? {
            return Ok(TemplateConnection { list: None, slice: page.slice(Vec::new()) });
        }
        let slice = list.page(ctx.app()?.db.read(), &page).await?;
        Ok(TemplateConnection { list: Some(list), slice })
    }

    /// Fills in a template for a conversation, as a message would have it. It is the text that `sendMessage` sends with
    /// the same template and values. For agents and organization keys that see the conversation. An unknown template,
    /// conversation or value is a request error.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn render_template(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The template to fill in.")] input: RenderTemplateInput,
    ) -> Result<RenderedTemplate> {
        let (app, caller) = (ctx.app()?, ctx.caller()?);
        let db = app.db.read();
        let field = conversation_rows::FIELD;
        let seen = conversation_rows::find_by_id(db, caller, &input.conversation_id, field).await?;
        let draft = TemplateDraft {
            template_id: input.template_id.0,
            version: None,
            values: input.values,
            fields: TemplateFields::OF_INPUT,
        };
        let rendered = rendered_template::render(db, RenderingContext::of(app, caller, &seen), &draft).await?;
        let (prepared, rules) = (prepared_messages::prepare(&seen, &rendered), MessageRules::of(&seen));
        let characters = prepared.text.chars().count();
        Ok(RenderedTemplate {
            version: rendered.template.text.version,
            fits: rules.character_limit.is_none_or(|limit| characters <= limit),
            character_limit: rules.shown_limit(),
            characters,
            format: prepared.format,
            text: LongText(prepared.text),
            open_parameters: rendered.open,
            template: Template(std::sync::Arc::new(rendered.template.row)),
        })
    }

    /// All templates in use as JSON, for `importTemplates` of this or another server. For supervisors and
    /// administrators.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn templates_export(&self, ctx: &Context<'_>) -> Result<LongText<String>> {
        let (app, viewer) = (ctx.app()?, ctx.viewer()?);
        let person = people::by_ids(app.db.read(), &[viewer.user]).await?.pop();
        if person.is_none_or(|person| person.role < entity::user::Role::Supervisor) {
            return Err(Error::Forbidden(Scope::Admin.name()));
        }
        template_exchange::export(app.db.read()).await.map(LongText)
    }
}
