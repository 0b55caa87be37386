//! The entries of the lists. Put and removed only by those who hold the pair row locked; renamed only by who holds the
//! person's row locked. So an entry's name key is always that of the person.

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
    app::Tx,
    database::sql::Sql,
    error::Result,
    events::{cursor::contacts_of, log::NewEvent},
};

/// That `user` stands in a list of `owner`, for ever or until a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Membership {
    pub owner: UserId,
    pub list: List,
    pub user: UserId,
    pub until: Option<DateTime<Utc>>,
}

/// What an event says of somebody who came into one of a user's lists or left it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Change {
    pub user: UserId,
    pub list: List,
}

/// Brings the entries of two people about one another from `before` to `after`, and tells each whose lists change.
pub async fn change(
    tx: &Tx<'_>,
    people: [&user::Model; 2],
    before: &BTreeSet<Membership>,
    after: &BTreeSet<Membership>,
) -> Result<()> {
    let (db, now) = (tx.db(), tx.clock().now());
    tell(tx, people[0].id, people[1].id, before, after)?;
    let key_of = |id: UserId| if people[0].id == id { &people[0].name_key } else { &people[1].name_key };
    let row = |entry: &Membership| {
        Condition::all()
            .add(contact::Column::OwnerId.eq(entry.owner))
            .add(contact::Column::List.eq(entry.list))
            .add(contact::Column::NameKey.eq(key_of(entry.user).clone()))
            .add(contact::Column::UserId.eq(entry.user))
    };
    // An entry that only ends at another time stays where it is: a request that was put aside must not move in the list of
    // who asked.
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

/// Tells each of two people which of their lists the other leaves or comes into, one event for each list: what a block ends
/// looks like what is ended one by one. That an entry ends at another time than before is no change of the list.
fn tell(
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
            tx.append(NewEvent::new(kind, &Change { user, list }, vec![contacts_of(owner)])?);
        }
    }
    Ok(())
}

/// Moves a person to another place in everyone's lists.
pub async fn rename(db: &impl ConnectionTrait, user: UserId, name_key: Vec<u8>) -> Result<(), DbErr> {
    let mut sql = Sql::new("UPDATE contact SET name_key = ");
    sql.bind(name_key);
    sql.push(" WHERE user_id = ");
    sql.bind(user);
    sql.run(db).await.map(drop)
}

/// Takes a person out of everyone's lists, and tells them. The entries stay, under the negative of their list, to be shown
/// again.
pub async fn hide(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let mut sql = Sql::new("UPDATE contact SET list = -list WHERE list > 0 AND user_id = ");
    sql.bind(user);
    sql.push(" RETURNING owner_id, -list AS list, until");
    tell_all(tx, user, EventKind::ContactRemoved, sql).await
}

/// Puts a person back into everyone's lists, and tells them.
pub async fn show(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let mut sql = Sql::new("UPDATE contact SET list = -list WHERE list < 0 AND user_id = ");
    sql.bind(user);
    sql.push(" RETURNING owner_id, list, until");
    tell_all(tx, user, EventKind::ContactAdded, sql).await
}

/// Removes a person from everyone's lists for good, and tells those whose lists showed them; removes the person's own lists.
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
struct Moved {
    owner_id: UserId,
    list: List,
    until: Option<DateTime<Utc>>,
}

/// Tells everyone of whose lists a statement has changed an entry that counts.
async fn tell_all(tx: &Tx<'_>, user: UserId, kind: EventKind, sql: Sql) -> Result<()> {
    let now = tx.clock().now();
    let mut moved: Vec<Moved> = sql.all(tx.db()).await?;
    moved.retain(|entry| entry.list != List::MutedInFeed && entry.until.is_none_or(|until| until > now));
    moved.sort_by_key(|entry| (entry.owner_id, entry.list));
    for Moved { owner_id, list, .. } in moved {
        tx.append(NewEvent::new(kind, &Change { user, list }, vec![contacts_of(owner_id)])?);
    }
    Ok(())
}

/// Whether two people share a connection. Both lists are read in the same order and merged.
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
