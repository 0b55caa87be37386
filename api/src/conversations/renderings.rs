//! The HTML of Markdown messages. It is made once, when a message is written, and kept beside the message with the version
//! of the renderer and the digest of the text. What another renderer made is made anew when it is next asked for.

use async_graphql::Context;
use entity::{
    id::ThreadItemId,
    rendering,
    thread_item::{self, TextFormat},
};
use sea_orm::{ConnectionTrait, EntityTrait as _, QuerySelect as _};
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{loader::RenderingOf, markdown};
use crate::{
    app::{App, Tx},
    auth::{context::ContextExt as _, secret},
    database::sql::Sql,
    error::{Error, Result},
};

/// Texts up to this length are rendered where they are, in bytes: that takes less time than to hand them over.
const SHORT: usize = 256;

/// A text and its HTML.
#[derive(Clone, Debug)]
pub struct Rendered {
    text: String,
    html: String,
}

/// Renders a text before the transaction that writes it; nothing for a text that is not Markdown, or is too long to be taken.
pub async fn prepare(body: &str, format: TextFormat) -> Result<Option<Rendered>> {
    if format != TextFormat::Markdown || body.chars().nth(markdown::LONGEST).is_some() {
        return Ok(None);
    }
    let text = body.replace("\r\n", "\n");
    let html = render(&text).await?;
    Ok(Some(Rendered { text, html }))
}

/// Renders a text; a long one apart from the threads that serve.
async fn render(text: &str) -> Result<String> {
    if text.len() <= SHORT {
        return Ok(markdown::html(text));
    }
    let text = text.to_owned();
    spawn_blocking(move || markdown::html(&text)).await.map_err(Error::internal)
}

/// Keeps the HTML of a message that was written or changed, and removes it when the message is no longer Markdown.
pub async fn keep(tx: &Tx<'_>, item: &thread_item::Model, prepared: Option<&Rendered>) -> Result<()> {
    if item.format != TextFormat::Markdown || item.deleted_at.is_some() {
        return forget(tx, item.id).await;
    }
    let html = match prepared {
        Some(prepared) if prepared.text == item.body => prepared.html.clone(),
        _ => markdown::html(&item.body),
    };
    write(tx.db(), item, html).await
}

/// The place of the one rendering that is being kept anew.
static RENEWING: Semaphore = Semaphore::const_new(1);

/// Removes the HTML of a message.
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

/// The HTML of a message as the caller sees it.
pub async fn html(ctx: &Context<'_>, item: &thread_item::Model) -> Result<String> {
    if let Some(kept) = ctx.load(RenderingOf(item.id)).await?
        && kept.version == markdown::VERSION
        && kept.digest == secret::digest(&item.body)
    {
        return Ok(kept.html);
    }
    let html = render(&item.body).await?;
    let (app, item, made) = (ctx.app()?.clone(), item.clone(), html.clone());
    // One at a time: readers of many old messages must not fill the line of those who write.
    if let Ok(place) = RENEWING.try_acquire() {
        app.tasks.clone().spawn(async move {
            renew(&app, item, made).await;
            drop(place);
        });
    }
    Ok(html)
}

/// Keeps what was made anew, unless the message has changed meanwhile. A failure costs nothing but another rendering.
async fn renew(app: &App, item: thread_item::Model, html: String) {
    let (item, html) = (&item, &html);
    let kept = app.transaction(|tx| {
        Box::pin(async move {
            // Locked, so that what is deleted meanwhile is not kept after all.
            let now = thread_item::Entity::find_by_id(item.id).lock_exclusive().one(tx.db()).await?;
            match now {
                Some(now) if now.body == item.body && now.deleted_at.is_none() => {
                    write(tx.db(), &now, html.clone()).await
                }
                _ => Ok(()),
            }
        })
    });
    if let Err(error) = kept.await {
        tracing::debug!(code = error.code(), "a rendering was not kept");
    }
}
