//! The people of an archive: those in the user's own lists, and those whom the user wrote notes about. Users without an
//! active account are left out, as everywhere.

use chrono::{DateTime, Utc};
use entity::{
    contact::List,
    id::UserId,
    note,
    relationship::{self, Mutes},
    user::{self, UserStatus},
};
use sea_orm::{ColumnTrait, Condition, DbErr, EntityTrait, FromQueryResult, QueryFilter, QueryOrder};
use serde_json::{Value, json};

use crate::{app::App, database::sql::Sql, relationships::pair::OrientedRelationship};

#[derive(FromQueryResult)]
struct Id {
    user_id: UserId,
}

#[derive(FromQueryResult)]
struct RelationshipRow {
    user_id: UserId,
    list: List,
    since: DateTime<Utc>,
}

/// Returns the ids of people who are related to the user, in ascending order after `after`. The list has at most
/// `limit` ids.
pub async fn ids(app: &App, me: UserId, after: UserId, limit: u64) -> Result<Vec<UserId>, DbErr> {
    let mut sql = Sql::new("SELECT user_id FROM (SELECT user_id FROM contact WHERE owner_id = ");
    sql.bind(me);
    sql.push(" AND list > 0 AND (until IS NULL OR until > ");
    sql.bind(app.clock.now());
    sql.push(") UNION SELECT about_id AS user_id FROM note WHERE owner_id = ");
    sql.bind(me);
    sql.push(") AS everyone WHERE user_id > ");
    sql.bind(after);
    sql.push(" ORDER BY user_id LIMIT ");
    sql.bind(i64::try_from(limit).unwrap_or(i64::MAX));
    Ok(sql.all::<Id>(app.db.read()).await?.into_iter().map(|row| row.user_id).collect())
}

/// Describes the relationships of a user to the given people.
pub async fn describe(app: &App, me: UserId, others: &[UserId]) -> Result<Vec<Value>, DbErr> {
    let (db, now) = (app.db.read(), app.clock.now());
    let others = || others.iter().copied();
    let people = user::Entity::find()
        .filter(user::Column::Id.is_in(others()))
        .filter(user::Column::Status.eq(UserStatus::Active))
        .order_by_asc(user::Column::Id)
        .all(db)
        .await?;
    let notes = note::Entity::find().filter(note::Column::OwnerId.eq(me)).filter(note::Column::AboutId.is_in(others()));
    let notes = notes.all(db).await?;
    let mut sql = Sql::new("SELECT user_id, list, since FROM contact WHERE owner_id = ");
    sql.bind(me);
    sql.push(" AND list > 0 AND (until IS NULL OR until > ");
    sql.bind(now);
    sql.push(") AND user_id IN ");
    sql.bind_list(&others().collect::<Vec<_>>());
    let entries: Vec<RelationshipRow> = sql.all(db).await?;
    let pairs = Condition::any()
        .add(Condition::all().add(relationship::Column::Lo.eq(me)).add(relationship::Column::Hi.is_in(others())))
        .add(Condition::all().add(relationship::Column::Hi.eq(me)).add(relationship::Column::Lo.is_in(others())));
    let pairs = relationship::Entity::find().filter(pairs).all(db).await?;
    let described = people.into_iter().map(|person| {
        let listed = |list: List| entries.iter().find(|entry| entry.user_id == person.id && entry.list == list);
        let since = |list: List| listed(list).map(|entry| entry.since);
        // The time of a request is in its own file. Here it would reveal when the recipient ignored the request.
        let connection = if listed(List::Connections).is_some() {
            "CONNECTED"
        } else if listed(List::IncomingRequests).is_some() {
            "REQUEST_RECEIVED"
        } else if listed(List::OutgoingRequests).is_some() {
            "REQUEST_SENT"
        } else {
            "NONE"
        };
        let pair = pairs.iter().find(|row| row.lo == person.id || row.hi == person.id);
        let mine = pair.map(|row| OrientedRelationship::of(row, me).mine);
        let mute = mine.filter(|mine| mine.mutes_at(now) != Mutes::Nothing).map(|mine| {
            json!({ "feed": mine.mutes.feed(), "notifications": mine.mutes.notifications(), "until": mine.mutes_until })
        });
        json!({
            "handle": person.handle,
            "displayName": person.display_name,
            "connection": connection,
            "connectedSince": since(List::Connections),
            "followingSince": since(List::Following),
            "followedSince": since(List::Followers),
            "blockingSince": since(List::Blocked),
            "mute": mute,
            "note": notes.iter().find(|note| note.about_id == person.id).map(|note| &note.text),
        })
    });
    Ok(described.collect())
}
