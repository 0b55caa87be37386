//! One's own data to take along. Asking gives an address with a ticket that is good for ten minutes, for one person's data and
//! nothing else; who asked must still be who they were when it is used.

use chrono::{DateTime, Duration, Utc};
use entity::{
    id::UserId,
    user::{self, Role, UserStatus},
};
use sea_orm::EntityTrait as _;

use super::authority::{self, FIELD};
use crate::{
    app::App,
    audit::entries::{self, Act},
    auth::{
        context::Origin,
        jwt,
        viewer::{Proof, Scope, Viewer},
    },
    error::{Error, Result, UserErrorCode},
    users::people,
};

/// Where the data is fetched.
pub const PATH: &str = "/account/export";
/// How long a ticket is good.
const GOOD_FOR: Duration = Duration::minutes(10);
/// What tickets are for.
const DOOR: &str = "account export";

/// The scopes of what an archive holds.
const HELD: [Scope; 4] = [Scope::ProfileRead, Scope::ContactsRead, Scope::NotificationsRead, Scope::ActivityRead];

/// Where data can be fetched, and until when.
pub struct Ready {
    pub url: String,
    pub expires_at: DateTime<Utc>,
}

/// Makes an address from which the data of the caller, or for an administrator of another person, can be fetched.
pub async fn prepare(app: &App, by: &Viewer, user_id: Option<&str>, origin: &Origin) -> Result<Ready> {
    let whose = match authority::another(by, user_id)? {
        Some(another) => {
            app.transaction(|tx| {
                Box::pin(async move {
                    authority::hold(tx, by, another).await?;
                    entries::record(tx, by, Act::on("exportAccount", &another, origin)).await
                })
            })
            .await?;
            another
        }
        None => {
            admit(by)?;
            people::by_id(app.db.read(), by.user).await?.ok_or(Error::Unauthenticated)?.id
        }
    };
    let ticket = jwt::issue_ticket(app, DOOR, by.user, whose, GOOD_FOR)?;
    Ok(Ready { url: format!("{PATH}?ticket={}", ticket.text), expires_at: ticket.expires_at })
}

/// Refuses who could not read by the API what is in the archive.
fn admit(by: &Viewer) -> Result<()> {
    let refused = |why: String| Err(Error::refused(UserErrorCode::NotAllowed, &[], why));
    if let Proof::Key(_) = by.proof {
        return refused("Sign in: this cannot be done by a key.".to_owned());
    }
    match HELD.iter().find(|scope| !by.scopes.has(**scope)) {
        Some(lacking) => refused(format!("The token lacks the scope {}.", lacking.name())),
        None => Ok(()),
    }
}

/// Whose data a ticket opens.
pub async fn redeem(app: &App, ticket: &str) -> Result<user::Model> {
    let (asked_by, whose) = jwt::read_ticket(app, DOOR, ticket)?;
    let asker = people::by_id(app.db.read(), asked_by).await?.ok_or(Error::Unauthenticated)?;
    if asked_by == whose {
        return Ok(asker);
    }
    if asker.role != Role::Admin {
        return Err(Error::Unauthenticated);
    }
    find(app, whose).await
}

async fn find(app: &App, id: UserId) -> Result<user::Model> {
    let found = user::Entity::find_by_id(id).one(app.db.read()).await?;
    found.filter(|person| person.status != UserStatus::Deleted).ok_or_else(|| Error::not_found(FIELD))
}
