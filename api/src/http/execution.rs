//! Running an operation, whichever door it came through: parsed once, measured and paid for before it runs, ended in time,
//! its errors coded and short.

use std::{
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use async_graphql::{
    Data, Name, Request, Response, ServerError, Value,
    parser::{
        parse_schema,
        types::{ExecutableDocument, OperationType, Selection},
    },
};
use futures_util::{Stream, StreamExt as _, future::Either, stream};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use super::{
    cost::{self, Lists},
    document,
    metrics::{Metrics, Outcome},
    outcomes::{late, refuse_whole, warn_of_changes},
    sites::Sites,
    validation::{Document, JsonMap, Operation as ValidOperation, Refused, Validator},
    written,
};
use crate::{
    app::{App, noting_commits},
    auth::{
        authenticator::Authenticator,
        context::{self, Origin},
        turns::{Driven, Turns},
        viewer::Caller,
    },
    cache::Cache,
    error::Error,
    schema::{self, RapportSchema},
    throttle::{Budget, Payer, TooSoon},
    weight::{Held, Weight},
};

/// Errors of a refusal that are shown, and the longest message of one, in characters: a refusal is short.
const MOST_ERRORS: usize = 5;
const LONGEST_MESSAGE: usize = 300;

/// Documents that are remembered, and the words and signs that they may have together: each may take 300 bytes parsed.
const MOST_DOCUMENTS: usize = 1_024;
const MOST_TOKENS: usize = 16 << 10;

/// Bytes of an answer that one unit of cost pays for.
const BYTES_PER_COST: u64 = 256;
/// What an event may cost before it is taken from who follows.
const COST_OF_EVENT: u64 = 64;

/// What a client sends, as [`super::params::read`] reads it.
pub struct Params {
    pub query: String,
    pub operation_name: Option<String>,
    pub variables: Option<JsonMap>,
}

/// Who asks, and from where.
#[derive(Clone, Debug, Default)]
pub struct Asker {
    pub caller: Option<Caller>,
    pub origin: Origin,
}

impl Asker {
    /// Who pays for what is asked: the caller, or else the address.
    #[must_use]
    pub fn payer(&self) -> Option<Payer> {
        match &self.caller {
            Some(caller) => Some(caller.payer()),
            None => self.origin.address.map(Payer::Address),
        }
    }
}

/// An operation that was parsed, measured and paid for.
pub struct Operation {
    request: Request,
    pub kind: OperationType,
    /// Whether it selects one root field and nothing else.
    single: bool,
    name: Option<Name>,
    cost: u64,
    budget: Option<Budget>,
    turns: Turns,
    payer: Option<Payer>,
    weight: Arc<Weight>,
}

/// An answer, with what it holds of its caller's share until it is sent.
pub struct Answered {
    pub answer: Response,
    pub held: Held,
}

/// A document that was found valid.
struct Parsed {
    document: Document,
    /// What runs and what it costs, once known, when the document's one operation has no variables.
    constant: OnceLock<(ExecutableDocument, u64)>,
}

pub struct Executor {
    app: App,
    schema: RapportSchema,
    validator: Validator,
    lists: Lists,
    documents: Cache<Parsed>,
    pub authenticator: Authenticator,
    pub sites: Sites,
    pub metrics: Metrics,
}

impl Executor {
    /// Builds the schema and begins to follow whose rights end. Fails when the schema's own text cannot be read, which
    /// only a fault of ours could cause.
    pub async fn start(app: App) -> anyhow::Result<Self> {
        let schema = schema::build(Some(&app.config.limits));
        let sdl = schema.sdl();
        let lists = Lists::of(&parse_schema(&sdl)?);
        let validator = Validator::new(&sdl, app.config.limits.introspection)?;
        let started = Authenticator::start(&app).await;
        let authenticator = started.map_err(|error| anyhow::anyhow!("callers cannot be told: {}", error.code()))?;
        let sites = Sites::new(app.clone());
        Ok(Self {
            app,
            schema,
            validator,
            lists,
            documents: Cache::new(MOST_DOCUMENTS, MOST_TOKENS),
            authenticator,
            sites,
            metrics: Metrics::new()?,
        })
    }

    pub fn app(&self) -> &App {
        &self.app
    }

    /// Counts a request of an address.
    pub fn admit(&self, address: Option<IpAddr>) -> Result<(), Box<Response>> {
        let Some(address) = address else { return Ok(()) };
        self.app.throttle.request(address).map_err(too_soon)
    }

    /// The document of a text, parsed and validated once.
    fn parsed(&self, query: &str) -> Result<Arc<Parsed>, Box<Response>> {
        if let Some(parsed) = self.documents.get(query) {
            return Ok(parsed);
        }
        let checked = document::check(query, &self.app.config.limits);
        let tokens = checked.map_err(|why| Box::new(refusal(&why.0, "LIMIT_EXCEEDED")))?;
        let document = self.validator.validate(query).map_err(refused)?;
        let parsed = Arc::new(Parsed { document, constant: OnceLock::new() });
        self.documents.keep(query, tokens, Arc::clone(&parsed));
        Ok(parsed)
    }

    /// The document to execute for one operation and its variables, and its cost.
    fn bound(
        &self,
        parsed: &Parsed,
        operation: &ValidOperation,
        variables: JsonMap,
    ) -> Result<(ExecutableDocument, u64), Box<Response>> {
        if let Some((document, cost)) = parsed.constant.get() {
            return Ok((document.clone(), *cost));
        }
        let values = self.validator.coerce(operation, variables).map_err(refused)?;
        let document = parsed.document.bind(operation, &values).map_err(refused)?;
        let cost = cost::check(&document, &self.lists, &self.app.config.limits);
        let cost = cost.map_err(|why| Box::new(refusal(&why.0, "LIMIT_EXCEEDED")))?;
        if parsed.document.is_constant() {
            let _ = parsed.constant.set((document.clone(), cost));
        }
        Ok((document, cost))
    }

    /// Parses and measures what a client sent, and takes its cost from who asks; an error is a request error.
    pub fn prepare(&self, params: Params, asker: Asker) -> Result<Operation, Box<Response>> {
        let prepared = self.prepared(params, asker);
        if prepared.is_err() {
            self.metrics.refused();
        }
        prepared
    }

    fn prepared(&self, params: Params, asker: Asker) -> Result<Operation, Box<Response>> {
        let parsed = self.parsed(&params.query)?;
        let operation = parsed.document.operation(params.operation_name.as_deref());
        let operation = operation.ok_or_else(|| {
            Box::new(refusal("operationName does not name an operation of the document.", "BAD_REQUEST"))
        })?;
        let (document, cost) = self.bound(&parsed, operation, params.variables.unwrap_or_default())?;
        let (kind, name) = (operation.kind, operation.name.clone());
        let single = document.operations.iter().all(|(_, operation)| {
            matches!(&operation.node.selection_set.node.items[..], [only] if matches!(only.node, Selection::Field(_)))
        });
        let written = if kind == OperationType::Mutation { written::bytes(&document) } else { 0 };
        let payer = asker.payer();
        let budget = match payer {
            Some(payer) => self.app.throttle.spend(payer, cost).map_err(too_soon)?,
            None => None,
        };
        if let (Some(payer), OperationType::Mutation) = (payer, kind) {
            self.app.throttle.write(payer, asker.origin.address, written).map_err(too_soon)?;
        }
        let weight = Weight::new(Arc::clone(&self.app.shares), payer, self.app.config.limits.answer_bytes);
        if kind != OperationType::Subscription {
            weight.reserve(cost).map_err(|excess| Box::new(fault(Error::TooLarge(excess))))?;
        }
        let turns = Turns::default();
        let remembers = kind == OperationType::Query;
        let data = context::operation(self.app.clone(), asker.caller, asker.origin, budget, turns.clone(), remembers);
        // The bound document stands for its text, which an operation that lasts need not keep.
        let mut request = Request::new(String::new()).data(data);
        request.set_parsed_query(document);
        Ok(Operation { request, kind, single, name, cost, budget, turns, payer, weight })
    }

    /// Runs a query or mutation, for as long as a request may take. A mutation runs to its end also when nobody waits for
    /// the answer any more.
    pub async fn run(&self, operation: Operation) -> Answered {
        let Operation { request, kind, single, name, cost, budget, turns, payer, weight } = operation;
        let started = Instant::now();
        let span = tracing::debug_span!(
            "operation",
            otel.name = name.as_deref().unwrap_or("operation"),
            otel.kind = "server",
            graphql.operation.kind = %kind,
            graphql.operation.name = name.as_deref(),
            graphql.cost = cost,
            graphql.errors = tracing::field::Empty,
        );
        let within = self.app.config.limits.request_timeout;
        let committed = Arc::new(AtomicBool::new(false));
        let answered = match kind {
            OperationType::Mutation => {
                let schema = self.schema.clone();
                let weight = Arc::clone(&weight);
                let running = async move { Driven::new(schema.execute(request), turns, weight).await };
                let running = noting_commits(Arc::clone(&committed), running);
                let running = running.instrument(span.clone());
                let running = self.app.tasks.spawn(running);
                let ended = timeout(within, running).await;
                ended.map(|ended| ended.unwrap_or_else(|error| fault(Error::internal(error))))
            }
            _ => {
                let running = Driven::new(self.schema.execute(request), turns, Arc::clone(&weight));
                timeout(within, running.instrument(span.clone())).await
            }
        };
        let mut answer = answered.unwrap_or_else(|_| late(kind));
        finish(&mut answer);
        if single {
            refuse_whole(&mut answer);
            if committed.load(Ordering::Acquire) {
                warn_of_changes(&mut answer);
            }
        }
        span.record("graphql.errors", answer.errors.len());
        answer.extensions.insert("cost".to_owned(), shown(cost, budget));
        let outcome = if answer.errors.is_empty() { Outcome::Done } else { Outcome::Failed };
        self.metrics.operation(kind, name.as_deref(), outcome, started.elapsed());
        let held = weight.settle();
        self.charge(payer, (held.bytes as u64 / BYTES_PER_COST).saturating_sub(cost));
        Answered { answer, held }
    }

    /// Takes what an answer turned out to cost beyond its price from who asked.
    fn charge(&self, payer: Option<Payer>, cost: u64) {
        if let (Some(payer), true) = (payer, cost > 0) {
            self.app.throttle.settle(payer, cost);
        }
    }

    /// Runs an operation of any kind as a stream of answers.
    pub fn stream(self: &Arc<Self>, operation: Operation) -> impl Stream<Item = Answered> + Send + use<> {
        let executor = Arc::clone(self);
        if operation.kind == OperationType::Subscription {
            let data = Arc::new(Data::default());
            let answers = self.schema.execute_stream_with_session_data(operation.request, data);
            let (payer, weight) = (operation.payer, operation.weight);
            let answers = Driven::new(answers, operation.turns, Arc::clone(&weight));
            let live = self.metrics.live(operation.name.as_deref());
            return Either::Left(answers.map(move |mut answer| {
                finish(&mut answer);
                live.delivered();
                let held = weight.settle();
                executor.charge(payer, (held.bytes as u64 / BYTES_PER_COST).saturating_sub(COST_OF_EVENT));
                Answered { answer, held }
            }));
        }
        // Boxed, because every subscription would have room for it.
        Either::Right(stream::once(Box::pin(async move { executor.run(operation).await })))
    }
}

/// A request error with a code.
#[must_use]
pub fn refusal(message: &str, code: &str) -> Response {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code);
    Response::from_errors(vec![error])
}

/// A document or its variables that break the specification, as the answer to the request.
fn refused(why: Refused) -> Box<Response> {
    let mut answer = Response::from_errors(why.errors);
    tidy(&mut answer, why.code);
    Box::new(answer)
}

/// A fault as the answer to a whole request.
#[must_use]
pub fn fault(error: Error) -> Response {
    let error = async_graphql::Error::from(error);
    let mut error = error.into_server_error(async_graphql::Pos::default());
    // It is about no place in the document.
    error.locations.clear();
    Response::from_errors(vec![error])
}

fn too_soon(TooSoon(retry_after): TooSoon) -> Box<Response> {
    Box::new(fault(Error::RateLimited { retry_after }))
}

/// What an operation cost and what is left to spend.
fn shown(cost: u64, budget: Option<Budget>) -> Value {
    let mut fields = async_graphql::indexmap::IndexMap::new();
    fields.insert(Name::new("requested"), Value::from(cost));
    if let Some(budget) = budget {
        fields.insert(Name::new("limit"), Value::from(budget.limit));
        fields.insert(Name::new("remaining"), Value::from(budget.remaining));
        fields.insert(Name::new("restoreRate"), Value::from(budget.restore_rate));
    }
    Value::Object(fields)
}

/// The code of an answer's first error.
#[must_use]
pub fn code_of(answer: &Response) -> Option<&str> {
    match answer.errors.first()?.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// Whether the request failed as a whole, before anything was executed.
#[must_use]
pub fn is_request_error(answer: &Response) -> bool {
    answer.data == Value::Null && !answer.errors.is_empty() && answer.errors.iter().all(|error| error.path.is_empty())
}

fn finish(answer: &mut Response) {
    if answer.errors.is_empty() {
        return;
    }
    let missing = if is_request_error(answer) { "GRAPHQL_VALIDATION_FAILED" } else { "BAD_USER_INPUT" };
    tidy(answer, missing);
}

/// Gives a code to the errors that came without one, and keeps a refusal short.
fn tidy(answer: &mut Response, missing: &str) {
    if is_request_error(answer) {
        answer.errors.truncate(MOST_ERRORS);
    }
    for error in &mut answer.errors {
        if let Some((end, _)) = error.message.char_indices().nth(LONGEST_MESSAGE) {
            error.message.truncate(end);
            error.message.push('…');
        }
        error.locations.truncate(MOST_ERRORS);
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", missing);
        }
    }
}
