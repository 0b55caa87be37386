//! Editing and deleting messages, by their authors and where the channel supports it.

use entity::{
    conversation,
    thread_item::{self, TextFormat},
};

use super::{
    channel_capabilities, conversation_rows, direct_messages,
    message_content::{MessageFields, MessageRules},
    messages::{check_may_write, check_rate, lock_relationship},
    participants, renderings, thread_items,
};
use crate::{
    app::{App, Locked, Tx},
    attachments::attachment_rows,
    auth::viewer::Caller,
    error::{Error, Result, UserErrorCode},
    templates::{template_body, template_rows},
};

const MESSAGE: &[&str] = &["input", "messageId"];

/// Changes the text of a message of the caller. Returns the message, and true if its text or format changed. Locks
/// the relationship of a direct conversation, then the conversation. Emits `ItemChanged`. Refuses with `NOT_FOUND`,
/// `NOT_ALLOWED`, `NOT_A_PARTICIPANT`, `CONVERSATION_ENDED`, `TOO_LONG` or `INVALID`, or as [`check_template`] does.
pub async fn edit(
    app: &App,
    by: &Caller,
    id: &str,
    body: &str,
    format: TextFormat,
) -> Result<(thread_item::Model, bool)> {
    check_rate(app, by)?;
    let rendered = &renderings::prepare(body, format).await?;
    app.transaction(|tx| {
        Box::pin(async move {
            let (conversation, mut item) = lock_own_message(tx, by, id).await?;
            if item.deleted_at.is_some() {
                return Err(Error::refused(UserErrorCode::NotAllowed, MESSAGE, "The message was deleted."));
            }
            let rules = MessageRules::of(&conversation);
            let body = rules.check(body, format, MessageFields::OF_INPUT)?;
            if item.body == body && item.format == format {
                return Ok((item, false));
            }
            check_template(tx, &item, &body).await?;
            item.body = body;
            item.format = format;
            item.edited_at = Some(tx.clock().now());
            thread_items::save_changed(tx, &conversation, &item).await?;
            renderings::keep(tx, &item, rendered.as_ref()).await?;
            Ok((item, true))
        })
    })
    .await
}

/// Records that the text of a message with a template was changed. Refuses with `TEMPLATE_LOCKED` if the template is
/// locked, or with `PARAMETER_MISSING` for a text with an open parameter.
async fn check_template(tx: &Tx<'_>, item: &thread_item::Model, body: &str) -> Result<()> {
    let Some(used) = template_rows::uses(tx.db(), &[item.id]).await?.remove(&item.id) else { return Ok(()) };
    let template = template_rows::find(tx.db(), used.template_id).await?;
    if template.is_some_and(|template| template.row.locked) {
        let why = "The text of this template cannot be changed.";
        return Err(Error::refused(UserErrorCode::TemplateLocked, MessageFields::OF_INPUT.body, why));
    }
    if template_body::has_placeholder(body) {
        let why = "The text has a parameter that is not filled in.";
        return Err(Error::refused(UserErrorCode::ParameterMissing, MessageFields::OF_INPUT.body, why));
    }
    Ok(template_rows::record_edit(tx, item.id).await?)
}

/// Deletes a message of the caller. The message loses its text and its files, and keeps its place. Returns the message,
/// and true if it was not deleted before. Locks the relationship of a direct conversation, then the conversation. Emits
/// `ItemChanged`. Refuses with `NOT_FOUND`, `NOT_ALLOWED`, `NOT_A_PARTICIPANT` or `CONVERSATION_ENDED`.
pub async fn delete(app: &App, by: &Caller, id: &str) -> Result<(thread_item::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let (conversation, mut item) = lock_own_message(tx, by, id).await?;
            if item.deleted_at.is_some() {
                return Ok((item, false));
            }
            item.body.clear();
            item.format = TextFormat::Plain;
            item.deleted_at = Some(tx.clock().now());
            thread_items::save_changed(tx, &conversation, &item).await?;
            renderings::forget(tx, item.id).await?;
            attachment_rows::remove_of_item(tx, item.id).await?;
            direct_messages::withdraw_notification(tx, &conversation, &item).await?;
            Ok((item, true))
        })
    })
    .await
}

/// Locks the conversation of a message that the caller may change, and returns both. Locks the relationship of a
/// direct conversation first. Refuses if the caller is not the author or the channel has no edits.
async fn lock_own_message(
    tx: &Tx<'_>,
    by: &Caller,
    id: &str,
) -> Result<(Locked<conversation::Model>, thread_item::Model)> {
    let named = thread_items::find_message_by_id(tx.db(), by, id, MESSAGE).await?;
    let conversation = conversation_rows::find_rows(tx.db(), by, &[named.conversation_id]).await?.pop();
    let conversation = conversation.ok_or_else(|| Error::not_found(MESSAGE))?;
    let bond = lock_relationship(tx, &conversation).await?;
    let conversation = conversation_rows::lock(tx, conversation.id).await?;
    let me = participants::find_caller(tx.db(), conversation.id, by).await?;
    let Some(me) = me.filter(|me| named.author_id == Some(me.id)) else {
        return Err(Error::refused(UserErrorCode::NotAllowed, MESSAGE, "Only the author can change this message."));
    };
    if conversation.channel.is_some_and(|channel| !channel_capabilities::of(channel).edits) {
        let why = "This channel does not support changing or deleting messages.";
        return Err(Error::refused(UserErrorCode::NotAllowed, MESSAGE, why));
    }
    check_may_write(tx, &conversation, &me, bond.as_ref(), false).await?;
    let item = thread_items::reread(tx, named.id).await?;
    Ok((conversation, item))
}
