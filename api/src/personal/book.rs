//! One user's address book: finding, saving and removing its entries. That an e-mail address stands in it once is the
//! constraint of `personal_email`; that the book stays within its size is counted under the owner's locked row.

use async_graphql::{ID, InputObject, MaybeUndefined};
use entity::{
    details::Details,
    id::{PersonalContactId, UserId},
    personal_contact, personal_email,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect as _,
};

use crate::{
    app::{App, Tx},
    auth::{once, viewer::Viewer},
    contacts::{
        details::{self, EmailAddressInput, PhoneInput, PostalAddressInput, WebAddressInput},
        fields::{self, MAX_NAME, patch},
    },
    database::sql::Sql,
    error::{Error, OnConstraint, Result, UserErrorCode},
    text,
    users::people,
};

/// The most entries of one book.
pub const MAX_CONTACTS: i64 = 10_000;
/// The longest note, in characters.
pub const MAX_NOTE: usize = 2_000;

/// A personal contact to make or to change. Of a change, a field that is left out stays, and null empties it.
#[derive(Clone, Debug, Default, InputObject)]
pub struct SavePersonalContactInput {
    /// Which contact to change; a new one is made without it.
    pub id: Option<ID>,
    /// Of a new contact: whoever is not sure that a first try arrived sends the same key again, and the contact is made once.
    /// 1 to 100 characters that the client makes up; kept for ever.
    pub idempotency_key: Option<String>,
    /// The name to show, 1 to 200 characters. A new contact needs one, and it cannot be emptied.
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
    /// A note, at most 2,000 characters.
    pub note: MaybeUndefined<String>,
    /// E-mail addresses, at most 10, in place of all that there are. Each stands once in an address book.
    pub emails: MaybeUndefined<Vec<EmailAddressInput>>,
    /// Telephone numbers, at most 10, in place of all that there are; each once.
    pub phones: MaybeUndefined<Vec<PhoneInput>>,
    /// Postal addresses, at most 10, in place of all that there are; each once.
    pub addresses: MaybeUndefined<Vec<PostalAddressInput>>,
    /// Pages of the web, at most 10, in place of all that there are; each once.
    pub urls: MaybeUndefined<Vec<WebAddressInput>>,
}

/// What became of an entry.
pub struct Saved {
    pub contact: personal_contact::Model,
    /// Whether anything was written.
    pub changed: bool,
}

/// Makes an entry in the caller's book, or changes one.
pub async fn save(app: &App, by: &Viewer, input: &SavePersonalContactInput) -> Result<Saved> {
    app.transaction(|tx| {
        Box::pin(async move {
            people::hold_self(tx, by).await?;
            let before = match &input.id {
                Some(id) => Some(named(tx.db(), by.user, id, &["input", "id"]).await?),
                None => None,
            };
            let mut row = before.clone().unwrap_or_else(|| blank(tx, by.user));
            change(&mut row, input)?;
            place(&mut row);
            if before.as_ref() == Some(&row) {
                return Ok(Saved { contact: row, changed: false });
            }
            row.updated_at = tx.clock().now();
            if before.is_some() {
                update(tx, &row).await?;
            } else {
                let blank = personal_contact::Model { id: PersonalContactId(uuid::Uuid::nil()), ..row.clone() };
                let at = chrono::DateTime::UNIX_EPOCH;
                let asked = format!("{:?}", personal_contact::Model { created_at: at, updated_at: at, ..blank });
                let key = input.idempotency_key.as_deref();
                if let Some(id) = once::claim(tx, by.user, key, &asked, row.id.0).await? {
                    let id = PersonalContactId(id).to_string();
                    let contact = named(tx.db(), by.user, &id, &["input", "idempotencyKey"]).await?;
                    return Ok(Saved { contact, changed: false });
                }
                if size(tx.db(), by.user).await? >= MAX_CONTACTS {
                    let why = format!("An address book holds at most {MAX_CONTACTS} contacts.");
                    return Err(Error::refused(UserErrorCode::NotAllowed, &[], why));
                }
                insert(tx, std::slice::from_ref(&row)).await?;
            }
            Ok(Saved { contact: row, changed: true })
        })
    })
    .await
}

/// Removes an entry of the caller's book.
pub async fn delete(app: &App, by: &Viewer, id: &str) -> Result<PersonalContactId> {
    app.transaction(|tx| {
        Box::pin(async move {
            people::hold_self(tx, by).await?;
            let row = named(tx.db(), by.user, id, &["input", "id"]).await?;
            forget_emails(tx, row.id).await?;
            personal_contact::Entity::delete_by_id(row.id).exec(tx.db()).await?;
            Ok(row.id)
        })
    })
    .await
}

/// The entries of a book with these ids.
pub async fn find(
    db: &impl ConnectionTrait,
    owner: UserId,
    ids: &[PersonalContactId],
) -> Result<Vec<personal_contact::Model>, DbErr> {
    let mut sql = Sql::new("SELECT * FROM personal_contact WHERE owner_id = ");
    sql.bind(owner);
    sql.push(" AND id IN ");
    sql.bind_list(ids);
    sql.models::<personal_contact::Entity>(db).await
}

/// The entry that an id of the API names; another's book is nobody's.
async fn named(
    db: &impl ConnectionTrait,
    owner: UserId,
    id: &str,
    field: fields::Field,
) -> Result<personal_contact::Model> {
    let id = PersonalContactId::parse(id).ok_or_else(|| Error::not_found(field))?;
    find(db, owner, &[id]).await?.pop().ok_or_else(|| Error::not_found(field))
}

/// How many entries a book has.
pub async fn size(db: &impl ConnectionTrait, owner: UserId) -> Result<i64, DbErr> {
    let mut sql = Sql::new("SELECT count(*) AS count FROM personal_contact WHERE owner_id = ");
    sql.bind(owner);
    sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
}

/// An entry of nothing yet.
#[must_use]
pub fn blank(tx: &Tx<'_>, owner: UserId) -> personal_contact::Model {
    let now = tx.clock().now();
    personal_contact::Model {
        id: PersonalContactId(tx.clock().uuid()),
        owner_id: owner,
        display_name: String::new(),
        given_name: None,
        family_name: None,
        additional_name: None,
        name_prefix: None,
        name_suffix: None,
        title: None,
        organisation: None,
        note: None,
        details: Details::default(),
        name_key: Vec::new(),
        search_text: String::new(),
        card_uid: None,
        created_at: now,
        updated_at: now,
    }
}

fn change(row: &mut personal_contact::Model, input: &SavePersonalContactInput) -> Result<()> {
    fields::patch_name(&mut row.display_name, &input.display_name, &["input", "displayName"])?;
    if row.display_name.is_empty() {
        fields::name("", &["input", "displayName"])?;
    }
    patch(&mut row.given_name, &input.given_name, &["input", "givenName"], MAX_NAME)?;
    patch(&mut row.family_name, &input.family_name, &["input", "familyName"], MAX_NAME)?;
    patch(&mut row.additional_name, &input.additional_name, &["input", "additionalName"], MAX_NAME)?;
    patch(&mut row.name_prefix, &input.name_prefix, &["input", "namePrefix"], MAX_NAME)?;
    patch(&mut row.name_suffix, &input.name_suffix, &["input", "nameSuffix"], MAX_NAME)?;
    patch(&mut row.title, &input.title, &["input", "title"], MAX_NAME)?;
    patch(&mut row.organisation, &input.organisation, &["input", "organisation"], MAX_NAME)?;
    match &input.note {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.note = None,
        MaybeUndefined::Value(note) => row.note = fields::lines(note, &["input", "note"], MAX_NOTE)?,
    }
    let SavePersonalContactInput { emails, phones, addresses, urls, .. } = input;
    row.details = private(details::Change { emails, phones, addresses, urls }.apply(&row.details)?);
    Ok(())
}

/// Details of a book, of which visibility says nothing: one value for all.
#[must_use]
pub fn private(mut details: Details) -> Details {
    details.emails.iter_mut().for_each(|item| item.visibility = entity::details::Visibility::Nobody);
    details.phones.iter_mut().for_each(|item| item.visibility = entity::details::Visibility::Nobody);
    details.addresses.iter_mut().for_each(|item| item.visibility = entity::details::Visibility::Nobody);
    details.urls.iter_mut().for_each(|item| item.visibility = entity::details::Visibility::Nobody);
    details
}

/// Gives an entry its place in name order and in the search, by the rules for people.
pub fn place(row: &mut personal_contact::Model) {
    let part = |name: &Option<String>| name.clone().unwrap_or_default();
    let (family, given, additional) = (part(&row.family_name), part(&row.given_name), part(&row.additional_name));
    row.name_key = if family.is_empty() {
        text::name_key(&[&row.display_name])
    } else {
        text::name_key(&[&family, &given, &additional])
    };
    let emails: Vec<&str> = row.details.emails.iter().map(|email| email.address.as_str()).collect();
    let organisation = part(&row.organisation);
    row.search_text =
        text::search_text(&[&row.display_name, &given, &additional, &family, &organisation, &emails.join(" ")]);
}

/// Makes the keys of entries anew, in the order of their ids: at most `limit` of those after an id. Locks their rows. Gives
/// how many there were, and the last.
pub async fn rebuild(
    tx: &Tx<'_>,
    after: Option<PersonalContactId>,
    limit: u64,
) -> Result<(u64, Option<PersonalContactId>)> {
    let mut found = personal_contact::Entity::find().order_by_asc(personal_contact::Column::Id).limit(limit);
    if let Some(after) = after {
        found = found.filter(personal_contact::Column::Id.gt(after));
    }
    let rows = found.lock_exclusive().all(tx.db()).await?;
    for before in &rows {
        let mut row = before.clone();
        place(&mut row);
        if row == *before {
            continue;
        }
        let mut sql = Sql::new("UPDATE personal_contact SET name_key = ");
        sql.bind(row.name_key);
        sql.push(", search_text = ");
        sql.bind(row.search_text);
        sql.push(" WHERE id = ");
        sql.bind(row.id);
        sql.run(tx.db()).await?;
    }
    Ok((rows.len() as u64, rows.last().map(|row| row.id)))
}

/// Adds new entries to a book whose owner is held.
pub async fn insert(tx: &Tx<'_>, rows: &[personal_contact::Model]) -> Result<()> {
    let new = rows.iter().cloned().map(IntoActiveModel::into_active_model);
    personal_contact::Entity::insert_many(new).exec_without_returning(tx.db()).await?;
    keep_emails(tx, rows).await
}

/// Writes a changed entry of a book whose owner is held.
pub async fn update(tx: &Tx<'_>, row: &personal_contact::Model) -> Result<()> {
    row.clone().into_active_model().reset_all().update(tx.db()).await?;
    forget_emails(tx, row.id).await?;
    keep_emails(tx, std::slice::from_ref(row)).await
}

async fn keep_emails(tx: &Tx<'_>, rows: &[personal_contact::Model]) -> Result<()> {
    let emails: Vec<_> = rows
        .iter()
        .flat_map(|row| row.details.emails.iter().map(move |email| (row, details::key(&email.address))))
        .map(|(row, address_key)| personal_email::ActiveModel {
            owner_id: Set(row.owner_id),
            address_key: Set(address_key),
            contact_id: Set(row.id),
        })
        .collect();
    if emails.is_empty() {
        return Ok(());
    }
    let kept = personal_email::Entity::insert_many(emails).exec_without_returning(tx.db()).await;
    let why = "Another of your contacts has one of these addresses.";
    kept.on_unique(|| Error::refused(UserErrorCode::Duplicate, &["input", "emails"], why)).map(drop)
}

async fn forget_emails(tx: &Tx<'_>, contact: PersonalContactId) -> Result<()> {
    let of_contact = personal_email::Column::ContactId.eq(contact);
    personal_email::Entity::delete_many().filter(of_contact).exec(tx.db()).await?;
    Ok(())
}
