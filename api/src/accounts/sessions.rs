//! Sessions. A session begins with a sign-in and issues access tokens until it ends. Each refresh token works once. A
//! second use ends the session, because another person then has the token. The tokens and the network of an ended
//! session are kept for a time, so that the device and the origin are recognized. They are removed when another person
//! may have them.

use chrono::Duration;
use entity::{
    id::{SessionId, UserId},
    refresh_token, session, user,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use super::sign_in_origin;
use crate::{
    app::{App, Locked, LockedRow, Tx},
    auth::{
        idempotency,
        jwt::{self, AccessToken},
        request_context::Origin,
        revocation::{self, Subject},
        secret,
        viewer::{Credential, Scopes, Viewer},
    },
    error::{Error, Result, UserErrorCode},
    ip_network::Networks,
    rate_limit::attempts::AttemptOrigin,
    users::people,
};

/// The time in which a used refresh token may be used again. A client on a bad network may never have seen the answer.
const LEEWAY: Duration = Duration::seconds(10);
/// The prefix of every refresh token.
const START: &str = "rr_";
/// The random bytes of a refresh token.
const SECRET: usize = 32;
/// The maximum number of open sessions of one user. A new session ends the least recently used one.
const MAX_SESSIONS: usize = 50;
/// The maximum number of sessions in one statement.
const TOGETHER: usize = 1_000;
/// The maximum length of a stored client name, in characters.
const LONGEST_AGENT: usize = 200;

/// A user who has signed in, with the issued tokens.
pub struct SignedIn {
    /// The user who signed in.
    pub person: user::Model,
    /// The signed access token.
    pub token: AccessToken,
    /// The refresh token in plain text.
    pub refresh_token: String,
    /// True if an earlier call had begun or refreshed the session.
    pub replayed: bool,
}

/// The tokens of a new or refreshed session, before the access token is signed.
pub struct IssuedTokens {
    session: SessionId,
    refresh_token: String,
    replayed: bool,
}

/// A call that begins a session.
#[derive(Clone, Copy)]
pub struct SessionCall<'a> {
    /// The origin of the call.
    pub origin: &'a Origin,
    /// The idempotency key of the call.
    pub key: Option<&'a str>,
    /// The content of the call, without secrets.
    pub asked: &'a str,
}

/// Begins a session of a user and ends the least recently used ones above the maximum. A repeated call gets tokens of
/// the session that the first one began. Refuses with `NOT_FOUND` when that session has ended.
pub async fn begin(tx: &Tx<'_>, person: &impl LockedRow<user::Model>, call: SessionCall<'_>) -> Result<IssuedTokens> {
    let (now, id) = (tx.clock().now(), SessionId(tx.clock().uuid()));
    if let Some(earlier) = idempotency::claim(tx, person.id, call.key, call.asked, id.0).await? {
        let session = tx.lock_one(session::Entity::find_by_id(SessionId(earlier))).await?;
        let session = session.filter(|session| session.ended_at.is_none() && session.expires_at > now);
        let session = session.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))?;
        return Ok(IssuedTokens { replayed: true, ..issue_tokens(tx, session.id).await? });
    }
    let origin = call.origin;
    let open = open_sessions(tx.db(), person.id, now).await?;
    let too_many: Vec<SessionId> = open.iter().skip(MAX_SESSIONS - 1).map(|session| session.id).collect();
    end(tx, &too_many).await?;
    let networks = Networks::new(tx.config().connections.ipv6_prefix);
    let row = session::Model {
        id,
        user_id: person.id,
        created_at: now,
        used_at: now,
        expires_at: now + tx.config().tokens.session_lifetime,
        ended_at: None,
        user_agent: origin.agent.as_ref().map(|agent| agent.chars().take(LONGEST_AGENT).collect()),
        network: sign_in_origin::network_digest(tx, person.id, AttemptOrigin::of(networks, origin.address)),
    };
    let session = row.id;
    session::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    issue_tokens(tx, session).await
}

async fn issue_tokens(tx: &Tx<'_>, session: SessionId) -> Result<IssuedTokens> {
    let refresh_token = format!("{START}{}", secret::random(SECRET)?);
    let row = refresh_token::ActiveModel {
        hash: Set(secret::digest(&refresh_token)),
        session_id: Set(session),
        created_at: Set(tx.clock().now()),
        used_at: Set(None),
    };
    refresh_token::Entity::insert(row).exec_without_returning(tx.db()).await?;
    Ok(IssuedTokens { session, refresh_token, replayed: false })
}

/// Signs the access token for a session's issued tokens.
pub fn sign(app: &App, person: user::Model, handout: IssuedTokens) -> Result<SignedIn> {
    let lifetime = app.config.tokens.lifetime;
    let token = jwt::issue(app, person.id, Scopes::of(person.role), Some(handout.session), lifetime)?;
    Ok(SignedIn { person, token, refresh_token: handout.refresh_token, replayed: handout.replayed })
}

/// Exchanges a refresh token for the next one. Gives the same `NotAllowed` for an unknown, expired or used token.
pub async fn refresh(app: &App, refresh_token: &str) -> Result<SignedIn> {
    let hash = &secret::digest(refresh_token);
    let refreshed = app.transaction(|tx| {
        Box::pin(async move {
            let now = tx.clock().now();
            // Every change of a session or its tokens locks the session first.
            let Some(token) = refresh_token::Entity::find_by_id(hash.clone()).one(tx.db()).await? else {
                return Ok(None);
            };
            let session = tx.lock_one(session::Entity::find_by_id(token.session_id)).await?;
            let token = refresh_token::Entity::find_by_id(hash.clone()).one(tx.db()).await?;
            let (Some(session), Some(token)) = (session, token) else { return Ok(None) };
            // The session got a new id in the meantime.
            if token.session_id != session.id {
                return Err(Error::Again);
            }
            if session.ended_at.is_some() || session.expires_at <= now {
                return Ok(None);
            }
            if token.used_at.is_some_and(|used| now - used > LEEWAY) {
                end(tx, &[session.id]).await?;
                disown(tx, &[session.id]).await?;
                return Ok(None);
            }
            let person = people::visible().filter(user::Column::Id.eq(session.user_id)).one(tx.db()).await?;
            let Some(person) = person else { return Ok(None) };
            let replayed = token.used_at.is_some();
            // Only the latest tokens of a session work. Used ones serve to detect theft.
            let mut used = token.into_active_model();
            used.used_at = Set(Some(now));
            used.update(tx.db()).await?;
            let id = session.id;
            let mut session = session.into_row().into_active_model();
            session.used_at = Set(now);
            session.expires_at = Set(now + tx.config().tokens.session_lifetime);
            session.update(tx.db()).await?;
            Ok(Some((person, IssuedTokens { replayed, ..issue_tokens(tx, id).await? })))
        })
    });
    let refused = || Error::refused(UserErrorCode::NotAllowed, &["input", "refreshToken"], "Sign in again.");
    let (person, handout) = refreshed.await?.ok_or_else(refused)?;
    sign(app, person, handout)
}

/// Returns the open sessions of a user, the most recently used first.
pub async fn open_sessions(
    db: &impl ConnectionTrait,
    user: UserId,
    now: chrono::DateTime<chrono::Utc>,
) -> Result<Vec<session::Model>, DbErr> {
    session::Entity::find()
        .filter(session::Column::UserId.eq(user))
        .filter(session::Column::EndedAt.is_null())
        .filter(session::Column::ExpiresAt.gt(now))
        .order_by_desc(session::Column::UsedAt)
        .order_by_desc(session::Column::Id)
        .all(db)
        .await
}

/// Ends the caller's own session. Returns true when there was an open one.
pub async fn sign_out(app: &App, by: &Viewer) -> Result<bool> {
    match by.proof {
        Credential::Session(session) => end_one(app, by, session).await.map(|ended| ended == Some(true)),
        Credential::Token | Credential::Key(_) => Ok(false),
    }
}

/// Ends one of the caller's sessions. Returns true when it was open. Refuses with `NotFound`.
pub async fn revoke(app: &App, by: &Viewer, session: &str) -> Result<bool> {
    let not_found = || Error::not_found(&["input", "sessionId"]);
    let session = SessionId::parse(session).ok_or_else(not_found)?;
    end_one(app, by, session).await?.ok_or_else(not_found)
}

async fn end_one(app: &App, by: &Viewer, session: SessionId) -> Result<Option<bool>> {
    app.transaction(|tx| {
        Box::pin(async move {
            let found =
                tx.lock_one(session::Entity::find_by_id(session).filter(session::Column::UserId.eq(by.user))).await?;
            let Some(found) = found else { return Ok(None) };
            if found.ended_at.is_some() {
                return Ok(Some(false));
            }
            end(tx, &[session]).await?;
            Ok(Some(true))
        })
    })
    .await
}

/// Ends all sessions of a user except `but`.
pub async fn end_all(tx: &Tx<'_>, user: &Locked<user::Model>, but: Option<SessionId>) -> Result<()> {
    let open = tx.lock_all(all_of(user.id).filter(session::Column::EndedAt.is_null())).await?;
    let others: Vec<SessionId> = open.iter().map(|session| session.id).filter(|id| Some(*id) != but).collect();
    end(tx, &others).await
}

/// Removes the tokens and networks of all sessions of a user, so that no device or network of theirs is recognized. The
/// sessions must have ended.
pub async fn disown_all(tx: &Tx<'_>, user: &Locked<user::Model>) -> Result<()> {
    let all = session::Entity::find().select_only().column(session::Column::Id);
    let all: Vec<SessionId> = all.filter(session::Column::UserId.eq(user.id)).into_tuple().all(tx.db()).await?;
    disown(tx, &all).await
}

/// Removes the tokens and networks of ended sessions, so that they are not recognized.
async fn disown(tx: &Tx<'_>, sessions: &[SessionId]) -> Result<()> {
    for some in sessions.chunks(TOGETHER) {
        let tokens = refresh_token::Column::SessionId.is_in(some.iter().copied());
        refresh_token::Entity::delete_many().filter(tokens).exec(tx.db()).await?;
        session::Entity::update_many()
            .col_expr(session::Column::Network, None::<Vec<u8>>.into())
            .filter(session::Column::Id.is_in(some.iter().copied()))
            .exec(tx.db())
            .await?;
    }
    Ok(())
}

/// Gives each open session of a user a new id. Its access tokens become invalid, and its refresh token then issues
/// tokens with the user's current scopes.
pub async fn renew_all(tx: &Tx<'_>, user: &Locked<user::Model>) -> Result<()> {
    let open = tx.lock_all(all_of(user.id).filter(session::Column::EndedAt.is_null())).await?;
    let earlier: Vec<SessionId> = open.iter().map(|session| session.id).collect();
    for session in open {
        let (before, id) = (session.id, SessionId(tx.clock().uuid()));
        let row = session::Model { id, ..session.into_row() };
        session::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
        refresh_token::Entity::update_many()
            .col_expr(refresh_token::Column::SessionId, id.into())
            .filter(refresh_token::Column::SessionId.eq(before))
            .exec(tx.db())
            .await?;
    }
    end(tx, &earlier).await?;
    // The new session has the network and the tokens.
    disown(tx, &earlier).await
}

/// Deletes all sessions of a user with their tokens.
pub async fn forget_all(tx: &Tx<'_>, user: &Locked<user::Model>) -> Result<()> {
    // The lock waits for a running refresh, so that its new token is deleted too.
    let all: Vec<SessionId> = tx.lock_all(all_of(user.id)).await?.iter().map(|session| session.id).collect();
    for some in all.chunks(TOGETHER) {
        let tokens = refresh_token::Column::SessionId.is_in(some.iter().copied());
        refresh_token::Entity::delete_many().filter(tokens).exec(tx.db()).await?;
    }
    session::Entity::delete_many().filter(session::Column::UserId.eq(user.id)).exec(tx.db()).await?;
    Ok(())
}

/// Selects all sessions of a user, in the order in which they are locked.
fn all_of(user: UserId) -> Select<session::Entity> {
    session::Entity::find().filter(session::Column::UserId.eq(user)).order_by_asc(session::Column::Id)
}

/// Ends sessions and revokes their rights on every instance.
async fn end(tx: &Tx<'_>, sessions: &[SessionId]) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Some(tx.clock().now()).into())
        .filter(session::Column::Id.is_in(sessions.iter().copied()))
        .exec(tx.db())
        .await?;
    revocation::revoke(tx, &Subject::Sessions(sessions.to_vec()))
}
