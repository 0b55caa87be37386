//! E-mails to the owners of accounts: for a new password, for the confirmation of an address, and after a change of
//! password. Each mail is a delivery. Tokens are created at the moment of sending, so only the mail contains them.

use std::time::Duration;

use entity::{
    confirmed_email,
    delivery::{self, DeliveryKind},
    id::UserId,
    mail_token::Purpose,
    user::{self, UserStatus},
    user_detail,
};
use futures_util::future::BoxFuture;
use lettre::{Message, message::Mailbox};
use sea_orm::{ColumnTrait as _, EntityTrait, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{
    outbox::{self, AccountEmail},
    tokens,
};
use crate::{
    app::App,
    config::mail::MailConfig,
    contacts::details,
    deliveries::{
        email,
        sender::{RetryPolicy, Sender, Verdict},
    },
    error::{Error, Result},
};

/// The maximum number of accounts that one address gets mails for.
const MAX_ACCOUNTS: u64 = 5;

/// Sends the mails to owners of accounts by the configured mail server.
pub struct AccountEmails(pub MailConfig);

impl Sender for AccountEmails {
    fn kind(&self) -> DeliveryKind {
        DeliveryKind::AccountEmail
    }

    fn policy(&self) -> RetryPolicy {
        RetryPolicy { first: Duration::from_secs(30), longest: Duration::from_secs(3_600 * 4), attempts: 32 }
    }

    fn send<'a>(&'a self, app: &'a App, delivery: &'a delivery::Model) -> BoxFuture<'a, Result<Verdict>> {
        Box::pin(async move {
            let mail: AccountEmail = serde_json::from_str(&delivery.payload).map_err(Error::internal)?;
            let mut verdict = Verdict::Unneeded;
            for (person, address) in addressees(app, &mail).await? {
                match send(app, &self.0, &mail, delivery, &person, &address).await? {
                    Verdict::Unneeded => {}
                    Verdict::Accepted(id) => verdict = Verdict::Accepted(id),
                    not_sent => return Ok(not_sent),
                }
            }
            Ok(verdict)
        })
    }
}

/// Sends a mail to one addressee.
async fn send(
    app: &App,
    config: &MailConfig,
    mail: &AccountEmail,
    delivery: &delivery::Model,
    person: &user::Model,
    address: &str,
) -> Result<Verdict> {
    let mut token = None;
    if let Some(lifetime) = tokens::lifetime(mail.purpose) {
        let key = &details::key(address);
        let made = app.transaction(|tx| {
            Box::pin(async move { tokens::create(tx, person.id, mail.purpose, lifetime, key).await })
        });
        token = made.await?;
        // A user who got too many tokens recently gets no other.
        if token.is_none() {
            return Ok(Verdict::Unneeded);
        }
    }
    let Some(message) = compose(config, mail, delivery, person, address, token.as_deref())? else {
        return Ok(Verdict::Unneeded);
    };
    let verdict = email::send(config, message).await;
    // The token would count against the limit. The next attempt creates another.
    if let Some(token) = token.filter(|_| !matches!(verdict, Verdict::Accepted(_))) {
        tokens::cancel(app, &token).await?;
    }
    Ok(verdict)
}

/// Finds the users to write to, each with an address.
async fn addressees(app: &App, mail: &AccountEmail) -> Result<Vec<(user::Model, String)>> {
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
    mail: &AccountEmail,
    delivery: &delivery::Model,
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
                delivery.created_at.format("%Y-%m-%d at %H:%M UTC")
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
