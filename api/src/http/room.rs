//! Room for long bodies, which an address fills before anybody knows whose they are.

use axum::http::{header, request::Parts};

use super::{execution::Executor, peer};
use crate::{
    error::Excess,
    shares::{Resource, Share},
    throttle::Payer,
};

/// Bodies up to this length are read without asking for room, in bytes.
const SHORT_BODY: u64 = 16 << 10;

/// Room for a long body, which an address fills before anybody knows whose it is; held until it is answered.
pub fn room(executor: &Executor, parts: &Parts) -> Result<Option<Share>, Excess> {
    let most = executor.app().config.limits.body_bytes;
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    // A body that is compressed may be as long as any once it is unpacked.
    let length = length.filter(|_| !parts.headers.contains_key(header::CONTENT_ENCODING));
    if length.is_some_and(|length| length <= SHORT_BODY) {
        return Ok(None);
    }
    // Packed and unpacked it is in memory at once.
    let most = if parts.headers.contains_key(header::CONTENT_ENCODING) { 2 * most } else { most };
    // A body of unknown length may be as long as any; one that is too long is refused while it is read.
    let length = length.and_then(|length| usize::try_from(length).ok()).map_or(most, |length| length.min(most));
    let Some(address) = peer::origin(executor.app(), parts).address else { return Ok(None) };
    executor.app().shares.take(Payer::Address(address), Resource::Memory, length).map(Some).map_err(Excess::from)
}
