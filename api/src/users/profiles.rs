//! A person's own account: making it, changing profile and settings. The name's place in the lists and the search index
//! change with the name, in the same transaction.

use std::collections::BTreeSet;

use async_graphql::{InputObject, MaybeUndefined};
use chrono::{DateTime, Utc};
use entity::{
    confirmed_email,
    details::{Details, Visibility},
    id::UserId,
    user::{self, Audience, Role, UserStatus},
    user_detail, user_email, user_gram, user_search,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
};

use super::people;
use crate::{
    activities::records,
    app::{App, Tx},
    auth::viewer::Viewer,
    contacts::{
        details::{self, EmailAddressInput, PhoneInput, PostalAddressInput, WebAddressInput},
        entries,
        fields::{self, MAX_NAME, patch},
    },
    database::sql::Sql,
    error::{Error, OnConstraint, Result, UserErrorCode},
    text, web,
};

/// The longest address of a picture.
const MAX_URL: usize = 2_000;

/// A person about to get an account.
#[derive(Clone, Debug)]
pub struct NewPerson {
    pub handle: String,
    pub display_name: String,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub role: Role,
}

/// What to change in one's profile. A field that is left out stays; null empties it.
#[derive(Clone, Debug, Default, InputObject)]
pub struct UpdateProfileInput {
    /// The name to show, 1 to 200 characters. Cannot be emptied.
    pub display_name: MaybeUndefined<String>,
    /// At most 200 characters.
    pub given_name: MaybeUndefined<String>,
    /// At most 200 characters.
    pub family_name: MaybeUndefined<String>,
    /// Middle names, at most 200 characters.
    pub additional_name: MaybeUndefined<String>,
    /// Such as "Dr.", at most 200 characters.
    pub name_prefix: MaybeUndefined<String>,
    /// Such as "Jr.", at most 200 characters.
    pub name_suffix: MaybeUndefined<String>,
    /// Job title, at most 200 characters.
    pub title: MaybeUndefined<String>,
    /// Where the person works, at most 200 characters.
    pub organisation: MaybeUndefined<String>,
    /// An `https://` address of a picture, at most 2,000 characters.
    pub avatar_url: MaybeUndefined<String>,
    /// A language tag such as `ko` or `en-GB`, at most 35 characters.
    pub locale: MaybeUndefined<String>,
    /// A time zone such as `Asia/Seoul`, at most 64 characters.
    pub time_zone: MaybeUndefined<String>,
    /// E-mail addresses, at most 10, in place of all that there are; each once.
    pub emails: MaybeUndefined<Vec<EmailAddressInput>>,
    /// Telephone numbers, at most 10, in place of all that there are; each once.
    pub phones: MaybeUndefined<Vec<PhoneInput>>,
    /// Postal addresses, at most 10, in place of all that there are; each once.
    pub addresses: MaybeUndefined<Vec<PostalAddressInput>>,
    /// Pages of the web, at most 10, in place of all that there are; each once.
    pub urls: MaybeUndefined<Vec<WebAddressInput>>,
}

impl UpdateProfileInput {
    fn details(&self) -> details::Change<'_> {
        details::Change { emails: &self.emails, phones: &self.phones, addresses: &self.addresses, urls: &self.urls }
    }
}

/// What to change in one's settings. A field that is left out stays.
#[derive(Clone, Copy, Debug, InputObject)]
pub struct UpdateSettingsInput {
    /// Who may ask the viewer to connect.
    pub who_may_request_connection: Option<Audience>,
    /// Who may follow the viewer. Those who follow already stay.
    pub who_may_follow: Option<Audience>,
}

/// A member of whom nothing is known but handle and name; without a place in name order yet.
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
        organisation: None,
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

/// Makes an account. The handle must be free.
pub async fn create(tx: &Tx<'_>, person: NewPerson) -> Result<user::Model> {
    let handle = check_handle(&person.handle)?;
    let display_name = fields::name(&person.display_name, &["input", "displayName"])?;
    let given_name = fields::optional(person.given_name.as_deref(), &["input", "givenName"], MAX_NAME)?;
    let family_name = fields::optional(person.family_name.as_deref(), &["input", "familyName"], MAX_NAME)?;
    let blank = blank(UserId(tx.clock().uuid()), handle, display_name, tx.clock().now());
    let mut row = user::Model { given_name, family_name, role: person.role, ..blank };
    row.name_key = name_key(&row);
    user::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(tx.db())
        .await
        .on_unique(|| Error::refused(UserErrorCode::Duplicate, &["input", "handle"], "This handle is taken."))?;
    index(tx.db(), &row, &Details::default()).await?;
    records::begin(tx, &[row.id]).await?;
    count_in(tx.db(), 1).await?;
    Ok(row)
}

/// Counts new people into the directory.
pub async fn count_in(db: &impl ConnectionTrait, people: i64) -> Result<(), DbErr> {
    let mut sql = Sql::new("UPDATE directory SET people = people + ");
    sql.bind(people);
    sql.push(" WHERE id = 1");
    sql.run(db).await.map(drop)
}

/// Changes the caller's profile.
pub async fn update(app: &App, by: &Viewer, input: &UpdateProfileInput) -> Result<user::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            let before = people::hold_self(tx, by).await?;
            let mut row = before.clone();
            fields::patch_name(&mut row.display_name, &input.display_name, &["input", "displayName"])?;
            patch(&mut row.given_name, &input.given_name, &["input", "givenName"], MAX_NAME)?;
            patch(&mut row.family_name, &input.family_name, &["input", "familyName"], MAX_NAME)?;
            patch(&mut row.additional_name, &input.additional_name, &["input", "additionalName"], MAX_NAME)?;
            patch(&mut row.name_prefix, &input.name_prefix, &["input", "namePrefix"], MAX_NAME)?;
            patch(&mut row.name_suffix, &input.name_suffix, &["input", "nameSuffix"], MAX_NAME)?;
            patch(&mut row.title, &input.title, &["input", "title"], MAX_NAME)?;
            patch(&mut row.organisation, &input.organisation, &["input", "organisation"], MAX_NAME)?;
            patch(&mut row.avatar_url, &input.avatar_url, &["input", "avatarUrl"], MAX_URL)?;
            patch(&mut row.locale, &input.locale, &["input", "locale"], 35)?;
            patch(&mut row.time_zone, &input.time_zone, &["input", "timeZone"], 64)?;
            if row.avatar_url.as_deref().is_some_and(|url| !web::is_picture(url)) {
                let why = "A picture has an https:// address, without spaces and quotes.";
                return Err(Error::refused(UserErrorCode::Invalid, &["input", "avatarUrl"], why));
            }
            row.name_key = name_key(&row);
            // Their row is written by who holds the person's, like this transaction.
            let reached = user_detail::Entity::find_by_id(row.id).one(tx.db()).await?;
            let reached = reached.map(|row| row.details).unwrap_or_default();
            let reachable = input.details().apply(&reached)?;
            if row == before && reachable == reached {
                return Ok(row);
            }
            row.updated_at = tx.clock().now();
            let moved = row.name_key != before.name_key;
            let row = save(tx, row).await?;
            if moved {
                entries::rename(tx.db(), row.id, row.name_key.clone()).await?;
            }
            if reachable != reached {
                save_details(tx, row.id, &reachable).await?;
            }
            if moved || search_texts(&row, &reachable) != search_texts(&before, &reached) {
                index(tx.db(), &row, &reachable).await?;
            }
            let shown = |row: &user::Model| {
                (row.display_name.clone(), row.title.clone(), row.organisation.clone(), row.avatar_url.clone())
            };
            if shown(&row) != shown(&before) {
                records::profile_changed(tx, row.id).await?;
            }
            Ok(row)
        })
    })
    .await
}

/// Changes the caller's settings.
pub async fn update_settings(app: &App, by: &Viewer, input: UpdateSettingsInput) -> Result<user::Model> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut row = people::hold_self(tx, by).await?;
            row.who_may_request_connection = input.who_may_request_connection.unwrap_or(row.who_may_request_connection);
            row.who_may_follow = input.who_may_follow.unwrap_or(row.who_may_follow);
            row.updated_at = tx.clock().now();
            save(tx, row).await
        })
    })
    .await
}

async fn save(tx: &Tx<'_>, row: user::Model) -> Result<user::Model> {
    Ok(row.into_active_model().reset_all().update(tx.db()).await?)
}

/// Where a person stands in name order: family, given and middle name, or the display name of who has no family name;
/// the handle last, so that two people of one name have one order.
#[must_use]
pub fn name_key(person: &user::Model) -> Vec<u8> {
    let part = |name: &Option<String>| name.clone().unwrap_or_default();
    let (family, given, additional) =
        (part(&person.family_name), part(&person.given_name), part(&person.additional_name));
    let key = if family.is_empty() {
        text::name_key(&[&person.display_name, &person.handle])
    } else {
        text::name_key(&[&family, &given, &additional, &person.handle])
    };
    // The key stands in indexes, whose rows have a limit.
    key.into_iter().take(512).collect()
}

/// The text by which a person is found.
#[must_use]
pub fn search_text(person: &user::Model) -> String {
    let names = [&person.given_name, &person.additional_name, &person.family_name];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    text::search_text(&[&person.display_name, &names.join(" "), &person.handle])
}

/// What everybody may find a person by, and what only connections may besides.
fn search_texts(person: &user::Model, details: &Details) -> (String, String) {
    let everyone = details::addresses_for(details, Visibility::Everyone);
    let connections = details::addresses_for(details, Visibility::Connections);
    let text = if everyone.is_empty() {
        search_text(person)
    } else {
        format!("{}{}", search_text(person), text::search_text(&[&everyone]))
    };
    (text, if connections.is_empty() { String::new() } else { text::search_text(&[&connections]) })
}

/// Writes a person into the search index, in place of what stood there.
async fn index(db: &impl ConnectionTrait, person: &user::Model, details: &Details) -> Result<(), DbErr> {
    user_gram::Entity::delete_many().filter(user_gram::Column::UserId.eq(person.id)).exec(db).await?;
    user_search::Entity::delete_by_id(person.id).exec(db).await?;
    let (text, connections_text) = search_texts(person, details);
    let grams: BTreeSet<String> = text::grams(&text).into_iter().chain(text::grams(&connections_text)).collect();
    let grams = grams.into_iter().map(|gram| user_gram::ActiveModel {
        gram: Set(gram),
        name_key: Set(person.name_key.clone()),
        user_id: Set(person.id),
    });
    user_gram::Entity::insert_many(grams).exec_without_returning(db).await?;
    let row =
        user_search::ActiveModel { user_id: Set(person.id), text: Set(text), connections_text: Set(connections_text) };
    user_search::Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Writes how a person can be reached, and whose each address is.
async fn save_details(tx: &Tx<'_>, user: UserId, reachable: &Details) -> Result<()> {
    user_detail::Entity::delete_by_id(user).exec(tx.db()).await?;
    user_email::Entity::delete_many().filter(user_email::Column::UserId.eq(user)).exec(tx.db()).await?;
    // An address that comes back later has to be confirmed anew.
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
        let why = "A handle has 2 to 32 characters of a-z, 0-9, dot, underscore and hyphen.";
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "handle"], why));
    }
    // What looks like an id could be taken for one, and is what is left as the handle of somebody who was deleted.
    if UserId::parse(&handle).is_some() {
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "handle"], "A handle does not look like an id."));
    }
    Ok(handle)
}
