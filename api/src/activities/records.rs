//! Writing down what people do. Each is an event in the streams of those whose activity it is, in the same transaction.

use chrono::Duration;
use entity::{
    activity::{self, ActivityKind},
    activity_author,
    event::EventKind,
    id::{ActivityId, UserId},
    newest_activity,
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel as _, QueryFilter, QueryOrder as _, QuerySelect as _,
};

use crate::{
    app::{App, Tx},
    auth::{once, presence, viewer::Viewer},
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    events::{cursor::activities_of, log::NewEvent},
    plain_text, text,
};

/// The longest status, in characters.
pub const MAX_STATUS: usize = 1_000;
/// Changes of a profile within this time are one activity.
const ONE_CHANGE: Duration = Duration::days(1);

/// A status to be posted.
#[derive(Clone, Debug)]
pub struct NewStatus {
    pub text: String,
    pub connections_only: bool,
    pub idempotency_key: Option<String>,
}

/// Posts a status of the caller; whether an earlier call with the same key had.
pub async fn post(app: &App, by: &Viewer, new: &NewStatus) -> Result<(activity::Model, bool)> {
    const FIELD: &[&str] = &["input", "text"];
    let text = plain_text::lines(&new.text);
    let (status, connections_only) = (text.trim(), new.connections_only);
    if text::is_blank(status) {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, "A text is needed."));
    }
    if status.chars().count() > MAX_STATUS {
        let why = format!("At most {MAX_STATUS} characters.");
        return Err(Error::refused(UserErrorCode::TooLong, FIELD, why));
    }
    if plain_text::has_control(status) {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, "Control characters are not allowed."));
    }
    app.transaction(|tx| {
        Box::pin(async move {
            presence::hold(tx, by.user).await?;
            let text = Some(status.to_owned());
            let row = activity::Model { text, connections_only, ..made(tx, ActivityKind::StatusPosted, by.user) };
            let asked = format!("status {connections_only} {status}");
            if let Some(id) = once::claim(tx, by.user, new.idempotency_key.as_deref(), &asked, row.id.0).await? {
                let made = activity::Entity::find_by_id(ActivityId(id)).one(tx.db()).await?;
                return Ok((made.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?, true));
            }
            Ok((record(tx, row).await?, false))
        })
    })
    .await
}

/// Takes a status of the caller back.
pub async fn delete(app: &App, by: &Viewer, id: &str) -> Result<ActivityId> {
    const FIELD: &[&str] = &["input", "activityId"];
    let id = ActivityId::parse(id).ok_or_else(|| Error::not_found(FIELD))?;
    app.transaction(|tx| {
        Box::pin(async move {
            let found = activity::Entity::find_by_id(id)
                .filter(activity::Column::ActorId.eq(by.user))
                .filter(activity::Column::Kind.eq(ActivityKind::StatusPosted))
                .lock_exclusive()
                .one(tx.db())
                .await?;
            let row = found.ok_or_else(|| Error::not_found(FIELD))?;
            let authors = activity_author::Column::ActivityId.eq(id);
            activity_author::Entity::delete_many().filter(authors).exec(tx.db()).await?;
            activity::Entity::delete_by_id(id).exec(tx.db()).await?;
            refresh(tx, &[by.user]).await?;
            tx.append(NewEvent::new(EventKind::ActivityRemoved, &row, vec![activities_of(by.user)])?);
            Ok(id)
        })
    })
    .await
}

/// That two people have connected: an activity of both.
pub async fn connected(tx: &Tx<'_>, actor: UserId, subject: UserId) -> Result<()> {
    let row = activity::Model { subject_id: Some(subject), ..made(tx, ActivityKind::Connected, actor) };
    record(tx, row).await.map(drop)
}

/// That a person has changed their profile; once a day. The person is held.
pub async fn profile_changed(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let mut sql =
        Sql::new("SELECT a.* FROM activity_author n JOIN activity a ON a.id = n.activity_id WHERE n.user_id = ");
    sql.bind(user);
    sql.push(" ORDER BY n.activity_id DESC LIMIT 1");
    let newest = sql.models::<activity::Entity>(tx.db()).await?.pop();
    let recent = |row: &activity::Model| {
        row.kind == ActivityKind::ProfileChanged && row.created_at > tx.clock().now() - ONE_CHANGE
    };
    if newest.as_ref().is_some_and(recent) {
        return Ok(());
    }
    record(tx, made(tx, ActivityKind::ProfileChanged, user)).await.map(drop)
}

fn made(tx: &Tx<'_>, kind: ActivityKind, actor: UserId) -> activity::Model {
    activity::Model {
        id: ActivityId(tx.clock().uuid()),
        kind,
        actor_id: actor,
        subject_id: None,
        text: None,
        connections_only: false,
        created_at: tx.clock().now(),
    }
}

/// Whose an activity is, each with the other whom it is about.
#[must_use]
pub fn authors(row: &activity::Model) -> Vec<(UserId, Option<UserId>)> {
    let mut authors = vec![(row.actor_id, row.subject_id)];
    authors.extend(row.subject_id.map(|subject| (subject, Some(row.actor_id))));
    authors
}

async fn record(tx: &Tx<'_>, row: activity::Model) -> Result<activity::Model> {
    activity::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    let authors = authors(&row);
    let rows = authors.iter().map(|(user, other)| activity_author::ActiveModel {
        user_id: Set(*user),
        activity_id: Set(row.id),
        other_id: Set(*other),
        connections_only: Set(row.connections_only),
    });
    activity_author::Entity::insert_many(rows).exec_without_returning(tx.db()).await?;
    let mut in_order = authors.clone();
    in_order.sort_unstable();
    for (user, other) in in_order {
        // Only forward: of two who do this at once the one with the older activity may come last. The place is locked in
        // any case, so that whoever looks anew waits for what was added.
        let mut sql = Sql::new("UPDATE newest_activity SET ");
        for (index, column) in ["activity_id", "other_id", "connections_only"].into_iter().enumerate() {
            sql.push(&format!("{}{column} = CASE WHEN activity_id >= ", if index == 0 { "" } else { ", " }));
            sql.bind(row.id);
            sql.push(&format!(" THEN {column} ELSE "));
            match index {
                0 => sql.bind(row.id),
                1 => sql.bind(other),
                _ => sql.bind(row.connections_only),
            }
            sql.push(" END");
        }
        sql.push(" WHERE user_id = ");
        sql.bind(user);
        sql.run(tx.db()).await?;
    }
    let streams = authors.iter().map(|(user, _)| activities_of(*user)).collect();
    tx.append(NewEvent::new(EventKind::ActivityPosted, &row, streams)?);
    Ok(row)
}

/// Gives somebody who is new a place for their newest activity.
pub async fn begin(tx: &Tx<'_>, users: &[UserId]) -> Result<()> {
    let rows = users.iter().map(|user| newest_activity::ActiveModel {
        user_id: Set(*user),
        activity_id: Set(None),
        other_id: Set(None),
        connections_only: Set(false),
    });
    newest_activity::Entity::insert_many(rows).exec_without_returning(tx.db()).await?;
    Ok(())
}

/// Looks anew for the newest activity of some people, after some of theirs are gone. Their places are locked first, so that
/// what others have added meanwhile is seen.
pub async fn refresh(tx: &Tx<'_>, users: &[UserId]) -> Result<()> {
    newest_activity::Entity::find()
        .filter(newest_activity::Column::UserId.is_in(users.iter().copied()))
        .order_by_asc(newest_activity::Column::UserId)
        .lock_exclusive()
        .all(tx.db())
        .await?;
    let newest = |column: &str| {
        format!(
            "(SELECT n.{column} FROM activity_author n WHERE n.user_id = newest_activity.user_id \
             ORDER BY n.activity_id DESC LIMIT 1)"
        )
    };
    let mut sql = Sql::new(&format!(
        "UPDATE newest_activity SET activity_id = {}, other_id = {}, connections_only = COALESCE({}, FALSE) WHERE user_id IN ",
        newest("activity_id"),
        newest("other_id"),
        newest("connections_only")
    ));
    sql.bind_list(users);
    sql.run(tx.db()).await?;
    Ok(())
}
