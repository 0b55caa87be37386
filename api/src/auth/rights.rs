//! Rights that have ended before their time: sessions that were signed out, people who were suspended, keys that were
//! changed, visits that were ended. Every instance knows them all: it reads the state, then follows the one stream of rights. So a token is
//! refused without asking the database, and what is live ends at once, here and on every other instance.

use std::{
    collections::{HashMap, HashSet},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
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
use sea_orm::{ColumnTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::viewer::{Caller, Proof};
use crate::{
    app::{App, Tx},
    clock::Clock,
    config::LONGEST_TOKEN_LIFETIME,
    error::Result,
    events::{
        follow::Followed,
        log::{Entry, NewEvent, Stream},
    },
};

/// Between two tries to follow.
const PAUSE: Duration = Duration::from_millis(500);

/// Longer than a timer should be asked to wait; rights that end later are looked at again.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);

/// Where ends are told: one stream for everybody.
const STREAM: Stream = Stream { kind: StreamKind::Rights, owner: Uuid::nil() };

/// Whose rights changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Subject {
    Sessions(Vec<SessionId>),
    User(UserId),
    Key(ApiKeyId),
    Visit(VisitorTokenId),
    /// People who may still call, and may do less: what they follow by what they have lost ends.
    Narrowed(Vec<UserId>),
    Visits(Vec<VisitorTokenId>),
}

/// Tells every instance that rights end when this transaction is committed.
pub fn end(tx: &Tx<'_>, subject: &Subject) -> Result<()> {
    tx.append(NewEvent::new(EventKind::RightsEnded, subject, vec![STREAM])?);
    Ok(())
}

/// Tells every instance that some people may do less when this transaction is committed, if there are any.
pub fn narrow(tx: &Tx<'_>, people: Vec<UserId>) -> Result<()> {
    if people.is_empty() { Ok(()) } else { end(tx, &Subject::Narrowed(people)) }
}

/// Tells every instance that a person may act again.
pub fn restore(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.append(NewEvent::new(EventKind::RightsRestored, &Subject::User(user), vec![STREAM])?);
    Ok(())
}

/// What this instance knows of ended rights, and who wants to be told.
#[derive(Default)]
pub struct Rights {
    ended: Mutex<Ended>,
    watched: Mutex<HashMap<Uuid, HashMap<u64, CancellationToken>>>,
    next: AtomicU64,
    /// Grows whenever something changed, so that what was read before can be told from what was read after.
    version: AtomicU64,
}

#[derive(Default)]
struct Ended {
    /// With the time after which no token of the session can be left.
    sessions: HashMap<SessionId, DateTime<Utc>>,
    users: HashSet<UserId>,
}

/// Tells when a caller's rights have ended. Let go of when it is dropped.
pub struct Watch {
    rights: Arc<Rights>,
    subjects: [Option<Uuid>; 2],
    number: u64,
    ended: CancellationToken,
}

impl Rights {
    /// Reads what has ended and follows what ends from now on.
    pub async fn start(app: &App) -> Result<Arc<Self>> {
        let rights = Arc::new(Self::default());
        // Followed from before the state is read, so that nothing falls between.
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
                    Ok(Followed::Started(_)) => {
                        if let Err(error) = self.read(&app).await {
                            tracing::warn!(cause = %error, "ended rights could not be read; it will be tried again");
                            break;
                        }
                        // Told once; later turns find nobody listening any more.
                        if began.try_send(()).is_err() {
                            tracing::trace!("nobody waits for the first reading of rights");
                        }
                    }
                    Ok(Followed::Entry(entry)) if self.hear(&app, &entry) => {}
                    // Of another version, or no longer in the log: everybody's rights are asked anew.
                    Ok(Followed::Entry(_) | Followed::Resync { .. }) => break,
                    Err(error) => {
                        tracing::warn!(cause = ?error, "ended rights could not be followed; it will be tried again");
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
        let until = now + LONGEST_TOKEN_LIFETIME;
        {
            let mut ended = self.ended();
            ended.sessions.extend(sessions.iter().map(|(id, _)| (*id, until)));
            ended.users = users.iter().copied().collect();
            self.version.fetch_add(1, Ordering::SeqCst);
        }
        let subjects = sessions.iter().map(|(id, _)| id.0).chain(users.iter().map(|id| id.0));
        subjects.for_each(|subject| self.tell(subject));
        // Whose rights have shrunk meanwhile is not known.
        app.rechecks.tell_all();
        Ok(())
    }

    /// Takes note of a change; whether it was understood.
    fn hear(&self, app: &App, entry: &Entry) -> bool {
        let Ok(subject) = serde_json::from_value::<Subject>(entry.payload.clone()) else { return false };
        let now = app.clock.now();
        let told = {
            let mut ended = self.ended();
            ended.sessions.retain(|_, until| *until > now);
            self.version.fetch_add(1, Ordering::SeqCst);
            match (entry.kind, subject) {
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
                        app.rechecks.tell(id.0);
                    }
                    vec![]
                }
                (_, Subject::Visits(ids)) => ids.into_iter().map(|id| id.0).collect(),
            }
        };
        for subject in told {
            self.tell(subject);
        }
        true
    }

    /// Ends what is live of a subject.
    fn tell(&self, subject: Uuid) {
        let watched = self.watched().get(&subject).map(|watched| watched.values().cloned().collect::<Vec<_>>());
        watched.into_iter().flatten().for_each(|ended| ended.cancel());
    }

    /// Whether the caller's rights have not ended before their time.
    #[must_use]
    pub fn hold(&self, caller: &Caller) -> bool {
        let Caller::Person(viewer) = caller else { return true };
        let ended = self.ended();
        let signed_out = match viewer.proof {
            Proof::Session(session) => ended.sessions.contains_key(&session),
            Proof::Token | Proof::Key(_) => false,
        };
        !signed_out && !ended.users.contains(&viewer.user)
    }

    /// Changes with every change of anybody's rights.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::SeqCst)
    }

    /// Watches the rights of a caller.
    pub fn watch(self: &Arc<Self>, caller: &Caller) -> Watch {
        let subjects = match caller {
            Caller::Person(viewer) => match viewer.proof {
                Proof::Session(session) => [Some(viewer.user.0), Some(session.0)],
                Proof::Key(key) => [Some(viewer.user.0), Some(key.0)],
                Proof::Token => [Some(viewer.user.0), None],
            },
            Caller::Service(service) => [Some(service.key.0), None],
            Caller::Visitor(visitor) => [Some(visitor.token.0), None],
        };
        let watch = Watch {
            rights: Arc::clone(self),
            subjects,
            number: self.next.fetch_add(1, Ordering::Relaxed),
            ended: CancellationToken::new(),
        };
        for subject in watch.subjects.iter().flatten() {
            self.watched().entry(*subject).or_default().insert(watch.number, watch.ended.clone());
        }
        if !self.hold(caller) {
            watch.ended.cancel();
        }
        watch
    }

    fn ended(&self) -> MutexGuard<'_, Ended> {
        self.ended.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watched(&self) -> MutexGuard<'_, HashMap<Uuid, HashMap<u64, CancellationToken>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watch {
    /// Whether the caller's rights have ended before their time.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Returns when the caller's rights have ended, by their time or before it.
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

impl Drop for Watch {
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
