//! What a user writes for themselves about another. Nobody else ever sees it, and no relationship is needed for it.

use entity::{id::UserId, note};
use sea_orm::{ActiveValue::Set, EntityTrait, sea_query::OnConflict};

use super::deeds::{Done, Outcome, USER_FIELD};
use crate::{
    app::Tx,
    auth::viewer::Viewer,
    error::{Error, Result, UserErrorCode},
    plain_text, text,
    users::people,
};

/// The longest note, in characters.
pub const MAX_NOTE: usize = 2_000;
const FIELD: &[&str] = &["input", "text"];

/// Writes a note about a person, in place of an earlier one; an empty text removes it.
pub async fn save(tx: &Tx<'_>, by: &Viewer, other: UserId, text: &str) -> Result<Done> {
    let text = plain_text::lines(text);
    let text = if text::is_blank(&text) { "" } else { text.trim() };
    if text.chars().count() > MAX_NOTE {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, format!("At most {MAX_NOTE} characters.")));
    }
    if plain_text::has_control(text) {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, "Control characters are not allowed."));
    }
    if other == by.user {
        return Err(Error::refused(UserErrorCode::Oneself, USER_FIELD, "This cannot be done to oneself."));
    }
    let (_, other) = people::hold_both(tx, by, other, USER_FIELD).await?;
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
    Ok(Done { other, request: None, outcome: Outcome::of(before != text) })
}
