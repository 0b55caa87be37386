//! One's own data to take along. Asking gives an address with a ticket that is good for ten minutes, for one person's data and
//! nothing else; who asked must still be who they were when it is used, signed in and with the same password.

use chrono::{DateTime, Duration, Utc};
use entity::{
    credential,
    id::UserId,
    session,
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
const HELD: [Scope; 5] =
    [Scope::ProfileRead, Scope::ContactsRead, Scope::NotificationsRead, Scope::ActivityRead, Scope::ConversationsRead];

/// Where data can be fetched, and until when.
pub struct Ready {
    pub url: String,
    pub expires_at: DateTime<Utc>,
}

/// Makes an address from which the data of the caller, or for an administrator of another person, can be fetched.
pub async fn prepare(app: &App, by: &Viewer, user_id: Option<&str>, origin: &Origin) -> Result<Ready> {
    if let Proof::Key(_) = by.proof {
        return Err(Error::refused(UserErrorCode::NotAllowed, &[], "Sign in: this cannot be done by a key."));
    }
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
    let session = if let Proof::Session(session) = by.proof { Some(session) } else { None };
    let password_of = password_of(app, by.user).await?;
    let ticket = jwt::Ticket { user: by.user, about: whose, session, password_of };
    let ticket = jwt::issue_ticket(app, DOOR, ticket, GOOD_FOR)?;
    Ok(Ready { url: format!("{PATH}?ticket={}", ticket.text), expires_at: ticket.expires_at })
}

/// Refuses who could not read by the API what is in the archive.
fn admit(by: &Viewer) -> Result<()> {
    match HELD.iter().find(|scope| !by.scopes.has(**scope)) {
        Some(lacking) => {
            let why = format!("The token lacks the scope {}.", lacking.name());
            Err(Error::refused(UserErrorCode::NotAllowed, &[], why))
        }
        None => Ok(()),
    }
}

/// Whose data a ticket opens. A ticket ends with the session in which it was asked for, and with the password of its holder.
pub async fn redeem(app: &App, ticket: &str) -> Result<user::Model> {
    let ticket = jwt::read_ticket(app, DOOR, ticket)?;
    let asker = people::by_id(app.db.read(), ticket.user).await?.ok_or(Error::Unauthenticated)?;
    if let Some(session) = ticket.session {
        let session = session::Entity::find_by_id(session).one(app.db.read()).await?;
        session.filter(|session| session.ended_at.is_none()).ok_or(Error::Unauthenticated)?;
    }
    if password_of(app, ticket.user).await? != ticket.password_of {
        return Err(Error::Unauthenticated);
    }
    if ticket.user == ticket.about {
        return Ok(asker);
    }
    if asker.role != Role::Admin {
        return Err(Error::Unauthenticated);
    }
    find(app, ticket.about).await
}

/// When the password of a person was set; none for a person without one.
async fn password_of(app: &App, user: UserId) -> Result<Option<DateTime<Utc>>> {
    let row = credential::Entity::find_by_id(user).one(app.db.read()).await?;
    Ok(row.map(|row| row.updated_at))
}

async fn find(app: &App, id: UserId) -> Result<user::Model> {
    let found = user::Entity::find_by_id(id).one(app.db.read()).await?;
    found.filter(|person| person.status != UserStatus::Deleted).ok_or_else(|| Error::not_found(FIELD))
}
