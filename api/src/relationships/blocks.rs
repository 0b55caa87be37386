//! Blocks. A block ends connection, conversation, follows and requests in both directions in one transaction, and
//! prevents new ones. Each side owns its block. The blocked person gets no notice.

use entity::{connection_request::RequestStatus, id::UserId};

use super::{
    actions::{ActionResult, USER_FIELD},
    pair::{self, ConnectionView},
    requests::{self, RequestEnding},
};
use crate::{
    app::Tx, auth::viewer::Viewer, conversations::direct_messages, error::Result, notifications::notification_rows,
    outcome::Outcome,
};

/// Blocks a person. Locks the pair. Closes the conversation of connected people and withdraws the notifications that
/// the blocked person caused. Refuses as [`pair::lock`] does.
pub async fn block(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<ActionResult> {
    let mut pair = pair::lock(tx, by, other, USER_FIELD).await?;
    if pair.view.mine.blocks {
        return Ok(ActionResult::about(&pair, Outcome::NoChange));
    }
    match (pair.view.state, pair.view.request) {
        (ConnectionView::Received, Some(id)) => {
            let until = requests::cooldown_end(tx);
            requests::end(tx, &pair, id, RequestEnding::ClosedByRecipient(until)).await?;
            pair.view.theirs.hidden_request = Some(id);
            pair.view.theirs.cooldown_until = Some(until);
        }
        (ConnectionView::Sent, Some(id)) => drop(requests::end(tx, &pair, id, RequestEnding::ClosedByRequester).await?),
        _ => {}
    }
    if let Some(id) = pair.view.mine.hidden_request_at(tx.clock().now()) {
        requests::end_hidden(tx, id, RequestStatus::Closed).await?;
    }
    let connected = pair.view.state == ConnectionView::Connected;
    pair.view.mine.hidden_request = None;
    pair.view.state = ConnectionView::None;
    pair.view.request = None;
    pair.view.mine.follows = false;
    pair.view.theirs.follows = false;
    pair.view.mine.blocks = true;
    pair.save(tx).await?;
    if connected {
        direct_messages::close(tx, by.user, other).await?;
    }
    // Notifications that the blocked person caused are withdrawn. Those that the blocker caused stay, so that the
    // blocked person notices nothing.
    notification_rows::withdraw_of(tx, by.user, other).await?;
    Ok(ActionResult::about(&pair, Outcome::Applied))
}

/// Ends the caller's block. The connection, follows and requests that it ended stay ended. Locks the pair. Refuses as
/// [`pair::lock`] does.
pub async fn unblock(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<ActionResult> {
    let mut pair = pair::lock(tx, by, other, USER_FIELD).await?;
    pair.view.mine.blocks = false;
    let changed = pair.save(tx).await?;
    Ok(ActionResult::about(&pair, Outcome::of(changed)))
}
