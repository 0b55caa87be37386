//! The scheduler of batched loads. The loads run in the task of their operation, once everything in it waits. All
//! siblings have then asked, so their requests always become one statement, independent of the runtime's scheduler.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::{
    Stream, StreamExt as _,
    stream::FuturesUnordered,
    task::{FutureObj, Spawn, SpawnError},
};
use parking_lot::Mutex;

use crate::memory_budget::MemoryBudget;

/// The loads of an operation that have not started yet.
#[derive(Clone, Default)]
pub struct PendingLoads(Arc<Mutex<Vec<FutureObj<'static, ()>>>>);

impl Spawn for PendingLoads {
    fn spawn_obj(&self, load: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.0.lock().push(load);
        Ok(())
    }
}

/// An operation, which is a future or a stream, together with its loads.
pub struct BatchedOperation<T> {
    operation: Pin<Box<T>>,
    turns: PendingLoads,
    weight: Arc<MemoryBudget>,
    running: FuturesUnordered<FutureObj<'static, ()>>,
}

impl<T> BatchedOperation<T> {
    /// Wraps `operation` with the queue of its loads and its memory budget.
    pub fn new(operation: T, turns: PendingLoads, weight: Arc<MemoryBudget>) -> Self {
        Self { operation: Box::pin(operation), turns, weight, running: FuturesUnordered::new() }
    }

    /// Runs the operation until no load can bring it further.
    fn poll<R>(&mut self, cx: &mut Context<'_>, go_on: impl Fn(Pin<&mut T>, &mut Context<'_>) -> Poll<R>) -> Poll<R> {
        let weight = Arc::clone(&self.weight);
        weight.during(|| {
            loop {
                if let Poll::Ready(value) = go_on(self.operation.as_mut(), cx) {
                    return Poll::Ready(value);
                }
                self.running.extend(self.turns.0.lock().drain(..));
                match self.running.poll_next_unpin(cx) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                }
            }
        })
    }
}

impl<T: Future> Future for BatchedOperation<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        Self::poll(self.get_mut(), cx, T::poll)
    }
}

impl<T: Stream> Stream for BatchedOperation<T> {
    type Item = T::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        Self::poll(self.get_mut(), cx, T::poll_next)
    }
}
