//! Pictures that users upload of themselves. They are stored in four sizes, and their addresses cannot be guessed.

use entity::{avatar, id::UserId};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QuerySelect as _,
};
use sha2::{Digest as _, Sha256};

use super::{
    avatar_pictures::{AvatarPicture, SIZES},
    people, profile_changes,
};
use crate::{
    activities::publish,
    app::{App, Tx},
    auth::viewer::Viewer,
    error::Result,
};

/// The path to which a user uploads a picture.
pub const UPLOAD_PATH: &str = "/avatar";
/// The folder of all uploaded pictures.
const FOLDER: &str = "/avatars/";
/// The bytes of the digest that name an upload.
const TOKEN_BYTES: usize = 16;

/// Returns the address of the picture that `stored` names, at least `size` pixels wide if there is such a size. A
/// picture on another server has one address.
#[must_use]
pub fn address(stored: &str, size: i32) -> String {
    if !is_uploaded(stored) {
        return stored.to_owned();
    }
    let wide_enough = SIZES.into_iter().find(|known| i32::from(*known) >= size);
    let largest = SIZES[SIZES.len() - 1];
    format!("{stored}/{}.jpg", wide_enough.unwrap_or(largest))
}

/// Returns true when `stored` names an uploaded picture.
#[must_use]
pub fn is_uploaded(stored: &str) -> bool {
    stored.starts_with(FOLDER)
}

/// Returns true when `written` is an address of the uploaded picture that `stored` names, as a path or with a server.
#[must_use]
pub fn is_address_of(written: &str, stored: Option<&str>) -> bool {
    let path = written.strip_prefix("https://").and_then(|rest| rest.find('/').map(|at| &rest[at..]));
    let written = path.unwrap_or(written);
    stored.is_some_and(|stored| {
        is_uploaded(stored) && SIZES.iter().any(|size| address(stored, (*size).into()) == written)
    })
}

/// Stores the pictures of an upload as the caller's picture. Returns what the profile stores, and false when the same
/// file was the picture already. Locks the caller's row. Emits `UserChanged` and publishes an activity.
pub async fn set(app: &App, by: &Viewer, upload: &[u8], pictures: Vec<AvatarPicture>) -> Result<(String, bool)> {
    let token = token(by.user, upload);
    let (token, pictures) = (token.as_str(), &pictures);
    app.transaction(|tx| {
        Box::pin(async move {
            let mut row = people::lock_self(tx, by).await?;
            let stored = format!("{FOLDER}{token}");
            if row.avatar_url.as_deref() == Some(stored.as_str()) {
                return Ok((stored, false));
            }
            remove(tx, row.id).await?;
            let rows = pictures.iter().map(|picture| {
                let size = i16::try_from(picture.size).unwrap_or(i16::MAX);
                avatar::Model { user_id: row.id, size, token: token.to_owned(), jpeg: picture.jpeg.clone() }
            });
            let rows = rows.map(avatar::Model::into_active_model);
            avatar::Entity::insert_many(rows).exec_without_returning(tx.db()).await?;
            row.avatar_url = Some(stored.clone());
            row.updated_at = tx.clock().now();
            tx.save(&row).await?;
            profile_changes::emit(tx, row.id)?;
            publish::publish_profile_changed(tx, &row).await?;
            Ok((stored, true))
        })
    })
    .await
}

/// Deletes the uploaded pictures of a user, whose row is locked.
pub async fn remove(tx: &Tx<'_>, user: UserId) -> Result<()> {
    avatar::Entity::delete_many().filter(avatar::Column::UserId.eq(user)).exec(tx.db()).await?;
    Ok(())
}

/// Returns the picture with a file name such as `128.jpg` of an upload.
pub async fn find(db: &impl ConnectionTrait, token: &str, name: &str) -> Result<Option<Vec<u8>>> {
    let size = name.strip_suffix(".jpg").and_then(|size| size.parse::<i16>().ok());
    let is_token = token.len() == 2 * TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    let (Some(size), true) = (size, is_token) else { return Ok(None) };
    let found = avatar::Entity::find()
        .filter(avatar::Column::Token.eq(token))
        .filter(avatar::Column::Size.eq(size))
        .select_only()
        .column(avatar::Column::Jpeg);
    Ok(found.into_tuple().one(db).await?)
}

/// Returns the largest uploaded picture of a user.
pub async fn largest_of(db: &impl ConnectionTrait, user: UserId) -> Result<Option<Vec<u8>>> {
    let size = i16::try_from(SIZES[SIZES.len() - 1]).unwrap_or(i16::MAX);
    Ok(avatar::Entity::find_by_id((user, size)).one(db).await?.map(|row| row.jpeg))
}

/// Returns the name of an upload in addresses. Only who has the file can compute it, and the same file of the same user
/// has the same name.
fn token(user: UserId, upload: &[u8]) -> String {
    let digest = Sha256::new().chain_update(user.0.as_bytes()).chain_update(upload).finalize();
    hex::encode(&digest[..TOKEN_BYTES])
}

#[cfg(test)]
mod tests {
    use super::{address, is_address_of};

    #[test]
    fn the_smallest_picture_that_is_wide_enough_is_chosen() {
        for (size, file) in [(-1, 64), (1, 64), (64, 64), (65, 128), (256, 256), (300, 512), (9_999, 512)] {
            assert_eq!(address("/avatars/ab", size), format!("/avatars/ab/{file}.jpg"), "{size}");
        }
        assert_eq!(address("https://example.org/me.png", 64), "https://example.org/me.png");
    }

    #[test]
    fn a_profile_that_is_sent_back_names_the_same_picture() {
        assert!(is_address_of("/avatars/ab/64.jpg", Some("/avatars/ab")));
        assert!(is_address_of("https://rapport.example.org/avatars/ab/512.jpg", Some("/avatars/ab")));
        for (written, stored) in [
            ("/avatars/ab/65.jpg", Some("/avatars/ab")),
            ("/avatars/ab/64.jpg", Some("/avatars/cd")),
            ("/avatars/ab/64.jpg", None),
            ("https://example.org/64.jpg", Some("https://example.org")),
        ] {
            assert!(!is_address_of(written, stored), "{written}");
        }
    }
}
