//! The export of a user's data. A request returns an address with a ticket that is valid for ten minutes and opens one
//! user's data only. The requester must still be signed in and have the same password when the ticket is used.

use chrono::{DateTime, Duration, Utc};
use entity::{
    credential,
    id::UserId,
    session,
    user::{self, Role, UserStatus},
};
use sea_orm::EntityTrait as _;

use super::permissions::{self, FIELD};
use crate::{
    app::App,
    audit::entries::{self, AuditedAction},
    auth::{
        jwt,
        request_context::Origin,
        viewer::{Credential, Scope, Viewer},
    },
    error::{Error, INPUT, Result, UserErrorCode},
    users::people,
};

/// The path of the download.
pub const PATH: &str = "/account/export";
/// The lifetime of a ticket.
const GOOD_FOR: Duration = Duration::minutes(10);
/// The audience of the tickets.
const TICKET_AUDIENCE: &str = "account export";

/// The scopes that cover the contents of an archive.
const REQUIRED_SCOPES: [Scope; 5] =
    [Scope::ProfileRead, Scope::ContactsRead, Scope::NotificationsRead, Scope::ActivityRead, Scope::ConversationsRead];

/// The address of an export and its end.
pub struct ExportTicket {
    /// The path of the download with the ticket.
    pub url: String,
    /// The time at which the ticket expires.
    pub expires_at: DateTime<Utc>,
}

/// Creates an address for downloading the data of the caller, or of another user if the caller is an administrator.
/// Locks and audits the export of another user. Refuses with `NotFound`,
/// `NotAllowed` or `NotForKeys`.
pub async fn prepare(app: &App, by: &Viewer, user_id: Option<&str>, origin: &Origin) -> Result<ExportTicket> {
    if let Credential::Key(_) = by.proof {
        return Err(Error::refused(UserErrorCode::NotForKeys, INPUT, "Sign in to do this. API keys cannot."));
    }
    let whose = match permissions::another(by, user_id)? {
        Some(another) => {
            app.transaction(|tx| {
                Box::pin(async move {
                    permissions::lock(tx, by, another).await?;
                    entries::record(tx, by, AuditedAction::on("exportAccount", &another, origin)).await
                })
            })
            .await?;
            another
        }
        None => {
            check_may_export(by)?;
            people::by_id(app.db.read(), by.user).await?.ok_or(Error::Unauthenticated)?.id
        }
    };
    let session = if let Credential::Session(session) = by.proof { Some(session) } else { None };
    let password_of = password_of(app, by.user).await?;
    let ticket = jwt::Ticket { user: by.user, about: whose, session, password_of };
    let ticket = jwt::issue_ticket(app, TICKET_AUDIENCE, ticket, GOOD_FOR)?;
    Ok(ExportTicket { url: format!("{PATH}?ticket={}", ticket.text), expires_at: ticket.expires_at })
}

/// Refuses a caller whose scopes do not cover the contents of the archive.
fn check_may_export(by: &Viewer) -> Result<()> {
    match REQUIRED_SCOPES.iter().find(|scope| !by.scopes.has(**scope)) {
        Some(lacking) => {
            let why = format!("Your token does not have the scope {}.", lacking.name());
            Err(Error::refused(UserErrorCode::NotAllowed, INPUT, why))
        }
        None => Ok(()),
    }
}

/// Returns the user whose data a ticket opens. The ticket ends with the session that requested it and with its holder's
/// password. Fails with `Unauthenticated` otherwise.
pub async fn redeem(app: &App, ticket: &str) -> Result<user::Model> {
    let ticket = jwt::read_ticket(app, TICKET_AUDIENCE, ticket)?;
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

/// Returns the time at which the user's password was set, or `None` without a password.
async fn password_of(app: &App, user: UserId) -> Result<Option<DateTime<Utc>>> {
    let row = credential::Entity::find_by_id(user).one(app.db.read()).await?;
    Ok(row.map(|row| row.updated_at))
}

async fn find(app: &App, id: UserId) -> Result<user::Model> {
    let found = user::Entity::find_by_id(id).one(app.db.read()).await?;
    found.filter(|person| person.status != UserStatus::Deleted).ok_or_else(|| Error::not_found(FIELD))
}
