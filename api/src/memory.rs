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

/// Values by text.
pub struct Memory<V>(Mutex<HashMap<String, Arc<V>>>);

impl<V> Default for Memory<V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<V> Memory<V> {
    /// The value that was kept for a text.
    pub fn recall<Q: Hash + Eq + ?Sized>(&self, text: &Q) -> Option<Arc<V>>
    where
        String: std::borrow::Borrow<Q>,
    {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(text).cloned()
    }

    /// Keeps a value for a text that is not too long.
    pub fn keep(&self, text: &str, value: Arc<V>) {
        if text.len() > LONGEST {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= MOST {
            kept.clear();
        }
        kept.insert(text.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, LONGEST, MOST, Memory};

    #[test]
    fn memory_is_bounded() {
        let memory = Memory::default();
        for number in 0..3 * MOST {
            memory.keep(&number.to_string(), Arc::new(number));
            assert_eq!(memory.recall(&number.to_string()).as_deref(), Some(&number));
        }
        assert!(memory.0.lock().is_ok_and(|kept| kept.len() <= MOST));
        let long = "x".repeat(LONGEST + 1);
        memory.keep(&long, Arc::new(0));
        assert!(memory.recall(&long).is_none());
    }
}
