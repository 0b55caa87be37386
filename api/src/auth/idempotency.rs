//! Repeated calls. A call with an idempotency key that was used before gets the result of the first call. A unique
//! constraint in the creating transaction enforces this, so it works across all instances and never expires. Deletions
//! are recorded in the same table, so that a repeated deletion is not refused.

use chrono::Duration;
use entity::{id::UserId, idempotency_key};
use sea_orm::{ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, TryInsertResult};
use uuid::Uuid;

use super::secret;
use crate::{
    app::Tx,
    error::{Error, Result, UserErrorCode},
    plain_text,
};

/// The maximum length of a key, in characters.
const MAX_KEY: usize = 100;
/// The minimum length of the key of a call whose answer has a secret, in characters.
const MIN_SECRET_KEY: usize = 22;
/// The time in which a repeated call returns the secret of the first one. It is as long as a client may retry.
const SECRET_REPEATS_FOR: Duration = Duration::hours(1);
const FIELD: &[&str] = &["input", "idempotencyKey"];

/// Claims a key for the new object `target`. Returns the object of an earlier call with the same key, if there was one.
/// `asked` is the content of the call. Refuses with INVALID a malformed key, and with IDEMPOTENCY_KEY_REUSED a key that
/// was used with other content. Fails with [`Error::Again`] when the earlier call failed meanwhile.
pub async fn claim(tx: &Tx<'_>, owner: UserId, key: Option<&str>, asked: &str, target: Uuid) -> Result<Option<Uuid>> {
    let Some(key) = key else { return Ok(None) };
    if key.is_empty() || key.chars().count() > MAX_KEY || plain_text::has_control(key) {
        let why = format!("An idempotency key has 1 to {MAX_KEY} printable characters.");
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, why));
    }
    let (key, digest) = (call(key), secret::digest(asked));
    if insert(tx, owner, &key, &digest, target).await? {
        return Ok(None);
    }
    let earlier = idempotency_key::Entity::find_by_id((owner, key)).one(tx.db()).await?;
    match earlier {
        Some(earlier) if earlier.digest == digest => Ok(Some(earlier.target)),
        Some(_) => {
            let why = "This key was used for something else.";
            Err(Error::refused(UserErrorCode::IdempotencyKeyReused, FIELD, why))
        }
        // The earlier call was still running and then failed.
        None => Err(Error::Again),
    }
}

/// Refuses with INVALID a key that others could guess, for calls whose answer has a secret.
pub fn check_unguessable(key: Option<&str>) -> Result<()> {
    if key.is_some_and(|key| key.chars().count() < MIN_SECRET_KEY) {
        let why = format!("The idempotency key of this call has {MIN_SECRET_KEY} to {MAX_KEY} random characters.");
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, why));
    }
    Ok(())
}

/// Returns true while a call with this key may return its secret again.
pub async fn may_repeat_secret(tx: &Tx<'_>, owner: UserId, key: &str) -> Result<bool> {
    let earlier = idempotency_key::Entity::find_by_id((owner, call(key))).one(tx.db()).await?;
    Ok(earlier.is_some_and(|earlier| tx.clock().now() - earlier.created_at < SECRET_REPEATS_FOR))
}

/// Returns true if a call with this key and content has succeeded.
pub async fn was_used(db: &impl ConnectionTrait, owner: UserId, key: &str, asked: &str) -> Result<bool, DbErr> {
    let earlier = idempotency_key::Entity::find_by_id((owner, call(key))).one(db).await?;
    Ok(earlier.is_some_and(|earlier| earlier.digest == secret::digest(asked)))
}

/// Records that its owner deletes an object. The id must never be given to another object.
pub async fn record_deletion(tx: &Tx<'_>, owner: UserId, id: Uuid) -> Result<()> {
    insert(tx, owner, &deletion(id), &[], id).await?;
    Ok(())
}

/// Returns true if the owner has deleted the object with this id.
pub async fn has_deleted(tx: &Tx<'_>, owner: UserId, id: Uuid) -> Result<bool> {
    Ok(idempotency_key::Entity::find_by_id((owner, deletion(id))).one(tx.db()).await?.is_some())
}

/// Returns the stored key of a call.
fn call(key: &str) -> String {
    format!("key {key}")
}

/// Returns the stored key of a deletion. The keys of calls begin with another word.
fn deletion(id: Uuid) -> String {
    format!("deletion {id}")
}

/// Inserts a key. Returns false if it exists.
async fn insert(tx: &Tx<'_>, owner: UserId, key: &str, digest: &[u8], target: Uuid) -> Result<bool, DbErr> {
    let row = idempotency_key::ActiveModel {
        owner_id: Set(owner),
        key: Set(key.to_owned()),
        digest: Set(digest.to_vec()),
        target: Set(target),
        created_at: Set(tx.clock().now()),
    };
    let insert = idempotency_key::Entity::insert(row).on_conflict_do_nothing();
    Ok(matches!(insert.exec_without_returning(tx.db()).await?, TryInsertResult::Inserted(1)))
}
