//! Connections: request, withdraw, accept, ignore and disconnect. Connections and follows are independent: neither
//! creates or ends the other.

use entity::{
    connection_request::{self, RequestStatus},
    id::UserId,
};

use super::{
    actions::{ActionResult, USER_FIELD},
    pair::{self, ConnectionView, Pair},
    requests::{self, RequestEnding},
};
use crate::{
    app::{App, Tx},
    auth::viewer::Viewer,
    conversations::direct_messages,
    error::{Error, Result, UserErrorCode},
    outcome::Outcome,
};

/// The path of the input field that names the request, for refusals.
pub const REQUEST_FIELD: &[&str] = &["input", "requestId"];

/// Asks a person to connect. Locks the pair. A repeated request changes nothing. If the person has already asked the
/// caller, the two are connected at once. Refuses with INVALID, BLOCKED_BY_VIEWER, REQUESTS_DISABLED or
/// REQUEST_COOLDOWN, and as [`pair::lock`] does.
pub async fn request(tx: &Tx<'_>, by: &Viewer, other: UserId, message: Option<&str>) -> Result<ActionResult> {
    let message = requests::check_message(message)?;
    let mut pair = pair::lock(tx, by, other, USER_FIELD).await?;
    pair.refuse_blocker(USER_FIELD)?;
    let (request, outcome) = create_request(tx, &mut pair, message).await?;
    pair.save(tx).await?;
    Ok(ActionResult { request, ..ActionResult::about(&pair, outcome) })
}

async fn create_request(
    tx: &Tx<'_>,
    pair: &mut Pair,
    message: Option<String>,
) -> Result<(Option<connection_request::Model>, Outcome)> {
    let now = tx.clock().now();
    match (pair.view.state, pair.view.request) {
        (ConnectionView::Received, Some(id)) => {
            pair.view.state = ConnectionView::Connected;
            let request = requests::end(tx, pair, id, RequestEnding::Accepted).await?;
            return Ok((Some(request), Outcome::ConnectedByMutualRequest));
        }
        (ConnectionView::Sent | ConnectionView::Connected, request) => {
            let request = match request {
                Some(id) => Some(requests::reread(tx, id).await?),
                None => None,
            };
            return Ok((request, Outcome::NoChange));
        }
        (ConnectionView::None | ConnectionView::Received, _) => {}
    }
    // The requester still sees a hidden request as pending, so asking again changes nothing.
    if let Some(id) = pair.view.mine.hidden_request_at(now) {
        return Ok((Some(requests::reread(tx, id).await?), Outcome::NoChange));
    }
    if !pair.is_allowed(tx, pair.other.who_may_request_connection).await? {
        let why = "This person does not accept connection requests from you.";
        return Err(Error::refused(UserErrorCode::RequestsDisabled, USER_FIELD, why));
    }
    if let Some(until) = pair.view.mine.cooldown_until.filter(|until| *until > now) {
        let why = "You asked this person recently. Try again later.";
        return Err(Error::refused(UserErrorCode::RequestCooldown, USER_FIELD, why).with_wait_in_days(now, until));
    }
    // A person who asks lifts the cooldown that they imposed on the other.
    if let Some(id) = pair.view.theirs.hidden_request_at(now) {
        requests::end_hidden(tx, id, RequestStatus::Closed).await?;
    }
    pair.view.theirs.hidden_request = None;
    pair.view.theirs.cooldown_until = None;
    pair.view.mine.hidden_request = None;
    pair.view.mine.cooldown_until = None;
    let request = requests::create(tx, pair, message).await?;
    pair.view.state = ConnectionView::Sent;
    pair.view.request = Some(request.id);
    Ok((Some(request), Outcome::Applied))
}

/// Withdraws a request of the caller, also an ignored or closed one that the caller still sees as pending. Locks the
/// pair. Refuses with NOT_FOUND, NOT_REQUESTER, or NOT_PENDING when the request was accepted.
pub async fn withdraw(app: &App, by: &Viewer, request_id: &str) -> Result<ActionResult> {
    app.transaction(|tx| {
        Box::pin(async move {
            let request = requests::find(tx.db(), by, request_id, REQUEST_FIELD).await?;
            if request.requester_id != by.user {
                let why = "Only the requester can withdraw this request.";
                return Err(Error::refused(UserErrorCode::NotRequester, REQUEST_FIELD, why));
            }
            let mut pair = pair::lock(tx, by, request.recipient_id, REQUEST_FIELD).await?;
            let now = tx.clock().now();
            let (request, outcome) = if pair.view.state == ConnectionView::Sent && pair.view.request == Some(request.id)
            {
                pair.view.state = ConnectionView::None;
                pair.view.request = None;
                (requests::end(tx, &pair, request.id, RequestEnding::Withdrawn).await?, Outcome::Applied)
            } else if pair.view.mine.hidden_request_at(now) == Some(request.id) {
                pair.view.mine.hidden_request = None;
                (requests::end_hidden(tx, request.id, RequestStatus::Withdrawn).await?, Outcome::Applied)
            } else {
                let request = requests::reread(tx, request.id).await?;
                if requests::status_for(&request, by.user, now) == RequestStatus::Accepted {
                    return Err(not_pending());
                }
                (request, Outcome::NoChange)
            };
            pair.save(tx).await?;
            Ok(ActionResult { request: Some(request), ..ActionResult::about(&pair, outcome) })
        })
    })
    .await
}

/// Accepts a request to the caller. Locks the pair. Refuses with NOT_FOUND, NOT_RECIPIENT or NOT_PENDING.
pub async fn accept(app: &App, by: &Viewer, request_id: &str) -> Result<ActionResult> {
    app.transaction(|tx| {
        Box::pin(async move {
            let (request, mut pair) = lock_received(tx, by, request_id).await?;
            let (request, outcome) = match (pair.view.state, pair.view.request) {
                (ConnectionView::Received, Some(id)) if id == request.id => {
                    pair.view.state = ConnectionView::Connected;
                    (requests::end(tx, &pair, id, RequestEnding::Accepted).await?, Outcome::Applied)
                }
                (ConnectionView::Connected, Some(id)) if id == request.id => {
                    (requests::reread(tx, id).await?, Outcome::NoChange)
                }
                _ => return Err(not_pending()),
            };
            pair.save(tx).await?;
            Ok(ActionResult { request: Some(request), ..ActionResult::about(&pair, outcome) })
        })
    })
    .await
}

/// Ignores a request to the caller. Locks the pair. The requester gets no notice and cannot ask again until the
/// cooldown ends. Refuses with NOT_FOUND, NOT_RECIPIENT or NOT_PENDING.
pub async fn ignore(app: &App, by: &Viewer, request_id: &str) -> Result<ActionResult> {
    app.transaction(|tx| {
        Box::pin(async move {
            let (request, mut pair) = lock_received(tx, by, request_id).await?;
            let (request, outcome) =
                if pair.view.state == ConnectionView::Received && pair.view.request == Some(request.id) {
                    let until = requests::cooldown_end(tx);
                    pair.view.state = ConnectionView::None;
                    pair.view.request = None;
                    pair.view.theirs.hidden_request = Some(request.id);
                    pair.view.theirs.cooldown_until = Some(until);
                    (requests::end(tx, &pair, request.id, RequestEnding::Ignored(until)).await?, Outcome::Applied)
                } else {
                    let request = requests::reread(tx, request.id).await?;
                    if request.recipient_status != RequestStatus::Ignored {
                        return Err(not_pending());
                    }
                    (request, Outcome::NoChange)
                };
            pair.save(tx).await?;
            Ok(ActionResult { request: Some(request), ..ActionResult::about(&pair, outcome) })
        })
    })
    .await
}

/// Ends the connection of two people and closes their conversation. Locks the pair. Follows stay. Refuses as
/// [`pair::lock`] does.
pub async fn disconnect(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<ActionResult> {
    let mut pair = pair::lock(tx, by, other, USER_FIELD).await?;
    let connected = pair.view.state == ConnectionView::Connected;
    if connected {
        pair.view.state = ConnectionView::None;
        pair.view.request = None;
    }
    let changed = pair.save(tx).await?;
    if connected {
        direct_messages::close(tx, by.user, other).await?;
    }
    Ok(ActionResult::about(&pair, Outcome::of(changed)))
}

/// Returns a request to the caller with its locked pair. Refuses with NOT_FOUND or NOT_RECIPIENT.
async fn lock_received(tx: &Tx<'_>, by: &Viewer, request_id: &str) -> Result<(connection_request::Model, Pair)> {
    let request = requests::find(tx.db(), by, request_id, REQUEST_FIELD).await?;
    if request.recipient_id != by.user {
        let why = "Only the recipient can answer this request.";
        return Err(Error::refused(UserErrorCode::NotRecipient, REQUEST_FIELD, why));
    }
    let pair = pair::lock(tx, by, request.requester_id, REQUEST_FIELD).await?;
    Ok((request, pair))
}

fn not_pending() -> Error {
    Error::refused(UserErrorCode::NotPending, REQUEST_FIELD, "The request is no longer pending.")
}
