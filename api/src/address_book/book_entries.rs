//! Entries of one user's address book: lookup, saving and removal. The table `personal_email` keeps an e-mail address
//! unique in a book. The size of a book is checked under the lock of the owner's row.

use async_graphql::{ID, InputObject, MaybeUndefined};
use entity::{
    details::Details,
    id::{PersonalContactId, UserId},
    personal_contact, personal_email, user,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect as _,
};

use crate::{
    app::{App, Locked, Tx},
    auth::{idempotency, viewer::Viewer},
    contacts::{
        detail_validation::{self, MAX_NAME, patch},
        details::{self, EmailAddressInput, PhoneInput, PostalAddressInput, WebAddressInput},
    },
    database::sql::Sql,
    error::{Error, INPUT, OnConstraint, Result, UserErrorCode},
    text,
    users::people,
};

/// Maximum number of entries in one address book.
pub const MAX_CONTACTS: i64 = 10_000;
/// Maximum length of a note, in characters.
pub const MAX_NOTE: usize = 2_000;

/// The input field that names a contact.
const CONTACT: detail_validation::FieldPath = &["input", "contactId"];

/// A personal contact to create or to change. In a change, an omitted field stays and null clears it.
#[derive(Clone, Debug, Default, InputObject)]
pub struct SavePersonalContactInput {
    /// The id of the contact to change. Without it a new contact is created.
    pub contact_id: Option<ID>,
    /// A key that the client makes up for a new contact, 1 to 100 characters. A client that is unsure of a first call
    /// repeats it with the same key, and the contact is created once. Keys are stored forever.
    pub idempotency_key: Option<String>,
    /// The name to show, 1 to 200 characters. A new contact needs one, and it cannot be cleared.
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
    /// The viewer's note about the contact, at most 2,000 characters.
    pub note: MaybeUndefined<String>,
    /// The e-mail addresses, at most 10. They replace all stored ones. An address can occur once in an address book.
    pub emails: MaybeUndefined<Vec<EmailAddressInput>>,
    /// The telephone numbers, at most 10 and without duplicates. They replace all stored ones.
    pub phones: MaybeUndefined<Vec<PhoneInput>>,
    /// The postal addresses, at most 10 and without duplicates. They replace all stored ones.
    pub addresses: MaybeUndefined<Vec<PostalAddressInput>>,
    /// The web pages, at most 10 and without duplicates. They replace all stored ones.
    pub urls: MaybeUndefined<Vec<WebAddressInput>>,
}

/// The result of saving an entry.
pub struct SavedContact {
    /// The entry after the call.
    pub contact: personal_contact::Model,
    /// True when something was written.
    pub changed: bool,
}

/// Creates or changes an entry of the caller's address book. Locks the caller's row. Refuses with INVALID, NOT_FOUND,
/// DUPLICATE or IDEMPOTENCY_KEY_REUSED, and with LIMIT_REACHED when the book is full.
pub async fn save(app: &App, by: &Viewer, input: &SavePersonalContactInput) -> Result<SavedContact> {
    app.transaction(|tx| {
        Box::pin(async move {
            let owner = &people::lock_self(tx, by).await?;
            let before = match &input.contact_id {
                Some(id) => Some(find_locked(tx.db(), owner, id, CONTACT).await?),
                None => None,
            };
            let mut row = before.clone().unwrap_or_else(|| blank(tx, by.user));
            change(&mut row, input)?;
            list_position(&mut row);
            if before.as_ref() == Some(&row) {
                return Ok(SavedContact { contact: row, changed: false });
            }
            row.updated_at = tx.clock().now();
            if before.is_some() {
                update(tx, owner, &row).await?;
            } else {
                let blank = personal_contact::Model { id: PersonalContactId(uuid::Uuid::nil()), ..row.clone() };
                let at = chrono::DateTime::UNIX_EPOCH;
                let asked = format!("{:?}", personal_contact::Model { created_at: at, updated_at: at, ..blank });
                let key = input.idempotency_key.as_deref();
                if let Some(id) = idempotency::claim(tx, by.user, key, &asked, row.id.0).await? {
                    let id = PersonalContactId(id).to_string();
                    let contact = find_locked(tx.db(), owner, &id, &["input", "idempotencyKey"]).await?;
                    return Ok(SavedContact { contact, changed: false });
                }
                if size(tx.db(), by.user).await? >= MAX_CONTACTS {
                    let why = format!("An address book holds at most {MAX_CONTACTS} contacts.");
                    return Err(Error::refused(UserErrorCode::LimitReached, INPUT, why).with_limit(MAX_CONTACTS));
                }
                insert(tx, owner, std::slice::from_ref(&row)).await?;
            }
            Ok(SavedContact { contact: row, changed: true })
        })
    })
    .await
}

/// Deletes an entry of the caller's address book. Returns false if the caller deleted it before. Locks the caller's
/// row. Refuses with NOT_FOUND.
pub async fn delete(app: &App, by: &Viewer, id: &str) -> Result<(PersonalContactId, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let owner = &people::lock_self(tx, by).await?;
            let row = match find_locked(tx.db(), owner, id, CONTACT).await {
                Ok(row) => row,
                Err(Error::Refused(refusal)) => match PersonalContactId::parse(id) {
                    Some(id) if idempotency::has_deleted(tx, by.user, id.0).await? => return Ok((id, false)),
                    _ => return Err(Error::Refused(refusal)),
                },
                Err(fault) => return Err(fault),
            };
            forget_emails(tx, row.id).await?;
            personal_contact::Entity::delete_by_id(row.id).exec(tx.db()).await?;
            idempotency::record_deletion(tx, by.user, row.id.0).await?;
            Ok((row.id, true))
        })
    })
    .await
}

/// Returns the entries of an address book with these ids.
pub async fn find(
    db: &impl ConnectionTrait,
    owner: UserId,
    ids: &[PersonalContactId],
) -> Result<Vec<personal_contact::Model>, DbErr> {
    let mut sql = Sql::select::<personal_contact::Entity>("p", "WHERE owner_id = ");
    sql.bind(owner);
    sql.push(" AND id IN ");
    sql.bind_list(ids);
    sql.models::<personal_contact::Entity>(db).await
}

/// Returns the entry with an id of the API. Refuses with NOT_FOUND, also for an entry of another book.
async fn find_locked(
    db: &impl ConnectionTrait,
    owner: &Locked<user::Model>,
    id: &str,
    field: detail_validation::FieldPath,
) -> Result<personal_contact::Model> {
    let id = PersonalContactId::parse(id).ok_or_else(|| Error::not_found(field))?;
    find(db, owner.id, &[id]).await?.pop().ok_or_else(|| Error::not_found(field))
}

/// Counts the entries of an address book.
pub async fn size(db: &impl ConnectionTrait, owner: UserId) -> Result<i64, DbErr> {
    let mut sql = Sql::new("SELECT count(*) AS count FROM personal_contact WHERE owner_id = ");
    sql.bind(owner);
    sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
}

/// Returns an empty entry with a new id.
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
        organization: None,
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
    detail_validation::patch_name(&mut row.display_name, &input.display_name, &["input", "displayName"])?;
    if row.display_name.is_empty() {
        detail_validation::name("", &["input", "displayName"])?;
    }
    patch(&mut row.given_name, &input.given_name, &["input", "givenName"], MAX_NAME)?;
    patch(&mut row.family_name, &input.family_name, &["input", "familyName"], MAX_NAME)?;
    patch(&mut row.additional_name, &input.additional_name, &["input", "additionalName"], MAX_NAME)?;
    patch(&mut row.name_prefix, &input.name_prefix, &["input", "namePrefix"], MAX_NAME)?;
    patch(&mut row.name_suffix, &input.name_suffix, &["input", "nameSuffix"], MAX_NAME)?;
    patch(&mut row.title, &input.title, &["input", "title"], MAX_NAME)?;
    patch(&mut row.organization, &input.organization, &["input", "organization"], MAX_NAME)?;
    match &input.note {
        MaybeUndefined::Undefined => {}
        MaybeUndefined::Null => row.note = None,
        MaybeUndefined::Value(note) => row.note = detail_validation::lines(note, &["input", "note"], MAX_NOTE)?,
    }
    let SavePersonalContactInput { emails, phones, addresses, urls, .. } = input;
    row.details = private(details::DetailsChange { emails, phones, addresses, urls }.apply(&row.details)?);
    Ok(())
}

/// Gives all details one visibility, because visibility has no meaning in an address book.
#[must_use]
pub fn private(mut details: Details) -> Details {
    details.emails.iter_mut().for_each(|item| item.visibility = entity::details::Visibility::Nobody);
    details.phones.iter_mut().for_each(|item| item.visibility = entity::details::Visibility::Nobody);
    details.addresses.iter_mut().for_each(|item| item.visibility = entity::details::Visibility::Nobody);
    details.urls.iter_mut().for_each(|item| item.visibility = entity::details::Visibility::Nobody);
    details
}

/// Computes an entry's sort key and search text, by the rules for people.
pub fn list_position(row: &mut personal_contact::Model) {
    let part = |name: &Option<String>| name.clone().unwrap_or_default();
    let (family, given, additional) = (part(&row.family_name), part(&row.given_name), part(&row.additional_name));
    row.name_key = if family.is_empty() {
        text::name_key(&[&row.display_name])
    } else {
        text::name_key(&[&family, &given, &additional])
    };
    let emails: Vec<&str> = row.details.emails.iter().map(|email| email.address.as_str()).collect();
    let organization = part(&row.organization);
    row.search_text =
        text::search_text(&[&row.display_name, &given, &additional, &family, &organization, &emails.join(" ")]);
}

/// Rebuilds the sort keys and search texts of at most `limit` entries after the id `after`, in the order of their ids.
/// Locks their rows. Returns their number and the last id.
pub async fn rebuild(
    tx: &Tx<'_>,
    after: Option<PersonalContactId>,
    limit: u64,
) -> Result<(u64, Option<PersonalContactId>)> {
    let mut found = personal_contact::Entity::find().order_by_asc(personal_contact::Column::Id).limit(limit);
    if let Some(after) = after {
        found = found.filter(personal_contact::Column::Id.gt(after));
    }
    let rows = tx.lock_all(found).await?;
    for before in &rows {
        let mut row = before.clone();
        list_position(&mut row);
        if row == *before {
            continue;
        }
        let mut sql = Sql::new("UPDATE personal_contact SET name_key = ");
        sql.bind(row.name_key.clone());
        sql.push(", search_text = ");
        sql.bind(row.search_text.clone());
        sql.push(" WHERE id = ");
        sql.bind(row.id);
        sql.run(tx.db()).await?;
    }
    Ok((rows.len() as u64, rows.last().map(|row| row.id)))
}

/// Adds new entries to the owner's address book. Refuses with DUPLICATE when another entry has one of the e-mail
/// addresses.
pub async fn insert(tx: &Tx<'_>, _owner: &Locked<user::Model>, rows: &[personal_contact::Model]) -> Result<()> {
    let new = rows.iter().cloned().map(IntoActiveModel::into_active_model);
    personal_contact::Entity::insert_many(new).exec_without_returning(tx.db()).await?;
    keep_emails(tx, rows).await
}

/// Saves a changed entry of the owner's address book. Refuses with DUPLICATE when another entry has one of the e-mail
/// addresses.
pub async fn update(tx: &Tx<'_>, _owner: &Locked<user::Model>, row: &personal_contact::Model) -> Result<()> {
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
