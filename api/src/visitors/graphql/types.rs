//! GraphQL types of web chats, as visitors see them before a chat begins.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{
    entry_point::{self, FormFieldKind},
    id::{EntryPointId, WebChatId},
};

use crate::{
    auth::request_context::ContextExt as _,
    conversations::message_content::MessageRules,
    entry_points::{allowed_origins, graphql::loader::EntryPointById},
    error::Result,
    pagination::list_size,
    queues::{opening_hours, queue_rows},
};

/// A web site's entry point, as everyone may see it.
pub struct WebChat(pub Arc<entry_point::Model>);

impl WebChat {
    /// Returns the web chat of an entry point, if the page of the call may show it.
    pub async fn find(ctx: &Context<'_>, id: EntryPointId) -> Result<Option<Self>> {
        let site = ctx.origin()?.site.as_ref();
        let row = ctx.load(EntryPointById(id)).await?;
        Ok(row.filter(|row| row.archived_at.is_none() && allowed_origins::is_allowed(row, site)).map(Self))
    }
}

/// A web site's entry point, as everyone may see it.
#[Object]
impl WebChat {
    /// The id of the web chat, `webchat_…`.
    pub async fn id(&self) -> ID {
        WebChatId(self.0.id.0).into()
    }

    /// The id of the entry point, `entry_…`, with which `startWebChat` begins a chat.
    async fn entry_point_id(&self) -> ID {
        self.0.id.into()
    }

    /// The name of the entry point.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The fields of the pre-chat form, in this order.
    #[graphql(directive = list_size::apply(4))]
    async fn fields(&self) -> Vec<WebChatField> {
        let fields = self.0.form.0.iter();
        let field = |field: &entry_point::FormField| WebChatField {
            name: field.name.clone(),
            label: field.label.clone(),
            kind: field.kind,
            required: field.required,
            options: if field.kind == FormFieldKind::Choice { field.options.clone() } else { vec![] },
        };
        fields.map(field).collect()
    }

    /// The maximum length of a message in a chat that begins now, in Unicode scalar values. Null if there is none.
    async fn character_limit(&self) -> Option<i32> {
        MessageRules::on_channel(self.0.channel, self.0.character_limit).shown_limit()
    }

    /// True if the queue's opening hours include the present time. A chat can begin at any time. Messages outside of
    /// the opening hours wait.
    async fn open_now(&self, ctx: &Context<'_>) -> Result<bool> {
        let app = ctx.app()?;
        let queue = queue_rows::require(app.db.read(), self.0.queue_id).await?;
        Ok(opening_hours::is_open(queue.hours.as_ref(), app.clock.now()))
    }
}

/// A field of the pre-chat form.
#[derive(SimpleObject)]
struct WebChatField {
    /// The name by which an answer refers to the field.
    name: String,
    /// The text to show beside the field.
    label: String,
    /// The kind of answer that the field takes.
    kind: FormFieldKind,
    /// True if a chat can begin only with an answer.
    required: bool,
    /// The options of a CHOICE. Empty for other kinds.
    options: Vec<String>,
}
