//! From an `Authorization` to a caller. A signature or a secret that was found right is remembered for a while; that a
//! caller's time is not up and that their rights still hold is asked each time.

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use super::{
    context::Site,
    issuer::Outside,
    jwt, keys,
    rights::{Rights, Watch},
    secret,
    viewer::Caller,
    visits,
};
use crate::{
    app::App,
    cache::Cache,
    error::{Error, Result},
};

/// The longest token or key that is looked at, in bytes.
const LONGEST: usize = 8_192;

/// Callers that are remembered, a few hundred bytes each.
const MOST_CALLERS: usize = 10_000;

/// How long a caller whom the database proved is remembered.
const REMEMBERED_FOR: Duration = Duration::minutes(1);

pub struct Authenticator {
    app: App,
    pub rights: Arc<Rights>,
    outside: Option<Arc<Outside>>,
    known: Cache<Known>,
}

/// A caller who was authenticated.
struct Known {
    caller: Caller,
    until: DateTime<Utc>,
    /// The version of the rights under which the database was asked; none where it was not.
    version: Option<u64>,
    /// The one site from which a visitor is let in; none where it was given to no page.
    site: Option<String>,
}

impl Known {
    /// A visitor's token is of one site: no page of another may use it.
    fn is_let_in_from(&self, site: Option<&Site>) -> bool {
        match (&self.caller, site) {
            (Caller::Visitor(_), Some(site)) => self.site.as_deref() == Some(&site.origin),
            _ => true,
        }
    }
}

impl Authenticator {
    /// Begins to follow whose rights end, and to fetch the keys of an outside issuer.
    pub async fn start(app: &App) -> Result<Self> {
        let rights = Rights::start(app).await?;
        let outside = app.config.tokens.outside.clone().map(|(url, every)| {
            let outside = Arc::new(Outside::default());
            let (app, keeping) = (app.clone(), Arc::clone(&outside));
            tokio::spawn(async move { keeping.keep_fresh(&app, &url, every).await });
            outside
        });
        Ok(Self { app: app.clone(), rights, outside, known: Cache::new(MOST_CALLERS, MOST_CALLERS) })
    }

    /// Whether callers can be told already.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.outside.as_ref().is_none_or(|outside| outside.is_known())
    }

    /// The caller of an `Authorization` or the like, as it comes from a site, if any: none without one or with an empty one,
    /// an error with a bad one.
    pub async fn caller(&self, authorization: Option<&str>, site: Option<&Site>) -> Result<Option<Caller>> {
        let Some(authorization) = authorization.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
        let token = authorization.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let Some((_, token)) = token else { return Err(Error::Unauthenticated) };
        let token = token.trim();
        if token.len() > LONGEST {
            return Err(Error::Unauthenticated);
        }
        let known = self.authenticate(token).await?;
        let caller = known.caller;
        let over = caller.expires_at() <= self.app.clock.now() || !self.rights.hold(&caller);
        if over || !known.is_let_in_from(site) {
            return Err(Error::Unauthenticated);
        }
        Ok(Some(caller))
    }

    /// The caller, and a watch on their rights that missed nothing since they were told.
    pub async fn watched(&self, authorization: Option<&str>, site: Option<&Site>) -> Result<Option<(Caller, Watch)>> {
        loop {
            let version = self.rights.version();
            let Some(caller) = self.caller(authorization, site).await? else { return Ok(None) };
            let watch = self.rights.watch(&caller);
            if self.rights.version() == version {
                return Ok(Some((caller, watch)));
            }
        }
    }

    async fn authenticate(&self, token: &str) -> Result<Arc<Known>> {
        // What is remembered is found by its digest, so that no token and no key lies about in memory.
        let name = secret::name(token);
        let version = self.rights.version();
        if let Some(known) = self.known.get(&name)
            && known.until > self.app.clock.now()
            && known.version.is_none_or(|asked| asked == version)
        {
            return Ok(known);
        }
        let (caller, site, asked) = if token.starts_with(keys::START) {
            (keys::verify(&self.app, token).await?, None, true)
        } else if token.starts_with(visits::START) {
            let (caller, site) = visits::verify(&self.app, token).await?;
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
        let known = Arc::new(Known { caller, until, version: asked.then_some(version), site });
        self.known.keep(&name, 1, Arc::clone(&known));
        Ok(known)
    }
}
