//! The delivery of notifications by e-mail. A delivery sends the due notifications of one user in one mail and keeps
//! them for a day, so that the same notification is not mailed again. A mail may be sent twice, with the same
//! Message-ID, when a worker dies in between.

use std::{collections::HashMap, time::Duration};

use chrono::{DateTime, Utc};
use entity::{
    delivery::{self, DeliveryKind, RetryClass},
    id::{DeliveryId, UserId},
    notification::NotificationKind,
    notification_mail,
    user::{self, UserStatus},
};
use futures_util::future::BoxFuture;
use lettre::{Message, message::Mailbox};
use sea_orm::{ColumnTrait as _, EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use crate::{
    accounts::{self, outbox},
    app::{App, Tx},
    config::mail::MailConfig,
    database::sql::Sql,
    deliveries::{
        delivery_rows::{self, NewDelivery, Settlement},
        email,
        sender::{RetryPolicy, Sender, Verdict},
    },
    error::{Error, Result},
};

/// The maximum number of notifications in one mail.
const TOGETHER: u64 = 100;

/// Enqueues the mail of a user's notifications that are due at `due_at`. A mail that waits and is due earlier or at the
/// same time stands for it.
pub async fn enqueue(tx: &Tx<'_>, user: UserId, due_at: DateTime<Utc>) -> Result<()> {
    let new = NewDelivery {
        kind: DeliveryKind::NotificationEmail,
        lane: format!("notifications:{user}"),
        retry: RetryClass::Safe,
        payload: &(),
        user: Some(user),
        due_at,
        expires_at: None,
    };
    delivery_rows::enqueue_once(tx, new).await
}

/// Sends the mails about notifications by the configured mail server.
pub struct NotificationEmails(pub MailConfig);

impl Sender for NotificationEmails {
    fn kind(&self) -> DeliveryKind {
        DeliveryKind::NotificationEmail
    }

    fn policy(&self) -> RetryPolicy {
        RetryPolicy { first: Duration::from_secs(120), longest: Duration::from_secs(3_600 * 4), attempts: 9 }
    }

    fn send<'a>(&'a self, app: &'a App, delivery: &'a delivery::Model) -> BoxFuture<'a, Result<Verdict>> {
        Box::pin(async move {
            let Some(to) = delivery.user_id else { return Ok(Verdict::Unneeded) };
            let items = take_due(app, to, delivery.id).await?;
            match compose(app, &self.0, to, &items).await? {
                Some(mail) => Ok(email::send(&self.0, mail).await),
                None => Ok(Verdict::Unneeded),
            }
        })
    }

    /// Marks the notifications of the mail as sent, also those that were given up, and enqueues the mail of later ones.
    fn settled<'a>(
        &'a self,
        tx: &'a Tx<'_>,
        delivery: &'a delivery::Model,
        settlement: &'a Settlement,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let Some(to) = delivery.user_id.filter(|_| !matches!(settlement, Settlement::Again(..))) else {
                return Ok(());
            };
            let mut sql = Sql::new("UPDATE notification_mail SET sent_at = ");
            sql.bind(tx.clock().now());
            sql.push(" WHERE user_id = ");
            sql.bind(to);
            sql.push(" AND delivery_id = ");
            sql.bind(delivery.id);
            sql.run(tx.db()).await?;
            let left = notification_mail::Entity::find()
                .filter(notification_mail::Column::UserId.eq(to))
                .filter(notification_mail::Column::SentAt.is_null())
                .order_by_asc(notification_mail::Column::DueAt)
                .limit(1);
            match left.one(tx.db()).await? {
                Some(next) => enqueue(tx, to, next.due_at).await,
                None => Ok(()),
            }
        })
    }
}

/// Gives a user's due notifications to a delivery and returns them, with those that it already has. No other delivery
/// of the user is sent meanwhile, because all have one lane.
async fn take_due(app: &App, user: UserId, delivery: DeliveryId) -> Result<Vec<notification_mail::Model>> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new("UPDATE notification_mail SET delivery_id = ");
            sql.bind(delivery);
            sql.push(" WHERE id IN (SELECT id FROM notification_mail WHERE sent_at IS NULL AND user_id = ");
            sql.bind(user);
            sql.push(" AND due_at <= ");
            sql.bind(tx.clock().now());
            sql.push(" ORDER BY due_at, id LIMIT ");
            sql.bind(TOGETHER);
            sql.push(")");
            sql.run(tx.db()).await?;
            let items = notification_mail::Entity::find()
                .filter(notification_mail::Column::UserId.eq(user))
                .filter(notification_mail::Column::DeliveryId.eq(delivery))
                .order_by_asc(notification_mail::Column::Id);
            Ok(items.all(tx.db()).await?)
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
