//! Connecting: ask, take back, accept, ignore, disconnect. Connection and follows are apart: neither makes or ends the
//! other.

use entity::{
    connection_request::{self, RequestStatus},
    id::UserId,
};

use super::{
    deeds::{Done, Outcome, USER_FIELD},
    pairs::{self, Pair, State},
    requests::{self, End},
};
use crate::{
    app::{App, Tx},
    auth::viewer::Viewer,
    conversations::direct,
    error::{Error, Result, UserErrorCode},
};

pub const REQUEST_FIELD: &[&str] = &["input", "requestId"];

/// Asks somebody to connect. Asking again changes nothing; asking who has asked connects at once.
pub async fn request(tx: &Tx<'_>, by: &Viewer, other: UserId, message: Option<&str>) -> Result<Done> {
    let message = requests::check_message(message)?;
    let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
    pair.refuse_blocker(USER_FIELD)?;
    let (request, outcome) = ask(tx, &mut pair, message).await?;
    pair.save(tx).await?;
    Ok(Done { request, ..Done::about(&pair, outcome) })
}

async fn ask(
    tx: &Tx<'_>,
    pair: &mut Pair,
    message: Option<String>,
) -> Result<(Option<connection_request::Model>, Outcome)> {
    let now = tx.clock().now();
    match (pair.view.state, pair.view.request) {
        (State::Received, Some(id)) => {
            pair.view.state = State::Connected;
            let request = requests::end(tx, pair, id, End::Accepted).await?;
            return Ok((Some(request), Outcome::ConnectedByMutualRequest));
        }
        (State::Sent | State::Connected, request) => {
            let request = match request {
                Some(id) => Some(requests::reread(tx, id).await?),
                None => None,
            };
            return Ok((request, Outcome::NoChange));
        }
        (State::None | State::Received, _) => {}
    }
    // To the one who asked it still waits, so asking again finds it waiting.
    if let Some(id) = pair.view.mine.shadow_at(now) {
        return Ok((Some(requests::reread(tx, id).await?), Outcome::NoChange));
    }
    if !pair.admits(tx, pair.other.who_may_request_connection).await? {
        let why = "This person takes no connection requests from you.";
        return Err(Error::refused(UserErrorCode::TakesNoRequests, USER_FIELD, why));
    }
    if pair.view.mine.cools_at(now) {
        let why = "You asked this person not long ago. Try again later.";
        return Err(Error::refused(UserErrorCode::CoolingDown, USER_FIELD, why));
    }
    // Who asks back no longer holds the other off.
    if let Some(id) = pair.view.theirs.shadow_at(now) {
        requests::end_shadow(tx, id, RequestStatus::Closed).await?;
    }
    pair.view.theirs.shadow = None;
    pair.view.theirs.cooling_until = None;
    pair.view.mine.shadow = None;
    pair.view.mine.cooling_until = None;
    let request = requests::create(tx, pair, message).await?;
    pair.view.state = State::Sent;
    pair.view.request = Some(request.id);
    Ok((Some(request), Outcome::Applied))
}

/// Takes a request back. Also one that was ignored or closed, which its requester sees as pending.
pub async fn withdraw(app: &App, by: &Viewer, request_id: &str) -> Result<Done> {
    app.transaction(|tx| {
        Box::pin(async move {
            let request = requests::find(tx.db(), by, request_id, REQUEST_FIELD).await?;
            if request.requester_id != by.user {
                let why = "Only the one who made a request can take it back.";
                return Err(Error::refused(UserErrorCode::NotRequester, REQUEST_FIELD, why));
            }
            let mut pair = pairs::hold(tx, by, request.recipient_id, REQUEST_FIELD).await?;
            let now = tx.clock().now();
            let (request, outcome) = if pair.view.state == State::Sent && pair.view.request == Some(request.id) {
                pair.view.state = State::None;
                pair.view.request = None;
                (requests::end(tx, &pair, request.id, End::Withdrawn).await?, Outcome::Applied)
            } else if pair.view.mine.shadow_at(now) == Some(request.id) {
                pair.view.mine.shadow = None;
                (requests::end_shadow(tx, request.id, RequestStatus::Withdrawn).await?, Outcome::Applied)
            } else {
                let request = requests::reread(tx, request.id).await?;
                if requests::status_for(&request, by.user, now) == RequestStatus::Accepted {
                    return Err(not_pending());
                }
                (request, Outcome::NoChange)
            };
            pair.save(tx).await?;
            Ok(Done { request: Some(request), ..Done::about(&pair, outcome) })
        })
    })
    .await
}

/// Accepts a request to the caller.
pub async fn accept(app: &App, by: &Viewer, request_id: &str) -> Result<Done> {
    app.transaction(|tx| {
        Box::pin(async move {
            let (request, mut pair) = received(tx, by, request_id).await?;
            let (request, outcome) = match (pair.view.state, pair.view.request) {
                (State::Received, Some(id)) if id == request.id => {
                    pair.view.state = State::Connected;
                    (requests::end(tx, &pair, id, End::Accepted).await?, Outcome::Applied)
                }
                (State::Connected, Some(id)) if id == request.id => {
                    (requests::reread(tx, id).await?, Outcome::NoChange)
                }
                _ => return Err(not_pending()),
            };
            pair.save(tx).await?;
            Ok(Done { request: Some(request), ..Done::about(&pair, outcome) })
        })
    })
    .await
}

/// Puts a request to the caller aside. The requester is not told and may not ask again until the cool-down ends.
pub async fn ignore(app: &App, by: &Viewer, request_id: &str) -> Result<Done> {
    app.transaction(|tx| {
        Box::pin(async move {
            let (request, mut pair) = received(tx, by, request_id).await?;
            let (request, outcome) = if pair.view.state == State::Received && pair.view.request == Some(request.id) {
                let until = requests::cool_down(tx);
                pair.view.state = State::None;
                pair.view.request = None;
                pair.view.theirs.shadow = Some(request.id);
                pair.view.theirs.cooling_until = Some(until);
                (requests::end(tx, &pair, request.id, End::Ignored(until)).await?, Outcome::Applied)
            } else {
                let request = requests::reread(tx, request.id).await?;
                if request.recipient_status != RequestStatus::Ignored {
                    return Err(not_pending());
                }
                (request, Outcome::NoChange)
            };
            pair.save(tx).await?;
            Ok(Done { request: Some(request), ..Done::about(&pair, outcome) })
        })
    })
    .await
}

/// Ends a connection, for both, and closes their conversation. Follows stay.
pub async fn disconnect(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<Done> {
    let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
    let connected = pair.view.state == State::Connected;
    if connected {
        pair.view.state = State::None;
        pair.view.request = None;
    }
    let changed = pair.save(tx).await?;
    if connected {
        direct::close(tx, by.user, other).await?;
    }
    Ok(Done::about(&pair, Outcome::of(changed)))
}

/// A request to the caller and its pair, held.
async fn received(tx: &Tx<'_>, by: &Viewer, request_id: &str) -> Result<(connection_request::Model, Pair)> {
    let request = requests::find(tx.db(), by, request_id, REQUEST_FIELD).await?;
    if request.recipient_id != by.user {
        let why = "Only the one who was asked can answer a request.";
        return Err(Error::refused(UserErrorCode::NotRecipient, REQUEST_FIELD, why));
    }
    let pair = pairs::hold(tx, by, request.requester_id, REQUEST_FIELD).await?;
    Ok((request, pair))
}

fn not_pending() -> Error {
    Error::refused(UserErrorCode::NotPending, REQUEST_FIELD, "The request is no longer pending.")
}
