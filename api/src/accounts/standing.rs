//! Whether an account takes part: active, suspended by an administrator, or put to rest. Who takes no part signs in nowhere,
//! ends everywhere and stands in nobody's lists; what stands between them and others is kept and shown again afterwards.

use entity::user::{self, UserStatus};
use sea_orm::{ActiveModelTrait as _, ActiveValue::Set, IntoActiveModel as _};

use super::sessions;
use crate::{
    app::Tx,
    auth::rights::{self, Subject},
    contacts::entries,
    error::Result,
    users::profiles,
};

/// Changes the status of a person whose row is held exclusively, with all that follows from it.
pub async fn set(tx: &Tx<'_>, person: user::Model, status: UserStatus) -> Result<user::Model> {
    let (took_part, takes_part) = (person.status == UserStatus::Active, status == UserStatus::Active);
    let user = person.id;
    let mut row = person.into_active_model();
    row.status = Set(status);
    row.updated_at = Set(tx.clock().now());
    let person = row.update(tx.db()).await?;
    if took_part && !takes_part {
        entries::hide(tx, user).await?;
        profiles::count_in(tx.db(), -1).await?;
        sessions::end_all(tx, user, None).await?;
        rights::end(tx, &Subject::User(user))?;
    }
    if takes_part && !took_part {
        entries::show(tx, user).await?;
        profiles::count_in(tx.db(), 1).await?;
        rights::restore(tx, user)?;
    }
    Ok(person)
}
