//! Bounded caches of values that are costly to compute: parsed documents and authenticated callers. The number of
//! entries and their weight are limited. The least recently used entries make room for new ones.

use std::sync::Arc;

use quick_cache::{
    OptionsBuilder, Weighter,
    sync::{self, DefaultLifecycle},
};

/// The longest text that is kept as a key, in bytes.
const LONGEST: usize = 4_096;

/// A cache of values by text.
pub struct Cache<V>(sync::Cache<String, CacheEntry<V>, EntryWeighter>);

struct CacheEntry<V> {
    value: Arc<V>,
    weight: u64,
}

impl<V> Clone for CacheEntry<V> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), weight: self.weight }
    }
}

#[derive(Clone)]
struct EntryWeighter;

impl<V> Weighter<String, CacheEntry<V>> for EntryWeighter {
    fn weight(&self, _: &String, entry: &CacheEntry<V>) -> u64 {
        entry.weight
    }
}

impl<V> Cache<V> {
    /// Creates a cache for about `entries` entries with a total weight of at most `weight`.
    #[must_use]
    pub fn new(entries: usize, weight: usize) -> Self {
        let capacity = u64::try_from(weight).unwrap_or(u64::MAX);
        // One shard: with several, a shard would never keep an entry that weighs more than its share.
        let built = OptionsBuilder::new().estimated_items_capacity(entries).weight_capacity(capacity).shards(1).build();
        Self(match built {
            Ok(options) => sync::Cache::with_options(
                options,
                EntryWeighter,
                quick_cache::DefaultHashBuilder::default(),
                DefaultLifecycle::default(),
            ),
            Err(_) => sync::Cache::with_weighter(entries, capacity, EntryWeighter),
        })
    }

    /// Returns the value that is kept for `text`.
    pub fn get(&self, text: &str) -> Option<Arc<V>> {
        self.0.get(text).map(|entry| entry.value)
    }

    /// Keeps a value for `text`, unless the text is longer than 4,096 bytes. A `weight` below 1 counts as 1.
    pub fn keep(&self, text: &str, weight: usize, value: Arc<V>) {
        if text.len() <= LONGEST {
            self.0.insert(
                text.to_owned(),
                CacheEntry { value, weight: u64::try_from(weight).unwrap_or(u64::MAX).max(1) },
            );
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
            // The second call replaces the entry, so its weight counts once.
            cache.keep(&number.to_string(), 128, Arc::new(number));
            cache.keep(&number.to_string(), 128, Arc::new(number));
        }
        assert!(cache.0.weight() <= 1_024 && cache.0.len() <= 8 && !cache.0.is_empty());
    }
}
