//! The body of an answer while it is sent: in portions, so that nobody buffers a second copy, and with what the answer holds
//! of its caller's share until the last portion is taken.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};

use crate::weight::Held;

/// The longest portion, in bytes.
const PORTION: usize = 64 << 10;

struct Sent {
    rest: Bytes,
    _held: Held,
}

/// A body that keeps what an answer holds until it is sent.
#[must_use]
pub fn body(text: impl Into<Bytes>, held: Held) -> Body {
    Body::new(Sent { rest: text.into(), _held: held })
}

impl HttpBody for Sent {
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
