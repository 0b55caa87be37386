//! Secrets that are handed out once: 256 random bits. Kept is their SHA-256; what is random needs no slow hash.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRngCore as _, rngs::OsRng};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::{Error, Result};

/// So many random bytes of the operating system, in base64url. What an attacker must not guess is the one kind of chance
/// that is not injected.
pub fn random(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    OsRng.try_fill_bytes(&mut random).map_err(Error::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// What is kept of a secret.
#[must_use]
pub fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// A name for a secret by which it can be found again and not be told.
#[must_use]
pub fn name(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(secret))
}

/// Whether a secret is the one of which the digest was kept, in a time that does not tell how far they agree.
#[must_use]
pub fn matches(secret: &str, kept: &[u8]) -> bool {
    digest(secret).ct_eq(kept).into()
}
