//! The caller that downloads or uploads a file. It is authenticated and charged once, and its rights are watched
//! until the last part is sent.

use std::{sync::Arc, time::Duration};

use axum::http::{header, request::Parts};

use super::{client_ip, executor::Executor};
use crate::{
    app::App,
    auth::{
        links,
        revocation::RevocationWatch,
        viewer::{Caller, Scope},
    },
    error::{Error, Result},
    memory_budget::MemoryBudget,
    quotas::{QuotaPermit, Resource},
    rate_limit::RateLimited,
};

/// The wait of a caller with too many file transfers.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A caller that downloads or uploads a file.
pub struct FileReader {
    /// The authenticated caller.
    pub caller: Caller,
    watch: RevocationWatch,
}

impl FileReader {
    /// Authenticates the caller of a file, by a header or by the ticket of a signed link, and counts the request for
    /// its address. Fails with `Unauthenticated`, with `Forbidden` without the scope, and with `RateLimited`.
    pub async fn of(executor: &Executor, parts: &Parts, scope: Scope) -> Result<Self> {
        let origin = client_ip::origin(executor.app(), parts);
        if let Some(address) = origin.address {
            executor.app().rate_limits.request(address).map_err(too_soon)?;
        }
        let authorization = parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        let (caller, watch) = match (authorization, links::split(&parts.uri)) {
            (None, Some((path, ticket))) => executor.authenticator.linked(&ticket, &path, scope).await?,
            _ => {
                let watched = executor.authenticator.watched(authorization, origin.site.as_ref()).await?;
                let (caller, watch) = watched.ok_or(Error::Unauthenticated)?;
                // A signed link comes from a document that was run. A call of the route itself comes from none.
                if caller.trusted_documents_only() {
                    return Err(Error::DocumentsOnly);
                }
                (caller, watch)
            }
        };
        if caller.scopes().has(scope) { Ok(Self { caller, watch }) } else { Err(Error::Forbidden(scope.name())) }
    }

    /// Takes the cost of a file from the caller. Fails with `RateLimited`.
    pub fn pay(&self, app: &App, cost: u64) -> Result<()> {
        app.rate_limits.spend(self.caller.limit_subject(), cost).map(drop).map_err(too_soon)
    }

    /// Takes one of the caller's slots for file transfers. Fails with `RateLimited` when none is free.
    pub fn place(&self, app: &App) -> Result<QuotaPermit> {
        let place = app.quotas.take(self.caller.limit_subject(), Resource::Transfer, 1);
        place.map_err(|_| Error::RateLimited { retry_after: AGAIN_AFTER })
    }

    /// Creates a memory budget for the file, with the limits of an operation.
    pub fn weight(&self, app: &App) -> Arc<MemoryBudget> {
        MemoryBudget::new(Arc::clone(&app.quotas), Some(self.caller.limit_subject()), app.config.limits.answer_bytes)
    }

    /// Returns true when the next part may be read: the caller's rights have not ended, and the instance is not
    /// stopping.
    pub fn may_continue(&self, app: &App) -> bool {
        self.caller.expires_at() > app.clock.now() && !self.watch.is_ended() && !app.shutdown.is_cancelled()
    }
}

/// Turns the refusal of a rate limit into an error.
pub fn too_soon(RateLimited(retry_after): RateLimited) -> Error {
    Error::RateLimited { retry_after }
}
