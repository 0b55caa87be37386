//! That somebody is writing: said in passing to those who look at the conversation now, and kept nowhere.

use entity::conversation::ConversationStatus;

use super::{participants, threads};
use crate::{app::App, auth::viewer::Caller, error::Result, events::whispers::Whisper};

/// Says that the caller begins or stops writing; whether it was said on: too many hints in a short time are let go.
pub async fn set(app: &App, by: &Caller, conversation_id: &str, typing: bool) -> Result<bool> {
    let db = app.db.read();
    let conversation = threads::named(db, by, conversation_id, threads::FIELD).await?;
    let me = participants::own(db, conversation.id, by).await?.ok_or_else(participants::takes_no_part)?;
    if conversation.status == ConversationStatus::Closed {
        return Err(threads::ended(threads::FIELD));
    }
    if me.left_at.is_some() {
        return Err(participants::takes_no_part());
    }
    if !app.throttle.whisper(me.id.0) {
        return Ok(false);
    }
    app.whisper(Whisper { about: conversation.id.0, by: me.id.0, on: typing });
    Ok(true)
}
