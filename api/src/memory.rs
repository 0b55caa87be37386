//! What need not be computed again: documents that were parsed, callers that were authenticated. Bounded; when full it begins
//! anew, which costs one computation each.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// Entries that are kept.
const MOST: usize = 256;
/// The longest text that is kept.
const LONGEST: usize = 4_096;
/// What all entries together may weigh: documents by their words and signs, each of which may take 300 bytes when parsed.
const MOST_WEIGHT: usize = 16 << 10;

/// Values by text.
pub struct Memory<V>(Mutex<Kept<V>>);

struct Kept<V> {
    values: HashMap<String, Arc<V>>,
    weight: usize,
}

impl<V> Default for Memory<V> {
    fn default() -> Self {
        Self(Mutex::new(Kept { values: HashMap::new(), weight: 0 }))
    }
}

impl<V> Memory<V> {
    /// The value that was kept for a text.
    pub fn recall<Q: Hash + Eq + ?Sized>(&self, text: &Q) -> Option<Arc<V>>
    where
        String: std::borrow::Borrow<Q>,
    {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values.get(text).cloned()
    }

    /// Keeps a value of some weight for a text that is not too long.
    pub fn keep(&self, text: &str, weight: usize, value: Arc<V>) {
        if text.len() > LONGEST {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.values.len() >= MOST || kept.weight + weight > MOST_WEIGHT {
            *kept = Kept { values: HashMap::new(), weight: 0 };
        }
        if kept.values.insert(text.to_owned(), value).is_none() {
            kept.weight += weight;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, LONGEST, MOST, MOST_WEIGHT, Memory};

    #[test]
    fn memory_is_bounded() {
        let memory = Memory::default();
        for number in 0..3 * MOST {
            memory.keep(&number.to_string(), 1, Arc::new(number));
            assert_eq!(memory.recall(&number.to_string()).as_deref(), Some(&number));
        }
        assert!(memory.0.lock().is_ok_and(|kept| kept.values.len() <= MOST));
        let long = "x".repeat(LONGEST + 1);
        memory.keep(&long, 1, Arc::new(0));
        assert!(memory.recall(&long).is_none());
    }

    #[test]
    fn of_what_weighs_much_less_is_kept() {
        let memory = Memory::default();
        for number in 0..MOST {
            let (text, weight) = (number.to_string(), MOST_WEIGHT / 8);
            // Kept twice, counted once.
            memory.keep(&text, weight, Arc::new(number));
            memory.keep(&text, weight, Arc::new(number));
            assert_eq!(memory.recall(&text).as_deref(), Some(&number));
            assert!(
                memory.0.lock().is_ok_and(|kept| kept.weight == kept.values.len() * weight && kept.values.len() <= 8)
            );
        }
    }
}
