//! The bounds on the uploads that an instance receives at once. No other limit bounds their bodies together.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Excess, Result};

/// The files that are read into memory at once, each of at most 8 MB.
const IN_MEMORY: usize = 16;
/// The files that are received in parts at once. They take little memory.
const IN_PARTS: usize = 128;

/// The slots of an instance for uploads. All are free at first.
pub struct UploadSlots {
    in_memory: Arc<Semaphore>,
    in_parts: Arc<Semaphore>,
}

impl Default for UploadSlots {
    fn default() -> Self {
        Self { in_memory: Arc::new(Semaphore::new(IN_MEMORY)), in_parts: Arc::new(Semaphore::new(IN_PARTS)) }
    }
}

impl UploadSlots {
    /// Takes a slot for a file that is read into memory. Fails with UNAVAILABLE when none is free.
    pub fn take_in_memory(&self) -> Result<OwnedSemaphorePermit> {
        take(&self.in_memory)
    }

    /// Takes a slot for a file that is received in parts. Fails with UNAVAILABLE when none is free.
    pub fn take_in_parts(&self) -> Result<OwnedSemaphorePermit> {
        take(&self.in_parts)
    }
}

fn take(slots: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    Arc::clone(slots).try_acquire_owned().map_err(|_| Error::TooLarge(Excess::Everybody))
}
