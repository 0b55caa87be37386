//! Typing indicators: ephemeral signals to the current subscribers of a conversation, never stored.

use entity::conversation::ConversationStatus;

use super::{conversation_rows, participants};
use crate::{app::App, auth::viewer::Caller, error::Result, events::signals::Signal};

/// Signals that the caller begins or stops typing. Returns false if the signal was dropped, because the caller sent the
/// same one a moment ago or sends too many.
/// Refuses with `NOT_FOUND`, `NOT_A_PARTICIPANT` or `CONVERSATION_ENDED`.
pub async fn set(app: &App, by: &Caller, conversation_id: &str, typing: bool) -> Result<bool> {
    let db = app.db.read();
    let conversation = conversation_rows::find_by_id(db, by, conversation_id, conversation_rows::FIELD).await?;
    let me = participants::find_caller(db, conversation.id, by).await?.ok_or_else(participants::not_a_participant)?;
    if conversation.status == ConversationStatus::Closed {
        return Err(conversation_rows::conversation_ended(conversation_rows::FIELD));
    }
    if me.left_at.is_some() {
        return Err(participants::not_a_participant());
    }
    if !app.rate_limits.check_signal(me.id.0, typing) {
        return Ok(false);
    }
    app.send_signal(Signal { about: conversation.id.0, by: me.id.0, on: typing });
    Ok(true)
}
