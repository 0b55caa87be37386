//! The status of an account: active, suspended by an administrator or deactivated. An inactive account cannot sign in,
//! has no live access and is in no contact list. Its relationships are kept and become visible again with the account.

use entity::user::{self, UserStatus};

use super::sessions;
use crate::{
    app::{Locked, Tx},
    auth::revocation::{self, Subject},
    contacts::memberships,
    error::Result,
    users::{profile_changes, profiles},
};

/// Changes the status of a user with all consequences. An account that becomes inactive leaves all contact lists, and
/// its sessions and rights end. An account that becomes active enters the lists again. Emits
/// `UserChanged`.
pub async fn set_status(tx: &Tx<'_>, person: &mut Locked<user::Model>, status: UserStatus) -> Result<()> {
    let (took_part, takes_part) = (person.status == UserStatus::Active, status == UserStatus::Active);
    let user = person.id;
    person.status = status;
    person.updated_at = tx.clock().now();
    tx.save(person).await?;
    if took_part && !takes_part {
        memberships::hide(tx, user).await?;
        profiles::count_in(tx.db(), -1).await?;
        sessions::end_all(tx, person, None).await?;
        revocation::revoke(tx, &Subject::User(user))?;
    }
    if takes_part && !took_part {
        memberships::show(tx, user).await?;
        profiles::count_in(tx.db(), 1).await?;
        revocation::restore(tx, user)?;
    }
    if took_part != takes_part {
        profile_changes::emit(tx, user)?;
    }
    Ok(())
}
