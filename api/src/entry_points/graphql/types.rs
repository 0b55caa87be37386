//! GraphQL types of entry points.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{
    channel::Channel,
    entry_point::{self, FormField, FormFieldKind},
    id::EntryPointId,
    user::Role,
};

use super::loader::EntryPointById;
use crate::{
    attachments::{file_rules::FileRules, graphql::types::AttachmentRules},
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    conversations::message_content::MessageRules,
    error::{Error, Result},
    instant::Instant,
    pagination::list_size,
    queues::graphql::types::Queue,
    tasks::task_rows,
    users::graphql::loader::PersonById,
};

/// An address of the organization on a channel. It feeds one queue.
#[derive(Clone)]
pub struct EntryPoint(pub Arc<entry_point::Model>);

/// An address of the organization on a channel. It feeds one queue.
#[Object]
impl EntryPoint {
    /// The entry point's id, `entry_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The entry point's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The channel of the address.
    async fn channel(&self) -> Channel {
        self.0.channel
    }

    /// The address on the channel: a page, a number, a mailbox or a web site.
    async fn address(&self) -> &str {
        &self.0.address
    }

    /// The priority of the entry point's tasks, from 1, the highest, to 9. Null when none is set. Such tasks come after
    /// all others.
    async fn priority(&self) -> Option<i32> {
        (self.0.priority != task_rows::NO_PRIORITY).then(|| self.0.priority.into())
    }

    /// The maximum length of a message, in Unicode scalar values: the limit that is set, or else the channel's. Null
    /// when there is none.
    async fn character_limit(&self) -> Option<i32> {
        MessageRules::on_channel(self.0.channel, self.0.character_limit).shown_limit()
    }

    /// The files that messages may carry: the rules of the channel with the changes of the entry point.
    async fn attachment_rules(&self) -> AttachmentRules {
        FileRules::of(Some(self.0.channel), self.0.attachment_overrides.as_ref()).into()
    }

    /// The questions of the pre-chat form, in this order. WEBCHAT only.
    #[graphql(directive = list_size::apply(4))]
    async fn fields(&self) -> Vec<EntryPointField> {
        self.0.form.0.iter().map(EntryPointField::of).collect()
    }

    /// The web sites that may begin a chat, such as `https://example.com`. WEBCHAT only. Null with an error when the
    /// viewer is not an administrator. Needs the scope ADMIN.
    async fn origins(&self, ctx: &Context<'_>) -> Option<Result<Vec<String>>> {
        Some(administers(ctx).await.map(|()| self.0.origins.0.clone()))
    }

    /// True when the web site has a secret to sign the identity of its visitors. No field shows the secret. Null with
    /// an error when the viewer is not an administrator. Needs the scope ADMIN.
    async fn has_identity_secret(&self, ctx: &Context<'_>) -> Option<Result<bool>> {
        let has = self.0.identity_secret.is_some();
        Some(administers(ctx).await.map(|()| has))
    }

    /// The time since which the entry point is out of use. No conversation begins there any more, and existing ones
    /// continue. Null while it is in use.
    async fn archived_at(&self) -> Option<Instant> {
        self.0.archived_at.map(Instant)
    }

    /// The queue in which the entry point's tasks wait. Null when the viewer is not an agent. Needs the scope
    /// AGENTS_READ.
    #[graphql(guard = "Needs(Scope::AgentsRead)")]
    async fn queue(&self, ctx: &Context<'_>) -> Option<Result<Queue>> {
        Queue::find(ctx, self.0.queue_id).await.transpose()
    }
}

impl EntryPoint {
    /// Returns the entry point that a visible object refers to.
    pub async fn named(ctx: &Context<'_>, id: EntryPointId) -> Result<Option<Self>> {
        Ok(ctx.load(EntryPointById(id)).await?.map(Self))
    }
}

/// A field of the pre-chat form.
#[derive(SimpleObject)]
pub struct EntryPointField {
    /// The name by which an answer refers to the field.
    name: String,
    /// The label to show beside the field.
    label: String,
    /// The kind of answer that the field takes.
    kind: FormFieldKind,
    /// True when a chat cannot begin without an answer.
    required: bool,
    /// The options of a CHOICE. Empty for other kinds.
    options: Vec<String>,
}

impl EntryPointField {
    fn of(field: &FormField) -> Self {
        let FormField { name, label, kind, required, options } = field.clone();
        Self { name, label, kind, required, options }
    }
}

/// Fails with `FORBIDDEN` if the caller lacks the scope ADMIN, or is not an administrator now.
async fn administers(ctx: &Context<'_>) -> Result<()> {
    let refusal = || Error::Forbidden(Scope::Admin.name());
    if !ctx.caller()?.scopes().has(Scope::Admin) {
        return Err(refusal());
    }
    let person = ctx.load(PersonById(ctx.viewer()?.user)).await?;
    person.filter(|person| person.role == Role::Admin).map(drop).ok_or_else(refusal)
}
