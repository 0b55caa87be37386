//! The users' choices of delivery for each kind of notification: in the app, by e-mail and how often. Without a choice,
//! notifications appear in the app only.

use chrono::{DateTime, Duration, DurationRound as _, Utc};
use entity::{
    id::UserId,
    notification::NotificationKind,
    notification_preference::{self, EmailFrequency},
};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, Iterable as _, QueryFilter,
    sea_query::OnConflict,
};

use crate::{
    app::App,
    auth::{active_caller, viewer::Viewer},
    error::Result,
};

/// The hour of the day, in UTC, at which the daily mail is due.
const DAILY_HOUR: i64 = 7;

/// A user's preference for one kind of notification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChannelPreference {
    /// The kind of notification.
    pub kind: NotificationKind,
    /// True when such notifications appear in the app.
    pub in_app: bool,
    /// The frequency of e-mail about such notifications.
    pub email: EmailFrequency,
}

impl ChannelPreference {
    fn usual(kind: NotificationKind) -> Self {
        Self { kind, in_app: true, email: EmailFrequency::Off }
    }
}

impl From<notification_preference::Model> for ChannelPreference {
    fn from(row: notification_preference::Model) -> Self {
        Self { kind: row.kind, in_app: row.in_app, email: row.email }
    }
}

/// Returns the preference of a user for one kind.
pub async fn of(db: &impl ConnectionTrait, user: UserId, kind: NotificationKind) -> Result<ChannelPreference, DbErr> {
    let row = notification_preference::Entity::find_by_id((user, kind)).one(db).await?;
    Ok(row.map_or_else(|| ChannelPreference::usual(kind), ChannelPreference::from))
}

/// Returns the preferences of a user, one for each kind.
pub async fn all(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<ChannelPreference>, DbErr> {
    let rows = notification_preference::Entity::find()
        .filter(notification_preference::Column::UserId.eq(user))
        .all(db)
        .await?;
    let wish = |kind| {
        rows.iter()
            .find(|row| row.kind == kind)
            .cloned()
            .map_or_else(|| ChannelPreference::usual(kind), ChannelPreference::from)
    };
    Ok(NotificationKind::iter().map(wish).collect())
}

/// The change of a preference. Fields that are unset keep their values.
#[derive(Clone, Copy, Debug)]
pub struct PreferenceChange {
    /// The kind of notification.
    pub kind: NotificationKind,
    /// True to show such notifications in the app.
    pub in_app: Option<bool>,
    /// The frequency of e-mail about such notifications.
    pub email: Option<EmailFrequency>,
}

/// Changes the caller's preferences, all or none, and returns them all. Also returns false if they had these values.
/// Locks the caller.
pub async fn update(app: &App, by: &Viewer, changes: &[PreferenceChange]) -> Result<(Vec<ChannelPreference>, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            active_caller::lock(tx, by.user).await?;
            let mut changed = false;
            for change in changes {
                let before = of(tx.db(), by.user, change.kind).await?;
                let in_app = change.in_app.unwrap_or(before.in_app);
                let email = change.email.unwrap_or(before.email);
                if (in_app, email) == (before.in_app, before.email) {
                    continue;
                }
                changed = true;
                let row = notification_preference::ActiveModel {
                    user_id: Set(by.user),
                    kind: Set(change.kind),
                    in_app: Set(in_app),
                    email: Set(email),
                };
                let key = [notification_preference::Column::UserId, notification_preference::Column::Kind];
                let mut again = OnConflict::columns(key);
                again.update_columns([notification_preference::Column::InApp, notification_preference::Column::Email]);
                let insert = notification_preference::Entity::insert(row).on_conflict(again);
                insert.exec_without_returning(tx.db()).await?;
            }
            Ok((all(tx.db(), by.user).await?, changed))
        })
    })
    .await
}

/// Returns the time at which a mail about a present event is due. Returns `None` when the user wants no e-mail.
#[must_use]
pub fn due(email: EmailFrequency, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let next = |of: Duration, at: Duration| {
        let begun = (now - at).duration_trunc(of).unwrap_or(now);
        begun + of + at
    };
    match email {
        EmailFrequency::Off => None,
        EmailFrequency::Instant => Some(now),
        EmailFrequency::Hourly => Some(next(Duration::hours(1), Duration::zero())),
        EmailFrequency::Daily => Some(next(Duration::days(1), Duration::hours(DAILY_HOUR))),
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use entity::notification_preference::EmailFrequency;

    use super::due;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a time")
    }

    #[test]
    fn digests_are_due_at_the_next_full_hour_and_the_next_morning() {
        let now = at("2026-11-20T06:59:30Z");
        assert_eq!(due(EmailFrequency::Off, now), None);
        assert_eq!(due(EmailFrequency::Instant, now), Some(now));
        assert_eq!(due(EmailFrequency::Hourly, now), Some(at("2026-11-20T07:00:00Z")));
        assert_eq!(due(EmailFrequency::Daily, now), Some(at("2026-11-20T07:00:00Z")));
        let later = at("2026-11-20T07:00:00Z");
        assert_eq!(due(EmailFrequency::Hourly, later), Some(at("2026-11-20T08:00:00Z")));
        assert_eq!(due(EmailFrequency::Daily, later), Some(at("2026-11-21T07:00:00Z")));
    }
}
