//! Blocking: ends connection, follows and requests in both directions, in one transaction, and keeps them from being
//! made again. Each side owns its block; the other is not told.

use entity::connection_request::RequestStatus;

use super::{
    connections::{Done, Outcome, USER_FIELD, cool_down, target},
    pairs::{self, State},
    requests::{self, End},
};
use crate::{app::App, auth::viewer::Viewer, error::Result};

/// Blocks a person.
pub async fn block(app: &App, by: &Viewer, user_id: &str) -> Result<Done> {
    let other = target(user_id)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
            if pair.view.mine.blocks {
                return Ok(Done { other: pair.other, request: None, outcome: Outcome::NoChange });
            }
            match (pair.view.state, pair.view.request) {
                (State::Received, Some(id)) => {
                    let until = cool_down(app, tx);
                    requests::end(tx, id, End::ClosedByRecipient(until)).await?;
                    pair.view.theirs.shadow = Some(id);
                    pair.view.theirs.cooling_until = Some(until);
                }
                (State::Sent, Some(id)) => drop(requests::end(tx, id, End::ClosedByRequester).await?),
                _ => {}
            }
            if let Some(id) = pair.view.mine.shadow_at(tx.clock().now()) {
                requests::end_shadow(tx, id, RequestStatus::Closed).await?;
            }
            pair.view.mine.shadow = None;
            pair.view.state = State::None;
            pair.view.request = None;
            pair.view.mine.follows = false;
            pair.view.theirs.follows = false;
            pair.view.mine.blocks = true;
            pair.save(tx).await?;
            Ok(Done { other: pair.other, request: None, outcome: Outcome::Applied })
        })
    })
    .await
}

/// Takes the caller's block back. Nothing that it ended comes back.
pub async fn unblock(app: &App, by: &Viewer, user_id: &str) -> Result<Done> {
    let other = target(user_id)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
            pair.view.mine.blocks = false;
            let changed = pair.save(tx).await?;
            Ok(Done { other: pair.other, request: None, outcome: Outcome::of(changed) })
        })
    })
    .await
}
