//! A GraphQL client over HTTP.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Expected as _;

#[derive(Clone)]
pub struct Client {
    pub url: String,
    pub token: Option<String>,
    /// Repeats calls that got no answer, like a client during a restart of its server.
    patient: bool,
    http: reqwest::Client,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
}

impl Client {
    pub fn new(url: &str, token: Option<String>) -> Self {
        // The server closes idle connections after a longer time, so no request can use a connection that is being
        // closed.
        let http = reqwest::Client::builder().pool_idle_timeout(Duration::from_secs(5)).build().expected("a client");
        Self { url: url.to_owned(), token, patient: false, http }
    }

    pub fn patient(url: &str, token: Option<String>) -> Self {
        Self { patient: true, ..Self::new(url, token) }
    }

    pub async fn ask(&self, query: &str, variables: Value) -> Answer {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match self.try_ask(query, variables.clone()).await {
                Ok(answer) if !self.patient || answer.code() != "UNAVAILABLE" => return answer,
                other if !self.patient || Instant::now() > until => return other.expected("an answer"),
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    }

    /// Runs one of the operations of a document.
    pub async fn ask_named(&self, document: &str, operation: &str, variables: Value) -> Answer {
        let body = json!({ "query": document, "operationName": operation, "variables": variables });
        self.post(&body).await.expected("an answer")
    }

    /// Sends a request to a server that may be down.
    pub async fn try_ask(&self, query: &str, variables: Value) -> Result<Answer, reqwest::Error> {
        self.post(&json!({ "query": query, "variables": variables })).await
    }

    /// Sends a body of the client's own making.
    pub async fn post(&self, body: &Value) -> Result<Answer, reqwest::Error> {
        let request = self.http.post(format!("{}/graphql", self.url)).json(body);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await?;
        Ok(Answer { status: response.status().as_u16(), body: response.json().await? })
    }
}

impl Answer {
    /// Returns the data at a path such as `viewer.user.id`. Fails when the answer has errors.
    #[track_caller]
    pub fn at(&self, path: &str) -> &Value {
        assert!(self.body.get("errors").is_none(), "errors: {}", self.body["errors"]);
        let found = path.split('.').fold(&self.body["data"], |value, part| match part.parse::<usize>() {
            Ok(index) => &value[index],
            Err(_) => &value[part],
        });
        assert!(!found.is_null() || path.is_empty(), "nothing at {path} in {}", self.body);
        found
    }

    #[track_caller]
    pub fn text(&self, path: &str) -> &str {
        self.at(path).as_str().expected(path)
    }

    /// Returns the code of the first error.
    pub fn code(&self) -> &str {
        self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default()
    }
}
