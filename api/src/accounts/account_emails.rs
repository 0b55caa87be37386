//! E-mails to the owners of accounts: for a new password, for the confirmation of an address, and after a change of
//! password. A requested mail waits in a table until a worker claims, sends and removes it. A mail that could not be
//! sent is tried again. Tokens are created at the moment of sending, so only the mail contains them.

use std::time::Duration;

use entity::{
    account_mail, confirmed_email,
    id::UserId,
    mail_token::Purpose,
    user::{self, UserStatus},
    user_detail,
};
use lettre::{AsyncTransport as _, Message, message::Mailbox};
use sea_orm::{ColumnTrait as _, EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _};
use uuid::Uuid;

use super::{outbox, tokens};
use crate::{
    app::App,
    config::mail::MailConfig,
    contacts::details,
    database::sql::{Sql, columns},
    error::{Error, Result},
};

/// The pause between two searches for due mails.
const EVERY: Duration = Duration::from_secs(1);
/// The time after which another worker may take a claimed mail.
const CLAIM: chrono::Duration = chrono::Duration::minutes(2);
/// The time after which an unsent mail is given up. A user who still waits for it has asked again by then.
const GIVEN_UP_AFTER: chrono::Duration = chrono::Duration::minutes(30);
/// The time after which a mail that no user requested is given up.
const NEWS_GIVEN_UP_AFTER: chrono::Duration = chrono::Duration::days(2);
/// The maximum number of accounts that one address gets mails for.
const MAX_ACCOUNTS: u64 = 5;

/// Sends due mails until the instance stops. Returns at once when no mail server is configured.
pub async fn run(app: App) {
    if app.config.mail.is_none() {
        return;
    }
    app.run_worker(EVERY, "a mail to an account", || step(&app)).await;
}

/// Sends one due mail. Returns true when there was one.
pub async fn step(app: &App) -> Result<bool> {
    let Some(config) = &app.config.mail else { return Ok(false) };
    let Some(mail) = claim(app).await? else { return Ok(false) };
    for (person, address) in addressees(app, &mail).await? {
        if !send(app, config, &mail, &person, &address).await? {
            postpone(app, &mail).await?;
            return Ok(true);
        }
    }
    remove(app, mail.id).await?;
    Ok(true)
}

/// Sends a mail to one addressee. Returns false when the mail server did not accept it.
async fn send(
    app: &App,
    config: &MailConfig,
    mail: &account_mail::Model,
    person: &user::Model,
    address: &str,
) -> Result<bool> {
    let mut token = None;
    if let Some(lifetime) = tokens::lifetime(mail.purpose) {
        let key = &details::key(address);
        let made = app.transaction(|tx| {
            Box::pin(async move { tokens::create(tx, person.id, mail.purpose, lifetime, key).await })
        });
        token = made.await?;
        // A user who got too many tokens recently gets no other.
        if token.is_none() {
            return Ok(true);
        }
    }
    let sent = match compose(config, mail, person, address, token.as_deref())? {
        Some(message) => config.transport.send(message).await.map(drop),
        None => return Ok(true),
    };
    let Err(error) = sent else { return Ok(true) };
    tracing::warn!(cause = %error, "a mail to an account could not be sent; it will be tried again");
    // The token would count against the limit, but no user has it. The next attempt creates another.
    if let Some(token) = token {
        tokens::cancel(app, &token).await?;
    }
    Ok(false)
}

/// Claims one due mail. Two workers never claim the same mail, because the update skips claimed rows.
async fn claim(app: &App) -> Result<Option<account_mail::Model>> {
    app.transaction(|tx| {
        Box::pin(async move {
            let now = tx.clock().now();
            let mut sql = Sql::new("UPDATE account_mail SET claimed_until = ");
            sql.bind(now + CLAIM);
            sql.push(" WHERE id = (SELECT id FROM account_mail WHERE due_at <= ");
            sql.bind(now);
            sql.push(" AND (claimed_until IS NULL OR claimed_until <= ");
            sql.bind(now);
            sql.push(") ORDER BY due_at, id LIMIT 1) AND (claimed_until IS NULL OR claimed_until <= ");
            sql.bind(now);
            sql.push(&format!(") RETURNING {}", columns::<account_mail::Entity>("account_mail")));
            Ok(sql.models::<account_mail::Entity>(tx.db()).await?.pop())
        })
    })
    .await
}

async fn remove(app: &App, id: Uuid) -> Result<()> {
    app.transaction(|tx| {
        Box::pin(async move {
            account_mail::Entity::delete_by_id(id).exec(tx.db()).await?;
            Ok(())
        })
    })
    .await
}

/// Postpones an unsent mail, twice as long each time, or gives up one that is too old.
async fn postpone(app: &App, mail: &account_mail::Model) -> Result<()> {
    let failures = mail.failures + 1;
    let due_at = app.clock.now() + chrono::Duration::seconds(15 << failures.min(10));
    let given_up_after = match mail.purpose {
        Purpose::ResetPassword | Purpose::ConfirmAddress => GIVEN_UP_AFTER,
        Purpose::PasswordChanged => NEWS_GIVEN_UP_AFTER,
    };
    if due_at > mail.created_at + given_up_after {
        tracing::warn!("a mail to an account was given up");
        return remove(app, mail.id).await;
    }
    let id = mail.id;
    app.transaction(|tx| {
        Box::pin(async move {
            let mut sql = Sql::new("UPDATE account_mail SET claimed_until = NULL, failures = ");
            sql.bind(failures);
            sql.push(", due_at = ");
            sql.bind(due_at);
            sql.push(" WHERE id = ");
            sql.bind(id);
            sql.run(tx.db()).await?;
            Ok(())
        })
    })
    .await
}

/// Finds the users to write to, each with an address.
async fn addressees(app: &App, mail: &account_mail::Model) -> Result<Vec<(user::Model, String)>> {
    let may_sign_in = user::Column::Status.is_in([UserStatus::Active, UserStatus::Deactivated]);
    let db = app.db.read();
    let mut found = Vec::new();
    match (mail.purpose, mail.user_id) {
        (Purpose::ConfirmAddress, Some(user)) => {
            let person = user::Entity::find_by_id(user).filter(may_sign_in).one(db).await?;
            let Some(person) = person else { return Ok(found) };
            let written = as_written(app, user, |key| key == mail.asked).await?;
            found.extend(written.map(|address| (person, address)));
        }
        (Purpose::PasswordChanged, Some(user)) => {
            let person = user::Entity::find_by_id(user).filter(may_sign_in).one(db).await?;
            // The address may have left the profile since the change.
            let written = as_written(app, user, |key| key == mail.asked).await?;
            found.extend(person.map(|person| (person, written.unwrap_or_else(|| mail.asked.clone()))));
        }
        (Purpose::ConfirmAddress | Purpose::PasswordChanged, None) => {}
        (Purpose::ResetPassword, _) if mail.asked.contains('@') => {
            let owners = confirmed_email::Entity::find()
                .filter(confirmed_email::Column::AddressKey.eq(mail.asked.as_str()))
                .order_by_asc(confirmed_email::Column::UserId)
                .limit(MAX_ACCOUNTS);
            for owner in owners.all(db).await? {
                let person = user::Entity::find_by_id(owner.user_id).filter(may_sign_in.clone()).one(db).await?;
                let written = as_written(app, owner.user_id, |key| key == mail.asked).await?;
                found.extend(person.zip(written));
            }
        }
        (Purpose::ResetPassword, _) => {
            let person = user::Entity::find().filter(user::Column::Handle.eq(mail.asked.as_str())).filter(may_sign_in);
            let Some(person) = person.one(db).await? else { return Ok(found) };
            let confirmed = outbox::confirmed(db, person.id).await?;
            let written = as_written(app, person.id, |key| confirmed.iter().any(|known| known == key)).await?;
            found.extend(written.map(|address| (person, address)));
        }
    }
    Ok(found)
}

/// Returns the user's address that satisfies `wanted`, as written in the profile. The preferred address comes first.
pub async fn as_written(app: &App, user: UserId, wanted: impl Fn(&str) -> bool) -> Result<Option<String>> {
    let row = user_detail::Entity::find_by_id(user).one(app.db.read()).await?;
    let mut emails = row.map(|row| row.details.emails).unwrap_or_default();
    emails.retain(|email| wanted(&details::key(&email.address)));
    let preferred = emails.iter().position(|email| email.preferred).unwrap_or_default();
    Ok((!emails.is_empty()).then(|| emails.swap_remove(preferred).address))
}

fn compose(
    config: &MailConfig,
    mail: &account_mail::Model,
    person: &user::Model,
    address: &str,
    token: Option<&str>,
) -> Result<Option<Message>> {
    let handle = &person.handle;
    let (subject, text) = match mail.purpose {
        Purpose::ResetPassword => (
            "Set a new password",
            format!(
                "We received a request for a new password for your account {handle}. {}\nIt works once and \
                 expires in 30 minutes.\nIf you did not ask for this, ignore this mail.",
                way(config.reset_link.as_deref(), token)
            ),
        ),
        Purpose::ConfirmAddress => (
            "Confirm your e-mail address",
            format!(
                "Confirm that this e-mail address belongs to your account {handle}. {}\nIt works once and \
                 expires in 24 hours.\nIf you did not ask for this, ignore this mail.",
                way(config.confirm_link.as_deref(), token)
            ),
        ),
        Purpose::PasswordChanged => (
            "Your password was changed",
            format!(
                "The password of your account {handle} was changed on {}.\nIf you did not change it, request a new \
                 password where you sign in, and contact an administrator.",
                mail.created_at.format("%Y-%m-%d at %H:%M UTC")
            ),
        ),
    };
    // No mail can go to an address that does not parse.
    let Ok(parsed) = address.parse() else { return Ok(None) };
    // The greeting uses the handle. Other names are free text, and the address may belong to another person.
    let message = Message::builder()
        .from(config.from.clone())
        .to(Mailbox::new(Some(handle.clone()), parsed))
        .subject(subject)
        .body(format!("Hello {handle},\n\n{text}\n"));
    message.map(Some).map_err(Error::internal)
}

/// Returns the sentence that explains how to use a token: open a page or enter the token.
fn way(link: Option<&str>, token: Option<&str>) -> String {
    let token = token.unwrap_or_default();
    match link {
        Some(link) => format!("Open this page:\n\n{}\n", link.replace(MailConfig::TOKEN, token)),
        None => format!("Enter this code:\n\n{token}\n"),
    }
}
