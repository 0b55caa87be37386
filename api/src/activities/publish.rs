//! Writing of activities. Each activity is an event in the streams of its authors, in the same transaction.

use chrono::Duration;
use entity::{
    activity::{self, ActivityKind},
    activity_author,
    event::EventKind,
    id::{ActivityId, UserId},
    latest_activity, user,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, IntoActiveModel as _, QueryFilter, QueryOrder as _};

use crate::{
    app::{App, Locked, Tx},
    auth::{active_caller, idempotency, viewer::Viewer},
    contacts::{
        detail_validation,
        details::{MAX_URL, is_page},
    },
    database::sql::Sql,
    error::{Error, Result, UserErrorCode},
    events::{cursor::activities_of, log::NewEvent},
    plain_text, text,
};

/// Maximum length of a status, in characters.
pub const MAX_STATUS: usize = 1_000;
/// Changes of a profile within this time are one activity.
const ONE_CHANGE: Duration = Duration::days(1);

/// Maximum length of an application's name, in characters.
pub const MAX_APPLICATION: usize = 80;

/// A status to post, or an act to record.
#[derive(Clone, Debug)]
pub struct NewPost {
    /// The text, not yet checked.
    pub text: String,
    /// True when only connections may see it.
    pub connections_only: bool,
    /// The application that records the act. Unset for a status.
    pub source: Option<Source>,
    /// The client's key of the call, if it gave one.
    pub idempotency_key: Option<String>,
}

/// The application in which a person did something. Its values are not yet checked.
#[derive(Clone, Debug)]
pub struct Source {
    /// The application's name.
    pub application: String,
    /// The address of a page that shows the act.
    pub url: Option<String>,
}

impl Source {
    /// Returns the values in their stored form. Refuses with REQUIRED or INVALID.
    fn check(&self) -> Result<(String, Option<String>)> {
        const APPLICATION: &[&str] = &["input", "application"];
        const URL: &[&str] = &["input", "url"];
        let why = "The application's name is needed.";
        let application = detail_validation::required_line(&self.application, APPLICATION, MAX_APPLICATION, why)?;
        let url = self.url.as_deref().map(str::trim).filter(|url| !url.is_empty());
        if url.is_some_and(|url| !is_page(url)) {
            let why = format!("An address begins with https:// or http:// and has at most {MAX_URL} characters.");
            return Err(Error::refused(UserErrorCode::Invalid, URL, why));
        }
        Ok((application, url.map(str::to_owned)))
    }
}

/// Posts a status of the caller, or records an act of the caller. Locks the caller's row. Returns true as second value
/// when an earlier call with the same key posted it. Emits `ActivityPosted`. Refuses with REQUIRED, INVALID, TOO_LONG,
/// IDEMPOTENCY_KEY_REUSED or NOT_FOUND.
pub async fn post(app: &App, by: &Viewer, new: &NewPost) -> Result<(activity::Model, bool)> {
    const FIELD: &[&str] = &["input", "text"];
    let text = plain_text::lines(&new.text);
    let (status, connections_only) = (text.trim(), new.connections_only);
    if text::is_blank(status) {
        return Err(Error::refused(UserErrorCode::Required, FIELD, "A text is needed."));
    }
    if status.chars().count() > MAX_STATUS {
        let why = format!("At most {MAX_STATUS} characters.");
        let refused = Error::refused(UserErrorCode::TooLong, FIELD, why);
        return Err(refused.with_excess(MAX_STATUS, status.chars().count()));
    }
    if plain_text::has_control(status) {
        return Err(Error::refused(UserErrorCode::Invalid, FIELD, "Control characters are not allowed."));
    }
    let source = &new.source.as_ref().map(Source::check).transpose()?;
    app.transaction(|tx| {
        Box::pin(async move {
            active_caller::lock(tx, by.user).await?;
            let kind = if source.is_some() { ActivityKind::Recorded } else { ActivityKind::StatusPosted };
            let (application, url) = source.clone().map_or((None, None), |(name, url)| (Some(name), url));
            let asked = match source {
                Some(source) => format!("activity {connections_only} {source:?} {status}"),
                None => format!("status {connections_only} {status}"),
            };
            let text = Some(status.to_owned());
            let row = activity::Model { text, application, url, connections_only, ..new_activity(tx, kind, by.user) };
            if let Some(id) = idempotency::claim(tx, by.user, new.idempotency_key.as_deref(), &asked, row.id.0).await? {
                let made = activity::Entity::find_by_id(ActivityId(id)).one(tx.db()).await?;
                return Ok((made.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?, true));
            }
            Ok((record(tx, row).await?, false))
        })
    })
    .await
}

/// Deletes a status or a recorded act of the caller. Returns false if the caller deleted it before. Locks it. Emits
/// `ActivityRemoved`. Refuses with NOT_FOUND.
pub async fn delete(app: &App, by: &Viewer, id: &str) -> Result<(ActivityId, bool)> {
    const FIELD: &[&str] = &["input", "activityId"];
    let id = ActivityId::parse(id).ok_or_else(|| Error::not_found(FIELD))?;
    app.transaction(|tx| {
        Box::pin(async move {
            let found = tx
                .lock_one(
                    activity::Entity::find_by_id(id)
                        .filter(activity::Column::ActorId.eq(by.user))
                        .filter(activity::Column::Kind.is_in([ActivityKind::StatusPosted, ActivityKind::Recorded])),
                )
                .await?;
            let Some(row) = found else {
                let repeated = idempotency::has_deleted(tx, by.user, id.0).await?;
                return if repeated { Ok((id, false)) } else { Err(Error::not_found(FIELD)) };
            };
            let authors = activity_author::Column::ActivityId.eq(id);
            activity_author::Entity::delete_many().filter(authors).exec(tx.db()).await?;
            activity::Entity::delete_by_id(id).exec(tx.db()).await?;
            refresh(tx, &[by.user]).await?;
            idempotency::record_deletion(tx, by.user, id.0).await?;
            tx.append(NewEvent::new(EventKind::ActivityRemoved, &*row, vec![activities_of(by.user)])?);
            Ok((id, true))
        })
    })
    .await
}

/// Records that two people have connected, as an activity of both. Emits `ActivityPosted`.
pub async fn publish_connected(tx: &Tx<'_>, actor: UserId, subject: UserId) -> Result<()> {
    let row = activity::Model { subject_id: Some(subject), ..new_activity(tx, ActivityKind::Connected, actor) };
    record(tx, row).await.map(drop)
}

/// Records that a person has changed their profile. Records nothing when the newest activity is such a change of the
/// last day. Emits `ActivityPosted`.
pub async fn publish_profile_changed(tx: &Tx<'_>, person: &Locked<user::Model>) -> Result<()> {
    let mut sql =
        Sql::select::<activity::Entity>("a", "JOIN activity_author n ON n.activity_id = a.id WHERE n.user_id = ");
    sql.bind(person.id);
    sql.push(" ORDER BY n.activity_id DESC LIMIT 1");
    let newest = sql.models::<activity::Entity>(tx.db()).await?.pop();
    let recent = |row: &activity::Model| {
        row.kind == ActivityKind::ProfileChanged && row.created_at > tx.clock().now() - ONE_CHANGE
    };
    if newest.as_ref().is_some_and(recent) {
        return Ok(());
    }
    record(tx, new_activity(tx, ActivityKind::ProfileChanged, person.id)).await.map(drop)
}

fn new_activity(tx: &Tx<'_>, kind: ActivityKind, actor: UserId) -> activity::Model {
    activity::Model {
        id: ActivityId(tx.clock().uuid()),
        kind,
        actor_id: actor,
        subject_id: None,
        text: None,
        application: None,
        url: None,
        connections_only: false,
        created_at: tx.clock().now(),
    }
}

/// Returns the authors of an activity, each with the other person whom it is about.
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
        // The stored newest activity only moves forward: of two concurrent transactions, the one with the older
        // activity can come last. The row is locked in any case, so that a concurrent `refresh` waits for the new
        // activity.
        let mut sql = Sql::new("UPDATE latest_activity SET ");
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

/// Creates the rows for the latest activity of new users.
pub async fn begin(tx: &Tx<'_>, users: &[UserId]) -> Result<()> {
    let rows = users.iter().map(|user| latest_activity::ActiveModel {
        user_id: Set(*user),
        activity_id: Set(None),
        other_id: Set(None),
        connections_only: Set(false),
    });
    latest_activity::Entity::insert_many(rows).exec_without_returning(tx.db()).await?;
    Ok(())
}

/// Finds the latest activity of some people again, after some of their activities were deleted. Locks their rows of
/// `latest_activity` first, so that it sees what other transactions have added.
pub async fn refresh(tx: &Tx<'_>, users: &[UserId]) -> Result<()> {
    tx.lock_all(
        latest_activity::Entity::find()
            .filter(latest_activity::Column::UserId.is_in(users.iter().copied()))
            .order_by_asc(latest_activity::Column::UserId),
    )
    .await?;
    let newest = |column: &str| {
        format!(
            "(SELECT n.{column} FROM activity_author n WHERE n.user_id = latest_activity.user_id \
             ORDER BY n.activity_id DESC LIMIT 1)"
        )
    };
    let mut sql = Sql::new(&format!(
        "UPDATE latest_activity SET activity_id = {}, other_id = {}, connections_only = COALESCE({}, FALSE) WHERE user_id IN ",
        newest("activity_id"),
        newest("other_id"),
        newest("connections_only")
    ));
    sql.bind_list(users);
    sql.run(tx.db()).await?;
    Ok(())
}
