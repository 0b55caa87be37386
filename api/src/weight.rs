//! What an operation takes of memory. Rows count when they are read and long texts when they are written into the answer,
//! so an operation that would take too much ends where it goes beyond, not after. The task of an operation carries its
//! weight; whatever runs outside of an operation is not counted.

use std::{
    borrow::Cow,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value, parser::types::Field, registry};

use crate::{
    error::{Error, Excess},
    shares::{Resource, Share, Shares},
    throttle::Payer,
};

/// What an operation may take before the shares of its caller are asked: most operations stay below.
const FREE: usize = 64 << 10;
/// So much more is taken of the shares at once.
const STEP: usize = 64 << 10;
/// What each unit of cost is expected to take: a field of an answer, with its name and a short text.
const BYTES_OF_COST: usize = 100;

tokio::task_local! {
    static CURRENT: Arc<Weight>;
}

/// The weight of one operation.
#[derive(Debug)]
pub struct Weight {
    shares: Arc<Shares>,
    payer: Option<Payer>,
    most: usize,
    bytes: AtomicUsize,
    share: Mutex<Option<Share>>,
}

/// What an answer holds of its caller's share until it is sent.
#[derive(Debug, Default)]
pub struct Held {
    /// What the answer weighed, in bytes.
    pub bytes: usize,
    _share: Option<Share>,
}

impl Weight {
    /// Of an operation of a caller, whose answer may take `most` bytes; 0 stands for no limit.
    #[must_use]
    pub fn new(shares: Arc<Shares>, payer: Option<Payer>, most: usize) -> Arc<Self> {
        let most = if most == 0 { usize::MAX } else { most };
        Arc::new(Self { shares, payer, most, bytes: AtomicUsize::new(0), share: Mutex::default() })
    }

    /// Sets aside what an operation of a cost is expected to take.
    pub fn reserve(&self, cost: u64) -> Result<(), Excess> {
        let expected = usize::try_from(cost).unwrap_or(usize::MAX).saturating_mul(BYTES_OF_COST);
        self.share_of(expected.min(self.most))
    }

    /// Counts bytes that the operation takes.
    pub fn add(&self, bytes: usize) -> Result<(), Excess> {
        let all = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if all > self.most {
            return Err(Excess::Answer);
        }
        self.share_of(all)
    }

    fn share_of(&self, bytes: usize) -> Result<(), Excess> {
        if bytes <= FREE {
            return Ok(());
        }
        let Some(payer) = self.payer else { return Ok(()) };
        let mut share = self.share.lock().unwrap_or_else(PoisonError::into_inner);
        let has = share.as_ref().map_or(0, Share::amount);
        if bytes <= has {
            return Ok(());
        }
        let more = (bytes - has).next_multiple_of(STEP);
        let taken = match share.as_mut() {
            Some(share) => share.grow(more),
            None => self.shares.take(payer, Resource::Memory, more).map(|taken| *share = Some(taken)),
        };
        taken.map_err(Excess::from)
    }

    /// Ends the count of an answer; what it holds goes along with it. The next answer of a subscription begins anew.
    pub fn settle(&self) -> Held {
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        Held { bytes, _share: self.share.lock().unwrap_or_else(PoisonError::into_inner).take() }
    }

    /// Runs a part of the operation, whose readings and texts then count.
    pub fn during<T>(self: &Arc<Self>, part: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Arc::clone(self), part)
    }
}

impl Weight {
    /// Runs something else than an operation of GraphQL, whose readings then count.
    pub async fn measure<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        CURRENT.scope(Arc::clone(self), work).await
    }
}

/// Counts bytes for the operation that runs in this task, if one does.
pub fn add(bytes: usize) -> Result<(), Excess> {
    CURRENT.try_with(|weight| weight.add(bytes)).unwrap_or(Ok(()))
}

/// A text that may be long. It counts towards the weight of the answer, each time that it is asked for.
#[derive(Clone, Debug)]
pub struct LongText<T>(pub T);

impl<T: AsRef<str> + Send + Sync> OutputType for LongText<T> {
    fn type_name() -> Cow<'static, str> {
        <String as OutputType>::type_name()
    }

    fn create_type_info(registry: &mut registry::Registry) -> String {
        <String as OutputType>::create_type_info(registry)
    }

    async fn resolve(&self, ctx: &ContextSelectionSet<'_>, field: &Positioned<Field>) -> ServerResult<Value> {
        let text = self.0.as_ref();
        add(text.len()).map_err(|excess| {
            let error = async_graphql::Error::from(Error::TooLarge(excess));
            ctx.set_error_path(error.into_server_error(field.pos))
        })?;
        Ok(Value::String(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Excess, Weight};
    use crate::{clock::Clock, config::Config, shares::Shares, throttle::Payer};

    fn shares() -> anyhow::Result<Arc<Shares>> {
        let settings = [("RAPPORT_MAX_ALL_ANSWERS_BYTES".to_owned(), "5242880".to_owned())];
        let config = Config::read(settings.into_iter().collect())?;
        Ok(Arc::new(Shares::new(&config)))
    }

    #[test]
    fn an_operation_ends_where_it_goes_beyond_its_limit() -> anyhow::Result<()> {
        let shares = shares()?;
        let ann = Some(Payer::Caller(Clock::standing().uuid()));
        let weight = Weight::new(Arc::clone(&shares), ann, 1 << 20);
        weight.during(|| {
            assert_eq!(super::add(1 << 19), Ok(()));
            assert_eq!(super::add(1 << 19), Ok(()));
            assert_eq!(super::add(1), Err(Excess::Answer));
        });
        assert_eq!(super::add(usize::MAX), Ok(()), "outside of an operation nothing counts");
        assert!(shares.memory() >= 1 << 20);
        let held = weight.settle();
        assert!(held.bytes > 1 << 20);
        assert!(weight.add(1 << 19).is_ok(), "the next answer begins anew");
        drop((held, weight));
        assert_eq!(shares.memory(), 0);
        Ok(())
    }

    #[test]
    fn what_is_small_takes_no_share_and_what_is_dear_takes_it_beforehand() -> anyhow::Result<()> {
        let shares = shares()?;
        let [ann, ben] = [0, 1].map(|_| Some(Payer::Caller(Clock::standing().uuid())));
        let small = Weight::new(Arc::clone(&shares), ann, 4 << 20);
        assert!(small.reserve(100).is_ok() && small.add(1_000).is_ok());
        assert_eq!(shares.memory(), 0);
        let dear = Weight::new(Arc::clone(&shares), ann, 4 << 20);
        assert!(dear.reserve(1_000_000).is_ok());
        assert_eq!(shares.memory(), 4 << 20);
        let other = Weight::new(Arc::clone(&shares), ben, 4 << 20);
        assert_eq!(other.add(2 << 20), Err(Excess::Everybody));
        drop(dear);
        assert!(other.add(1).is_ok());
        Ok(())
    }
}
