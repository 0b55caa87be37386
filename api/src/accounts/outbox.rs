//! The queue of e-mails to the owners of accounts. Each mail is a row, written in the transaction of the change that it
//! reports. [`super::account_emails`] sends the mails.

use entity::{account_mail, confirmed_email, id::UserId, mail_token::Purpose};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use crate::{app::Tx, error::Result};

/// Adds a mail to the queue. `asked` is the handle or address of the request, unchanged.
pub async fn enqueue(tx: &Tx<'_>, purpose: Purpose, user_id: Option<UserId>, asked: String) -> Result<()> {
    let now = tx.clock().now();
    let id = tx.clock().uuid();
    let row = account_mail::Model {
        id,
        purpose,
        user_id,
        asked,
        created_at: now,
        due_at: now,
        claimed_until: None,
        failures: 0,
    };
    account_mail::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(())
}

/// Reports a changed password to every address that the user has confirmed. The addresses are read at the time of the
/// change, because an attacker may remove one from the profile next. Does nothing when no mail server is configured.
pub async fn password_changed(tx: &Tx<'_>, user: UserId) -> Result<()> {
    if tx.config().mail.is_none() {
        return Ok(());
    }
    for address in confirmed(tx.db(), user).await? {
        enqueue(tx, Purpose::PasswordChanged, Some(user), address).await?;
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
