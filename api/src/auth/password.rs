//! Passwords: argon2id with the crate's recommended cost, computed away from the threads that serve.

use argon2::{Argon2, PasswordHash, PasswordHasher as _, PasswordVerifier as _};

use tokio::sync::Semaphore;

use crate::error::{Error, Result};

/// How many passwords are computed at once, each with 19 MiB: the rest wait their turn.
static TURNS: Semaphore = Semaphore::const_new(4);

/// Hashes a password into PHC form.
pub async fn hash(password: String) -> Result<String> {
    let _turn = TURNS.acquire().await.map_err(Error::internal)?;
    let hashed = tokio::task::spawn_blocking(move || {
        Argon2::default().hash_password(password.as_bytes()).map(|hash| hash.to_string())
    });
    hashed.await.map_err(Error::internal)?.map_err(|error| Error::internal(anyhow::anyhow!("hashing failed: {error}")))
}

/// Whether a password matches. Without a hash the same work is done and the answer is no, so that the time taken does
/// not tell whether an account exists.
pub async fn verify(password: String, hash: Option<String>) -> Result<bool> {
    let _turn = TURNS.acquire().await.map_err(Error::internal)?;
    let verified = tokio::task::spawn_blocking(move || match hash {
        Some(hash) => PasswordHash::new(&hash)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()),
        None => {
            drop(Argon2::default().hash_password(password.as_bytes()));
            false
        }
    });
    verified.await.map_err(Error::internal)
}
