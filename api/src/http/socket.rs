//! The protocol graphql-transport-ws. One task for each socket reads, runs the operations and writes. A socket that
//! cannot write in time is closed, and the client resumes with its cursor. No buffer grows without bound.

use std::{
    future::ready,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use async_graphql::parser::types::OperationType;
use axum::{
    extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use futures_channel::mpsc;
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use serde::Deserialize;
use serde_json::{json, value::RawValue};
use tokio::{
    task::AbortHandle,
    time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout},
};
use tokio_stream::StreamMap;

use super::{
    answer_bodies::write_body,
    client_ip::{self, Peer},
    closes::{
        CloseReason, FORBIDDEN, INIT_TIMEOUT, MALFORMED, NO_PROTOCOL, RESTART, SECOND_INIT, SLOW, TOO_LONG,
        TOO_MANY_SOCKETS, TRY_LATER, UNAUTHORIZED, UNWRITABLE, broken,
    },
    executor::{ExecutedResponse, Executor, Operation, RequestOrigin, is_request_error},
    failure_responses::refusal,
    params::{self, InvalidRequest},
};
use crate::{
    auth::{request_context::Origin, revocation::RevocationWatch, viewer::Caller},
    error::Error,
    quotas::{QuotaPermit, Resource},
    rate_limit::LimitSubject,
};

const PROTOCOL: &str = "graphql-transport-ws";
const INIT_WITHIN: Duration = Duration::from_secs(10);
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// The time that the close frame may wait for a client that has not read the frames before it.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// The time that a client has to answer the close frame.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// The answers of one operation that may wait for the socket, beside the one that its task is sending.
const WAITING_ANSWERS: usize = 1;
const MAX_OPERATIONS: usize = 32;
/// A message may exceed the limit by this factor and still be read, up to its end. Unread bytes would reset the
/// connection, and the close frame with the reason would be lost.
const READ_TO_REFUSE: usize = 4;
/// Small, because there are many sockets and most are idle.
const BUFFER: usize = 256;

/// A message of the client. The code checks which parts belong to which type, because serde cannot borrow the payload
/// of a tagged enum.
#[derive(Deserialize)]
struct ClientMessage<'a> {
    #[serde(rename = "type")]
    kind: String,
    id: Option<String>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

#[derive(Deserialize, Default)]
struct InitPayload {
    #[serde(alias = "Authorization")]
    authorization: Option<String>,
}

/// The answers of an operation, and the task that produces them. The task is separate from the task of the socket, so
/// that a slow reader does not block a database connection that an operation uses.
struct RunningOperation {
    /// `None` marks the end. Boxed, because a channel always has room for one.
    answers: mpsc::Receiver<Option<Box<ExecutedResponse>>>,
    /// Aborts the task when the operation ends. A mutation has none, because it runs to completion.
    _ended: Option<AbortOnDrop>,
    /// The quota share of a subscription.
    _place: Option<QuotaPermit>,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl RunningOperation {
    fn start(executor: &Arc<Executor>, operation: Operation, place: Option<QuotaPermit>, mutations: &Arc<()>) -> Self {
        // The channel of `futures`, because the channel of tokio takes four times the memory even when idle.
        let (mut sender, answers) = mpsc::channel(WAITING_ANSWERS);
        let mutation = (operation.kind == OperationType::Mutation).then(|| Arc::clone(mutations));
        let mutates = mutation.is_some();
        let mut stream = Box::pin(executor.stream(operation));
        let task = tokio::spawn(async move {
            while let Some(answer) = stream.next().await {
                if sender.send(Some(Box::new(answer))).await.is_err() {
                    return;
                }
            }
            // A send fails only when no receiver is left.
            drop(sender.send(None).await);
            drop(mutation);
        });
        let ended = (!mutates).then(|| AbortOnDrop(task.abort_handle()));
        Self { answers, _ended: ended, _place: place }
    }
}

impl Stream for RunningOperation {
    type Item = Option<Box<ExecutedResponse>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.answers.poll_next_unpin(cx)
    }
}

/// Opens a socket if the page of the request may call.
pub async fn open(executor: Arc<Executor>, upgrade: WebSocketUpgrade, parts: &Parts) -> Response {
    let headers = &parts.headers;
    let origin = client_ip::origin(executor.app(), parts);
    // Programs have no site.
    if let Some(site) = &origin.site
        && !executor.sites.may_call(site).await
    {
        return (StatusCode::FORBIDDEN, "This origin may not open sockets.\n").into_response();
    }
    let opening =
        origin.address.map(|address| executor.app().quotas.take(LimitSubject::Address(address), Resource::Opening, 1));
    let Ok(opening) = opening.transpose() else {
        let later = [(header::RETRY_AFTER, HeaderValue::from_static("1"))];
        return (StatusCode::TOO_MANY_REQUESTS, later, "Too many sockets are being opened.\n").into_response();
    };
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let peer = parts.extensions.get::<Peer>().cloned();
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(READ_TO_REFUSE * executor.app().config.limits.body_bytes)
        .max_frame_size(READ_TO_REFUSE * executor.app().config.limits.body_bytes)
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .on_upgrade(move |socket| {
            let tasks = executor.app().tasks.clone();
            let mut session = Session {
                executor,
                socket,
                authorization,
                origin,
                _peer: peer,
                caller: None,
                acknowledged: false,
                place: opening,
                operations: StreamMap::new(),
                mutations: Arc::default(),
            };
            // A new task, because the task that waited for the upgrade has room for much that is no longer needed.
            tasks.spawn(async move { session.serve().await });
            ready(())
        })
}

struct Session {
    executor: Arc<Executor>,
    socket: WebSocket,
    authorization: Option<String>,
    origin: Origin,
    /// The slot of the connection, until the session ends.
    _peer: Option<Peer>,
    caller: Option<(Caller, RevocationWatch)>,
    acknowledged: bool,
    /// The quota share among the sockets of the caller. Before the caller is known, the share among the opening
    /// sockets of the address.
    place: Option<QuotaPermit>,
    operations: StreamMap<String, RunningOperation>,
    /// One clone for every running mutation, including those that the client has completed.
    mutations: Arc<()>,
}

/// An idle socket waits in `run`. Rare work is boxed there to keep the future small.
impl Session {
    async fn serve(&mut self) {
        let open = self.executor.metrics.sockets.clone();
        open.inc();
        let ended = self.run().await;
        // The shares are free at once, not only when the client has answered the last frame.
        self.operations.clear();
        self.place = None;
        if let Err(close) = ended {
            Box::pin(self.close(close)).await;
        }
        open.dec();
    }

    async fn close(&mut self, CloseReason(code, reason): CloseReason) {
        let frame = CloseFrame { code, reason: reason.into() };
        // A client that is gone does not receive it.
        if let Ok(Ok(())) = timeout(CLOSE_WITHIN, self.socket.send(Message::Close(Some(frame)))).await {
            // Closing with unread bytes would reset the connection and lose the frame.
            self.part().await;
        }
    }

    /// Answers the client's close frame with a close frame (RFC 6455, section 5.5.1). The library sends it with the
    /// next read, which then finds the end.
    async fn part(&mut self) {
        let ended = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        drop(timeout(ANSWER_WITHIN, ended).await);
    }

    /// Runs until the client leaves (`Ok`) or the socket must be closed.
    async fn run(&mut self) -> Result<(), CloseReason> {
        if self.socket.protocol().is_none_or(|protocol| protocol != PROTOCOL) {
            return Err(NO_PROTOCOL);
        }
        let shutdown = self.executor.app().shutdown.clone();
        let init_deadline = Instant::now() + INIT_WITHIN;
        let every = self.executor.app().config.connections.ping_every;
        let mut pings = interval_at(Instant::now() + every, every);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard = true;
        let longest = self.executor.app().config.limits.body_bytes;
        loop {
            let clock = &self.executor.app().clock;
            let ended = async {
                if let Some((caller, watch)) = &self.caller {
                    watch.ended_or_expired(caller, clock).await;
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Err(RESTART),
                () = sleep_until(init_deadline), if !self.acknowledged => return Err(INIT_TIMEOUT),
                () = ended, if self.caller.is_some() => return Err(FORBIDDEN),
                message = self.socket.recv() => {
                    heard = true;
                    match message {
                        None => return Ok(()),
                        Some(Err(error)) => return broken(error).map_or(Ok(()), Err),
                        Some(Ok(Message::Close(_))) => {
                            Box::pin(self.part()).await;
                            return Ok(());
                        }
                        Some(Ok(Message::Text(text))) if text.len() > longest => return Err(TOO_LONG),
                        Some(Ok(Message::Text(text))) => Box::pin(self.hear(text.as_str())).await?,
                        Some(Ok(Message::Binary(_))) => return Err(MALFORMED),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    }
                }
                Some((id, answer)) = self.operations.next(), if !self.operations.is_empty() => {
                    Box::pin(self.deliver(id, answer)).await?;
                }
                _ = pings.tick() => {
                    if !heard {
                        return Ok(());
                    }
                    heard = false;
                    Box::pin(self.send(Message::Ping(bytes::Bytes::new()))).await?;
                }
            }
        }
    }

    async fn hear(&mut self, text: &str) -> Result<(), CloseReason> {
        let Ok(said) = serde_json::from_str::<ClientMessage<'_>>(text) else { return Err(MALFORMED) };
        match (said.kind.as_str(), said.id, said.payload) {
            ("connection_init", None, payload) => self.init(payload).await,
            ("ping", None, None) => self.say(json!({ "type": "pong" }).to_string()).await,
            // The protocol leaves the payload of a pong open. Clients use it to match the ping.
            ("ping", None, Some(payload)) => self.say(format!(r#"{{"type":"pong","payload":{payload}}}"#)).await,
            ("pong", None, _) => Ok(()),
            ("complete", Some(id), None) => {
                self.operations.remove(&id);
                Ok(())
            }
            ("subscribe", Some(id), Some(payload)) => self.subscribe(id, payload).await,
            _ => Err(MALFORMED),
        }
    }

    async fn init(&mut self, payload: Option<&RawValue>) -> Result<(), CloseReason> {
        if self.acknowledged {
            return Err(SECOND_INIT);
        }
        let payload = payload.map(|payload| serde_json::from_str::<Option<InitPayload>>(payload.get()));
        let payload = payload.transpose().map_err(|_| MALFORMED)?.flatten().unwrap_or_default();
        let given = payload.authorization.filter(|text| !text.trim().is_empty());
        let authorization = given.or(self.authorization.take());
        self.caller =
            match self.executor.authenticator.watched(authorization.as_deref(), self.origin.site.as_ref()).await {
                Ok(caller) => caller,
                Err(Error::Unavailable(_)) => return Err(TRY_LATER),
                Err(_) => return Err(FORBIDDEN),
            };
        let place = self
            .request_origin()
            .limit_subject()
            .map(|payer| self.executor.app().quotas.take(payer, Resource::Socket, 1));
        self.place = place.transpose().map_err(|_| TOO_MANY_SOCKETS)?;
        self.acknowledged = true;
        self.say(json!({ "type": "connection_ack" }).to_string()).await
    }

    async fn subscribe(&mut self, id: String, payload: &RawValue) -> Result<(), CloseReason> {
        if !self.acknowledged {
            return Err(UNAUTHORIZED);
        }
        if self.operations.contains_key(&id) {
            return Err(CloseReason(4409, "Subscriber already exists"));
        }
        let raw = match params::read(payload.get().as_bytes()) {
            Ok(raw) => raw,
            Err(InvalidRequest::Malformed) => return Err(MALFORMED),
            Err(unread) => return self.refuse(&id, &unread.answer()).await,
        };
        if self.operations.len().max(Arc::strong_count(&self.mutations) - 1) >= MAX_OPERATIONS {
            let answer = refusal("Too many operations on this socket.", "LIMIT_EXCEEDED");
            return self.refuse(&id, &answer).await;
        }
        let asker = self.request_origin();
        let payer = asker.limit_subject();
        let operation = match self.executor.prepare_raw(raw, asker).await {
            Ok(operation) => operation,
            Err(answer) => return self.refuse(&id, &answer).await,
        };
        let lasting = payer.filter(|_| operation.kind == OperationType::Subscription);
        let place = lasting.map(|payer| self.executor.app().quotas.take(payer, Resource::Subscription, 1));
        let Ok(place) = place.transpose() else {
            let answer = refusal("You have too many open subscriptions.", "LIMIT_EXCEEDED");
            return self.refuse(&id, &answer).await;
        };
        self.operations.insert(id, RunningOperation::start(&self.executor, operation, place, &self.mutations));
        Ok(())
    }

    fn request_origin(&self) -> RequestOrigin {
        let caller = self.caller.as_ref().map(|(caller, _)| *caller);
        RequestOrigin { caller, origin: self.origin.clone() }
    }

    async fn deliver(&mut self, id: String, answered: Option<Box<ExecutedResponse>>) -> Result<(), CloseReason> {
        let Some(answered) = answered else {
            self.operations.remove(&id);
            return self.say(json!({ "type": "complete", "id": id }).to_string()).await;
        };
        let ExecutedResponse { answer, reserved: _reserved } = *answered;
        if is_request_error(&answer) {
            self.operations.remove(&id);
            return self.refuse(&id, &answer).await;
        }
        let id = serde_json::Value::String(id);
        // Written in place, so that only one copy of the text exists.
        let mut text = format!(r#"{{"type":"next","id":{id},"payload":"#).into_bytes();
        let written = write_body(&mut text, &answer).map_err(|_| UNWRITABLE);
        drop(answer);
        written?;
        text.push(b'}');
        self.say(String::from_utf8(text).map_err(|_| UNWRITABLE)?).await
    }

    /// Sends the one `error` message of an operation that did not run.
    async fn refuse(&mut self, id: &str, answer: &async_graphql::Response) -> Result<(), CloseReason> {
        self.say(json!({ "type": "error", "id": id, "payload": answer.errors }).to_string()).await
    }

    async fn say(&mut self, text: String) -> Result<(), CloseReason> {
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), CloseReason> {
        match timeout(SEND_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            // The next read reports that the client is gone.
            Ok(Err(_)) => Ok(()),
            Err(_) => {
                self.executor.metrics.slow_reader();
                Err(SLOW)
            }
        }
    }
}
