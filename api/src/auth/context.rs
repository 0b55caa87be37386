//! What a resolver can ask of its context: the app, the caller, and rows by key, batched.

use std::{hash::Hash, time::Duration};

use async_graphql::{
    Context,
    dataloader::{DataLoader, Loader},
    runtime::{Timer, TokioSpawner},
};
use futures_util::future::BoxFuture;

use super::viewer::Viewer;
use crate::{
    app::App,
    error::{Error, Result},
};

/// What the loaders of one operation read with. Every feature's `loader.rs` implements [`Loader`] for it, each for its
/// own type of key. Nothing is cached: the siblings of one level are batched, and a live event never sees an old row.
pub struct Reads {
    pub app: App,
    pub viewer: Option<Viewer>,
}

/// Waits one turn of the scheduler, which is what the siblings need to ask; a timer would wait a millisecond.
struct OneTurn;

impl Timer for OneTurn {
    fn delay(&self, _: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::task::yield_now())
    }
}

/// The data of one operation.
#[must_use]
pub fn operation(app: App, viewer: Option<Viewer>) -> DataLoader<Reads> {
    DataLoader::new(Reads { app, viewer }, TokioSpawner::current(), OneTurn)
}

pub trait ContextExt {
    fn app(&self) -> Result<&App>;
    /// The caller, or the refusal of an anonymous one.
    fn viewer(&self) -> Result<&Viewer>;
    /// Loads one row together with those that its siblings ask for.
    fn load<K>(&self, key: K) -> impl Future<Output = Result<Option<<Reads as Loader<K>>::Value>>> + Send
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        Reads: Loader<K, Error = Error>;
}

fn reads<'a>(ctx: &'a Context<'_>) -> Result<&'a DataLoader<Reads>> {
    ctx.data::<DataLoader<Reads>>().map_err(|error| Error::internal(anyhow::anyhow!("{}", error.message)))
}

impl ContextExt for Context<'_> {
    fn app(&self) -> Result<&App> {
        Ok(&reads(self)?.loader().app)
    }

    fn viewer(&self) -> Result<&Viewer> {
        reads(self)?.loader().viewer.as_ref().ok_or(Error::Unauthenticated)
    }

    async fn load<K>(&self, key: K) -> Result<Option<<Reads as Loader<K>>::Value>>
    where
        K: Hash + Eq + Clone + Send + Sync + 'static,
        Reads: Loader<K, Error = Error>,
    {
        reads(self)?.load_one(key).await
    }
}
