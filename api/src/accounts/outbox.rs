//! The queue of mails to the owners of accounts. A mail is one row, written in the transaction of the change that it reports.
//! [`super::mails`] sends it.

use entity::{account_mail, confirmed_email, id::UserId, mail_token::Purpose};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use crate::{app::Tx, error::Result};

/// Puts a mail into the queue. `asked` is what was asked for as it is: a handle or an address.
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

/// Tells a person that their password was changed, at every address that they have confirmed until now: who did it may
/// take an address out of the profile next. Nothing where the server sends no mail.
pub async fn password_changed(tx: &Tx<'_>, user: UserId) -> Result<()> {
    if tx.config().mail.is_none() {
        return Ok(());
    }
    for address in confirmed(tx.db(), user).await? {
        enqueue(tx, Purpose::PasswordChanged, Some(user), address).await?;
    }
    Ok(())
}

/// The addresses that a person has confirmed, as they are compared.
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
