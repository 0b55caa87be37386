//! Sessions. A session begins with a sign-in and gives access tokens until it ends; each refresh token is used once, and
//! one that is used again ends the session, because then somebody else has it too. Of a session that has ended, tokens and
//! network stay for a time, by which device and place are known again, unless somebody else may have had them.

use chrono::Duration;
use entity::{
    id::{SessionId, UserId},
    refresh_token, session, user,
};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel, QueryFilter,
    QueryOrder, QuerySelect, Select,
};

use super::places;
use crate::{
    address::Networks,
    app::{App, Tx},
    auth::{
        context::Origin,
        jwt::{self, AccessToken},
        rights::{self, Subject},
        secret,
        viewer::{Proof, Scopes, Viewer},
    },
    error::{Error, Result, UserErrorCode},
    throttle::attempts::Place,
    users::people,
};

/// How long a refresh token that was used may be used again: a client on a bad network may never have seen the answer.
const LEEWAY: Duration = Duration::seconds(10);
/// What every refresh token begins with.
const START: &str = "rr_";
/// Random bytes of a refresh token.
const SECRET: usize = 32;
/// The most sessions of one person; the one longest unused ends for a new one.
const MOST: usize = 50;
/// Sessions of one statement.
const TOGETHER: usize = 1_000;
/// The longest name of a client that is kept, in characters.
const LONGEST_AGENT: usize = 200;

/// A person who has signed in.
pub struct SignedIn {
    pub person: user::Model,
    pub token: AccessToken,
    pub refresh_token: String,
}

/// What a refreshed or new session hands out, still unsigned.
pub struct Handout {
    session: SessionId,
    refresh_token: String,
}

/// Begins a session of a person.
pub async fn begin(tx: &Tx<'_>, user: UserId, origin: &Origin) -> Result<Handout> {
    let now = tx.clock().now();
    let open = open_sessions(tx.db(), user, now).await?;
    let too_many: Vec<SessionId> = open.iter().skip(MOST - 1).map(|session| session.id).collect();
    end(tx, &too_many).await?;
    let networks = Networks::new(tx.config().connections.ipv6_prefix);
    let row = session::Model {
        id: SessionId(tx.clock().uuid()),
        user_id: user,
        created_at: now,
        used_at: now,
        expires_at: now + tx.config().tokens.session_lifetime,
        ended_at: None,
        user_agent: origin.agent.as_ref().map(|agent| agent.chars().take(LONGEST_AGENT).collect()),
        network: places::kept(tx, user, Place::of(networks, origin.address)),
    };
    let session = row.id;
    session::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    hand_out(tx, session).await
}

async fn hand_out(tx: &Tx<'_>, session: SessionId) -> Result<Handout> {
    let refresh_token = format!("{START}{}", secret::random(SECRET)?);
    let row = refresh_token::ActiveModel {
        hash: Set(secret::digest(&refresh_token)),
        session_id: Set(session),
        created_at: Set(tx.clock().now()),
        used_at: Set(None),
    };
    refresh_token::Entity::insert(row).exec_without_returning(tx.db()).await?;
    Ok(Handout { session, refresh_token })
}

/// Signs the access token of what a session hands out.
pub fn sign(app: &App, person: user::Model, handout: Handout) -> Result<SignedIn> {
    let lifetime = app.config.tokens.lifetime;
    let token = jwt::issue(app, person.id, Scopes::of(person.role), Some(handout.session), lifetime)?;
    Ok(SignedIn { person, token, refresh_token: handout.refresh_token })
}

/// Takes a refresh token and gives the next. Refused alike for one that is unknown, has ended, or was used before.
pub async fn refresh(app: &App, refresh_token: &str) -> Result<SignedIn> {
    let hash = &secret::digest(refresh_token);
    let refreshed = app.transaction(|tx| {
        Box::pin(async move {
            let now = tx.clock().now();
            // The session is locked first, by all who change it or its tokens.
            let Some(token) = refresh_token::Entity::find_by_id(hash.clone()).one(tx.db()).await? else {
                return Ok(None);
            };
            let session = session::Entity::find_by_id(token.session_id).lock_exclusive().one(tx.db()).await?;
            let token = refresh_token::Entity::find_by_id(hash.clone()).one(tx.db()).await?;
            let (Some(session), Some(token)) = (session, token) else { return Ok(None) };
            // The session was given a new name since.
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
            // The latest tokens of a session are of use; those used before only to catch a thief.
            let mut used = token.into_active_model();
            used.used_at = Set(Some(now));
            used.update(tx.db()).await?;
            let id = session.id;
            let mut session = session.into_active_model();
            session.used_at = Set(now);
            session.expires_at = Set(now + tx.config().tokens.session_lifetime);
            session.update(tx.db()).await?;
            Ok(Some((person, hand_out(tx, id).await?)))
        })
    });
    let refused = || Error::refused(UserErrorCode::NotAllowed, &["input", "refreshToken"], "Sign in again.");
    let (person, handout) = refreshed.await?.ok_or_else(refused)?;
    sign(app, person, handout)
}

/// The sessions of a person that have not ended, the one used last first.
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

/// Ends the caller's own session; whether there was one to end.
pub async fn sign_out(app: &App, by: &Viewer) -> Result<bool> {
    match by.proof {
        Proof::Session(session) => end_one(app, by, session).await.map(|ended| ended == Some(true)),
        Proof::Token | Proof::Key(_) => Ok(false),
    }
}

/// Ends one of the caller's sessions; whether it was still open.
pub async fn revoke(app: &App, by: &Viewer, session: &str) -> Result<bool> {
    let not_found = || Error::not_found(&["input", "sessionId"]);
    let session = SessionId::parse(session).ok_or_else(not_found)?;
    end_one(app, by, session).await?.ok_or_else(not_found)
}

async fn end_one(app: &App, by: &Viewer, session: SessionId) -> Result<Option<bool>> {
    app.transaction(|tx| {
        Box::pin(async move {
            let found = session::Entity::find_by_id(session)
                .filter(session::Column::UserId.eq(by.user))
                .lock_exclusive()
                .one(tx.db())
                .await?;
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

/// Ends all of a person's sessions but one.
pub async fn end_all(tx: &Tx<'_>, user: UserId, but: Option<SessionId>) -> Result<()> {
    let open = held_sessions(user).filter(session::Column::EndedAt.is_null()).all(tx.db()).await?;
    let others: Vec<SessionId> = open.iter().map(|session| session.id).filter(|id| Some(*id) != but).collect();
    end(tx, &others).await
}

/// Takes from all of a person's sessions, open or not, what they are known by afterwards: neither a device nor a network of
/// theirs is known any more. The person is held, and the sessions have ended.
pub async fn disown_all(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let all = session::Entity::find().select_only().column(session::Column::Id);
    let all: Vec<SessionId> = all.filter(session::Column::UserId.eq(user)).into_tuple().all(tx.db()).await?;
    disown(tx, &all).await
}

/// Takes from sessions, which have ended, what they are known by afterwards.
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

/// Gives each open session of a person a new name, so that its access tokens are taken no more and its refresh token gives
/// others, with the scopes that the person has then. The person is held.
pub async fn renew_all(tx: &Tx<'_>, user: UserId) -> Result<()> {
    let open = held_sessions(user).filter(session::Column::EndedAt.is_null()).all(tx.db()).await?;
    let earlier: Vec<SessionId> = open.iter().map(|session| session.id).collect();
    for session in open {
        let (before, id) = (session.id, SessionId(tx.clock().uuid()));
        let row = session::Model { id, ..session };
        session::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
        refresh_token::Entity::update_many()
            .col_expr(refresh_token::Column::SessionId, id.into())
            .filter(refresh_token::Column::SessionId.eq(before))
            .exec(tx.db())
            .await?;
    }
    end(tx, &earlier).await?;
    // The network went over with the tokens.
    disown(tx, &earlier).await
}

/// Removes all sessions of a person, who is held, and their tokens.
pub async fn forget_all(tx: &Tx<'_>, user: UserId) -> Result<()> {
    // Locked first: whoever refreshes one at this moment has ended before its tokens are removed.
    let all: Vec<SessionId> = held_sessions(user).all(tx.db()).await?.iter().map(|session| session.id).collect();
    for some in all.chunks(TOGETHER) {
        let tokens = refresh_token::Column::SessionId.is_in(some.iter().copied());
        refresh_token::Entity::delete_many().filter(tokens).exec(tx.db()).await?;
    }
    session::Entity::delete_many().filter(session::Column::UserId.eq(user)).exec(tx.db()).await?;
    Ok(())
}

fn held_sessions(user: UserId) -> Select<session::Entity> {
    session::Entity::find().filter(session::Column::UserId.eq(user)).order_by_asc(session::Column::Id).lock_exclusive()
}

/// Ends sessions and tells every instance.
async fn end(tx: &Tx<'_>, sessions: &[SessionId]) -> Result<()> {
    if sessions.is_empty() {
        return Ok(());
    }
    session::Entity::update_many()
        .col_expr(session::Column::EndedAt, Some(tx.clock().now()).into())
        .filter(session::Column::Id.is_in(sessions.iter().copied()))
        .exec(tx.db())
        .await?;
    rights::end(tx, &Subject::Sessions(sessions.to_vec()))
}
