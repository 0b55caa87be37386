//! Blocking: ends connection, conversation, follows and requests in both directions, in one transaction, and keeps them
//! from being made again. Each side owns its block; the other is not told.

use entity::{connection_request::RequestStatus, id::UserId};

use super::{
    deeds::{Done, Outcome, USER_FIELD},
    pairs::{self, State},
    requests::{self, End},
};
use crate::{app::Tx, auth::viewer::Viewer, conversations::direct, error::Result, notifications::notices};

/// Blocks a person.
pub async fn block(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<Done> {
    let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
    if pair.view.mine.blocks {
        return Ok(Done::about(&pair, Outcome::NoChange));
    }
    match (pair.view.state, pair.view.request) {
        (State::Received, Some(id)) => {
            let until = requests::cool_down(tx);
            requests::end(tx, &pair, id, End::ClosedByRecipient(until)).await?;
            pair.view.theirs.shadow = Some(id);
            pair.view.theirs.cooling_until = Some(until);
        }
        (State::Sent, Some(id)) => drop(requests::end(tx, &pair, id, End::ClosedByRequester).await?),
        _ => {}
    }
    if let Some(id) = pair.view.mine.shadow_at(tx.clock().now()) {
        requests::end_shadow(tx, id, RequestStatus::Closed).await?;
    }
    let connected = pair.view.state == State::Connected;
    pair.view.mine.shadow = None;
    pair.view.state = State::None;
    pair.view.request = None;
    pair.view.mine.follows = false;
    pair.view.theirs.follows = false;
    pair.view.mine.blocks = true;
    pair.save(tx).await?;
    if connected {
        direct::close(tx, by.user, other).await?;
    }
    // What the blocked person caused is no longer told. What the blocker caused stays with the other, who is to notice
    // nothing.
    notices::withdraw_of(tx, by.user, other).await?;
    Ok(Done::about(&pair, Outcome::Applied))
}

/// Takes the caller's block back. Nothing that it ended comes back.
pub async fn unblock(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<Done> {
    let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
    pair.view.mine.blocks = false;
    let changed = pair.save(tx).await?;
    Ok(Done::about(&pair, Outcome::of(changed)))
}
