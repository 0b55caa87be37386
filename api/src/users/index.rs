//! Sort keys and search texts of people. Both are stored, and change with the name in the same transaction.

use std::collections::BTreeSet;

use entity::{
    details::{Details, Visibility},
    id::UserId,
    user::{self, UserStatus},
    user_bigram, user_detail, user_search,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect as _,
};

use crate::{
    app::{Locked, Tx},
    contacts::details,
    database::sql::Sql,
    error::Result,
    text,
};

/// Maximum number of rows in one insert statement. SQLite takes at most 32,766 values.
const ROWS: usize = 10_000;

/// Returns a person's sort key in name order: family, given and middle name, or the display name when there is no
/// family name. The handle comes last, so that people of the same name have a fixed order.
#[must_use]
pub fn name_key(person: &user::Model) -> Vec<u8> {
    let part = |name: &Option<String>| name.clone().unwrap_or_default();
    let (family, given, additional) =
        (part(&person.family_name), part(&person.given_name), part(&person.additional_name));
    if family.is_empty() {
        text::name_key(&[&person.display_name, &person.handle])
    } else {
        text::name_key(&[&family, &given, &additional, &person.handle])
    }
}

/// Returns the text of names and handle by which a person is found.
#[must_use]
pub fn search_text(person: &user::Model) -> String {
    let names = [&person.given_name, &person.additional_name, &person.family_name];
    let names: Vec<&str> = names.into_iter().flatten().map(String::as_str).collect();
    text::search_text(&[&person.display_name, &names.join(" "), &person.handle])
}

/// Returns two search texts: one for every user, and one of further addresses only for connections.
#[must_use]
pub fn search_texts(person: &user::Model, details: &Details) -> (String, String) {
    let everyone = details::addresses_for(details, Visibility::Everyone);
    let connections = details::addresses_for(details, Visibility::Connections);
    let text = if everyone.is_empty() {
        search_text(person)
    } else {
        format!("{}{}", search_text(person), text::search_text(&[&everyone]))
    };
    (text, if connections.is_empty() { String::new() } else { text::search_text(&[&connections]) })
}

/// Replaces a person's rows in the search index.
pub async fn write(db: &impl ConnectionTrait, person: &Locked<user::Model>, details: &Details) -> Result<(), DbErr> {
    user_bigram::Entity::delete_many().filter(user_bigram::Column::UserId.eq(person.id)).exec(db).await?;
    user_search::Entity::delete_by_id(person.id).exec(db).await?;
    let (grams, search) = rows(person, &person.name_key, details);
    user_bigram::Entity::insert_many(grams).exec_without_returning(db).await?;
    user_search::Entity::insert(search).exec_without_returning(db).await?;
    Ok(())
}

/// Builds a person's rows of the search index.
fn rows(
    person: &user::Model,
    name_key: &[u8],
    details: &Details,
) -> (Vec<user_bigram::ActiveModel>, user_search::ActiveModel) {
    let (text, connections_text) = search_texts(person, details);
    let grams: BTreeSet<String> = text::grams(&text).into_iter().chain(text::grams(&connections_text)).collect();
    let row =
        |gram| user_bigram::ActiveModel { gram: Set(gram), name_key: Set(name_key.to_vec()), user_id: Set(person.id) };
    let grams = grams.into_iter().map(row).collect();
    let search =
        user_search::ActiveModel { user_id: Set(person.id), text: Set(text), connections_text: Set(connections_text) };
    (grams, search)
}

/// Rebuilds the sort keys and search rows of at most `limit` people after the id `after`, in the order of their ids.
/// Locks their rows. Returns their number and the last id.
pub async fn rebuild(tx: &Tx<'_>, after: Option<UserId>, limit: u64) -> Result<(u64, Option<UserId>)> {
    let mut found = user::Entity::find().order_by_asc(user::Column::Id).limit(limit);
    if let Some(after) = after {
        found = found.filter(user::Column::Id.gt(after));
    }
    let people = tx.lock_all(found).await?;
    let Some(last) = people.last().map(|person| person.id) else { return Ok((0, None)) };
    let ids: Vec<UserId> = people.iter().map(|person| person.id).collect();
    let details =
        user_detail::Entity::find().filter(user_detail::Column::UserId.is_in(ids.clone())).all(tx.db()).await?;
    user_bigram::Entity::delete_many().filter(user_bigram::Column::UserId.is_in(ids.clone())).exec(tx.db()).await?;
    user_search::Entity::delete_many().filter(user_search::Column::UserId.is_in(ids.clone())).exec(tx.db()).await?;
    let (mut grams, mut searches) = (Vec::new(), Vec::new());
    for person in &people {
        let name_key = name_key(person);
        if name_key != person.name_key {
            let mut sql = Sql::new("UPDATE \"user\" SET name_key = ");
            sql.bind(name_key.clone());
            sql.push(" WHERE id = ");
            sql.bind(person.id);
            sql.run(tx.db()).await?;
        }
        if person.status == UserStatus::Deleted {
            continue;
        }
        let reachable = details.iter().find(|row| row.user_id == person.id).map(|row| row.details.clone());
        let (gram_rows, search_row) = rows(person, &name_key, &reachable.unwrap_or_default());
        grams.extend(gram_rows);
        searches.push(search_row);
    }
    for together in grams.chunks(ROWS) {
        user_bigram::Entity::insert_many(together.to_vec()).exec_without_returning(tx.db()).await?;
    }
    for together in searches.chunks(ROWS) {
        user_search::Entity::insert_many(together.to_vec()).exec_without_returning(tx.db()).await?;
    }
    let mut sql = Sql::new(
        "UPDATE contact SET name_key = (SELECT u.name_key FROM \"user\" u WHERE u.id = contact.user_id) WHERE user_id IN ",
    );
    sql.bind_list(&ids);
    sql.run(tx.db()).await?;
    Ok((people.len() as u64, Some(last)))
}
