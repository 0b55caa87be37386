//! The context of an operation: gives resolvers the app, the caller, and rows by key in batches.

use std::{
    hash::Hash,
    net::IpAddr,
    sync::{Arc, OnceLock},
    time::Duration,
};

use async_graphql::{
    Context,
    dataloader::{DataLoader, HashMapCache, Loader},
    runtime::Timer,
};
use futures_util::future::BoxFuture;

use super::{
    load_scheduler::PendingLoads,
    viewer::{Caller, Viewer, VisitorViewer},
};
use crate::{
    app::App,
    error::{Error, Result},
    events::cursor::Cursor,
    rate_limit::Budget,
};

/// The data with which the loaders of one operation read. Every feature's `loader.rs` implements [`Loader`] for it with
/// its own key type. The siblings of one level are batched. A query caches its rows until its end, so that it shows
/// each row in one state. Mutations and live events cache nothing, so they never show an old row.
pub struct RequestReads {
    /// The app with its database and services.
    pub app: App,
    /// The caller; none for an anonymous call.
    pub caller: Option<Caller>,
    /// The origin of the call.
    pub origin: Origin,
    /// The visitor whom the operation itself admitted. The rest of the operation belongs to them.
    let_in: OnceLock<Caller>,
    /// A position of the log from before the operation.
    position: i64,
    /// The rate limit budget that was left after this operation was charged. It is none without a limit.
    pub budget: Option<Budget>,
}

impl RequestReads {
    /// Returns the caller, or the visitor whom the operation admitted. Refuses with UNAUTHENTICATED.
    pub fn required_caller(&self) -> Result<&Caller> {
        self.let_in.get().or(self.caller.as_ref()).ok_or(Error::Unauthenticated)
    }

    /// Returns the person who calls. Refuses with UNAUTHENTICATED an anonymous caller, and with FORBIDDEN a caller that
    /// is no person.
    pub fn viewer(&self) -> Result<&Viewer> {
        match &self.caller {
            Some(Caller::Person(viewer)) => Ok(viewer),
            Some(Caller::Service(_) | Caller::Visitor(_)) => Err(Error::PersonsOnly),
            None => Err(Error::Unauthenticated),
        }
    }
}

/// The origin of a call.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    /// The IP address of the client.
    pub address: Option<IpAddr>,
    /// The client's own name for itself, its user agent.
    pub agent: Option<Arc<str>>,
    /// The web site whose page makes the call; none for programs.
    pub site: Option<Site>,
}

/// A web site whose page makes the call, as the browser reports it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The scheme, host and port in lower case, such as `https://example.com`.
    pub origin: Arc<str>,
    /// True when the site is the host that receives the call.
    pub own: bool,
}

/// A timer without delay: a load begins when all requests for it were made.
struct NoDelay;

impl Timer for NoDelay {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The loaders of one operation.
pub type RequestLoaders = DataLoader<RequestReads, HashMapCache>;

/// Creates the data of one operation. `turns` collects its loads. With `remembers`, a row is read only once.
#[must_use]
pub fn operation(
    app: App,
    caller: Option<Caller>,
    origin: Origin,
    budget: Option<Budget>,
    turns: PendingLoads,
    remembers: bool,
) -> RequestLoaders {
    let position = app.log_feed.head();
    let reads = RequestReads { app, caller, origin, position, budget, let_in: OnceLock::new() };
    let loads = DataLoader::with_cache(reads, turns, NoDelay, HashMapCache::default());
    loads.enable_all_cache(remembers);
    loads
}

/// Gives resolvers access to the operation's data.
pub trait ContextExt {
    /// Returns the app.
    fn app(&self) -> Result<&App>;
    /// Returns the caller. Refuses an anonymous caller with UNAUTHENTICATED.
    fn caller(&self) -> Result<&Caller>;
    /// Returns the person who calls. Refuses with UNAUTHENTICATED an anonymous caller, and with FORBIDDEN a caller that
    /// is no person.
    fn viewer(&self) -> Result<&Viewer>;
    /// Admits a visitor who has just started a chat. The rest of the operation belongs to them.
    fn let_in(&self, visitor: VisitorViewer) -> Result<()>;
    /// Returns the caller's position in the log from before the operation. A subscription with it as `after` misses
    /// nothing that the operation did not read. Refuses an anonymous caller with UNAUTHENTICATED.
    fn stream_cursor(&self) -> Result<Cursor>;
    /// Returns the origin of the call.
    fn origin(&self) -> Result<&Origin>;
    /// Returns the rate limit budget that the caller has left; none without a limit.
    fn budget(&self) -> Result<Option<Budget>>;
    /// Loads one row, in one batch with the rows of its siblings.
    fn load<K>(&self, key: K) -> impl Future<Output = Result<Option<<RequestReads as Loader<K>>::Value>>> + Send
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        RequestReads: Loader<K, Error = Error>;
    /// Caches a row that was read in another way, so that a query need not load it.
    fn remember<K>(&self, key: K, value: <RequestReads as Loader<K>>::Value) -> impl Future<Output = Result<()>> + Send
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        RequestReads: Loader<K, Error = Error>;
}

fn reads<'a>(ctx: &'a Context<'_>) -> Result<&'a RequestLoaders> {
    ctx.data::<RequestLoaders>().map_err(|error| Error::internal(anyhow::anyhow!("{}", error.message)))
}

impl ContextExt for Context<'_> {
    fn app(&self) -> Result<&App> {
        Ok(&reads(self)?.loader().app)
    }

    fn caller(&self) -> Result<&Caller> {
        reads(self)?.loader().required_caller()
    }

    fn viewer(&self) -> Result<&Viewer> {
        reads(self)?.loader().viewer()
    }

    fn let_in(&self, visitor: VisitorViewer) -> Result<()> {
        // The first visitor stays, because one operation belongs to one visitor.
        reads(self)?.loader().let_in.get_or_init(|| Caller::Visitor(visitor));
        Ok(())
    }

    fn stream_cursor(&self) -> Result<Cursor> {
        let reads = reads(self)?.loader();
        Ok(Cursor::global(reads.required_caller()?.cursor_owner(), reads.position))
    }

    fn origin(&self) -> Result<&Origin> {
        Ok(&reads(self)?.loader().origin)
    }

    fn budget(&self) -> Result<Option<Budget>> {
        Ok(reads(self)?.loader().budget)
    }

    async fn load<K>(&self, key: K) -> Result<Option<<RequestReads as Loader<K>>::Value>>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        RequestReads: Loader<K, Error = Error>,
    {
        reads(self)?.load_one(key).await
    }

    async fn remember<K>(&self, key: K, value: <RequestReads as Loader<K>>::Value) -> Result<()>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        RequestReads: Loader<K, Error = Error>,
    {
        reads(self)?.feed_one(key, value).await;
        Ok(())
    }
}
