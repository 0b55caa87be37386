//! Accounts of people: creation, and changes of profile and settings. Sort keys in lists and the search index change
//! with the name, in the same transaction.

use async_graphql::{InputObject, MaybeUndefined};
use chrono::{DateTime, Utc};
use entity::{
    confirmed_email,
    details::Details,
    id::UserId,
    user::{self, Audience, Role, UserStatus},
    user_detail, user_email,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter};

use super::{avatars, index, people, profile_changes};
use crate::{
    activities::publish,
    app::{App, Tx},
    auth::viewer::Viewer,
    contacts::{
        detail_validation::{self, MAX_NAME, patch},
        details::{self, EmailAddressInput, PhoneInput, PostalAddressInput, WebAddressInput},
        memberships,
    },
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    web_address,
};

/// Maximum length of a picture's address, in characters.
const MAX_URL: usize = 2_000;

/// The data of a new account.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// The unique short name, not yet checked.
    pub handle: String,
    /// The name to show, not yet checked.
    pub display_name: String,
    /// The given name, if known.
    pub given_name: Option<String>,
    /// The family name, if known.
    pub family_name: Option<String>,
    /// The person's rank.
    pub role: Role,
}

/// The fields of the viewer's profile to change. An omitted field stays, and null clears it.
#[derive(Clone, Debug, Default, InputObject)]
pub struct UpdateProfileInput {
    /// The name to show, 1 to 200 characters. It cannot be cleared.
    pub display_name: MaybeUndefined<String>,
    /// The given name, at most 200 characters.
    pub given_name: MaybeUndefined<String>,
    /// The family name, at most 200 characters.
    pub family_name: MaybeUndefined<String>,
    /// The middle names, at most 200 characters.
    pub additional_name: MaybeUndefined<String>,
    /// The prefix of the name, such as "Dr.", at most 200 characters.
    pub name_prefix: MaybeUndefined<String>,
    /// The suffix of the name, such as "Jr.", at most 200 characters.
    pub name_suffix: MaybeUndefined<String>,
    /// The job title, at most 200 characters.
    pub title: MaybeUndefined<String>,
    /// The company or institution where the person works, at most 200 characters.
    pub organization: MaybeUndefined<String>,
    /// The `https://` address of a picture, at most 2,000 characters. It replaces an uploaded picture, and null removes
    /// both. To upload a picture, use `Viewer.avatarUploadUrl`.
    pub avatar_url: MaybeUndefined<String>,
    /// The language tag, such as `ko` or `en-GB`, at most 35 characters.
    pub locale: MaybeUndefined<String>,
    /// The time zone, such as `Asia/Seoul`, at most 64 characters.
    pub time_zone: MaybeUndefined<String>,
    /// The e-mail addresses, at most 10 and without duplicates. They replace all stored ones.
    pub emails: MaybeUndefined<Vec<EmailAddressInput>>,
    /// The telephone numbers, at most 10 and without duplicates. They replace all stored ones.
    pub phones: MaybeUndefined<Vec<PhoneInput>>,
    /// The postal addresses, at most 10 and without duplicates. They replace all stored ones.
    pub addresses: MaybeUndefined<Vec<PostalAddressInput>>,
    /// The web pages, at most 10 and without duplicates. They replace all stored ones.
    pub urls: MaybeUndefined<Vec<WebAddressInput>>,
}

impl UpdateProfileInput {
    fn details(&self) -> details::DetailsChange<'_> {
        details::DetailsChange {
            emails: &self.emails,
            phones: &self.phones,
            addresses: &self.addresses,
            urls: &self.urls,
        }
    }
}

/// The settings of the viewer to change. An omitted field stays.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct UpdateSettingsInput {
    /// The audience that may ask the viewer to connect.
    pub who_may_request_connection: Option<Audience>,
    /// The audience that may follow the viewer. Existing followers stay.
    pub who_may_follow: Option<Audience>,
}

/// Returns a member with only a handle and a name. The sort key is still empty.
#[must_use]
pub fn blank(id: UserId, handle: String, display_name: String, now: DateTime<Utc>) -> user::Model {
    user::Model {
        id,
        handle,
        display_name,
        given_name: None,
        family_name: None,
        additional_name: None,
        name_prefix: None,
        name_suffix: None,
        title: None,
        organization: None,
        avatar_url: None,
        locale: None,
        time_zone: None,
        role: Role::Member,
        status: UserStatus::Active,
        who_may_request_connection: Audience::Everyone,
        who_may_follow: Audience::Everyone,
        name_key: Vec::new(),
        created_at: now,
        updated_at: now,
    }
}

/// Creates an account, its search index and its row for the latest activity. Refuses with INVALID, and with DUPLICATE
/// when the handle is taken.
pub async fn create(tx: &Tx<'_>, person: NewPerson) -> Result<user::Model> {
    let handle = check_handle(&person.handle)?;
    let display_name = detail_validation::name(&person.display_name, &["input", "displayName"])?;
    let given_name = detail_validation::optional(person.given_name.as_deref(), &["input", "givenName"], MAX_NAME)?;
    let family_name = detail_validation::optional(person.family_name.as_deref(), &["input", "familyName"], MAX_NAME)?;
    let blank = blank(UserId(tx.clock().uuid()), handle, display_name, tx.clock().now());
    let mut row = user::Model { given_name, family_name, role: person.role, ..blank };
    row.name_key = index::name_key(&row);
    let taken = || Error::refused(UserErrorCode::Duplicate, &["input", "handle"], "This handle is taken.");
    let row = tx.insert_locked(row).await?.ok_or_else(taken)?;
    index::write(tx.db(), &row, &Details::default()).await?;
    publish::begin(tx, &[row.id]).await?;
    count_in(tx.db(), 1).await?;
    profile_changes::emit(tx, row.id)?;
    Ok(row.into_row())
}

/// Adds `people` to the stored number of people in the organization.
pub async fn count_in(db: &impl ConnectionTrait, people: i64) -> Result<(), DbErr> {
    let mut sql = Sql::new("UPDATE directory_count SET people = people + ");
    sql.bind(people);
    sql.push(" WHERE id = 1");
    sql.run(db).await.map(drop)
}

/// Changes the caller's profile. Locks the caller's row. Publishes an activity when display name, title, organization
/// or picture changes. Refuses with INVALID or DUPLICATE.
pub async fn update(app: &App, by: &Viewer, input: &UpdateProfileInput) -> Result<(user::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let before = people::lock_self(tx, by).await?;
            let mut row = before.clone();
            detail_validation::patch_name(&mut row.display_name, &input.display_name, &["input", "displayName"])?;
            patch(&mut row.given_name, &input.given_name, &["input", "givenName"], MAX_NAME)?;
            patch(&mut row.family_name, &input.family_name, &["input", "familyName"], MAX_NAME)?;
            patch(&mut row.additional_name, &input.additional_name, &["input", "additionalName"], MAX_NAME)?;
            patch(&mut row.name_prefix, &input.name_prefix, &["input", "namePrefix"], MAX_NAME)?;
            patch(&mut row.name_suffix, &input.name_suffix, &["input", "nameSuffix"], MAX_NAME)?;
            patch(&mut row.title, &input.title, &["input", "title"], MAX_NAME)?;
            patch(&mut row.organization, &input.organization, &["input", "organization"], MAX_NAME)?;
            patch(&mut row.locale, &input.locale, &["input", "locale"], 35)?;
            patch(&mut row.time_zone, &input.time_zone, &["input", "timeZone"], 64)?;
            patch_picture(&mut row.avatar_url, &input.avatar_url)?;
            row.name_key = index::name_key(&row);
            // The details are written only under the lock of the person's row, which this transaction has.
            let reached = user_detail::Entity::find_by_id(row.id).one(tx.db()).await?;
            let reached = reached.map(|row| row.details).unwrap_or_default();
            let reachable = input.details().apply(&reached)?;
            if row == before && reachable == reached {
                return Ok((row.into_row(), false));
            }
            row.updated_at = tx.clock().now();
            let moved = row.name_key != before.name_key;
            tx.save(&row).await?;
            if row.avatar_url != before.avatar_url {
                avatars::remove(tx, row.id).await?;
            }
            if moved {
                memberships::rename(tx.db(), &row).await?;
            }
            if reachable != reached {
                save_details(tx, row.id, &reachable).await?;
            }
            if moved || index::search_texts(&row, &reachable) != index::search_texts(&before, &reached) {
                index::write(tx.db(), &row, &reachable).await?;
            }
            let shown = |row: &user::Model| {
                (row.display_name.clone(), row.title.clone(), row.organization.clone(), row.avatar_url.clone())
            };
            profile_changes::emit(tx, row.id)?;
            if shown(&row) != shown(&before) {
                publish::publish_profile_changed(tx, &row).await?;
            }
            Ok((row.into_row(), true))
        })
    })
    .await
}

/// Applies a change of the picture's address. An address of the uploaded picture leaves it as it is, because clients
/// send back what they have read. Refuses with INVALID.
fn patch_picture(stored: &mut Option<String>, change: &MaybeUndefined<String>) -> Result<()> {
    const FIELD: &[&str] = &["input", "avatarUrl"];
    if change.value().is_some_and(|written| avatars::is_address_of(written.trim(), stored.as_deref())) {
        return Ok(());
    }
    patch(stored, change, FIELD, MAX_URL)?;
    let refused = !change.is_undefined() && stored.as_deref().is_some_and(|url| !web_address::is_picture(url));
    if refused {
        let why = "A picture needs an https:// address without spaces and quotes.";
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, why));
    }
    Ok(())
}

/// Changes the caller's settings. Returns false if they had these values. Locks the caller's row.
pub async fn update_settings(app: &App, by: &Viewer, input: UpdateSettingsInput) -> Result<(user::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut row = people::lock_self(tx, by).await?;
            let before = row.clone();
            row.who_may_request_connection = input.who_may_request_connection.unwrap_or(row.who_may_request_connection);
            row.who_may_follow = input.who_may_follow.unwrap_or(row.who_may_follow);
            if row == before {
                return Ok((row.into_row(), false));
            }
            row.updated_at = tx.clock().now();
            tx.save(&row).await?;
            Ok((row.into_row(), true))
        })
    })
    .await
}

/// Replaces a person's contact details and the index of their e-mail addresses.
async fn save_details(tx: &Tx<'_>, user: UserId, reachable: &Details) -> Result<()> {
    user_detail::Entity::delete_by_id(user).exec(tx.db()).await?;
    user_email::Entity::delete_many().filter(user_email::Column::UserId.eq(user)).exec(tx.db()).await?;
    // A confirmation ends with its address: an address that is added again must be confirmed again.
    let keys: Vec<String> = reachable.emails.iter().map(|email| details::key(&email.address)).collect();
    confirmed_email::Entity::delete_many()
        .filter(confirmed_email::Column::UserId.eq(user))
        .filter(confirmed_email::Column::AddressKey.is_not_in(keys))
        .exec(tx.db())
        .await?;
    if *reachable == Details::default() {
        return Ok(());
    }
    let row = user_detail::ActiveModel { user_id: Set(user), details: Set(reachable.clone()) };
    user_detail::Entity::insert(row).exec_without_returning(tx.db()).await?;
    let emails: Vec<_> = reachable
        .emails
        .iter()
        .map(|email| user_email::ActiveModel {
            address_key: Set(details::key(&email.address)),
            user_id: Set(user),
            visibility: Set(email.visibility),
        })
        .collect();
    if !emails.is_empty() {
        user_email::Entity::insert_many(emails).exec_without_returning(tx.db()).await?;
    }
    Ok(())
}

fn check_handle(handle: &str) -> Result<String> {
    let handle = handle.trim().to_lowercase();
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-');
    if !(2..=32).contains(&handle.len()) || !handle.chars().all(known) {
        let why = "A handle has 2 to 32 characters: a-z, 0-9, dot, underscore and hyphen.";
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "handle"], why));
    }
    // A text that looks like an id could be taken for one. Such a text is also the remaining handle of a deleted
    // person.
    if UserId::parse(&handle).is_some() {
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "handle"], "A handle must not look like an id."));
    }
    Ok(handle)
}
