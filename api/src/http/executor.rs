//! Runs the operations of all transports: parsed once, paid for before they run, ended in time. Errors are short.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use async_graphql::{
    Data, Name, Request, Response, Value,
    parser::{
        parse_schema,
        types::{ExecutableDocument, OperationType, Selection},
    },
};
use futures_util::{Stream, StreamExt as _, future::Either, stream};
use tokio::time::{Instant, timeout};
use tracing::Instrument as _;

use super::{
    cors::AllowedSites,
    cost, document_limits,
    failure_responses::{fault, late, refusal, refuse_whole, too_soon, warn_of_changes},
    known_documents::KnownDocuments,
    metrics::{Metrics, RequestOutcome},
    priced_fields::PricedFields,
    upload_slots::UploadSlots,
    validation::{Document, JsonMap, Operation as ValidOperation, Refused, Validator},
    write_size,
};
use crate::{
    app::{App, Commits},
    auth::{
        authenticator::Authenticator,
        load_scheduler::{BatchedOperation, PendingLoads},
        request_context::{self, Origin},
        viewer::Caller,
    },
    cache::Cache,
    error::Error,
    memory_budget::{MemoryBudget, ReservedMemory},
    rate_limit::{Budget, LimitSubject},
    schema::{self, RapportSchema},
};

/// The maximum of errors in a refusal and the longest message of one, in characters.
const MAX_ERRORS: usize = 5;
const LONGEST_MESSAGE: usize = 300;
/// The documents that are cached, and the total of their tokens. A parsed token may take 300 bytes.
const MAX_DOCUMENTS: usize = 1_024;
const MAX_TOKENS: usize = 16 << 10;
/// The bytes of an answer that one unit of cost pays for.
const BYTES_PER_COST: u64 = 256;
/// The cost of an event that is free for its subscriber.
const COST_OF_EVENT: u64 = 64;

/// The request of a client, with the text of its document.
pub struct Params {
    /// The text of the document.
    pub query: String,
    /// The name of the operation to run.
    pub operation_name: Option<String>,
    /// The values of the variables.
    pub variables: Option<JsonMap>,
    /// The digest that the client sent with the text, so that the text is kept.
    pub digest: Option<String>,
    /// True for a document that the client named by its digest and that is registered.
    pub trusted: bool,
}

/// The caller of a request and the origin of it.
#[derive(Clone, Debug, Default)]
pub struct RequestOrigin {
    /// The caller. None for an anonymous request.
    pub caller: Option<Caller>,
    /// The address, user agent and site of the client.
    pub origin: Origin,
}

impl RequestOrigin {
    /// Returns the subject that pays for the request: the caller, or else the address.
    #[must_use]
    pub fn limit_subject(&self) -> Option<LimitSubject> {
        match &self.caller {
            Some(caller) => Some(caller.limit_subject()),
            None => self.origin.address.map(LimitSubject::Address),
        }
    }
}

/// An operation that is parsed, measured and paid for.
pub struct Operation {
    request: Request,
    /// The kind: query, mutation or subscription.
    pub kind: OperationType,
    /// True when it selects one root field and nothing else.
    single: bool,
    name: Option<Name>,
    cost: u64,
    budget: Option<Budget>,
    turns: PendingLoads,
    payer: Option<LimitSubject>,
    weight: Arc<MemoryBudget>,
}

/// An answer, with the memory that it takes until it is sent.
pub struct ExecutedResponse {
    /// The answer of async-graphql.
    pub answer: Response,
    /// The memory of the answer, reserved in the caller's quota.
    pub reserved: ReservedMemory,
}

/// A document that is valid.
struct Parsed {
    document: Document,
    /// The bound document and its cost, once known. Only for a document with one operation and no variables.
    constant: OnceLock<(ExecutableDocument, u64)>,
}

/// Runs the operations of an instance. All transports share it.
pub struct Executor {
    app: App,
    schema: RapportSchema,
    validator: Arc<Validator>,
    lists: PricedFields,
    documents: Cache<Parsed>,
    /// The documents that clients name by a digest.
    pub known: KnownDocuments,
    /// The slots for uploads of files.
    pub upload_slots: UploadSlots,
    /// The authentication of callers.
    pub authenticator: Authenticator,
    /// The web sites that may call.
    pub sites: AllowedSites,
    /// The counters of the instance.
    pub metrics: Metrics,
}

impl Executor {
    /// Builds the schema and follows revocations. Fails when the schema's own text is invalid, a fault of the server.
    pub async fn start(app: App) -> anyhow::Result<Self> {
        let schema = schema::build(Some(&app.config.limits));
        let sdl = schema.sdl();
        let lists = PricedFields::of(&parse_schema(&sdl)?);
        let validator = Arc::new(Validator::new(&sdl, app.config.limits.introspection)?);
        let known = KnownDocuments::new(&app, Arc::clone(&validator));
        let started = Authenticator::start(&app).await;
        let authenticator =
            started.map_err(|error| anyhow::anyhow!("callers cannot be authenticated: {}", error.code()))?;
        let sites = AllowedSites::new(app.clone());
        let metrics = Metrics::new(&app)?;
        Ok(Self {
            app,
            schema,
            validator,
            lists,
            documents: Cache::new(MAX_DOCUMENTS, MAX_TOKENS),
            known,
            upload_slots: UploadSlots::default(),
            authenticator,
            sites,
            metrics,
        })
    }

    /// Returns the instance whose operations it runs.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Counts a request of an address. Fails with the answer of a rate limit.
    pub fn admit(&self, address: Option<IpAddr>) -> Result<(), Box<Response>> {
        let Some(address) = address else { return Ok(()) };
        self.app.rate_limits.request(address).map_err(too_soon)
    }

    /// Returns the document of a text. It is parsed and validated once.
    fn parsed(&self, query: &str) -> Result<Arc<Parsed>, Box<Response>> {
        if let Some(parsed) = self.documents.get(query) {
            return Ok(parsed);
        }
        let checked = document_limits::check(query, &self.app.config.limits);
        let tokens = checked.map_err(|why| Box::new(refusal(&why.0, "LIMIT_EXCEEDED")))?;
        let document = self.validator.validate(query).map_err(refused)?;
        let parsed = Arc::new(Parsed { document, constant: OnceLock::new() });
        self.documents.keep(query, tokens, Arc::clone(&parsed));
        Ok(parsed)
    }

    /// Returns the document to execute for one operation and its variables, and its cost.
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

    /// Parses and measures a request and takes its cost from its payer. Fails with a request error.
    pub fn prepare(&self, mut params: Params, asker: RequestOrigin) -> Result<Operation, Box<Response>> {
        let sent = params.digest.take().map(|digest| (digest, params.query.clone()));
        let prepared = self.prepared(params, asker);
        match (&prepared, sent) {
            (Ok(_), Some((digest, text))) => self.known.keep(&digest, text),
            (Ok(_), None) => {}
            (Err(_), _) => self.metrics.refused(),
        }
        prepared
    }

    fn prepared(&self, params: Params, asker: RequestOrigin) -> Result<Operation, Box<Response>> {
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
        let written = if kind == OperationType::Mutation { write_size::bytes(&document) } else { 0 };
        let payer = asker.limit_subject();
        let budget = match payer {
            Some(payer) => self.app.rate_limits.spend(payer, cost).map_err(too_soon)?,
            None => None,
        };
        if let (Some(payer), OperationType::Mutation) = (payer, kind) {
            self.app.rate_limits.write(payer, asker.origin.address, written).map_err(too_soon)?;
        }
        let weight = MemoryBudget::new(Arc::clone(&self.app.quotas), payer, self.app.config.limits.answer_bytes);
        if kind != OperationType::Subscription {
            weight.reserve(cost).map_err(|excess| Box::new(fault(Error::TooLarge(excess))))?;
        }
        let turns = PendingLoads::default();
        let remembers = kind == OperationType::Query;
        let data =
            request_context::operation(self.app.clone(), asker.caller, asker.origin, budget, turns.clone(), remembers);
        // The bound document replaces its text, which a lasting operation need not keep.
        let mut request = Request::new(String::new()).data(data);
        request.set_parsed_query(document);
        if kind == OperationType::Mutation {
            request = request.data(self.known.check());
        }
        Ok(Operation { request, kind, single, name, cost, budget, turns, payer, weight })
    }

    /// Runs a query or mutation within the request timeout. A mutation runs to completion without its client.
    pub async fn run(&self, operation: Operation) -> ExecutedResponse {
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
        let commits = Arc::new(Commits::default());
        let answered = match kind {
            OperationType::Mutation => {
                let schema = self.schema.clone();
                let weight = Arc::clone(&weight);
                let running = async move { BatchedOperation::new(schema.execute(request), turns, weight).await };
                let running = Arc::clone(&commits).track(running);
                let running = running.instrument(span.clone());
                let running = self.app.tasks.spawn(running);
                let ended = timeout(within, running).await;
                ended.map(|ended| ended.unwrap_or_else(|error| fault(Error::internal(error))))
            }
            _ => {
                let running = BatchedOperation::new(self.schema.execute(request), turns, Arc::clone(&weight));
                timeout(within, running.instrument(span.clone())).await
            }
        };
        let mut answer = answered.unwrap_or_else(|_| late(kind));
        finish(&mut answer);
        if single {
            refuse_whole(&mut answer);
            if commits.any() {
                warn_of_changes(&mut answer);
            }
        }
        span.record("graphql.errors", answer.errors.len());
        answer.extensions.insert("cost".to_owned(), shown(cost, budget));
        let outcome = if answer.errors.is_empty() { RequestOutcome::Done } else { RequestOutcome::Failed };
        self.metrics.operation(kind, name.as_deref(), outcome, started.elapsed());
        let reserved = weight.settle();
        self.charge(payer, (reserved.bytes as u64 / BYTES_PER_COST).saturating_sub(cost));
        ExecutedResponse { answer, reserved }
    }

    /// Takes the cost of an answer beyond its estimate from the payer.
    fn charge(&self, payer: Option<LimitSubject>, cost: u64) {
        if let (Some(payer), true) = (payer, cost > 0) {
            self.app.rate_limits.settle(payer, cost);
        }
    }

    /// Runs an operation of any kind as a stream of answers.
    pub fn stream(self: &Arc<Self>, operation: Operation) -> impl Stream<Item = ExecutedResponse> + Send + use<> {
        let executor = Arc::clone(self);
        if operation.kind == OperationType::Subscription {
            let data = Arc::new(Data::default());
            let answers = self.schema.execute_stream_with_session_data(operation.request, data);
            let (payer, weight) = (operation.payer, operation.weight);
            let answers = BatchedOperation::new(answers, operation.turns, Arc::clone(&weight));
            let live = self.metrics.live(operation.name.as_deref());
            return Either::Left(answers.map(move |mut answer| {
                finish(&mut answer);
                live.delivered();
                let reserved = weight.settle();
                executor.charge(payer, (reserved.bytes as u64 / BYTES_PER_COST).saturating_sub(COST_OF_EVENT));
                ExecutedResponse { answer, reserved }
            }));
        }
        // Boxed to keep the streams of subscriptions small.
        Either::Right(stream::once(Box::pin(async move { executor.run(operation).await })))
    }
}

/// A document or its variables that break the specification, as the answer to the request.
fn refused(why: Refused) -> Box<Response> {
    let mut answer = Response::from_errors(why.errors);
    tidy(&mut answer, why.code);
    Box::new(answer)
}

/// Returns the cost of an operation and the remaining budget, as the answer shows them.
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

/// Returns the code of an answer's first error.
#[must_use]
pub fn code_of(answer: &Response) -> Option<&str> {
    match answer.errors.first()?.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}

/// Returns true when the request failed as a whole, before anything was executed.
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

/// Adds a code to the errors without one, and shortens a refusal.
fn tidy(answer: &mut Response, missing: &str) {
    if is_request_error(answer) {
        answer.errors.truncate(MAX_ERRORS);
    }
    for error in &mut answer.errors {
        if let Some((end, _)) = error.message.char_indices().nth(LONGEST_MESSAGE) {
            error.message.truncate(end);
            error.message.push('…');
        }
        error.locations.truncate(MAX_ERRORS);
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", missing);
        }
    }
}
