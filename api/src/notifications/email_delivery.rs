//! The delivery of notifications by e-mail. A worker claims due rows, sends them in one mail and keeps them for a day,
//! so that the same notification is not mailed again. A mail that could not be sent is tried again later. No mail is
//! lost. A mail may be sent twice, with the same Message-ID, when a worker dies in between.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use entity::{
    id::{NotificationId, UserId},
    notification::NotificationKind,
    notification_mail,
    user::{self, UserStatus},
};
use lettre::{AsyncTransport as _, Message, message::Mailbox};
use sea_orm::{ColumnTrait as _, EntityTrait, QueryFilter as _};

use crate::{
    accounts::{self, outbox},
    app::App,
    config::mail::MailConfig,
    database::sql::{Sql, columns},
    error::{Error, Result},
};

/// The pause between two searches for due mails.
const EVERY: Duration = Duration::from_secs(2);
/// The time after which another worker may take claimed rows.
const CLAIM: chrono::Duration = chrono::Duration::minutes(5);
/// The maximum number of notifications in one mail.
const TOGETHER: i64 = 100;
/// The number of failures after which a mail is given up.
const MAX_FAILURES: i32 = 8;

/// Sends due mails until the instance stops. Returns at once when no mail server is configured.
pub async fn run(app: App) {
    if app.config.mail.is_none() {
        return;
    }
    app.run_worker(EVERY, "a notification mail", || step(&app)).await;
}

/// Sends one user their due notifications. Returns true when any notification was due.
pub async fn step(app: &App) -> Result<bool> {
    let Some(config) = &app.config.mail else { return Ok(false) };
    let items = claim(app).await?;
    let Some(to) = items.first().map(|item| item.user_id) else { return Ok(false) };
    let ids: Vec<NotificationId> = items.iter().map(|item| item.id).collect();
    if let Some(mail) = compose(app, config, to, &items).await?
        && let Err(error) = config.transport.send(mail).await
    {
        tracing::warn!(cause = %error, items = items.len(), "a mail could not be sent; it will be tried again");
        postpone(app, &items).await?;
        return Ok(true);
    }
    done_with(app, &ids).await?;
    Ok(true)
}

/// Claims the due notifications of one user. Two workers never claim the same row, because the update skips claimed
/// rows.
async fn claim(app: &App) -> Result<Vec<notification_mail::Model>> {
    app.transaction(|tx| {
        Box::pin(async move {
            let now = tx.clock().now();
            let mut sql = Sql::new("UPDATE notification_mail SET claimed_until = ");
            sql.bind(now + CLAIM);
            sql.push(
                " WHERE id IN (SELECT id FROM notification_mail WHERE user_id = (SELECT user_id FROM notification_mail",
            );
            write_due(&mut sql, " WHERE ", now);
            sql.push(" ORDER BY due_at, id LIMIT 1)");
            write_due(&mut sql, " AND ", now);
            sql.push(" ORDER BY id LIMIT ");
            sql.bind(TOGETHER);
            sql.push(")");
            write_due(&mut sql, " AND ", now);
            sql.push(&format!(" RETURNING {}", columns::<notification_mail::Entity>("notification_mail")));
            let mut items = sql.models::<notification_mail::Entity>(tx.db()).await?;
            items.sort_by_key(|item| item.id);
            Ok(items)
        })
    })
    .await
}

fn write_due(sql: &mut Sql, word: &str, now: DateTime<Utc>) {
    sql.push(word);
    sql.push("sent_at IS NULL AND due_at <= ");
    sql.bind(now);
    sql.push(" AND (claimed_until IS NULL OR claimed_until <= ");
    sql.bind(now);
    sql.push(")");
}

/// Marks notifications as sent, also those that were given up.
async fn done_with(app: &App, ids: &[NotificationId]) -> Result<()> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new("UPDATE notification_mail SET sent_at = ");
            sql.bind(tx.clock().now());
            sql.push(" WHERE id IN ");
            sql.bind_list(ids);
            sql.run(tx.db()).await?;
            Ok(())
        })
    })
    .await
}

/// Postpones unsent notifications, twice as long each time, or gives them up after too many failures.
async fn postpone(app: &App, items: &[notification_mail::Model]) -> Result<()> {
    let failures = items.iter().map(|item| item.failures).max().unwrap_or_default() + 1;
    let ids: Vec<NotificationId> = items.iter().map(|item| item.id).collect();
    if failures > MAX_FAILURES {
        tracing::warn!(items = ids.len(), "a mail was given up");
        return done_with(app, &ids).await;
    }
    let ids = &ids;
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new("UPDATE notification_mail SET claimed_until = NULL, failures = ");
            sql.bind(failures);
            sql.push(", due_at = ");
            sql.bind(tx.clock().now() + chrono::Duration::minutes(1 << failures));
            sql.push(" WHERE id IN ");
            sql.bind_list(ids);
            sql.run(tx.db()).await?;
            Ok(())
        })
    })
    .await
}

/// Composes the mail about some notifications. Returns `None` when there is no reader, no address or nothing left to
/// report.
async fn compose(
    app: &App,
    config: &MailConfig,
    to: UserId,
    items: &[notification_mail::Model],
) -> Result<Option<Message>> {
    let mut people: Vec<UserId> = items.iter().filter_map(|item| item.actor_id).collect();
    people.push(to);
    let people: HashMap<UserId, user::Model> = user::Entity::find()
        .filter(user::Column::Id.is_in(people))
        .filter(user::Column::Status.eq(UserStatus::Active))
        .all(app.db.read())
        .await?
        .into_iter()
        .map(|person| (person.id, person))
        .collect();
    let Some(reader) = people.get(&to) else { return Ok(None) };
    let Some(address) = address_of(app, to).await? else { return Ok(None) };
    let lines: Vec<String> = items.iter().filter_map(|item| line(item, &people)).collect();
    let Some(last) = items.last().filter(|_| !lines.is_empty()) else { return Ok(None) };
    let subject = match &lines[..] {
        [only] => only.clone(),
        many => format!("{} notifications", many.len()),
    };
    let body = format!("Hello {},\n\n{}\n", reader.display_name, lines.join("\n"));
    let Ok(address) = address.parse() else { return Ok(None) };
    let mail = Message::builder()
        .from(config.from.clone())
        .to(Mailbox::new(Some(reader.display_name.clone()), address))
        .subject(subject)
        .message_id(Some(format!("<{}@rapport>", last.id)))
        .body(body);
    mail.map(Some).map_err(Error::internal)
}

/// Returns the address for a user's mail: the preferred confirmed address, or the first confirmed one.
async fn address_of(app: &App, user: UserId) -> Result<Option<String>> {
    let confirmed = outbox::confirmed(app.db.read(), user).await?;
    accounts::account_emails::as_written(app, user, |key| confirmed.iter().any(|known| known == key)).await
}

/// Returns the line about one notification, or `None` when its actor is no longer visible.
fn line(item: &notification_mail::Model, people: &HashMap<UserId, user::Model>) -> Option<String> {
    let name = || Some(&people.get(&item.actor_id?)?.display_name);
    Some(match item.kind {
        NotificationKind::ConnectionRequested => format!("{} asks to connect with you.", name()?),
        NotificationKind::ConnectionAccepted => format!("{} is connected with you now.", name()?),
        NotificationKind::Followed => format!("{} follows you now.", name()?),
        NotificationKind::Message => format!("{} wrote to you.", name()?),
        NotificationKind::System => item.text.clone()?,
    })
}
