//! What need not be computed again: documents that were parsed, callers that were authenticated. Bounded by entries and by
//! weight; what was used least recently makes room.

use std::sync::Arc;

use quick_cache::{
    OptionsBuilder, Weighter,
    sync::{self, DefaultLifecycle},
};

/// The longest text that is kept, in bytes.
const LONGEST: usize = 4_096;

/// Values by text.
pub struct Cache<V>(sync::Cache<String, Entry<V>, ByWeight>);

struct Entry<V> {
    value: Arc<V>,
    weight: u64,
}

impl<V> Clone for Entry<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), weight: self.weight }
    }
}

#[derive(Clone)]
struct ByWeight;

impl<V> Weighter<String, Entry<V>> for ByWeight {
    fn weight(&self, _: &String, entry: &Entry<V>) -> u64 {
        entry.weight
    }
}

impl<V> Cache<V> {
    /// Room for about so many entries, which together weigh no more than `weight`.
    #[must_use]
    pub fn new(entries: usize, weight: usize) -> Self {
        let capacity = u64::try_from(weight).unwrap_or(u64::MAX);
        // One part: with several, an entry that weighs more than one part's share would never be kept.
        let built = OptionsBuilder::new().estimated_items_capacity(entries).weight_capacity(capacity).shards(1).build();
        Self(match built {
            Ok(options) => sync::Cache::with_options(
                options,
                ByWeight,
                quick_cache::DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            Err(_) => sync::Cache::with_weighter(entries, capacity, ByWeight),
        })
    }

    /// The value that was kept for a text.
    pub fn get(&self, text: &str) -> Option<Arc<V>> {
        self.0.get(text).map(|entry| entry.value)
    }

    /// Keeps a value of some weight, at least 1, for a text that is not too long.
    pub fn keep(&self, text: &str, weight: usize, value: Arc<V>) {
        if text.len() <= LONGEST {
            self.0.insert(text.to_owned(), Entry { value, weight: u64::try_from(weight).unwrap_or(u64::MAX).max(1) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Cache, LONGEST};

    #[test]
    fn entries_are_bounded_and_those_in_use_stay() {
        let cache = Cache::new(256, 256);
        cache.keep("used", 1, Arc::new(usize::MAX));
        for number in 0..10_000 {
            cache.keep(&number.to_string(), 1, Arc::new(number));
            assert!(cache.get("used").is_some(), "forgotten at {number}");
        }
        assert!(cache.0.len() <= 256, "{}", cache.0.len());
        let long = "x".repeat(LONGEST + 1);
        cache.keep(&long, 1, Arc::new(0));
        assert!(cache.get(&long).is_none());
    }

    #[test]
    fn of_what_weighs_much_less_is_kept() {
        let cache = Cache::new(256, 1_024);
        for number in 0..256 {
            // Kept twice, counted once.
            cache.keep(&number.to_string(), 128, Arc::new(number));
            cache.keep(&number.to_string(), 128, Arc::new(number));
        }
        assert!(cache.0.weight() <= 1_024 && cache.0.len() <= 8 && !cache.0.is_empty());
    }
}
