//! Private notes of a user about another user. No other user ever sees a note, and a note needs no relationship.

use entity::{id::UserId, note};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};

use super::actions::{ActionResult, USER_FIELD};
use crate::{
    app::Tx,
    auth::viewer::Viewer,
    error::{Error, Result, UserErrorCode},
    outcome::Outcome,
    plain_text, text,
    users::people,
};

/// Maximum length of a note, in characters.
pub const MAX_NOTE: usize = 2_000;
const FIELD: &[&str] = &["input", "text"];

/// Saves the caller's note about a person and replaces an earlier one. An empty text removes it. Locks both people's
/// rows. Refuses with INVALID, CANNOT_TARGET_SELF or NOT_FOUND.
pub async fn save(tx: &Tx<'_>, by: &Viewer, other: UserId, text: &str) -> Result<ActionResult> {
    let text = plain_text::lines(text);
    let text = if text::is_blank(&text) { "" } else { text.trim() };
    if text.chars().count() > MAX_NOTE {
        let refused = Error::refused(UserErrorCode::Invalid, FIELD, format!("At most {MAX_NOTE} characters."));
        return Err(refused.with_excess(MAX_NOTE, text.chars().count()));
    }
    if plain_text::has_control(text) {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, "Control characters are not allowed."));
    }
    if other == by.user {
        return Err(Error::refused(UserErrorCode::CannotTargetSelf, USER_FIELD, "You cannot do this to yourself."));
    }
    let (_, other) = people::lock_both(tx, by, other, USER_FIELD).await?;
    let key = (by.user, other.id);
    let before = note::Entity::find_by_id(key).one(tx.db()).await?.map(|row| row.text).unwrap_or_default();
    if text.is_empty() {
        note::Entity::delete_by_id(key).exec(tx.db()).await?;
    } else if before != text {
        let row = note::ActiveModel {
            owner_id: Set(by.user),
            about_id: Set(other.id),
            text: Set(text.to_owned()),
            updated_at: Set(tx.clock().now()),
        };
        let mut again = OnConflict::columns([note::Column::OwnerId, note::Column::AboutId]);
        again.update_columns([note::Column::Text, note::Column::UpdatedAt]);
        note::Entity::insert(row).on_conflict(again).exec_without_returning(tx.db()).await?;
    }
    Ok(ActionResult { other, request: None, outcome: Outcome::of(before != text) })
}
