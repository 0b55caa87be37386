//! Running an operation, whichever door it came through: parsed once, measured before it runs, its errors coded.

use std::sync::Arc;

use async_graphql::{
    Data, Request, Response, ServerError,
    parser::{
        parse_query, parse_schema,
        types::{DocumentOperations, ExecutableDocument, OperationDefinition, OperationType},
    },
};
use futures_util::{Stream, StreamExt as _, future::Either, stream};
use serde::Deserialize;

use super::{
    cost::{self, Lists},
    memory::Memory,
};
use crate::{
    app::App,
    auth::{context, jwt, viewer::Viewer},
    error::Error,
    schema::{self, RapportSchema},
};

/// The longest token that is looked at.
const MAX_TOKEN: usize = 8_192;

/// What a client sends.
#[derive(Deserialize)]
pub struct Params {
    pub query: String,
    #[serde(rename = "operationName")]
    pub operation_name: Option<String>,
    pub variables: Option<serde_json::Map<String, serde_json::Value>>,
    /// Read and let go: the specification reserves it.
    #[serde(rename = "extensions")]
    _extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

/// An operation that was parsed and measured.
pub struct Operation {
    request: Request,
    pub kind: OperationType,
}

pub struct Executor {
    app: App,
    schema: RapportSchema,
    lists: Lists,
    documents: Memory<ExecutableDocument>,
    viewers: Memory<Viewer>,
}

impl Executor {
    /// Builds the schema; fails when its own text cannot be read, which only a fault of ours could cause.
    pub fn new(app: App) -> anyhow::Result<Self> {
        let schema = schema::build(Some(&app.config.limits));
        let lists = Lists::of(&parse_schema(schema.sdl())?);
        Ok(Self { app, schema, lists, documents: Memory::default(), viewers: Memory::default() })
    }

    pub fn app(&self) -> &App {
        &self.app
    }

    /// The caller of an `Authorization` header or the like: none without one, an error with a bad one.
    pub fn viewer(&self, authorization: Option<&str>) -> Result<Option<Viewer>, Error> {
        let Some(authorization) = authorization else { return Ok(None) };
        let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        match token {
            Some((_, token)) if token.len() <= MAX_TOKEN => self.verified(token.trim()).map(Some),
            _ => Err(Error::Unauthenticated),
        }
    }

    /// The caller of a token. That a signature is right stays so; that the token has not ended is asked each time.
    fn verified(&self, token: &str) -> Result<Viewer, Error> {
        if let Some(viewer) = self.viewers.recall(token) {
            return if viewer.expires_at > self.app.clock.now() { Ok(*viewer) } else { Err(Error::Unauthenticated) };
        }
        let viewer = jwt::verify(&self.app, token)?;
        self.viewers.keep(token, Arc::new(viewer));
        Ok(viewer)
    }

    /// The document of a text, parsed once.
    fn parsed(&self, query: &str) -> Result<Arc<ExecutableDocument>, Box<Response>> {
        if let Some(document) = self.documents.recall(query) {
            return Ok(document);
        }
        cost::check_text(query).map_err(|why| Box::new(refusal(&why.0, "LIMIT_EXCEEDED")))?;
        let document = Arc::new(parse_query(query).map_err(|error| {
            let mut answer = Response::from_errors(vec![error.into()]);
            code(&mut answer, "GRAPHQL_PARSE_FAILED");
            Box::new(answer)
        })?);
        self.documents.keep(query, Arc::clone(&document));
        Ok(document)
    }

    /// Parses and measures what a client sent; an error is a request error.
    pub fn prepare(&self, params: Params, viewer: Option<Viewer>) -> Result<Operation, Box<Response>> {
        let refuse = |message: &str, code: &str| Box::new(refusal(message, code));
        let document = self.parsed(&params.query)?;
        let mut request = Request::new(params.query);
        if let Some(variables) = params.variables {
            request = request.variables(async_graphql::Variables::from_json(variables.into()));
        }
        cost::check(&document, &request.variables, &self.lists, &self.app.config.limits)
            .map_err(|why| refuse(&why.0, "LIMIT_EXCEEDED"))?;
        let kind = {
            let operation = select(&document, params.operation_name.as_deref())
                .ok_or_else(|| refuse("operationName does not name an operation of the document.", "BAD_REQUEST"))?;
            operation.ty
        };
        if let Some(name) = params.operation_name {
            request = request.operation_name(name);
        }
        request = request.data(context::operation(self.app.clone(), viewer));
        request.set_parsed_query((*document).clone());
        Ok(Operation { request, kind })
    }

    /// Runs a query or mutation. A mutation runs to its end also when nobody waits for the answer any more.
    pub async fn run(&self, operation: Operation) -> Response {
        let kind = operation.kind;
        let name = operation.request.operation_name.clone();
        let started = tokio::time::Instant::now();
        let mut answer = match kind {
            OperationType::Mutation => {
                let schema = self.schema.clone();
                let running = self.app.tasks.spawn(async move { schema.execute(operation.request).await });
                running.await.unwrap_or_else(|error| fault(Error::internal(error)))
            }
            _ => self.schema.execute(operation.request).await,
        };
        finish(&mut answer);
        tracing::debug!(
            operation.kind = %kind,
            operation.name = name,
            operation.errors = answer.errors.len(),
            operation.micros = started.elapsed().as_micros(),
            "operation"
        );
        answer
    }

    /// Runs an operation of any kind as a stream of answers.
    pub fn stream(self: &Arc<Self>, operation: Operation) -> impl Stream<Item = Response> + Send + use<> {
        if operation.kind == OperationType::Subscription {
            let data = Arc::new(Data::default());
            let answers = self.schema.execute_stream_with_session_data(operation.request, data);
            return Either::Left(answers.map(|mut answer| {
                finish(&mut answer);
                answer
            }));
        }
        let executor = Arc::clone(self);
        Either::Right(stream::once(async move { executor.run(operation).await }))
    }
}

/// The operation that is meant.
fn select<'a>(document: &'a ExecutableDocument, name: Option<&str>) -> Option<&'a OperationDefinition> {
    match (&document.operations, name) {
        (DocumentOperations::Single(operation), None) => Some(&operation.node),
        (DocumentOperations::Multiple(operations), Some(name)) => operations.get(name).map(|found| &found.node),
        (DocumentOperations::Multiple(operations), None) if operations.len() == 1 => {
            operations.values().next().map(|found| &found.node)
        }
        _ => None,
    }
}

/// A request error with a code.
#[must_use]
pub fn refusal(message: &str, code: &str) -> Response {
    let mut error = ServerError::new(message, None);
    error.extensions.get_or_insert_default().set("code", code);
    Response::from_errors(vec![error])
}

/// A fault as the answer to a whole request.
#[must_use]
pub fn fault(error: Error) -> Response {
    let error = async_graphql::Error::from(error);
    Response::from_errors(vec![error.into_server_error(async_graphql::Pos::default())])
}

/// Whether the request failed as a whole, before anything was executed.
#[must_use]
pub fn is_request_error(answer: &Response) -> bool {
    answer.data == async_graphql::Value::Null
        && !answer.errors.is_empty()
        && answer.errors.iter().all(|error| error.path.is_empty())
}

/// Gives a code to the errors that came without one.
fn finish(answer: &mut Response) {
    if answer.errors.is_empty() {
        return;
    }
    let missing = if is_request_error(answer) { "GRAPHQL_VALIDATION_FAILED" } else { "BAD_USER_INPUT" };
    code(answer, missing);
}

fn code(answer: &mut Response, missing: &str) {
    for error in &mut answer.errors {
        let extensions = error.extensions.get_or_insert_default();
        if extensions.get("code").is_none() {
            extensions.set("code", missing);
        }
    }
}
