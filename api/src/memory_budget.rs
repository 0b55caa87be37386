//! The memory that an operation takes. Rows count when they are read, and long texts count when they are written into
//! the answer. An operation ends at the moment it exceeds its limit. The task of an operation carries its budget, and
//! work outside of an operation is not counted.

use std::{
    borrow::Cow,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_graphql::{ContextSelectionSet, OutputType, Positioned, ServerResult, Value, parser::types::Field, registry};
use parking_lot::Mutex;

use crate::{
    error::{Error, Excess},
    quotas::{QuotaPermit, Quotas, Resource},
    rate_limit::LimitSubject,
};

/// The bytes that an operation may take before the quotas of its caller count. Most operations stay below.
const FREE: usize = 64 << 10;
/// The step in which bytes are taken from the quotas.
const STEP: usize = 64 << 10;
/// The bytes that one unit of cost is expected to take: a field of an answer with its name and a short text.
const BYTES_OF_COST: usize = 100;

tokio::task_local! {
    static CURRENT: Arc<MemoryBudget>;
}

/// The memory that one operation has taken and may take.
#[derive(Debug)]
pub struct MemoryBudget {
    quotas: Arc<Quotas>,
    payer: Option<LimitSubject>,
    most: usize,
    bytes: AtomicUsize,
    share: Mutex<Option<QuotaPermit>>,
}

/// The memory of an answer, which counts against the quota of its caller until the answer is sent.
#[derive(Debug, Default)]
pub struct ReservedMemory {
    /// The size of the answer, in bytes.
    pub bytes: usize,
    _share: Option<QuotaPermit>,
}

impl MemoryBudget {
    /// Creates the budget of one operation of `payer`. Its answer may take `most` bytes, and 0 means no limit.
    #[must_use]
    pub fn new(quotas: Arc<Quotas>, payer: Option<LimitSubject>, most: usize) -> Arc<Self> {
        let most = if most == 0 { usize::MAX } else { most };
        Arc::new(Self { quotas, payer, most, bytes: AtomicUsize::new(0), share: Mutex::default() })
    }

    /// Reserves the memory that an operation of this cost is expected to take. Fails when a quota is exhausted.
    pub fn reserve(&self, cost: u64) -> Result<(), Excess> {
        let expected = usize::try_from(cost).unwrap_or(usize::MAX).saturating_mul(BYTES_OF_COST);
        self.share_of(expected.min(self.most))
    }

    /// Counts bytes that the operation takes. Fails when the answer exceeds its limit or a quota is exhausted.
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
        let mut share = self.share.lock();
        let has = share.as_ref().map_or(0, QuotaPermit::amount);
        if bytes <= has {
            return Ok(());
        }
        let more = (bytes - has).next_multiple_of(STEP);
        let taken = match share.as_mut() {
            Some(share) => share.grow(more),
            None => self.quotas.take(payer, Resource::Memory, more).map(|taken| *share = Some(taken)),
        };
        taken.map_err(Excess::from)
    }

    /// Ends the count of one answer and returns the memory that it takes. The next answer of a subscription starts at
    /// 0.
    pub fn settle(&self) -> ReservedMemory {
        let bytes = self.bytes.swap(0, Ordering::Relaxed);
        ReservedMemory { bytes, _share: self.share.lock().take() }
    }

    /// Runs a synchronous part of the operation and counts its rows and texts.
    pub fn during<T>(self: &Arc<Self>, part: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(Arc::clone(self), part)
    }
}

impl MemoryBudget {
    /// Runs work other than a GraphQL operation and counts the rows that it reads.
    pub async fn measure<T>(self: &Arc<Self>, work: impl Future<Output = T>) -> T {
        CURRENT.scope(Arc::clone(self), work).await
    }
}

/// Counts bytes for the operation that runs in this task. Does nothing outside of an operation.
pub fn add(bytes: usize) -> Result<(), Excess> {
    CURRENT.try_with(|weight| weight.add(bytes)).unwrap_or(Ok(()))
}

/// A text that may be long. It counts towards the memory of the answer each time it is selected.
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

    use super::{Excess, MemoryBudget};
    use crate::{clock::Clock, config::Config, quotas::Quotas, rate_limit::LimitSubject};

    fn new_quotas() -> anyhow::Result<Arc<Quotas>> {
        let settings = [("RAPPORT_MAX_ALL_ANSWERS_BYTES".to_owned(), "5242880".to_owned())];
        let config = Config::read(settings.into_iter().collect())?;
        Ok(Arc::new(Quotas::new(&config)))
    }

    #[test]
    fn an_operation_ends_where_it_goes_beyond_its_limit() -> anyhow::Result<()> {
        let quotas = new_quotas()?;
        let ann = Some(LimitSubject::Caller(Clock::standing().uuid()));
        let weight = MemoryBudget::new(Arc::clone(&quotas), ann, 1 << 20);
        weight.during(|| {
            assert_eq!(super::add(1 << 19), Ok(()));
            assert_eq!(super::add(1 << 19), Ok(()));
            assert_eq!(super::add(1), Err(Excess::Answer));
        });
        assert_eq!(super::add(usize::MAX), Ok(()), "outside of an operation nothing counts");
        assert!(quotas.memory() >= 1 << 20);
        let held = weight.settle();
        assert!(held.bytes > 1 << 20);
        assert!(weight.add(1 << 19).is_ok(), "the next answer begins anew");
        drop((held, weight));
        assert_eq!(quotas.memory(), 0);
        Ok(())
    }

    #[test]
    fn what_is_small_takes_no_share_and_what_is_dear_takes_it_beforehand() -> anyhow::Result<()> {
        let quotas = new_quotas()?;
        let [ann, ben] = [0, 1].map(|_| Some(LimitSubject::Caller(Clock::standing().uuid())));
        let small = MemoryBudget::new(Arc::clone(&quotas), ann, 4 << 20);
        assert!(small.reserve(100).is_ok() && small.add(1_000).is_ok());
        assert_eq!(quotas.memory(), 0);
        let dear = MemoryBudget::new(Arc::clone(&quotas), ann, 4 << 20);
        assert!(dear.reserve(1_000_000).is_ok());
        assert_eq!(quotas.memory(), 4 << 20);
        let other = MemoryBudget::new(Arc::clone(&quotas), ben, 4 << 20);
        assert_eq!(other.add(2 << 20), Err(Excess::Everybody));
        drop(dear);
        assert!(other.add(1).is_ok());
        Ok(())
    }
}
