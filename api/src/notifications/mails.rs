//! Telling by e-mail. What is due is claimed for a time, sent, and kept for a day so that the same is not told again; what could
//! not be sent is tried again later. A
//! mail may be sent twice when a worker dies in between, and then carries the same Message-ID; none is lost.

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
    database::sql::Sql,
    error::{Error, Result},
};

/// How often it is looked whether anything is due.
const EVERY: Duration = Duration::from_secs(2);
/// How long a worker may have something in hand before another takes it.
const CLAIM: chrono::Duration = chrono::Duration::minutes(5);
/// Things told by one mail.
const TOGETHER: i64 = 100;
/// After so many failures it is given up.
const MOST_FAILURES: i32 = 8;

/// Sends what is due until the instance stops; nothing when there is no mail server.
pub async fn run(app: App) {
    if app.config.mail.is_none() {
        return;
    }
    app.work_off(EVERY, "a notification mail", || step(&app)).await;
}

/// Sends one person what is due to them; whether anything was due to anybody.
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

/// Takes what is due to one person in hand. Two workers never take the same: the second finds it claimed.
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
            sql.push(" RETURNING *");
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

/// What was sent, or given up, is done.
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

/// Puts off what could not be sent, each time twice as long; what failed too often is given up.
async fn postpone(app: &App, items: &[notification_mail::Model]) -> Result<()> {
    let failures = items.iter().map(|item| item.failures).max().unwrap_or_default() + 1;
    let ids: Vec<NotificationId> = items.iter().map(|item| item.id).collect();
    if failures > MOST_FAILURES {
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

/// The mail that tells of the items; none when there is nobody to tell or nothing to tell any more.
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

/// Where a person wants to be written to: the preferred address that its owner has confirmed, or the first such.
async fn address_of(app: &App, user: UserId) -> Result<Option<String>> {
    let confirmed = outbox::confirmed(app.db.read(), user).await?;
    accounts::mails::as_written(app, user, |key| confirmed.iter().any(|known| known == key)).await
}

/// What one item says; nothing when who caused it can no longer be seen.
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
