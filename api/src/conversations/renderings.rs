//! HTML of Markdown messages. A message is rendered once, when it is written. Its HTML is stored with the version of
//! the renderer and the digest of the text. HTML of another version is replaced when a reader next asks for it.

use std::collections::HashMap;

use async_graphql::{Context, dataloader::Loader};
use entity::{
    id::ThreadItemId,
    rendering,
    thread_item::{self, TextFormat},
};
use sea_orm::{ConnectionTrait, EntityTrait as _};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::markdown;
use crate::{
    app::{App, Tx},
    auth::{
        request_context::{ContextExt as _, RequestReads},
        secret,
    },
    database::sql::Sql,
    error::{Error, Result},
    plain_text,
};

/// Maximum length of a text that is rendered on the current thread, in bytes. Rendering such a text takes less time
/// than handing it to another thread.
const SHORT: usize = 256;

/// A text and its HTML.
#[derive(Clone, Debug)]
pub struct RenderedText {
    /// The text as it is stored.
    pub text: String,
    /// Its HTML.
    pub html: String,
}

/// Renders a text before the transaction that stores it. Returns `None` if the text is not Markdown or is too long.
pub async fn prepare(body: &str, format: TextFormat) -> Result<Option<RenderedText>> {
    if format != TextFormat::Markdown || body.chars().nth(markdown::LONGEST).is_some() {
        return Ok(None);
    }
    preview(body).await.map(Some)
}

/// Renders the text of a message that is not sent yet. Refuses a text that is too long for Markdown.
pub async fn preview(body: &str) -> Result<RenderedText> {
    if body.chars().nth(markdown::LONGEST).is_some() {
        return Err(Error::invalid("body", format!("At most {} characters.", markdown::LONGEST)));
    }
    let text = plain_text::lines(body);
    let html = render(&text).await?;
    Ok(RenderedText { text, html })
}

/// Renders a text. A long text is rendered apart from the threads that serve requests.
async fn render(text: &str) -> Result<String> {
    if text.len() <= SHORT {
        return Ok(markdown::html(text));
    }
    let text = text.to_owned();
    spawn_blocking(move || markdown::html(&text)).await.map_err(Error::internal)
}

/// Stores the HTML of a message that was written or changed. Removes the HTML if the message is deleted or no longer
/// Markdown.
pub async fn keep(tx: &Tx<'_>, item: &thread_item::Model, prepared: Option<&RenderedText>) -> Result<()> {
    if item.format != TextFormat::Markdown || item.deleted_at.is_some() {
        return forget(tx, item.id).await;
    }
    let html = match prepared {
        Some(prepared) if prepared.text == item.body => prepared.html.clone(),
        _ => markdown::html(&item.body),
    };
    write(tx.db(), item, html).await
}

/// The permit for the one renewal that may run at a time.
static RENEWING: Semaphore = Semaphore::const_new(1);

/// Removes the stored HTML of a message.
pub async fn forget(tx: &Tx<'_>, id: ThreadItemId) -> Result<()> {
    rendering::Entity::delete_by_id(id).exec(tx.db()).await?;
    Ok(())
}

async fn write(db: &impl ConnectionTrait, item: &thread_item::Model, html: String) -> Result<()> {
    let mut sql = Sql::new("INSERT INTO rendering (item_id, version, digest, html) VALUES (");
    sql.bind(item.id);
    sql.push(", ");
    sql.bind(markdown::VERSION);
    sql.push(", ");
    sql.bind(secret::digest(&item.body));
    sql.push(", ");
    sql.bind(html);
    sql.push(
        ") ON CONFLICT (item_id) DO UPDATE SET version = excluded.version, digest = excluded.digest, html = excluded.html",
    );
    sql.run(db).await?;
    Ok(())
}

/// Returns the HTML of a message that the caller sees. Outdated HTML is rendered again, and the result is stored in
/// the background.
pub async fn html(ctx: &Context<'_>, item: &thread_item::Model) -> Result<String> {
    if let Some(kept) = ctx.load(RenderingOf(item.id)).await?
        && kept.version == markdown::VERSION
        && kept.digest == secret::digest(&item.body)
    {
        return Ok(kept.html);
    }
    let html = render(&item.body).await?;
    let (app, item, made) = (ctx.app()?.clone(), item.clone(), html.clone());
    // One renewal at a time: readers of many old messages must not fill the queue of writers.
    if let Ok(place) = RENEWING.try_acquire() {
        app.tasks.clone().spawn(async move {
            renew(&app, item, made).await;
            drop(place);
        });
    }
    Ok(html)
}

/// Stores renewed HTML, unless the message has changed meanwhile. A failure costs only another rendering.
async fn renew(app: &App, item: thread_item::Model, html: String) {
    let (item, html) = (&item, &html);
    let kept = app.transaction(|tx| {
        Box::pin(async move {
            // The lock prevents storing the HTML of a message that is deleted meanwhile.
            let now = tx.lock_one(thread_item::Entity::find_by_id(item.id)).await?;
            match now {
                Some(now) if now.body == item.body && now.deleted_at.is_none() => {
                    write(tx.db(), &now, html.clone()).await
                }
                _ => Ok(()),
            }
        })
    });
    if let Err(error) = kept.await {
        tracing::debug!(code = error.code(), "the HTML of a message could not be stored");
    }
}

/// The HTML that is kept of a message that the caller sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RenderingOf(pub ThreadItemId);

impl Loader<RenderingOf> for RequestReads {
    type Value = rendering::Model;
    type Error = Error;

    async fn load(&self, keys: &[RenderingOf]) -> Result<HashMap<RenderingOf, Self::Value>> {
        let ids: Vec<ThreadItemId> = keys.iter().map(|key| key.0).collect();
        let mut sql = Sql::select::<rendering::Entity>("r", "WHERE item_id IN ");
        sql.bind_list(&ids);
        let found = sql.models::<rendering::Entity>(self.app.db.read()).await?;
        Ok(found.into_iter().map(|row| (RenderingOf(row.item_id), row)).collect())
    }
}
