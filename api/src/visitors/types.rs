//! Web chats as visitors see them before they begin.

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::entry_point::{self, FormFieldKind};

use crate::{
    agents::{hours, queues},
    auth::context::ContextExt,
    error::Result,
};

/// A web site's door to the organisation, as everybody may see it.
pub struct WebChat(pub entry_point::Model);

/// A web site's door to the organisation, as everybody may see it.
#[Object]
impl WebChat {
    /// The id of the entry point, `entry_…`.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// What a visitor is asked for before a chat begins, in this order.
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

    /// Whether somebody serves it at this time. A chat can be begun at any time; what is written then waits.
    async fn open(&self, ctx: &Context<'_>) -> Result<bool> {
        let app = ctx.app()?;
        let queue = queues::known(app.db.read(), self.0.queue_id).await?;
        Ok(hours::is_open(queue.hours.as_ref(), app.clock.now()))
    }
}

/// A field of the form before a chat.
#[derive(SimpleObject)]
struct WebChatField {
    /// By this an answer names it.
    name: String,
    /// What to show beside it.
    label: String,
    /// What it takes.
    kind: FormFieldKind,
    /// Whether a chat begins only with an answer.
    required: bool,
    /// Of a CHOICE, what can be chosen; else nothing.
    options: Vec<String>,
}
