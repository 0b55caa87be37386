//! GraphQL types of templates.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{
    channel::Channel,
    id::TemplateId,
    template::{self, TemplateStage},
    template_use,
    template_version::{self, ParameterKind},
    thread_item::TextFormat,
};

use super::loader::{TemplateById, TextOf};
use crate::{
    auth::request_context::ContextExt as _,
    error::{Error, Result},
    instant::Instant,
    memory_budget::LongText,
    pagination::{PageInfo, PageSlice, list_size},
    template_library::template_list::TemplateList,
};

/// A prepared text for messages to customers.
#[derive(Clone)]
pub struct Template(pub Arc<template::Model>);

impl Template {
    /// Returns a template by id, if the viewer may see templates.
    pub async fn find(ctx: &Context<'_>, id: TemplateId) -> Result<Option<Self>> {
        Ok(ctx.load(TemplateById(id)).await?.map(Self))
    }

    async fn text(&self, ctx: &Context<'_>) -> Result<Arc<template_version::Model>> {
        let text = ctx.load(TextOf(self.0.id, self.0.version)).await?;
        text.ok_or_else(|| Error::internal(anyhow::anyhow!("a template has no text")))
    }
}

/// A prepared text for messages to customers.
#[Object]
impl Template {
    /// The template's id, `template_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The template's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The word by which agents find it. Null if there is none.
    async fn shortcut(&self) -> Option<&str> {
        self.0.shortcut.as_deref()
    }

    /// The group of the template. Null if there is none.
    async fn category(&self) -> Option<&str> {
        self.0.category.as_deref()
    }

    /// The channels on which it can be used. Empty for all.
    async fn channels(&self) -> &[Channel] {
        &self.0.channels.0
    }

    /// The part of a conversation in which it is used. Null for any.
    async fn stage(&self) -> Option<TemplateStage> {
        self.0.stage
    }

    /// True if agents cannot change its text, only fill in its parameters.
    async fn locked(&self) -> bool {
        self.0.locked
    }

    /// True if only administrators can change it, because one of them made it.
    async fn administrators_only(&self) -> bool {
        self.0.by_administrator
    }

    /// The number of the present text, counted from 1.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// The text with its parameters in double braces.
    async fn body(&self, ctx: &Context<'_>) -> Result<LongText<String>> {
        Ok(LongText(self.text(ctx).await?.body.clone()))
    }

    /// The format of the text.
    async fn format(&self, ctx: &Context<'_>) -> Result<TextFormat> {
        Ok(self.text(ctx).await?.format)
    }

    /// The parameters that the agent fills in, in their order.
    #[graphql(directive = list_size::apply(4))]
    async fn parameters(&self, ctx: &Context<'_>) -> Result<Vec<TemplateParameter>> {
        Ok(self.text(ctx).await?.parameters.0.iter().map(TemplateParameter::of).collect())
    }

    /// The time at which it was made.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }

    /// The time of its last change.
    async fn updated_at(&self) -> Instant {
        Instant(self.0.updated_at)
    }

    /// The time since which it can no longer be used. Null while it can.
    async fn archived_at(&self) -> Option<Instant> {
        self.0.archived_at.map(Instant)
    }
}

/// A parameter of a template that the agent fills in.
#[derive(SimpleObject)]
pub struct TemplateParameter {
    /// The name in the text.
    name: String,
    /// The question to the agent.
    label: String,
    /// The kind of value.
    kind: ParameterKind,
    /// True if a message needs a value, unless the text has one for a missing value.
    required: bool,
    /// The possible values of a CHOICE. Empty for other kinds.
    options: Vec<String>,
    /// An example of a value. Null if there is none.
    example: Option<String>,
}

impl TemplateParameter {
    fn of(row: &template_version::TemplateParameter) -> Self {
        let template_version::TemplateParameter { name, label, kind, required, options, example } = row.clone();
        Self { name, label, kind, required, options, example }
    }
}

/// The template that a message was written with.
pub struct TemplateUse(pub template_use::Model);

/// The template that a message was written with.
#[Object]
impl TemplateUse {
    /// The template as it is now. Null if the viewer may not see templates.
    async fn template(&self, ctx: &Context<'_>) -> Option<Result<Template>> {
        Template::find(ctx, self.0.template_id).await.transpose()
    }

    /// The number of the text that was used.
    async fn version(&self) -> i32 {
        self.0.version
    }

    /// The text that was used, with its parameters in double braces.
    async fn body(&self, ctx: &Context<'_>) -> Result<LongText<String>> {
        let text = ctx.load(TextOf(self.0.template_id, self.0.version)).await?;
        let text = text.ok_or_else(|| Error::internal(anyhow::anyhow!("a used text is gone")))?;
        Ok(LongText(text.body.clone()))
    }

    /// True if the agent changed the text, before or after it was sent.
    async fn edited(&self) -> bool {
        self.0.edited
    }
}

/// A template that was filled in for a conversation, as a message would have it.
#[derive(SimpleObject)]
pub struct RenderedTemplate {
    /// The template.
    pub template: Template,
    /// The number of the text. Send it along, so that a message is refused if the template changes meanwhile.
    pub version: i32,
    /// The text with the values. Parameters without a value stand in it in double braces.
    pub text: LongText<String>,
    /// The format of the text. PLAIN on a channel without rich text.
    pub format: TextFormat,
    /// The names of the parameters that have no value, each once. A message is refused while there are any.
    pub open_parameters: Vec<String>,
    /// The length that counts towards the limit, in Unicode scalar values.
    pub characters: usize,
    /// The limit of the conversation, in Unicode scalar values. Null if there is none.
    pub character_limit: Option<i32>,
    /// True if the text is within the limit.
    pub fits: bool,
}

/// A page of templates, ordered by name.
pub struct TemplateConnection {
    /// The list. None for a viewer who sees no templates.
    pub list: Option<TemplateList>,
    /// The rows of the page.
    pub slice: PageSlice<template::Model>,
}

/// A page of templates, ordered by name.
#[Object]
impl TemplateConnection {
    /// The templates with their cursors.
    async fn edges(&self) -> Vec<TemplateEdge> {
        let edge = |row: &template::Model| TemplateEdge {
            cursor: self.slice.cursor(&TemplateList::position(row)),
            node: Template(Arc::new(row.clone())),
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The templates of the page, without cursors.
    async fn nodes(&self) -> Vec<Template> {
        self.slice.items.iter().map(|row| Template(Arc::new(row.clone()))).collect()
    }

    /// The position of the page in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(TemplateList::position)
    }

    /// The number of all templates in the list. They are counted when the field is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        match &self.list {
            Some(list) => Ok(list.count(ctx.app()?.db.read()).await?),
            None => Ok(0),
        }
    }
}

/// A template in a page.
#[derive(SimpleObject)]
pub struct TemplateEdge {
    /// The position of the template in the list.
    pub cursor: String,
    /// The template at this position.
    pub node: Template,
}
