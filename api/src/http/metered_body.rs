//! The body of an answer while it is sent. It is sent in portions, so that no layer buffers a second copy. Its memory
//! counts against the caller's quota until the last portion is taken.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::memory_budget::ReservedMemory;

/// The longest portion, in bytes.
const PORTION: usize = 64 << 10;

struct MeteredBody {
    rest: Bytes,
    _held: ReservedMemory,
}

/// Creates a body that keeps the memory of an answer reserved until it is sent.
pub fn body(text: impl Into<Bytes>, held: ReservedMemory) -> Body {
    Body::new(MeteredBody { rest: text.into(), _held: held })
}

impl HttpBody for MeteredBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.rest.len().min(PORTION);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(length)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}
