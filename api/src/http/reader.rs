//! Who fetches or sends a file: authenticated once, charged, and watched until the last part is on its way.

use std::{sync::Arc, time::Duration};

use axum::http::{header, request::Parts};

use super::{execution::Executor, peer};
use crate::{
    app::App,
    auth::{
        rights::Watch,
        viewer::{Caller, Scope},
    },
    error::{Error, Result},
    shares::{Resource, Share},
    throttle::TooSoon,
    weight::Weight,
};

/// After this time a caller with too many files under way may try again.
const AGAIN_AFTER: Duration = Duration::from_secs(5);

/// A caller who fetches or sends a file.
pub struct Reader {
    /// Who it is.
    pub caller: Caller,
    watch: Watch,
}

impl Reader {
    /// Counts the request for its address, and lets a caller in who has the scope.
    pub async fn of(executor: &Executor, parts: &Parts, scope: Scope) -> Result<Self> {
        let origin = peer::origin(executor.app(), parts);
        if let Some(address) = origin.address {
            executor.app().throttle.request(address).map_err(too_soon)?;
        }
        let authorization = parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        let watched = executor.authenticator.watched(authorization, origin.site.as_ref()).await?;
        let (caller, watch) = watched.ok_or(Error::Unauthenticated)?;
        if caller.scopes().has(scope) { Ok(Self { caller, watch }) } else { Err(Error::Forbidden(scope.name())) }
    }

    /// Takes the cost of a file from the caller.
    pub fn pay(&self, app: &App, cost: u64) -> Result<()> {
        app.throttle.spend(self.caller.payer(), cost).map(drop).map_err(too_soon)
    }

    /// A place among the files that the caller has under way.
    pub fn place(&self, app: &App) -> Result<Share> {
        let place = app.shares.take(self.caller.payer(), Resource::Transfer, 1);
        place.map_err(|_| Error::RateLimited { retry_after: AGAIN_AFTER })
    }

    /// Counts what a file takes of memory, as that of an operation is counted.
    pub fn weight(&self, app: &App) -> Arc<Weight> {
        Weight::new(Arc::clone(&app.shares), Some(self.caller.payer()), app.config.limits.answer_bytes)
    }

    /// Whether the next part may be read: the caller's rights have not ended, and the instance goes on.
    pub fn may_go_on(&self, app: &App) -> bool {
        self.caller.expires_at() > app.clock.now() && !self.watch.is_ended() && !app.shutdown.is_cancelled()
    }
}

pub fn too_soon(TooSoon(retry_after): TooSoon) -> Error {
    Error::RateLimited { retry_after }
}
