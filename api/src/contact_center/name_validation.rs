//! Validation of names and numbers in the contact center configuration, and the limit of objects in use.

use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, Select};

use super::admin_change::LockedConfiguration;
use crate::{
    contacts::detail_validation::{self, FieldPath},
    error::{Error, Result, UserErrorCode},
};

/// Maximum length of a name, in characters.
pub const MAX_NAME: usize = 80;
/// Maximum number of objects of one kind in use, so that the lists show every object.
pub const MAX_IN_USE: u64 = 200;

/// The field of inputs that names an object.
pub const NAME: FieldPath = &["input", "name"];

/// Checks a name and returns it in its stored form. Refuses with `REQUIRED` or `INVALID`.
pub fn check_name(name: &str) -> Result<String> {
    detail_validation::required_line(name, NAME, MAX_NAME, "A name is needed.")
}

/// Refuses with `LIMIT_REACHED` when the maximum number of objects is in use.
pub async fn check_count<E>(db: &impl ConnectionTrait, _config: &LockedConfiguration, in_use: Select<E>) -> Result<()>
where
    E: EntityTrait,
    E::Model: Send + Sync,
{
    if in_use.count(db).await? >= MAX_IN_USE {
        let why = format!("{MAX_IN_USE} are already in use. Archive one first.");
        return Err(Error::refused(UserErrorCode::LimitReached, NAME, why).with_limit(MAX_IN_USE));
    }
    Ok(())
}

/// Returns the refusal of a name that another object in use has.
#[must_use]
pub fn name_taken() -> Error {
    Error::refused(UserErrorCode::Duplicate, NAME, "This name is already in use.")
}

/// Returns the refusal to change an archived object.
#[must_use]
pub fn is_archived(field: FieldPath) -> Error {
    Error::refused(UserErrorCode::Archived, field, "This is archived and can no longer change.")
}

/// Returns the refusal of an invalid value.
#[must_use]
pub fn invalid(field: FieldPath, why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::refused(UserErrorCode::Invalid, field, why)
}

/// Checks that a number is within its limits. Refuses with `OUT_OF_RANGE`.
pub fn check_range(value: i32, least: i32, most: i32, field: FieldPath) -> Result<i32> {
    if (least..=most).contains(&value) {
        return Ok(value);
    }
    let why = format!("The number must be from {least} to {most}.");
    let limit = if value < least { least } else { most };
    Err(Error::refused(UserErrorCode::OutOfRange, field, why).with_excess(limit, value))
}
