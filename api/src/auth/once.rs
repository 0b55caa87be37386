//! Calls that make something, made once: a client that is not sure of its first try sends the same key again and gets what
//! the first try made. By a unique constraint in the transaction that makes it, so it holds over all instances and for ever.

use entity::{id::UserId, idempotency_key};
use sea_orm::{ActiveValue::Set, EntityTrait, TryInsertResult};
use uuid::Uuid;

use super::secret;
use crate::{
    app::Tx,
    error::{Error, Result, UserErrorCode},
    plain_text,
};

/// The longest key, in characters.
const MAX_KEY: usize = 100;
const FIELD: &[&str] = &["input", "idempotencyKey"];

/// Takes a key for what is about to be made; what an earlier call with it has made, if there was one. `asked` tells one
/// wish from another.
pub async fn claim(tx: &Tx<'_>, owner: UserId, key: Option<&str>, asked: &str, target: Uuid) -> Result<Option<Uuid>> {
    let Some(key) = key else { return Ok(None) };
    if key.is_empty() || key.chars().count() > MAX_KEY || plain_text::has_control(key) {
        let why = format!("A key has 1 to {MAX_KEY} printable characters.");
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
        // It was being made by a call that then failed.
        None => Err(Error::Again),
    }
}
