//! Memory for long bodies. The address of the client pays for it, because the caller is not known yet.

use axum::http::{header, request::Parts};

use super::{client_ip, executor::Executor};
use crate::{
    error::Excess,
    quotas::{QuotaPermit, Resource},
    rate_limit::LimitSubject,
};

/// The length up to which bodies need no reserved memory, in bytes.
const SHORT_BODY: u64 = 16 << 10;

/// Reserves memory for a long body, on the quota of the address. The permit lasts until the request is answered.
/// Fails when a quota is exhausted.
pub fn room(executor: &Executor, parts: &Parts) -> Result<Option<QuotaPermit>, Excess> {
    let most = executor.app().config.limits.body_bytes;
    let length = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let length = length.and_then(|length| length.parse::<u64>().ok());
    // A compressed body may have any length after unpacking.
    let length = length.filter(|_| !parts.headers.contains_key(header::CONTENT_ENCODING));
    if length.is_some_and(|length| length <= SHORT_BODY) {
        return Ok(None);
    }
    // The compressed and the unpacked body are in memory at the same time.
    let most = if parts.headers.contains_key(header::CONTENT_ENCODING) { 2 * most } else { most };
    // A body of unknown length may have any length. One that is too long is refused while it is read.
    let length = length.and_then(|length| usize::try_from(length).ok()).map_or(most, |length| length.min(most));
    let Some(address) = client_ip::origin(executor.app(), parts).address else { return Ok(None) };
    executor.app().quotas.take(LimitSubject::Address(address), Resource::Memory, length).map(Some).map_err(Excess::from)
}
