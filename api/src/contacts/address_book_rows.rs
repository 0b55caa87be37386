//! An address book as a contact list. Its pages have the orders of the other lists, so that they can be merged. An
//! address book is small enough to be searched by reading it.

use std::sync::Arc;

use entity::{id::UserId, personal_contact};
use sea_orm::{ConnectionTrait, DbErr};

use super::{
    list_members::{ContactOrder, ListMember, ListedMember, People},
    search::Search,
};
use crate::{
    database::sql::Sql,
    pagination::{Page, PageBound},
};

/// Reads the rows of a page of a person's address book, in reading order.
pub async fn read(
    db: &impl ConnectionTrait,
    owner: UserId,
    list: &People,
    page: &Page<PageBound>,
) -> Result<Vec<ListedMember>, DbErr> {
    let mut sql = Sql::select::<personal_contact::Entity>("p", "");
    write(&mut sql, owner, list.search.as_ref());
    let by_name = list.order == ContactOrder::Name;
    let key = if by_name { ["p.name_key", "p.id"] } else { ["p.created_at", "p.id"] };
    page.write(&mut sql, &key, list.order.is_descending());
    let rows = sql.models::<personal_contact::Entity>(db).await?;
    let listed = rows.into_iter().map(|row| {
        let place = match by_name {
            true => PageBound::Name(row.name_key.clone(), row.id.0),
            false => PageBound::Since(row.created_at, row.id.0),
        };
        ListedMember { entry: ListMember::Personal(Arc::new(row)), place }
    });
    Ok(listed.collect())
}

/// Counts the entries of a person's address book that match `search`.
pub async fn count(db: &impl ConnectionTrait, owner: UserId, search: Option<&Search>) -> Result<i64, DbErr> {
    let mut sql = Sql::new("SELECT count(*) AS count FROM personal_contact p");
    write(&mut sql, owner, search);
    let Some(row) = sql.one(db).await? else { return Ok(0) };
    row.try_get("", "count")
}

fn write(sql: &mut Sql, owner: UserId, search: Option<&Search>) {
    sql.push(" WHERE p.owner_id = ");
    sql.bind(owner);
    if let Some(search) = search {
        sql.push(" AND ");
        search.write_words(sql, "p.search_text");
    }
}

/// Merges the rows of two pages of one order, and returns them in reading order.
#[must_use]
pub fn merge(one: Vec<ListedMember>, other: Vec<ListedMember>, descending: bool) -> Vec<ListedMember> {
    let mut both = [one, other].concat();
    both.sort_by(|a, b| if descending { b.place.cmp(&a.place) } else { a.place.cmp(&b.place) });
    both
}
