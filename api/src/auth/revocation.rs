//! Revocations: sessions that were signed out, people who were suspended, keys that were changed, visitor tokens that
//! were revoked. Every instance reads the state and then follows the one stream of rights, so it knows all revocations.
//! A token is therefore refused without the database, and live operations end immediately on all instances.

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use entity::{
    event::EventKind,
    id::{ApiKeyId, SessionId, UserId, VisitorTokenId},
    session,
    stream::StreamKind,
    user::{self, UserStatus},
};
use futures_util::StreamExt as _;
use parking_lot::{Mutex, MutexGuard};
use sea_orm::{ColumnTrait, ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::viewer::{Caller, Credential};
use crate::{
    app::{App, Tx},
    clock::Clock,
    config::LONGEST_TOKEN_LIFETIME,
    database::sql::Sql,
    error::Result,
    events::payloads::own_payload,
    events::{
        log::{self, LoggedEvent, NewEvent, Stream},
        subscribe::StreamItem,
    },
};

/// The pause between two tries to follow the stream.
const PAUSE: Duration = Duration::from_millis(500);

/// The maximum wait of one timer. Rights that end later are checked again.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// The maximum number of ids in one statement.
const TOGETHER: usize = 500;

/// The id of a row that exists.
#[derive(FromQueryResult)]
struct ExistingId {
    id: Uuid,
}

/// The one stream in which all revocations are published.
const STREAM: Stream = Stream { kind: StreamKind::Rights, owner: Uuid::nil() };

/// The subject whose rights changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "subject", content = "ids", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Subject {
    /// Sessions that ended.
    Sessions(Vec<SessionId>),
    /// A person who may no longer act, or in a restoration may act again.
    User(UserId),
    /// A key that was revoked or changed.
    Key(ApiKeyId),
    /// A visitor token that was revoked.
    Visit(VisitorTokenId),
    /// People who may see other things than before but may still call. Their subscriptions that depend on a lost right
    /// end.
    Narrowed(Vec<UserId>),
    /// Several visitor tokens that were revoked.
    Visits(Vec<VisitorTokenId>),
}

own_payload!(Subject, 1);

/// Publishes a revocation to every instance when the transaction commits. Emits `RightsEnded`.
pub fn revoke(tx: &Tx<'_>, subject: &Subject) -> Result<()> {
    tx.append(NewEvent::new(EventKind::RightsEnded, subject, vec![STREAM])?);
    Ok(())
}

/// Publishes that people may see other things when the transaction commits. Emits `RightsEnded`, or nothing for an
/// empty list.
pub fn change(tx: &Tx<'_>, people: Vec<UserId>) -> Result<()> {
    if people.is_empty() { Ok(()) } else { revoke(tx, &Subject::Narrowed(people)) }
}

/// Returns true if a person may see other things than at a position of the log. Also true if more rights of others
/// changed since than one read returns.
pub async fn changed_since(db: &impl ConnectionTrait, user: UserId, position: i64) -> Result<bool, DbErr> {
    let limit = i64::try_from(TOGETHER).unwrap_or(i64::MAX);
    let newest = log::read_newest(db, STREAM, limit).await?;
    // An entry without a position is newer than every position.
    let since = newest.iter().take_while(|entry| entry.position.is_none_or(|at| at > position));
    let changes = |entry: &LoggedEvent| match entry.subject::<Subject>() {
        Some(Subject::Narrowed(people)) => people.contains(&user),
        Some(_) => false,
        None => true,
    };
    let (count, changed) = since.fold((0, false), |(count, changed), entry| (count + 1, changed || changes(entry)));
    Ok(changed || count == TOGETHER)
}

/// Publishes that a person may act again when the transaction commits. Emits `RightsRestored`.
pub fn restore(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.append(NewEvent::new(EventKind::RightsRestored, &Subject::User(user), vec![STREAM])?);
    Ok(())
}

/// The revocations that this instance knows, and the watches on them.
#[derive(Default)]
pub struct Revocations {
    ended: Mutex<RevokedState>,
    watched: Mutex<HashMap<Uuid, HashMap<u64, CancellationToken>>>,
    next: AtomicU64,
    /// Grows with each change, so that readers can see that something changed in between.
    version: AtomicU64,
}

#[derive(Default)]
struct RevokedState {
    /// The revoked sessions, with the time after which every token of the session has expired.
    sessions: HashMap<SessionId, DateTime<Utc>>,
    users: HashSet<UserId>,
}

/// A watch on a caller's rights. Dropping it ends the watch.
pub struct RevocationWatch {
    rights: Arc<Revocations>,
    subjects: [Option<Uuid>; 2],
    number: u64,
    ended: CancellationToken,
}

impl Revocations {
    /// Reads the revocations and follows new ones. Returns when the first read is done.
    pub async fn start(app: &App) -> Result<Arc<Self>> {
        let rights = Arc::new(Self::default());
        // The stream is followed before the state is read, so that no revocation is missed in between.
        let (began, mut begun) = tokio::sync::mpsc::channel(1);
        tokio::spawn(Arc::clone(&rights).follow(app.clone(), began));
        begun.recv().await;
        Ok(rights)
    }

    async fn follow(self: Arc<Self>, app: App, began: tokio::sync::mpsc::Sender<()>) {
        while !app.shutdown.is_cancelled() {
            let mut told = pin!(app.follow(STREAM, None));
            while let Some(item) = told.next().await {
                match item {
                    Ok(StreamItem::Started(_)) => {
                        if let Err(error) = self.read(&app).await {
                            tracing::warn!(cause = %error, "revocations could not be read; retrying");
                            break;
                        }
                        // Only the first read has a waiter. Later reads find the channel closed.
                        if began.try_send(()).is_err() {
                            tracing::trace!("the read of the revocations has no waiter");
                        }
                    }
                    Ok(StreamItem::Entry(entry)) if self.hear(&app, &entry) => {}
                    // An entry of another version or a gap in the log: the whole state is read again.
                    Ok(StreamItem::Entry(_) | StreamItem::Resync { .. }) => break,
                    Err(error) => {
                        tracing::warn!(cause = ?error, "revocations could not be followed; retrying");
                        break;
                    }
                }
            }
            tokio::select! { () = app.shutdown.cancelled() => {}, () = tokio::time::sleep(PAUSE) => {} }
        }
    }

    async fn read(&self, app: &App) -> Result<(), DbErr> {
        let now = app.clock.now();
        let sessions: Vec<(SessionId, Option<DateTime<Utc>>)> = session::Entity::find()
            .select_only()
            .columns([session::Column::Id, session::Column::EndedAt])
            .filter(session::Column::EndedAt.gt(now - LONGEST_TOKEN_LIFETIME))
            .into_tuple()
            .all(app.db.read())
            .await?;
        let users: Vec<UserId> = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::Status.ne(UserStatus::Active))
            .into_tuple()
            .all(app.db.read())
            .await?;
        let unsure = self.unsure(app).await?;
        let until = now + LONGEST_TOKEN_LIFETIME;
        {
            let mut ended = self.ended();
            ended.sessions.extend(sessions.iter().map(|(id, _)| (*id, until)));
            ended.users = users.iter().copied().collect();
            self.version.fetch_add(1, Ordering::SeqCst);
        }
        let subjects = sessions.iter().map(|(id, _)| id.0).chain(users.iter().map(|id| id.0));
        subjects.chain(unsure).for_each(|subject| self.notify(subject));
        // Rights may have been reduced meanwhile, and the state does not show for which users.
        app.access_rechecks.notify_all();
        Ok(())
    }

    /// Returns the watched subjects whose revocation may have been missed. These are visitor tokens that no longer
    /// exist, and all keys, because a key does not show when it was changed.
    async fn unsure(&self, app: &App) -> Result<Vec<Uuid>, DbErr> {
        let watched: Vec<Uuid> = self.watched().keys().copied().collect();
        let mut unsure = Vec::new();
        for some in watched.chunks(TOGETHER) {
            let mut sql = Sql::default();
            for (part, table) in ["\"user\"", "session", "visitor_token"].into_iter().enumerate() {
                sql.push(if part == 0 { "" } else { " UNION ALL " });
                sql.push(&format!("SELECT id FROM {table} WHERE id IN "));
                sql.bind_list(some);
            }
            let sure: Vec<ExistingId> = sql.all(app.db.read()).await?;
            unsure.extend(some.iter().filter(|id| !sure.iter().any(|known| known.id == **id)));
        }
        Ok(unsure)
    }

    /// Applies a change of rights. Returns false when the entry is of an unknown form.
    fn hear(&self, app: &App, entry: &LoggedEvent) -> bool {
        let kind = entry.kind.0.filter(|kind| matches!(kind, EventKind::RightsEnded | EventKind::RightsRestored));
        let (Some(kind), Some(subject)) = (kind, entry.subject::<Subject>()) else { return false };
        let now = app.clock.now();
        let told = {
            let mut ended = self.ended();
            ended.sessions.retain(|_, until| *until > now);
            self.version.fetch_add(1, Ordering::SeqCst);
            match (kind, subject) {
                (EventKind::RightsRestored, Subject::User(id)) => {
                    ended.users.remove(&id);
                    vec![]
                }
                (_, Subject::User(id)) => {
                    ended.users.insert(id);
                    vec![id.0]
                }
                (_, Subject::Sessions(ids)) => {
                    ended.sessions.extend(ids.iter().map(|id| (*id, now + LONGEST_TOKEN_LIFETIME)));
                    ids.into_iter().map(|id| id.0).collect()
                }
                (_, Subject::Key(id)) => vec![id.0],
                (_, Subject::Visit(id)) => vec![id.0],
                (_, Subject::Narrowed(ids)) => {
                    for id in ids {
                        app.access_rechecks.notify(id.0);
                    }
                    vec![]
                }
                (_, Subject::Visits(ids)) => ids.into_iter().map(|id| id.0).collect(),
            }
        };
        for subject in told {
            self.notify(subject);
        }
        true
    }

    /// Ends the live operations of a subject.
    fn notify(&self, subject: Uuid) {
        let watched = self.watched().get(&subject).map(|watched| watched.values().cloned().collect::<Vec<_>>());
        watched.into_iter().flatten().for_each(|ended| ended.cancel());
    }

    /// Returns true when the caller's rights have not been revoked. Only people are checked; other callers always pass.
    #[must_use]
    pub fn are_valid(&self, caller: &Caller) -> bool {
        let Caller::Person(viewer) = caller else { return true };
        let ended = self.ended();
        let signed_out = match viewer.proof {
            Credential::Session(session) => ended.sessions.contains_key(&session),
            Credential::Token | Credential::Key(_) => false,
        };
        !signed_out && !ended.users.contains(&viewer.user)
    }

    /// Returns a number that grows with each change of any caller's rights.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// Watches the rights of a caller. The watch has already ended when the rights are revoked.
    pub fn watch(self: &Arc<Self>, caller: &Caller) -> RevocationWatch {
        let subjects = match caller {
            Caller::Person(viewer) => match viewer.proof {
                Credential::Session(session) => [Some(viewer.user.0), Some(session.0)],
                Credential::Key(key) => [Some(viewer.user.0), Some(key.0)],
                Credential::Token => [Some(viewer.user.0), None],
            },
            Caller::Service(service) => [Some(service.key.0), None],
            Caller::Visitor(visitor) => [Some(visitor.token.0), None],
        };
        let watch = RevocationWatch {
            rights: Arc::clone(self),
            subjects,
            number: self.next.fetch_add(1, Ordering::Relaxed),
            ended: CancellationToken::new(),
        };
        for subject in watch.subjects.iter().flatten() {
            self.watched().entry(*subject).or_default().insert(watch.number, watch.ended.clone());
        }
        if !self.are_valid(caller) {
            watch.ended.cancel();
        }
        watch
    }

    fn ended(&self) -> MutexGuard<'_, RevokedState> {
        self.ended.lock()
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<Uuid, HashMap<u64, CancellationToken>>> {
        self.watched.lock()
    }
}

impl RevocationWatch {
    /// Returns true when the caller's rights were revoked.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until the caller's rights end, by expiry or by revocation.
    pub async fn ended_or_expired(&self, caller: &Caller, clock: &Clock) {
        while caller.expires_at() > clock.now() {
            let left = (caller.expires_at() - clock.now()).to_std().unwrap_or_default();
            tokio::select! {
                () = self.ended.cancelled() => return,
                () = tokio::time::sleep(left.min(LONGEST_WAIT)) => {}
            }
        }
    }
}

impl Drop for RevocationWatch {
    fn drop(&mut self) {
        let mut watched = self.rights.watched();
        for subject in self.subjects.iter().flatten() {
            if let Some(of_subject) = watched.get_mut(subject) {
                of_subject.remove(&self.number);
                if of_subject.is_empty() {
                    watched.remove(subject);
                }
            }
        }
    }
}
