//! Who may do something to an account, judged and held in the transaction that does it: oneself by one's password, others as
//! an administrator of this moment.

use entity::{
    id::UserId,
    user::{self, Role, UserStatus},
};
use sea_orm::EntityTrait as _;

use crate::{
    accounts::passwords,
    app::{App, Tx},
    auth::{
        context::Origin,
        viewer::{Scope, Viewer},
    },
    error::{Error, Result, UserErrorCode},
    users::people,
};

/// The field that names the person.
pub const FIELD: &[&str] = &["input", "userId"];

/// Whose account a call is about.
#[derive(Clone, Debug)]
pub enum Whose {
    /// The caller's own, and the hash by which the password was proven.
    Own(String),
    /// Somebody else's.
    Another(UserId),
}

impl Whose {
    /// The account with an id, which needs the scope ADMIN, or without one the caller's, which needs the password.
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

    /// The person, held, with whether they are the last administrator.
    pub async fn hold(&self, tx: &Tx<'_>, by: &Viewer) -> Result<Held> {
        match self {
            Self::Own(proven) => {
                let held = hold(tx, by, by.user).await?;
                passwords::insist(tx, by.user, proven).await?;
                Ok(held)
            }
            Self::Another(user) => hold(tx, by, *user).await,
        }
    }

    /// Somebody else.
    #[must_use]
    pub fn is_another(&self) -> bool {
        matches!(self, Self::Another(_))
    }
}

/// Somebody else whom an id names; none for no id and for the caller's own.
pub fn another(by: &Viewer, user_id: Option<&str>) -> Result<Option<UserId>> {
    let Some(user_id) = user_id else { return Ok(None) };
    let user = UserId::parse(user_id).ok_or_else(|| Error::not_found(FIELD))?;
    if user == by.user {
        return Ok(None);
    }
    if by.scopes.has(Scope::Admin) { Ok(Some(user)) } else { Err(Error::Forbidden(Scope::Admin.name())) }
}

/// A person whose account is about to change.
pub struct Held {
    pub person: user::Model,
    last_administrator: bool,
}

impl Held {
    /// Refuses to take the last administrator away.
    pub fn spare_the_last_administrator(&self) -> Result<()> {
        if self.last_administrator {
            let why = "This is the last administrator. Make somebody else one first.";
            return Err(Error::refused(UserErrorCode::NotAllowed, FIELD, why));
        }
        Ok(())
    }
}

/// Holds a person and the caller, who must be an administrator unless the two are one; where an administrator is to change,
/// holds all of them, so that of two who take one another away one remains. Who was deleted is not there.
pub async fn hold(tx: &Tx<'_>, by: &Viewer, user: UserId) -> Result<Held> {
    let administers = |person: &user::Model| person.role == Role::Admin && person.status == UserStatus::Active;
    let seen = user::Entity::find_by_id(user).one(tx.db()).await?;
    let was_administrator = seen.as_ref().is_some_and(administers);
    let mut ids = vec![by.user, user];
    if was_administrator {
        ids.extend(people::administrators(tx.db()).await?);
    }
    let held = people::hold_several(tx, &ids).await?;
    let find = |id: UserId| held.iter().find(|person| person.id == id);
    if user != by.user && !find(by.user).is_some_and(administers) {
        return Err(Error::Forbidden(Scope::Admin.name()));
    }
    let person = find(user).filter(|person| person.status != UserStatus::Deleted);
    let person = person.cloned().ok_or_else(|| Error::not_found(FIELD))?;
    if user == by.user && person.status != UserStatus::Active {
        return Err(Error::Unauthenticated);
    }
    // Made one since it was looked: look again.
    if administers(&person) && !was_administrator {
        return Err(Error::Again);
    }
    let others = held.iter().any(|other| other.id != user && administers(other));
    Ok(Held { last_administrator: administers(&person) && !others, person })
}

/// As [`hold`], where also the caller's own account changes only by an administrator.
pub async fn hold_as_administrator(tx: &Tx<'_>, by: &Viewer, user: UserId) -> Result<Held> {
    let held = hold(tx, by, user).await?;
    if user == by.user && held.person.role != Role::Admin {
        return Err(Error::Forbidden(Scope::Admin.name()));
    }
    Ok(held)
}
