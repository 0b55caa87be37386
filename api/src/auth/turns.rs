//! Loads run in the task of the operation that asks for them, once everything in it waits: so all siblings have asked, and
//! what they ask for is one statement, whatever the scheduler does.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use futures_util::{
    Stream, StreamExt as _,
    stream::FuturesUnordered,
    task::{FutureObj, Spawn, SpawnError},
};

use crate::weight::Weight;

/// The loads that an operation has begun and that do not run yet.
#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<Vec<FutureObj<'static, ()>>>>);

impl Spawn for Turns {
    fn spawn_obj(&self, load: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(load);
        Ok(())
    }
}

/// An operation, a future or a stream, together with its loads.
pub struct Driven<T> {
    operation: Pin<Box<T>>,
    turns: Turns,
    weight: Arc<Weight>,
    running: FuturesUnordered<FutureObj<'static, ()>>,
}

impl<T> Driven<T> {
    pub fn new(operation: T, turns: Turns, weight: Arc<Weight>) -> Self {
        Self { operation: Box::pin(operation), turns, weight, running: FuturesUnordered::new() }
    }

    /// Lets the operation go on until it waits for what no load can bring.
    fn poll<R>(&mut self, cx: &mut Context<'_>, go_on: impl Fn(Pin<&mut T>, &mut Context<'_>) -> Poll<R>) -> Poll<R> {
        let weight = Arc::clone(&self.weight);
        weight.during(|| {
            loop {
                if let Poll::Ready(value) = go_on(self.operation.as_mut(), cx) {
                    return Poll::Ready(value);
                }
                self.running.extend(self.turns.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
                match self.running.poll_next_unpin(cx) {
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                }
            }
        })
    }
}

impl<T: Future> Future for Driven<T> {
    type Output = T::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T::Output> {
        Self::poll(self.get_mut(), cx, T::poll)
    }
}

impl<T: Stream> Stream for Driven<T> {
    type Item = T::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T::Item>> {
        Self::poll(self.get_mut(), cx, T::poll_next)
    }
}
