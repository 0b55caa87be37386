//! Writing. A transaction owns its connection from BEGIN to COMMIT and counts on nothing but what the database answers.
//!
//! SQLite ends a transaction by itself when the disk is full, cannot be read or memory runs out. Whoever counts depths
//! then takes the next transaction for a part of one that nobody commits. So here nothing is counted: BEGIN, COMMIT and
//! ROLLBACK are statements, and SQLite refuses the first inside a transaction and the others outside of one. After the
//! first statement that fails nothing more runs, least of all COMMIT. A connection goes back to its pool only when its
//! transaction is known to be over; every other connection is closed.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, prelude::async_trait,
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Postgres, Sqlite, pool::PoolConnection};
use tokio::{sync::Mutex, time::timeout};

use super::{Observer, answers, pulse::Pulse, reading::values, unreached};
use crate::error::{is_busy, is_dead, is_outage};

/// How long a transaction may take to begin: waiting for a connection, and for other processes that write the file.
const BEGIN_WITHIN: Duration = Duration::from_secs(4);
/// How long a rollback may take before the connection is closed instead.
const ROLLBACK_WITHIN: Duration = Duration::from_secs(2);
/// How long is waited for a connection to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// Connections that are tried, because one at hand may have died unnoticed.
const TRIES: usize = 3;

/// What a writing transaction is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    Begin,
    Statement(&'a str),
    Commit,
}

/// Called before each step of a writing transaction. SQL that it returns runs first, in the same transaction; when that
/// fails, the step has failed. Tests bring about faults of the database with it.
pub type BeforeStep = Arc<dyn Fn(Step<'_>) -> Option<String> + Send + Sync>;

/// Where transactions begin.
#[derive(Clone)]
pub struct Writer {
    pools: Pools,
    observer: Option<Observer>,
    pulse: Arc<Pulse>,
    before: Arc<RwLock<Option<BeforeStep>>>,
}

#[derive(Clone)]
enum Pools {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}

impl Writer {
    /// Of a SQLite file, on a pool of one connection.
    pub fn sqlite(pool: sqlx::SqlitePool, pulse: Arc<Pulse>, observer: Option<Observer>) -> Self {
        Self { pools: Pools::Sqlite(pool), observer, pulse, before: Arc::default() }
    }

    /// Of a PostgreSQL database.
    pub fn postgres(pool: sqlx::PgPool, pulse: Arc<Pulse>, observer: Option<Observer>) -> Self {
        Self { pools: Pools::Postgres(pool), observer, pulse, before: Arc::default() }
    }

    /// The kind of database.
    pub fn backend(&self) -> DbBackend {
        match &self.pools {
            Pools::Sqlite(_) => DbBackend::Sqlite,
            Pools::Postgres(_) => DbBackend::Postgres,
        }
    }

    /// The pool of PostgreSQL.
    pub fn postgres_pool(&self) -> Option<&sqlx::PgPool> {
        match &self.pools {
            Pools::Sqlite(_) => None,
            Pools::Postgres(pool) => Some(pool),
        }
    }

    /// Connections that are open, and those that are free.
    pub fn load(&self) -> (u32, usize) {
        match &self.pools {
            Pools::Sqlite(pool) => (pool.size(), pool.num_idle()),
            Pools::Postgres(pool) => (pool.size(), pool.num_idle()),
        }
    }

    /// Whether writes succeed.
    pub fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }

    /// Calls `before` ahead of each step of every transaction from now on.
    pub fn before_steps(&self, before: Option<BeforeStep>) {
        *self.before.write().unwrap_or_else(PoisonError::into_inner) = before;
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite(pool) => pool.close().await,
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Begins a transaction. On SQLite it takes the write lock at once, because a reader that turns into a writer can
    /// fail half-way; on PostgreSQL it is READ COMMITTED.
    pub async fn begin(&self) -> Result<Transaction, DbErr> {
        let before = self.before.read().unwrap_or_else(PoisonError::into_inner).clone();
        self.begin_with(self.observer.clone(), before).await
    }

    /// Begins a transaction of no call: no observer sees its statements, and nothing is done before its steps.
    pub async fn begin_unobserved(&self) -> Result<Transaction, DbErr> {
        self.begin_with(None, None).await
    }

    async fn begin_with(&self, observer: Option<Observer>, before: Option<BeforeStep>) -> Result<Transaction, DbErr> {
        let begun = timeout(BEGIN_WITHIN, self.try_begin(observer, before)).await;
        begun.unwrap_or(Err(sqlx::Error::PoolTimedOut)).map_err(|error| {
            self.pulse.note(&error);
            failed(Arc::new(error))
        })
    }

    async fn try_begin(
        &self,
        observer: Option<Observer>,
        before: Option<BeforeStep>,
    ) -> Result<Transaction, sqlx::Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let connection = match &self.pools {
                Pools::Sqlite(pool) => Connection::Sqlite(pool.acquire().await.map_err(unreached)?),
                Pools::Postgres(pool) => Connection::Postgres(pool.acquire().await.map_err(unreached)?),
            };
            let (before, observer) = (before.clone(), observer.clone());
            let held = Held { connection, state: State::UnderWay, before, pulse: Arc::clone(&self.pulse) };
            // Ours already: whatever happens from here on, the connection does not get back to the pool as it is.
            let mut transaction = Transaction { held: Mutex::new(None), backend: self.backend(), observer };
            let begin = match &held.connection {
                Connection::Sqlite(_) => "BEGIN IMMEDIATE",
                Connection::Postgres(_) => "BEGIN",
            };
            let held = transaction.held.get_mut().insert(held);
            let Err(error) = held.command(Step::Begin, begin).await else {
                held.state = State::Whole;
                return Ok(transaction);
            };
            self.pulse.note(&error);
            transaction.give_up().await;
            // Nothing was done yet, so another connection may be tried. Others are as busy as this one.
            if tries == TRIES || is_busy(&error) || (is_outage(&error) && !is_dead(&error)) {
                return Err(error);
            }
        }
    }
}

/// A connection of a pool, for one transaction.
enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Connection {
    /// Runs a statement without values.
    async fn command(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => answers::execute(connection.fetch_many(sql)).await.map(drop),
            Self::Postgres(connection) => answers::execute(connection.fetch_many(sql)).await.map(drop),
        }
    }

    /// Closes it and frees its place in the pool. The database ends what was open on it.
    async fn close(self) {
        let closed = async {
            match self {
                Self::Sqlite(connection) => connection.close().await,
                // Without a farewell, which would wait for a server that is gone.
                Self::Postgres(connection) => connection.detach().close_hard().await,
            }
        };
        if !matches!(timeout(CLOSE_WITHIN, closed).await, Ok(Ok(()))) {
            tracing::debug!("a connection for writing was not closed in time");
        }
    }
}

/// What is known of a transaction.
enum State {
    /// Everything has succeeded until now.
    Whole,
    /// Something runs, or was given up while it ran.
    UnderWay,
    /// A statement has failed.
    Failed(Arc<sqlx::Error>),
}

/// A connection with its transaction.
struct Held {
    connection: Connection,
    state: State,
    before: Option<BeforeStep>,
    pulse: Arc<Pulse>,
}

impl Held {
    /// Makes ready for a step, unless an earlier one has failed; then that error is the answer to this one too.
    async fn enter(&mut self, step: Step<'_>) -> Result<(), DbErr> {
        match &self.state {
            State::Whole => {}
            State::UnderWay => return Err(DbErr::Custom("a statement of this transaction was given up".to_owned())),
            State::Failed(error) => return Err(failed(Arc::clone(error))),
        }
        self.state = State::UnderWay;
        let prepared = self.prepare(step).await;
        if prepared.is_err() { self.leave(prepared) } else { Ok(()) }
    }

    /// Notes how a step has ended.
    fn leave<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, DbErr> {
        match done {
            Ok(value) => {
                self.state = State::Whole;
                Ok(value)
            }
            Err(error) => {
                self.pulse.note(&error);
                let error = Arc::new(error);
                self.state = State::Failed(Arc::clone(&error));
                Err(failed(error))
            }
        }
    }

    /// Runs what is to run before a step.
    async fn prepare(&mut self, step: Step<'_>) -> Result<(), sqlx::Error> {
        match self.before.as_ref().and_then(|before| before(step)) {
            Some(sql) => self.connection.command(&sql).await,
            None => Ok(()),
        }
    }

    async fn command(&mut self, step: Step<'_>, sql: &str) -> Result<(), sqlx::Error> {
        self.prepare(step).await?;
        self.connection.command(sql).await
    }

    /// Ends the transaction without its changes. The connection lives on only if the database has said that they are
    /// undone, and if nothing on it has gone wrong that may go wrong again.
    async fn undo(mut self) {
        let sound = match &self.state {
            State::Whole => true,
            State::UnderWay => false,
            State::Failed(error) => !is_outage(error),
        };
        let undone = sound && matches!(timeout(ROLLBACK_WITHIN, self.connection.command("ROLLBACK")).await, Ok(Ok(())));
        if !undone {
            self.connection.close().await;
        }
    }
}

fn failed(error: Arc<sqlx::Error>) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(error))
}

/// A writing transaction. Let go before it is committed, it is undone.
pub struct Transaction {
    held: Mutex<Option<Held>>,
    backend: DbBackend,
    observer: Option<Observer>,
}

impl Transaction {
    /// Commits. An error means that nothing was kept, except when the connection was lost meanwhile: see [`is_unsure`].
    pub async fn commit(mut self) -> Result<(), DbErr> {
        let Some(held) = self.held.get_mut() else { return Err(over()) };
        let committed = match held.enter(Step::Commit).await {
            Ok(()) => {
                let done = held.connection.command("COMMIT").await;
                held.leave(done)
            }
            failed => failed,
        };
        match committed {
            Ok(()) => {
                held.pulse.wrote();
                // Back to the pool: the database has said that the transaction is over.
                drop(self.held.get_mut().take());
                Ok(())
            }
            Err(error) => {
                self.give_up().await;
                Err(error)
            }
        }
    }

    /// Undoes what was done.
    pub async fn rollback(mut self) {
        self.give_up().await;
    }

    async fn give_up(&mut self) {
        if let Some(held) = self.held.get_mut().take() {
            // In a task of its own, which lives on when nobody waits for it.
            drop(tokio::spawn(held.undo()).await);
        }
    }

    fn observe(&self, statement: &Statement) {
        if let Some(observer) = &self.observer {
            observer(statement);
        }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(held) = self.held.get_mut().take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(held.undo())),
            Err(_) => drop(held),
        }
    }
}

fn over() -> DbErr {
    DbErr::Custom("the transaction is over".to_owned())
}

/// Whether the outcome of a COMMIT that failed with this error is unknown: the connection was lost before the answer.
pub(crate) fn is_unsure(error: &DbErr) -> bool {
    let DbErr::Query(RuntimeErr::SqlxError(cause)) = error else { return false };
    match &**cause {
        sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(cause) => {
            cause.code().is_some_and(|code| code.len() == 5 && (code.starts_with("08") || code.starts_with("57P0")))
        }
        _ => false,
    }
}

/// Runs a statement as a step of the transaction, on whichever database, and makes of the answer what is wanted.
macro_rules! run {
    ($transaction:expr, $statement:expr, $method:ident, $made:expr) => {{
        let statement: &Statement = $statement;
        $transaction.observe(statement);
        let mut held = $transaction.held.lock().await;
        let held = held.as_mut().ok_or_else(over)?;
        held.enter(Step::Statement(&statement.sql)).await?;
        let query = AssertSqlSafe(statement.sql.clone());
        let done = match &mut held.connection {
            Connection::Sqlite(connection) => {
                answers::$method(connection.fetch_many(sqlx::query_with(query, values(statement)))).await.map($made)
            }
            Connection::Postgres(connection) => {
                answers::$method(connection.fetch_many(sqlx::query_with(query, values(statement)))).await.map($made)
            }
        };
        held.leave(done)
    }};
}

#[async_trait::async_trait]
impl ConnectionTrait for Transaction {
    fn get_database_backend(&self) -> DbBackend {
        self.backend
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        run!(self, &statement, execute, ExecResult::from)
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(Statement::from_string(self.backend, sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        run!(self, &statement, first, |row| row.map(QueryResult::from))
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        run!(self, &statement, all, |rows| rows.into_iter().map(QueryResult::from).collect())
    }
}
