//! Who fetches a file in parts: authenticated once, and watched until the last part is on its way.

use axum::http::{header, request::Parts};

use super::{execution::Executor, peer};
use crate::{
    app::App,
    auth::{
        rights::Watch,
        viewer::{Caller, Scope},
    },
    error::{Error, Result},
    throttle::TooSoon,
};

/// A caller who fetches a file.
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
            let counted = executor.app().throttle.request(address);
            counted.map_err(|TooSoon(retry_after)| Error::RateLimited { retry_after })?;
        }
        let authorization = parts.headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or_default());
        let watched = executor.authenticator.watched(authorization, origin.site.as_ref()).await?;
        let (caller, watch) = watched.ok_or(Error::Unauthenticated)?;
        if caller.scopes().has(scope) { Ok(Self { caller, watch }) } else { Err(Error::Forbidden(scope.name())) }
    }

    /// Whether the next part may be read: the caller's rights have not ended, and the instance goes on.
    pub fn may_go_on(&self, app: &App) -> bool {
        self.caller.expires_at() > app.clock.now() && !self.watch.is_ended() && !app.shutdown.is_cancelled()
    }
}
