//! Secrets that are shown once: 256 random bits. Only their SHA-256 is stored, because random secrets need no slow
//! hash.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRngCore as _, rngs::OsRng};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::error::{Error, Result};

/// Returns `bytes` random bytes of the operating system, in base64url. Secrets must be unpredictable, so this is the
/// only randomness that is not injected.
pub fn random(bytes: usize) -> Result<String> {
    let mut random = vec![0; bytes];
    OsRng.try_fill_bytes(&mut random).map_err(Error::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// Returns the digest of a secret, which is stored instead of the secret.
#[must_use]
pub fn digest(secret: &str) -> Vec<u8> {
    Sha256::digest(secret.as_bytes()).to_vec()
}

/// Returns a lookup name for a secret that does not reveal the secret.
#[must_use]
pub fn name(secret: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(secret))
}

/// Returns true when the secret has the stored digest. The comparison takes constant time.
#[must_use]
pub fn matches(secret: &str, kept: &[u8]) -> bool {
    digest(secret).ct_eq(kept).into()
}
