//! The permissions for changes to an account, checked and locked in the transaction of the change. An owner proves
//! their identity with the password. Another account needs a current administrator.

use entity::{
    id::UserId,
    user::{self, Role, UserStatus},
};
use sea_orm::EntityTrait as _;

use crate::{
    accounts::passwords,
    app::{App, Locked, Tx},
    auth::{
        request_context::Origin,
        viewer::{Scope, Viewer},
    },
    error::{Error, Result, UserErrorCode},
    users::people,
};

/// The input field that names the user.
pub const FIELD: &[&str] = &["input", "userId"];

/// The account that a call changes.
#[derive(Clone, Debug)]
pub enum AccountScope {
    /// The caller's own account, with the hash that matched the password.
    Own(String),
    /// The account of another user.
    Another(UserId),
}

impl AccountScope {
    /// Returns the account with the given id, which needs the scope `Admin`. Without an id returns the caller's
    /// account, which needs the password.
    pub async fn read(
        app: &App,
        by: &Viewer,
        user_id: Option<&str>,
        password: Option<String>,
        origin: &Origin,
    ) -> Result<Self> {
        match another(by, user_id)? {
            Some(user) => Ok(Self::Another(user)),
            None => Ok(Self::Own(passwords::prove_again(app, by, password, origin).await?)),
        }
    }

    /// Locks the account. Refuses when the caller's password changed since it was verified.
    pub async fn lock(&self, tx: &Tx<'_>, by: &Viewer) -> Result<LockedAccount> {
        match self {
            Self::Own(proven) => {
                let held = lock(tx, by, by.user).await?;
                passwords::check_unchanged(tx, &held.person, proven).await?;
                Ok(held)
            }
            Self::Another(user) => lock(tx, by, *user).await,
        }
    }

    /// Returns true for the account of another user.
    #[must_use]
    pub fn is_another(&self) -> bool {
        matches!(self, Self::Another(_))
    }
}

/// Returns the id of another user, or `None` without an id or for the caller's own. Fails without the scope `Admin`.
pub fn another(by: &Viewer, user_id: Option<&str>) -> Result<Option<UserId>> {
    let Some(user_id) = user_id else { return Ok(None) };
    let user = UserId::parse(user_id).ok_or_else(|| Error::not_found(FIELD))?;
    if user == by.user {
        return Ok(None);
    }
    if by.scopes.has(Scope::Admin) { Ok(Some(user)) } else { Err(Error::Forbidden(Scope::Admin.name())) }
}

/// A locked account that is about to change.
pub struct LockedAccount {
    /// The owner of the account.
    pub person: Locked<user::Model>,
    last_administrator: bool,
}

impl LockedAccount {
    /// Refuses with `LastAdministrator` to remove the last administrator.
    pub fn refuse_last_administrator(&self) -> Result<()> {
        if self.last_administrator {
            let why = "This is the last administrator. Make another user an administrator first.";
            return Err(Error::refused(UserErrorCode::LastAdministrator, FIELD, why));
        }
        Ok(())
    }
}

/// Locks a user and the caller. The caller must be an administrator unless they are the user. If the user is an
/// administrator, locks all administrators, so that two who remove each other cannot both succeed. Refuses with
/// `NotFound` for a deleted user.
pub async fn lock(tx: &Tx<'_>, by: &Viewer, user: UserId) -> Result<LockedAccount> {
    let administers = |person: &user::Model| person.role == Role::Admin && person.status == UserStatus::Active;
    let seen = user::Entity::find_by_id(user).one(tx.db()).await?;
    let was_administrator = seen.as_ref().is_some_and(administers);
    let mut ids = vec![by.user, user];
    if was_administrator {
        ids.extend(people::administrators(tx.db()).await?);
    }
    let held = people::lock_several(tx, &ids).await?;
    let find = |id: UserId| held.iter().find(|person| person.id == id);
    if user != by.user && !find(by.user).is_some_and(|me| administers(me)) {
        return Err(Error::Forbidden(Scope::Admin.name()));
    }
    let person = find(user).filter(|person| person.status != UserStatus::Deleted);
    let person = person.cloned().ok_or_else(|| Error::not_found(FIELD))?;
    if user == by.user && person.status != UserStatus::Active {
        return Err(Error::Unauthenticated);
    }
    // The user became an administrator after the first read, so the transaction must run again.
    if administers(&person) && !was_administrator {
        return Err(Error::Again);
    }
    let others = held.iter().any(|other| other.id != user && administers(other));
    Ok(LockedAccount { last_administrator: administers(&person) && !others, person })
}

/// Locks a user as [`lock`] does. Only an administrator may change their own account here.
pub async fn lock_as_administrator(tx: &Tx<'_>, by: &Viewer, user: UserId) -> Result<LockedAccount> {
    let held = lock(tx, by, user).await?;
    if user == by.user && held.person.role != Role::Admin {
        return Err(Error::Forbidden(Scope::Admin.name()));
    }
    Ok(held)
}
