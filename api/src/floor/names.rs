//! What things of the floor are called, and how many of them there may be.

use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, Select};

use crate::{
    contacts::fields::{self, Field},
    error::{Error, Result, UserErrorCode},
};

/// The longest name, in characters.
pub const MAX_NAME: usize = 80;
/// The most of a kind that are in use at once, so that each is seen in the lists.
pub const MOST: u64 = 200;

/// Where inputs name things.
pub const NAME: Field = &["input", "name"];

/// A name as it may be.
pub fn check(name: &str) -> Result<String> {
    let needed = || Error::refused(UserErrorCode::Invalid, NAME, "A name is needed.");
    fields::line(name, NAME, MAX_NAME)?.ok_or_else(needed)
}

/// Refuses one more where there are as many as there may be. The floor is held.
pub async fn one_more<E>(db: &impl ConnectionTrait, in_use: Select<E>) -> Result<()>
where
    E: EntityTrait,
    E::Model: Send + Sync,
{
    if in_use.count(db).await? >= MOST {
        let why = format!("There are {MOST} in use already; archive one first.");
        return Err(Error::refused(UserErrorCode::NotAllowed, &[], why));
    }
    Ok(())
}

/// The refusal of a name that something in use has.
#[must_use]
pub fn taken() -> Error {
    Error::refused(UserErrorCode::Duplicate, NAME, "Something in use has this name already.")
}

/// The refusal to change what is archived.
#[must_use]
pub fn archived(field: Field) -> Error {
    Error::refused(UserErrorCode::NotAllowed, field, "It is archived, and stays as it was.")
}

/// The refusal of a value.
#[must_use]
pub fn invalid(field: Field, why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::refused(UserErrorCode::Invalid, field, why)
}

/// A number within its limits.
pub fn within(value: i32, least: i32, most: i32, field: Field) -> Result<i32> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    Err(invalid(field, format!("A number from {least} to {most}.")))
}
