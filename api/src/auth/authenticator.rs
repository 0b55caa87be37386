//! Authentication: from an `Authorization` to a caller. A verified signature or secret is cached for a while. The
//! expiry and the revocation of rights are checked on every call.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use super::{
    api_keys,
    issuer::ExternalIssuer,
    jwt, links,
    request_context::Site,
    revocation::{RevocationWatch, Revocations},
    secret,
    viewer::{Caller, Scope},
    visitor_tokens,
};
use crate::{
    app::App,
    cache::Cache,
    error::{Error, Result},
};

/// The maximum length of a token or key, in bytes.
const LONGEST: usize = 8_192;

/// The maximum number of cached callers, a few hundred bytes each.
const MAX_CALLERS: usize = 10_000;

/// The time for which a caller that the database verified is cached.
const REMEMBERED_FOR: Duration = Duration::minutes(1);

/// Finds the caller of each call and knows the revocations.
pub struct Authenticator {
    app: App,
    /// The revocations that this instance knows.
    pub rights: Arc<Revocations>,
    outside: Option<Arc<ExternalIssuer>>,
    known: Cache<CachedCaller>,
}

/// A caller that was authenticated.
struct CachedCaller {
    caller: Caller,
    until: DateTime<Utc>,
    /// The version of the revocations at the check in the database. It is none for a check by signature alone.
    version: Option<u64>,
    /// The only site that may use a visitor's token. It is none for a token that was given to no page.
    site: Option<String>,
}

impl CachedCaller {
    /// Returns true when a page of `site` may use the token. A visitor token works on one site only.
    fn is_let_in_from(&self, site: Option<&Site>) -> bool {
        match (&self.caller, site) {
            (Caller::Visitor(_), Some(site)) => self.site.as_deref() == Some(&site.origin),
            _ => true,
        }
    }
}

impl Authenticator {
    /// Starts to follow the revocations and to fetch the keys of the outside issuer, if there is one.
    pub async fn start(app: &App) -> Result<Self> {
        let rights = Revocations::start(app).await?;
        let outside = app.config.tokens.outside.clone().map(|(url, every)| {
            let outside = Arc::new(ExternalIssuer::default());
            let (app, keeping) = (app.clone(), Arc::clone(&outside));
            tokio::spawn(async move { keeping.keep_fresh(&app, &url, every).await });
            outside
        });
        Ok(Self { app: app.clone(), rights, outside, known: Cache::new(MAX_CALLERS, MAX_CALLERS) })
    }

    /// Returns true once callers can be verified. With an outside issuer this needs its keys.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.outside.as_ref().is_none_or(|outside| outside.is_known())
    }

    /// Returns the caller of an `Authorization` that comes from `site`. Returns none when it is missing or empty.
    /// Refuses with UNAUTHENTICATED when it is wrong, expired, revoked or of another site.
    pub async fn caller(&self, authorization: Option<&str>, site: Option<&Site>) -> Result<Option<Caller>> {
        // A scheme without a token is no credential.
        let given =
            authorization.map(str::trim).filter(|text| !text.is_empty() && !text.eq_ignore_ascii_case("bearer"));
        let Some(authorization) = given else { return Ok(None) };
        let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else { return Err(Error::Unauthenticated) };
        let token = token.trim();
        if token.len() > LONGEST {
            return Err(Error::Unauthenticated);
        }
        let known = self.authenticate(token).await?;
        let caller = known.caller;
        let over = caller.expires_at() <= self.app.clock.now() || !self.rights.are_valid(&caller);
        if over || !known.is_let_in_from(site) {
            return Err(Error::Unauthenticated);
        }
        Ok(Some(caller))
    }

    /// Returns true if an `Authorization` names access that has ended for good: a session that ended although its token
    /// has not expired, or a visitor's token, which leaves no trace.
    pub async fn has_ended(&self, authorization: Option<&str>) -> bool {
        let token = authorization.and_then(|text| text.trim().split_once(' ')).map(|(_, token)| token.trim());
        let Some(token) = token.filter(|token| token.len() <= LONGEST) else { return false };
        match self.authenticate(token).await {
            Ok(known) => known.caller.expires_at() > self.app.clock.now() && !self.rights.are_valid(&known.caller),
            Err(_) => token.starts_with(visitor_tokens::START),
        }
    }

    /// Returns the caller with a watch on their rights. The watch misses no revocation after the check.
    pub async fn watched(
        &self,
        authorization: Option<&str>,
        site: Option<&Site>,
    ) -> Result<Option<(Caller, RevocationWatch)>> {
        loop {
            let version = self.rights.version();
            let Some(caller) = self.caller(authorization, site).await? else { return Ok(None) };
            let watch = self.rights.watch(&caller);
            if self.rights.version() == version {
                return Ok(Some((caller, watch)));
            }
        }
    }

    /// Returns the caller of a signed link that reads `path`, with a watch on their rights. Refuses with
    /// UNAUTHENTICATED.
    pub async fn linked(&self, ticket: &str, path: &str, scope: Scope) -> Result<(Caller, RevocationWatch)> {
        loop {
            let version = self.rights.version();
            let caller = links::redeem(&self.app, ticket, path, scope).await?;
            if !self.rights.are_valid(&caller) {
                return Err(Error::Unauthenticated);
            }
            let watch = self.rights.watch(&caller);
            if self.rights.version() == version {
                return Ok((caller, watch));
            }
        }
    }

    async fn authenticate(&self, token: &str) -> Result<Arc<CachedCaller>> {
        // The cache is keyed by digest, so that no token or key stays in memory.
        let name = secret::name(token);
        let version = self.rights.version();
        if let Some(known) = self.known.get(&name)
            && known.until > self.app.clock.now()
            && known.version.is_none_or(|asked| asked == version)
        {
            return Ok(known);
        }
        let (caller, site, asked) = if token.starts_with(api_keys::START) {
            (api_keys::verify(&self.app, token).await?, None, true)
        } else if token.starts_with(visitor_tokens::START) {
            let (caller, site) = visitor_tokens::verify(&self.app, token).await?;
            (caller, site, true)
        } else if let Some(outside) = &self.outside {
            (Caller::Person(outside.verify(&self.app, token).await?), None, true)
        } else {
            (Caller::Person(jwt::verify(&self.app, token)?), None, false)
        };
        let until = match asked {
            true => caller.expires_at().min(self.app.clock.now() + REMEMBERED_FOR),
            false => caller.expires_at(),
        };
        let known = Arc::new(CachedCaller { caller, until, version: asked.then_some(version), site });
        self.known.keep(&name, 1, Arc::clone(&known));
        Ok(known)
    }
}
