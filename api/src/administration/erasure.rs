//! What is removed with an account, by statements about all rows at once: it takes as many for a person with thousands of
//! relationships as for one with none. Left is a row that tells nothing, which earlier events and the audit refer to.

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
    activities::records,
    agents::retirement,
    app::Tx,
    auth::rights::{self, Subject},
    contacts::entries,
    conversations::{announcements, direct},
    database::sql::Sql,
    error::Result,
    events::{
        cursor::{activities_of, requests_of},
        log::NewEvent,
    },
    notifications::notices,
    users::profiles,
};

/// What somebody who was deleted is called.
pub const NAME: &str = "Deleted user";
/// Rows that one statement names by their ids.
const TOGETHER: usize = 1_000;

/// Whose rows go by the person's id alone, after what refers to them.
const OWN: [(&str, &str); 24] = [
    ("notification", "user_id"),
    ("notification_mail", "user_id"),
    ("notification_mail", "actor_id"),
    ("notification_preference", "user_id"),
    ("relationship", "lo"),
    ("relationship", "hi"),
    ("connection_request", "requester_id"),
    ("connection_request", "recipient_id"),
    ("idempotency_key", "owner_id"),
    ("newest_activity", "user_id"),
    ("note", "owner_id"),
    ("note", "about_id"),
    ("personal_email", "owner_id"),
    ("personal_contact", "owner_id"),
    ("confirmed_email", "user_id"),
    ("mail_token", "user_id"),
    ("account_mail", "user_id"),
    ("user_email", "user_id"),
    ("user_detail", "user_id"),
    ("user_search", "user_id"),
    ("user_gram", "user_id"),
    ("queue_member", "agent_id"),
    ("queue_agent", "agent_id"),
    ("agent_skill", "agent_id"),
];

/// Erases a person whose row is held exclusively.
pub async fn erase(tx: &Tx<'_>, person: user::Model) -> Result<()> {
    let user = person.id;
    retirement::retire(tx, user).await?;
    announcements::forget(tx, user, NAME).await?;
    withdraw_notifications(tx, user).await?;
    withdraw_requests(tx, user).await?;
    remove_activities(tx, user).await?;
    entries::remove(tx, user).await?;
    for (table, column) in OWN {
        let mut sql = Sql::new(&format!("DELETE FROM {table} WHERE {column} = "));
        sql.bind(user);
        sql.run(tx.db()).await?;
    }
    direct::close_all(tx, user).await?;
    sessions::forget_all(tx, user).await?;
    api_keys::forget_all(tx, user).await?;
    let mut sql = Sql::new("DELETE FROM credential WHERE user_id = ");
    sql.bind(user);
    sql.run(tx.db()).await?;
    if person.status == UserStatus::Active {
        profiles::count_in(tx.db(), -1).await?;
    }
    tombstone(tx, &person).into_active_model().reset_all().update(tx.db()).await?;
    rights::end(tx, &Subject::User(user))
}

/// What is left of a person. No account can have an id as its handle, so it is free.
fn tombstone(tx: &Tx<'_>, person: &user::Model) -> user::Model {
    let blank = profiles::blank(person.id, person.id.to_string(), NAME.to_owned(), tx.clock().now());
    let mut row = user::Model {
        status: UserStatus::Deleted,
        who_may_request_connection: Audience::Nobody,
        who_may_follow: Audience::Nobody,
        created_at: person.created_at,
        ..blank
    };
    row.name_key = profiles::name_key(&row);
    row
}

#[derive(FromQueryResult)]
struct Told {
    id: NotificationId,
    user_id: UserId,
}

/// Takes back what others were told of the person, and tells them that it is gone.
async fn withdraw_notifications(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let mut sql = Sql::new("DELETE FROM notification WHERE actor_id = ");
    sql.bind(user);
    sql.push(" RETURNING id, user_id");
    let mut told = BTreeMap::<UserId, Vec<NotificationId>>::new();
    for row in sql.all::<Told>(tx.db()).await? {
        told.entry(row.user_id).or_default().push(row.id);
    }
    for (whom, ids) in told {
        notices::tell_several(tx, whom, EventKind::NotificationsRemoved, &ids, None)?;
    }
    Ok(())
}

/// Tells those whom the person had asked that nobody waits for their answer any more. Those who had asked the person are told
/// nothing: their requests are gone.
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

/// Removes what the person did, alone or with somebody else, for both.
async fn remove_activities(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let mut sql =
        Sql::new("SELECT a.* FROM activity_author n JOIN activity a ON a.id = n.activity_id WHERE n.user_id = ");
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
        records::refresh(tx, some).await?;
    }
    for row in all {
        let row = activity::Model { text: None, ..row };
        let streams = std::iter::once(row.actor_id).chain(row.subject_id).map(activities_of).collect();
        tx.append(NewEvent::new(EventKind::ActivityRemoved, &row, streams)?);
    }
    Ok(())
}
