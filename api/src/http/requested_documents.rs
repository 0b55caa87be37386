//! The document of a request: found by its digest, and checked against the rights of a key.

use async_graphql::Response;

use super::{
    executor::{Executor, Operation, Params, RequestOrigin},
    failure_responses::{fault, refusal, too_soon},
    params::{DocumentSource, RawRequest},
};
use crate::{auth::viewer::Caller, error::Error, rate_limit::LimitSubject, trusted_documents::document_id};

/// The cost of a search for a document that does not exist.
const COST_OF_MISS: u64 = 10;
/// The message for an unknown digest. Apollo's clients compare it letter by letter and send the document itself.
const NOT_FOUND: &str = "PersistedQueryNotFound";

impl Executor {
    /// Returns the request with the text of its document. Fails with the answer of an unknown digest, for whose search
    /// `payer` pays.
    pub async fn resolve(&self, raw: RawRequest, payer: Option<LimitSubject>) -> Result<Params, Box<Response>> {
        let RawRequest { document, operation_name, variables } = raw;
        let (query, digest, trusted) = match document {
            DocumentSource::Text(text) => (text, None, false),
            DocumentSource::TextWithDigest { digest, text } => (text, Some(digest), false),
            DocumentSource::Digest(digest) => match self.known.trusted(&digest).await.map_err(failed)? {
                Some(text) => (text, None, true),
                None => match self.known.sent(&digest) {
                    Some(text) => (text, None, false),
                    None => return Err(self.missing(payer)),
                },
            },
            DocumentSource::Unknown => return Err(self.missing(payer)),
        };
        Ok(Params { query, operation_name, variables, digest, trusted })
    }

    /// Finds the document of a request, checks whether its caller may run it, and prepares it. Fails with the answer.
    pub async fn prepare_raw(&self, raw: RawRequest, asker: RequestOrigin) -> Result<Operation, Box<Response>> {
        let params = self.resolve(raw, asker.limit_subject()).await?;
        self.check_trust(&params, asker.caller.as_ref()).await?;
        self.prepare(params, asker)
    }

    fn missing(&self, payer: Option<LimitSubject>) -> Box<Response> {
        self.pay_for_search(payer, refusal(NOT_FOUND, "PERSISTED_QUERY_NOT_FOUND"))
    }

    /// Takes the cost of a search that found nothing from its payer. Returns the answer, or that of a rate limit.
    fn pay_for_search(&self, payer: Option<LimitSubject>, answer: Response) -> Box<Response> {
        self.metrics.refused();
        let paid = payer.map(|payer| self.app().rate_limits.spend(payer, COST_OF_MISS)).transpose();
        paid.map_or_else(too_soon, |_| Box::new(answer))
    }

    /// Refuses a document that is not registered to a caller whose key runs no other. Fails with the answer.
    pub async fn check_trust(&self, params: &Params, caller: Option<&Caller>) -> Result<(), Box<Response>> {
        let limited = caller.filter(|caller| !params.trusted && caller.trusted_documents_only());
        let Some(caller) = limited else { return Ok(()) };
        match self.known.trusted(&document_id::digest(&params.query)).await.map_err(failed)? {
            Some(_) => Ok(()),
            None => Err(self.pay_for_search(Some(caller.limit_subject()), fault(Error::DocumentsOnly))),
        }
    }
}

fn failed(error: Error) -> Box<Response> {
    Box::new(fault(error))
}
