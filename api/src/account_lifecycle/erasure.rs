//! The erasure of a user's data. Each statement covers all rows of a table, so the number of statements does not depend
//! on the number of relationships. An empty row remains, because earlier events and the audit log refer to it.

use std::collections::BTreeMap;

use entity::{
    activity, activity_author,
    connection_request::{self, RequestStatus},
    event::EventKind,
    id::{ActivityId, NotificationId, UserId},
    user::{self, Audience, UserStatus},
};
use sea_orm::{ActiveModelTrait as _, ColumnTrait, EntityTrait, FromQueryResult, IntoActiveModel as _, QueryFilter};

use crate::{
    accounts::{api_keys, sessions},
    activities::publish,
    app::{Locked, Tx},
    auth::revocation::{self, Subject},
    contacts::memberships,
    conversations::direct_messages,
    database::sql::Sql,
    error::Result,
    events::{
        cursor::{activities_of, requests_of},
        log::NewEvent,
    },
    notifications::notification_rows,
    tasks::offboarding,
    users::{index, profile_changes, profiles},
};

/// The display name of a deleted user.
pub const NAME: &str = "Deleted user";
/// The maximum number of rows that one statement names by id.
const TOGETHER: usize = 1_000;

/// The tables whose rows are deleted by the user's id alone, ordered so that referring rows go first.
const OWN: [(&str, &str); 25] = [
    ("notification", "user_id"),
    ("notification_mail", "user_id"),
    ("notification_mail", "actor_id"),
    ("notification_preference", "user_id"),
    ("relationship", "lo"),
    ("relationship", "hi"),
    ("connection_request", "requester_id"),
    ("connection_request", "recipient_id"),
    ("idempotency_key", "owner_id"),
    ("latest_activity", "user_id"),
    ("note", "owner_id"),
    ("note", "about_id"),
    ("personal_email", "owner_id"),
    ("personal_contact", "owner_id"),
    ("avatar", "user_id"),
    ("confirmed_email", "user_id"),
    ("mail_token", "user_id"),
    ("delivery", "user_id"),
    ("user_email", "user_id"),
    ("user_detail", "user_id"),
    ("user_search", "user_id"),
    ("user_bigram", "user_id"),
    ("queue_member", "agent_id"),
    ("queue_agent", "agent_id"),
    ("agent_skill", "agent_id"),
];

/// Erases a user. Emits `NotificationsRemoved`, `ConnectionRequestChanged`
/// `ActivityRemoved` and `UserChanged`, and revokes the user's rights.
pub async fn erase(tx: &Tx<'_>, person: Locked<user::Model>) -> Result<()> {
    let user = person.id;
    offboarding::offboard(tx, &person).await?;
    withdraw_notifications(tx, user).await?;
    withdraw_requests(tx, user).await?;
    remove_activities(tx, user).await?;
    memberships::remove(tx, user).await?;
    for (table, column) in OWN {
        let mut sql = Sql::new(&format!("DELETE FROM {table} WHERE {column} = "));
        sql.bind(user);
        sql.run(tx.db()).await?;
    }
    direct_messages::close_all(tx, user).await?;
    sessions::forget_all(tx, &person).await?;
    api_keys::forget_all(tx, &person).await?;
    let mut sql = Sql::new("DELETE FROM credential WHERE user_id = ");
    sql.bind(user);
    sql.run(tx.db()).await?;
    if person.status == UserStatus::Active {
        profiles::count_in(tx.db(), -1).await?;
    }
    tombstone(tx, &person).into_active_model().reset_all().update(tx.db()).await?;
    profile_changes::emit(tx, user)?;
    revocation::revoke(tx, &Subject::User(user))
}

/// Returns the remaining row of a user. Its handle is the id, which no account can have, so the earlier handle is free.
fn tombstone(tx: &Tx<'_>, person: &user::Model) -> user::Model {
    let blank = profiles::blank(person.id, person.id.to_string(), NAME.to_owned(), tx.clock().now());
    let mut row = user::Model {
        status: UserStatus::Deleted,
        who_may_request_connection: Audience::Nobody,
        who_may_follow: Audience::Nobody,
        created_at: person.created_at,
        ..blank
    };
    row.name_key = index::name_key(&row);
    row
}

#[derive(FromQueryResult)]
struct NotifiedRow {
    id: NotificationId,
    user_id: UserId,
}

/// Removes the notifications that the user caused for others. Emits `NotificationsRemoved`.
async fn withdraw_notifications(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let mut sql = Sql::new("DELETE FROM notification WHERE actor_id = ");
    sql.bind(user);
    sql.push(" RETURNING id, user_id");
    let mut told = BTreeMap::<UserId, Vec<NotificationId>>::new();
    for row in sql.all::<NotifiedRow>(tx.db()).await? {
        told.entry(row.user_id).or_default().push(row.id);
    }
    for (whom, ids) in told {
        notification_rows::notify_grouped(tx, whom, EventKind::NotificationsRemoved, &ids, None)?;
    }
    Ok(())
}

/// Emits `ConnectionRequestChanged` for recipients of the user's pending requests. Users who had asked the deleted user
/// get no event, because their requests are deleted.
async fn withdraw_requests(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let pending = connection_request::Entity::find()
        .filter(connection_request::Column::RequesterId.eq(user))
        .filter(connection_request::Column::RecipientStatus.eq(RequestStatus::Pending));
    let now = Some(tx.clock().now());
    for row in pending.all(tx.db()).await? {
        let row = connection_request::Model {
            message: None,
            requester_status: RequestStatus::Withdrawn,
            recipient_status: RequestStatus::Withdrawn,
            requester_decided_at: now,
            recipient_decided_at: now,
            ..row
        };
        let stream = requests_of(row.recipient_id);
        tx.append(NewEvent::new(EventKind::ConnectionRequestChanged, &row, vec![stream])?);
    }
    Ok(())
}

/// Removes the user's activities, also those shared with another user, for both. Emits `ActivityRemoved`.
async fn remove_activities(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let mut sql =
        Sql::select::<activity::Entity>("a", "JOIN activity_author n ON n.activity_id = a.id WHERE n.user_id = ");
    sql.bind(user);
    sql.push(" ORDER BY a.id");
    let all = sql.models::<activity::Entity>(tx.db()).await?;
    for some in all.chunks(TOGETHER) {
        let ids: Vec<ActivityId> = some.iter().map(|row| row.id).collect();
        let authors = activity_author::Column::ActivityId.is_in(ids.iter().copied());
        activity_author::Entity::delete_many().filter(authors).exec(tx.db()).await?;
        activity::Entity::delete_many().filter(activity::Column::Id.is_in(ids)).exec(tx.db()).await?;
    }
    let mut others: Vec<UserId> = all.iter().flat_map(|row| [Some(row.actor_id), row.subject_id]).flatten().collect();
    others.sort_unstable();
    others.dedup();
    for some in others.chunks(TOGETHER) {
        publish::refresh(tx, some).await?;
    }
    for row in all {
        let row = activity::Model { text: None, application: None, url: None, ..row };
        let streams = std::iter::once(row.actor_id).chain(row.subject_id).map(activities_of).collect();
        tx.append(NewEvent::new(EventKind::ActivityRemoved, &row, streams)?);
    }
    Ok(())
}
