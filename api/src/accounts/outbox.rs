//! The e-mails to the owners of accounts, as deliveries. [`crate::accounts::account_emails`] sends them.

use chrono::Duration;
use entity::{
    confirmed_email,
    delivery::{DeliveryKind, RetryClass},
    id::UserId,
    mail_token::Purpose,
};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};
use serde::{Deserialize, Serialize};

use crate::{
    app::Tx,
    auth::secret,
    deliveries::delivery_rows::{self, NewDelivery},
    error::{Error, Result},
    rate_limit::attempts::AttemptOrigin,
};

/// The time after which an unsent mail is given up. A user who still waits for it has asked again by then.
const REQUESTED_FOR: Duration = Duration::minutes(30);
/// The time in which a second request for the same mail is a repeated call.
const REPEATED_WITHIN: Duration = Duration::minutes(1);
/// The time after which a mail that no user requested is given up.
const NEWS_FOR: Duration = Duration::days(2);

/// The content of a mail to the owner of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountEmail {
    /// The purpose of the mail.
    pub purpose: Purpose,
    /// The user to confirm an address of, or whose password changed. Unset for a password reset, which needs no
    /// sign-in.
    #[serde(default)]
    pub user_id: Option<UserId>,
    /// The address to confirm or to notify. For a password reset: the handle or address that the request named.
    pub asked: String,
}

/// Enqueues a mail that a user requests from an origin. `asked` is the handle or address of the request, unchanged.
/// Returns false, and enqueues nothing, if the same mail was requested from there within the last minute: that call is
/// repeated. Requests from elsewhere do not count, so nobody learns of them.
pub async fn request(
    tx: &Tx<'_>,
    purpose: Purpose,
    user_id: Option<UserId>,
    asked: String,
    from: AttemptOrigin,
) -> Result<bool> {
    let email = AccountEmail { purpose, user_id, asked };
    let request = serde_json::to_string(&email).map_err(Error::internal)?;
    let lane = format!("account:{}", secret::name(&format!("{request} {from:?}")));
    if delivery_rows::was_enqueued(tx, &lane, tx.clock().now() - REPEATED_WITHIN).await? {
        return Ok(false);
    }
    enqueue(tx, email, lane).await?;
    Ok(true)
}

/// Enqueues a mail. Requests for unknown accounts are enqueued too, so the lane does not depend on whether the account
/// exists.
async fn enqueue(tx: &Tx<'_>, email: AccountEmail, lane: String) -> Result<()> {
    let now = tx.clock().now();
    let kept = match email.purpose {
        Purpose::ResetPassword | Purpose::ConfirmAddress => REQUESTED_FOR,
        Purpose::PasswordChanged => NEWS_FOR,
    };
    let new = NewDelivery {
        kind: DeliveryKind::AccountEmail,
        lane,
        retry: RetryClass::Safe,
        payload: &email,
        user: email.user_id,
        due_at: now,
        expires_at: Some(now + kept),
    };
    delivery_rows::enqueue(tx, new).await.map(drop)
}

/// Reports a changed password to every address that the user has confirmed. The addresses are read at the time of the
/// change, because an attacker may remove one from the profile next. Does nothing when no mail server is configured.
pub async fn password_changed(tx: &Tx<'_>, user: UserId) -> Result<()> {
    if tx.config().mail.is_none() {
        return Ok(());
    }
    for address in confirmed(tx.db(), user).await? {
        let email = AccountEmail { purpose: Purpose::PasswordChanged, user_id: Some(user), asked: address };
        let lane = format!("account:{}", tx.clock().uuid());
        enqueue(tx, email, lane).await?;
    }
    Ok(())
}

/// Returns the confirmed addresses of a user, in folded form.
pub async fn confirmed(db: &impl ConnectionTrait, user: UserId) -> Result<Vec<String>, DbErr> {
    confirmed_email::Entity::find()
        .select_only()
        .column(confirmed_email::Column::AddressKey)
        .filter(confirmed_email::Column::UserId.eq(user))
        .order_by_asc(confirmed_email::Column::AddressKey)
        .into_tuple()
        .all(db)
        .await
}
