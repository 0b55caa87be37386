//! What a resolver can ask of its context: the app, the caller, and rows by key, batched.

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
    turns::Turns,
    viewer::{Caller, Viewer, VisitorViewer},
};
use crate::{
    app::App,
    error::{Error, Result},
    throttle::Budget,
};

/// What the loaders of one operation read with. Every feature's `loader.rs` implements [`Loader`] for it, each for its
/// own type of key. The siblings of one level are batched. A query remembers until its end what it has read, so that it shows
/// a row once and as it was once; nothing else does, so neither a live event nor what a mutation answers shows an old row.
pub struct Reads {
    pub app: App,
    pub caller: Option<Caller>,
    pub origin: Origin,
    /// Whom the operation itself has let in: what it shows after that is theirs.
    let_in: OnceLock<Caller>,
    /// What was left to the caller when this operation was paid for; none where there is no limit.
    pub budget: Option<Budget>,
}

impl Reads {
    /// Whoever calls, or was let in.
    pub fn asker(&self) -> Result<&Caller> {
        self.let_in.get().or(self.caller.as_ref()).ok_or(Error::Unauthenticated)
    }

    /// The caller, if it is a person.
    pub fn viewer(&self) -> Result<&Viewer> {
        match &self.caller {
            Some(Caller::Person(viewer)) => Ok(viewer),
            Some(Caller::Service(_) | Caller::Visitor(_)) => Err(Error::PersonsOnly),
            None => Err(Error::Unauthenticated),
        }
    }
}

/// Where a call comes from.
#[derive(Clone, Debug, Default)]
pub struct Origin {
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub agent: Option<Arc<str>>,
    /// The web site whose page calls; none for programs.
    pub site: Option<Site>,
}

/// A web site whose page calls, as the browser says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Scheme, host and port in lower case, `https://example.com`.
    pub origin: Arc<str>,
    /// Whether it is the very host that is called.
    pub own: bool,
}

/// Waits for nothing: a load begins when everything that asks has asked.
struct AtOnce;

impl Timer for AtOnce {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(std::future::ready(()))
    }
}

/// The loads of one operation.
pub type Loads = DataLoader<Reads, HashMapCache>;

/// The data of one operation, whose loads run in turns. `remembers`: what was read once is not read again.
#[must_use]
pub fn operation(
    app: App,
    caller: Option<Caller>,
    origin: Origin,
    budget: Option<Budget>,
    turns: Turns,
    remembers: bool,
) -> Loads {
    let reads = Reads { app, caller, origin, budget, let_in: OnceLock::new() };
    let loads = DataLoader::with_cache(reads, turns, AtOnce, HashMapCache::default());
    loads.enable_all_cache(remembers);
    loads
}

pub trait ContextExt {
    fn app(&self) -> Result<&App>;
    /// The caller, or the refusal of an anonymous one.
    fn caller(&self) -> Result<&Caller>;
    /// The caller, or the refusal of one who is no person.
    fn viewer(&self) -> Result<&Viewer>;
    /// Lets a visitor in who has just begun: the rest of the operation is theirs.
    fn let_in(&self, visitor: VisitorViewer) -> Result<()>;
    /// Where the call comes from.
    fn origin(&self) -> Result<&Origin>;
    /// What is left to the caller; none where there is no limit.
    fn budget(&self) -> Result<Option<Budget>>;
    /// Loads one row together with those that its siblings ask for.
    fn load<K>(&self, key: K) -> impl Future<Output = Result<Option<<Reads as Loader<K>>::Value>>> + Send
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        Reads: Loader<K, Error = Error>;
    /// Notes what was read in another way, so that a query need not load it.
    fn remember<K>(&self, key: K, value: <Reads as Loader<K>>::Value) -> impl Future<Output = Result<()>> + Send
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        Reads: Loader<K, Error = Error>;
}

fn reads<'a>(ctx: &'a Context<'_>) -> Result<&'a Loads> {
    ctx.data::<Loads>().map_err(|error| Error::internal(anyhow::anyhow!("{}", error.message)))
}

impl ContextExt for Context<'_> {
    fn app(&self) -> Result<&App> {
        Ok(&reads(self)?.loader().app)
    }

    fn caller(&self) -> Result<&Caller> {
        reads(self)?.loader().asker()
    }

    fn viewer(&self) -> Result<&Viewer> {
        reads(self)?.loader().viewer()
    }

    fn let_in(&self, visitor: VisitorViewer) -> Result<()> {
        // Whoever was let in before stays: one operation is one visitor's.
        reads(self)?.loader().let_in.get_or_init(|| Caller::Visitor(visitor));
        Ok(())
    }

    fn origin(&self) -> Result<&Origin> {
        Ok(&reads(self)?.loader().origin)
    }

    fn budget(&self) -> Result<Option<Budget>> {
        Ok(reads(self)?.loader().budget)
    }

    async fn load<K>(&self, key: K) -> Result<Option<<Reads as Loader<K>>::Value>>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        Reads: Loader<K, Error = Error>,
    {
        reads(self)?.load_one(key).await
    }

    async fn remember<K>(&self, key: K, value: <Reads as Loader<K>>::Value) -> Result<()>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        Reads: Loader<K, Error = Error>,
    {
        reads(self)?.feed_one(key, value).await;
        Ok(())
    }
}
