//! Idempotency keys: a repeated call with the same key gets the result of the first call. A unique constraint in the
//! creating transaction enforces this, so it works across all instances and never expires.

use entity::{id::UserId, idempotency_key};
use sea_orm::{ActiveValue::Set, EntityTrait, TryInsertResult};
use uuid::Uuid;

use super::secret;
use crate::{
    app::Tx,
    error::{Error, Result, UserErrorCode},
    plain_text,
};

/// The maximum length of a key, in characters.
const MAX_KEY: usize = 100;
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
    let digest = secret::digest(asked);
    let row = idempotency_key::ActiveModel {
        owner_id: Set(owner),
        key: Set(key.to_owned()),
        digest: Set(digest.clone()),
        target: Set(target),
    };
    let insert = idempotency_key::Entity::insert(row).on_conflict_do_nothing();
    if let TryInsertResult::Inserted(1) = insert.exec_without_returning(tx.db()).await? {
        return Ok(None);
    }
    let earlier = idempotency_key::Entity::find_by_id((owner, key.to_owned())).one(tx.db()).await?;
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
