//! Secrets that only their call's answer shows: 256 bits. Only their SHA-256 is stored, because random secrets need no
//! slow hash.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use entity::id::UserId;
use rand::{TryRngCore as _, rngs::OsRng};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

use crate::{
    config::keys::Keyring,
    error::{Error, Result},
};

/// The bytes of a secret.
const BYTES: usize = 32;

/// The secret that a call gives to an object. With an idempotency key it is derived from the call, so that a repeated
/// call can return it although only its digest is stored.
pub struct CallSecret<'a> {
    keys: &'a Keyring,
    call: Option<String>,
}

impl<'a> CallSecret<'a> {
    /// Describes the secret of a call with the name `mutation` by a user on the object `id`.
    #[must_use]
    pub fn new(keys: &'a Keyring, mutation: &str, by: UserId, id: Uuid, idempotency_key: Option<&str>) -> Self {
        Self { keys, call: idempotency_key.map(|key| format!("{mutation} {by} {id} {key}")) }
    }

    /// Creates the secret.
    pub fn create(&self) -> Result<String> {
        match self.call.as_deref().and_then(|call| self.keys.derive_secrets(call).next()) {
            Some(derived) => Ok(derived),
            None => random(BYTES),
        }
    }

    /// Returns the secret of an earlier call that `is_current` recognizes. None if it was replaced since.
    #[must_use]
    pub fn find(&self, is_current: impl Fn(&str) -> bool) -> Option<String> {
        self.keys.derive_secrets(self.call.as_deref()?).find(|secret| is_current(secret))
    }
}

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
