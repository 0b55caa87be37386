//! graphql-transport-ws. One task per socket does all of it: reads, runs the operations, writes. What cannot be written
//! in time closes the socket, and the client resumes by its cursor; nothing is buffered without bound.

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
    closes::{
        Close, FORBIDDEN, INIT_TIMEOUT, MALFORMED, NO_PROTOCOL, RESTART, SECOND_INIT, SLOW, TOO_LONG, TOO_MANY_SOCKETS,
        TRY_LATER, UNAUTHORIZED, UNWRITABLE, broken,
    },
    execution::{Answered, Asker, Executor, Operation, is_request_error, refusal},
    graphql::write_body,
    params::{self, Unread},
    peer::{self, Peer},
};
use crate::{
    auth::{context::Origin, rights::Watch, viewer::Caller},
    error::Error,
    shares::{Resource, Share},
    throttle::Payer,
};

const PROTOCOL: &str = "graphql-transport-ws";
const INIT_WITHIN: Duration = Duration::from_secs(10);
const SEND_WITHIN: Duration = Duration::from_secs(10);
/// How long the frame that says why may wait for a client that has not read what stands before it.
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// How long a client may take to answer that frame.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Answers of one operation that may wait for the socket, beside the one that its task holds out.
const WAITING_ANSWERS: usize = 1;
const MAX_OPERATIONS: usize = 32;
/// A message that is too long is read up to so many times what is allowed: what is left unread would reset the connection, and
/// the frame that says why would be lost with it.
const READ_TO_REFUSE: usize = 4;
/// Small, because most sockets are idle and there are many.
const BUFFER: usize = 256;

/// What a client may say. Which parts belong to which type is checked by hand: serde cannot borrow the payload of a
/// tagged enum.
#[derive(Deserialize)]
struct Said<'a> {
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

/// The answers of an operation, and the task that makes them. The task is apart from the socket's, so that a reader who
/// is slow holds up no database connection that an operation has in hand.
struct Running {
    /// `None` marks the end. Boxed, because a channel always has room for one.
    answers: mpsc::Receiver<Option<Box<Answered>>>,
    /// Ended with the operation, but for a mutation, which goes on to its end.
    _ended: Option<AbortOnDrop>,
    /// The place of a subscription among those of its caller.
    _place: Option<Share>,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Running {
    fn start(executor: &Arc<Executor>, operation: Operation, place: Option<Share>, mutations: &Arc<()>) -> Self {
        // The channel of futures, because that of tokio takes four times the memory, idle or not.
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
            // Nobody is left to hear it when this fails.
            drop(sender.send(None).await);
            drop(mutation);
        });
        let ended = (!mutates).then(|| AbortOnDrop(task.abort_handle()));
        Self { answers, _ended: ended, _place: place }
    }
}

impl Stream for Running {
    type Item = Option<Box<Answered>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.answers.poll_next_unpin(cx)
    }
}

/// Opens a socket, if the page that asks may.
pub async fn open(executor: Arc<Executor>, upgrade: WebSocketUpgrade, parts: &Parts) -> Response {
    let headers = &parts.headers;
    let origin = peer::origin(executor.app(), parts);
    // Programs are of no site.
    if let Some(site) = &origin.site
        && !executor.sites.may_call(site).await
    {
        return (StatusCode::FORBIDDEN, "This origin may not open sockets.\n").into_response();
    }
    let opening =
        origin.address.map(|address| executor.app().shares.take(Payer::Address(address), Resource::Opening, 1));
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
            // A task of its own: the one that waited for the upgrade has room for much that is no longer needed.
            tasks.spawn(async move { session.serve().await });
            ready(())
        })
}

struct Session {
    executor: Arc<Executor>,
    socket: WebSocket,
    authorization: Option<String>,
    origin: Origin,
    /// Its place among the connections, until it ends.
    _peer: Option<Peer>,
    caller: Option<(Caller, Watch)>,
    acknowledged: bool,
    /// Its place among the sockets of its caller; until that is known, among those of its address that are opening.
    place: Option<Share>,
    operations: StreamMap<String, Running>,
    /// Held by every mutation that runs, those included that the client has completed.
    mutations: Arc<()>,
}

/// An idle socket waits in `run`; what is done only now and then is boxed there, so that it holds no room for it.
impl Session {
    async fn serve(&mut self) {
        let open = self.executor.metrics.sockets.clone();
        open.inc();
        let ended = self.run().await;
        // Places are free at once, not when the client has answered the last frame.
        self.operations.clear();
        self.place = None;
        if let Err(close) = ended {
            Box::pin(self.close(close)).await;
        }
        open.dec();
    }

    async fn close(&mut self, Close(code, reason): Close) {
        let frame = CloseFrame { code, reason: reason.into() };
        // Whoever is gone does not hear it.
        if let Ok(Ok(())) = timeout(CLOSE_WITHIN, self.socket.send(Message::Close(Some(frame)))).await {
            // Let go with something unread, the connection would be reset, and the frame lost with it.
            self.part().await;
        }
    }

    /// Answers the client's close with a close of its own (RFC 6455, section 5.5.1). The library has it ready and sends it with
    /// the next read, which then finds the end.
    async fn part(&mut self) {
        let ended = async { while let Some(Ok(_)) = self.socket.recv().await {} };
        drop(timeout(ANSWER_WITHIN, ended).await);
    }

    /// Until the client leaves (`Ok`) or has to be sent away.
    async fn run(&mut self) -> Result<(), Close> {
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

    async fn hear(&mut self, text: &str) -> Result<(), Close> {
        let Ok(said) = serde_json::from_str::<Said<'_>>(text) else { return Err(MALFORMED) };
        match (said.kind.as_str(), said.id, said.payload) {
            ("connection_init", None, payload) => self.init(payload).await,
            ("ping", None, None) => self.say(json!({ "type": "pong" }).to_string()).await,
            // The protocol leaves the payload of a pong open; clients tell by it which ping is answered.
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

    async fn init(&mut self, payload: Option<&RawValue>) -> Result<(), Close> {
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
        let place = self.asker().payer().map(|payer| self.executor.app().shares.take(payer, Resource::Socket, 1));
        self.place = place.transpose().map_err(|_| TOO_MANY_SOCKETS)?;
        self.acknowledged = true;
        self.say(json!({ "type": "connection_ack" }).to_string()).await
    }

    async fn subscribe(&mut self, id: String, payload: &RawValue) -> Result<(), Close> {
        if !self.acknowledged {
            return Err(UNAUTHORIZED);
        }
        if self.operations.contains_key(&id) {
            return Err(Close(4409, "Subscriber already exists"));
        }
        let params = match params::read(payload.get().as_bytes()) {
            Ok(params) => params,
            Err(Unread::Malformed) => return Err(MALFORMED),
            Err(unread) => return self.refuse(&id, &unread.answer()).await,
        };
        if self.operations.len().max(Arc::strong_count(&self.mutations) - 1) >= MAX_OPERATIONS {
            let answer = refusal("Too many operations on this socket.", "LIMIT_EXCEEDED");
            return self.refuse(&id, &answer).await;
        }
        let asker = self.asker();
        let payer = asker.payer();
        let operation = match self.executor.prepare(params, asker) {
            Ok(operation) => operation,
            Err(answer) => return self.refuse(&id, &answer).await,
        };
        let lasting = payer.filter(|_| operation.kind == OperationType::Subscription);
        let place = lasting.map(|payer| self.executor.app().shares.take(payer, Resource::Subscription, 1));
        let Ok(place) = place.transpose() else {
            let answer = refusal("You follow as much as one caller may.", "LIMIT_EXCEEDED");
            return self.refuse(&id, &answer).await;
        };
        self.operations.insert(id, Running::start(&self.executor, operation, place, &self.mutations));
        Ok(())
    }

    fn asker(&self) -> Asker {
        let caller = self.caller.as_ref().map(|(caller, _)| *caller);
        Asker { caller, origin: self.origin.clone() }
    }

    async fn deliver(&mut self, id: String, answered: Option<Box<Answered>>) -> Result<(), Close> {
        let Some(answered) = answered else {
            self.operations.remove(&id);
            return self.say(json!({ "type": "complete", "id": id }).to_string()).await;
        };
        let Answered { answer, held: _held } = *answered;
        if is_request_error(&answer) {
            self.operations.remove(&id);
            return self.refuse(&id, &answer).await;
        }
        let id = serde_json::Value::String(id);
        // Written in place, so that there is one copy of the text.
        let mut text = format!(r#"{{"type":"next","id":{id},"payload":"#).into_bytes();
        let written = write_body(&mut text, &answer).map_err(|_| UNWRITABLE);
        drop(answer);
        written?;
        text.push(b'}');
        self.say(String::from_utf8(text).map_err(|_| UNWRITABLE)?).await
    }

    /// The one `error` of an operation that was not run.
    async fn refuse(&mut self, id: &str, answer: &async_graphql::Response) -> Result<(), Close> {
        self.say(json!({ "type": "error", "id": id, "payload": answer.errors }).to_string()).await
    }

    async fn say(&mut self, text: String) -> Result<(), Close> {
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Close> {
        match timeout(SEND_WITHIN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            // Gone: the next read says so.
            Ok(Err(_)) => Ok(()),
            Err(_) => {
                self.executor.metrics.slow_reader();
                Err(SLOW)
            }
        }
    }
}
