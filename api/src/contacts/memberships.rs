//! Entries of contact lists. Only a transaction that has locked the pair row adds or removes an entry. Only a
//! transaction that has locked a person's row renames that person's entries. So an entry's name key always equals that
//! of its person.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::{
    contact::{self, List},
    event::EventKind,
    id::UserId,
    user,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, Condition, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter,
    sea_query::Expr,
};
use serde::{Deserialize, Serialize};

use crate::{
    app::{Locked, Tx},
    database::sql::Sql,
    error::Result,
    events::payloads::own_payload,
    events::{cursor::contacts_of, log::NewEvent},
};

/// The entry of `user` in a list of `owner`, permanent or until a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Membership {
    /// The owner of the list.
    pub owner: UserId,
    /// The list that has the entry.
    pub list: List,
    /// The person in the list.
    pub user: UserId,
    /// The end of the entry. `None` makes it permanent.
    pub until: Option<DateTime<Utc>>,
}

/// The payload of an event about a person who was added to a user's list or removed from it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListChange {
    /// The person who was added or removed.
    pub user: UserId,
    /// The list that changed.
    pub list: List,
}

own_payload!(ListChange, 1);

/// Changes the entries of two people about each other from `before` to `after`. The pair must be locked. Emits
/// `ContactAdded` and `ContactRemoved` to the owner of each changed list.
pub async fn apply_change(
    tx: &Tx<'_>,
    people: [&user::Model; 2],
    before: &BTreeSet<Membership>,
    after: &BTreeSet<Membership>,
) -> Result<()> {
    let (db, now) = (tx.db(), tx.clock().now());
    emit_list_changes(tx, people[0].id, people[1].id, before, after)?;
    let key_of = |id: UserId| if people[0].id == id { &people[0].name_key } else { &people[1].name_key };
    let row = |entry: &Membership| {
        Condition::all()
            .add(contact::Column::OwnerId.eq(entry.owner))
            .add(contact::Column::List.eq(entry.list))
            .add(contact::Column::NameKey.eq(key_of(entry.user).clone()))
            .add(contact::Column::UserId.eq(entry.user))
    };
    // An entry that only changes its end keeps its position: an ignored request must not move in its requester's list.
    let stays = |entry: &&Membership, all: &BTreeSet<Membership>| {
        all.iter().any(|other| (other.owner, other.list, other.user) == (entry.owner, entry.list, entry.user))
    };
    for entry in after.difference(before).filter(|entry| stays(entry, before)) {
        let change = contact::Entity::update_many().col_expr(contact::Column::Until, Expr::value(entry.until));
        change.filter(row(entry)).exec(db).await?;
    }
    let leaving = before.difference(after).filter(|entry| !stays(entry, after));
    let gone = leaving.fold(Condition::any(), |gone, entry| gone.add(row(entry)));
    if !gone.is_empty() {
        contact::Entity::delete_many().filter(gone).exec(db).await?;
    }
    let new: Vec<_> = after
        .difference(before)
        .filter(|entry| !stays(entry, before))
        .map(|entry| contact::ActiveModel {
            owner_id: Set(entry.owner),
            list: Set(entry.list),
            name_key: Set(key_of(entry.user).clone()),
            user_id: Set(entry.user),
            until: Set(entry.until),
            since: Set(now),
        })
        .collect();
    if !new.is_empty() {
        contact::Entity::insert_many(new).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Emits an event to each of two people for each of their lists that the other person enters or leaves. So the end of
/// many relations by a block looks like their end one by one. A new end time of an entry emits nothing.
fn emit_list_changes(
    tx: &Tx<'_>,
    one: UserId,
    other: UserId,
    before: &BTreeSet<Membership>,
    after: &BTreeSet<Membership>,
) -> Result<()> {
    for (owner, user) in [(one, other), (other, one)] {
        let lists = |all: &BTreeSet<Membership>| -> BTreeSet<List> {
            let shown = all.iter().filter(|entry| entry.owner == owner && entry.list != List::MutedInFeed);
            shown.map(|entry| entry.list).collect()
        };
        let (was, is) = (lists(before), lists(after));
        let removed = was.difference(&is).map(|list| (EventKind::ContactRemoved, *list));
        let added = is.difference(&was).map(|list| (EventKind::ContactAdded, *list));
        for (kind, list) in removed.chain(added) {
            tx.append(NewEvent::new(kind, &ListChange { user, list }, vec![contacts_of(owner)])?);
        }
    }
    Ok(())
}

/// Moves a person to the position of their name in all lists.
pub async fn rename(db: &impl ConnectionTrait, person: &Locked<user::Model>) -> Result<(), DbErr> {
    let mut sql = Sql::new("UPDATE contact SET name_key = ");
    sql.bind(person.name_key.clone());
    sql.push(" WHERE user_id = ");
    sql.bind(person.id);
    sql.run(db).await.map(drop)
}

/// Hides a person from all lists. Emits `ContactRemoved` to the owners. The entries stay under the negative of their
/// list, so that [`show`] can restore them.
pub async fn hide(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let mut sql = Sql::new("UPDATE contact SET list = -list WHERE list > 0 AND user_id = ");
    sql.bind(user);
    sql.push(" RETURNING owner_id, -list AS list, until");
    emit_to_all(tx, user, EventKind::ContactRemoved, sql).await
}

/// Restores a hidden person in all lists. Emits `ContactAdded` to the owners.
pub async fn show(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let mut sql = Sql::new("UPDATE contact SET list = -list WHERE list < 0 AND user_id = ");
    sql.bind(user);
    sql.push(" RETURNING owner_id, list, until");
    emit_to_all(tx, user, EventKind::ContactAdded, sql).await
}

/// Removes a person from all lists for good, and removes the person's own lists. Emits `ContactRemoved` to the owners
/// of lists that showed the person.
pub async fn remove(tx: &Tx<'_>, user: UserId) -> Result<()> {
    hide(tx, user).await?;
    for column in ["user_id", "owner_id"] {
        let mut sql = Sql::new(&format!("DELETE FROM contact WHERE {column} = "));
        sql.bind(user);
        sql.run(tx.db()).await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct MovedRow {
    owner_id: UserId,
    list: List,
    until: Option<DateTime<Utc>>,
}

/// Runs a statement that changes entries, and emits `kind` to the owner of each changed entry that counts.
async fn emit_to_all(tx: &Tx<'_>, user: UserId, kind: EventKind, sql: Sql) -> Result<()> {
    let now = tx.clock().now();
    let mut moved: Vec<MovedRow> = sql.all(tx.db()).await?;
    moved.retain(|entry| entry.list != List::MutedInFeed && entry.until.is_none_or(|until| until > now));
    moved.sort_by_key(|entry| (entry.owner_id, entry.list));
    for MovedRow { owner_id, list, .. } in moved {
        tx.append(NewEvent::new(kind, &ListChange { user, list }, vec![contacts_of(owner_id)])?);
    }
    Ok(())
}

/// Returns true if a person is connected with another one.
pub async fn is_connected(db: &impl ConnectionTrait, one: UserId, other: UserId) -> Result<bool, DbErr> {
    let found = contact::Entity::find()
        .filter(contact::Column::OwnerId.eq(one))
        .filter(contact::Column::UserId.eq(other))
        .filter(contact::Column::List.eq(List::Connections));
    Ok(found.one(db).await?.is_some())
}

/// Returns true when two people have a connection in common. Both lists are read in the same order and merged.
pub async fn share_connection(db: &impl ConnectionTrait, one: UserId, other: UserId) -> Result<bool, DbErr> {
    let mut sql = Sql::new(
        "SELECT 1 AS one FROM contact a JOIN contact b ON b.list = a.list AND b.name_key = a.name_key \
         AND b.user_id = a.user_id WHERE a.owner_id = ",
    );
    sql.bind(one);
    sql.push(" AND a.list = ");
    sql.bind(List::Connections);
    sql.push(" AND b.owner_id = ");
    sql.bind(other);
    sql.push(" LIMIT 1");
    Ok(sql.one(db).await?.is_some())
}
