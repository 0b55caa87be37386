//! The pool for writes. A transaction owns its connection from BEGIN to COMMIT and trusts only the database's answers.
//!
//! SQLite ends a transaction on its own when the disk is full or unreadable, or memory runs out. A nesting count would
//! then take the next transaction for a part of one that never commits. So nothing is counted: BEGIN, COMMIT and
//! ROLLBACK are statements. SQLite refuses BEGIN inside a transaction, and the other two outside of one. After a failed
//! statement nothing more runs, above all no COMMIT. A connection returns to its pool only after its transaction has
//! certainly ended. Every other connection is closed.

use std::{sync::Arc, time::Duration};

use parking_lot::RwLock;
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, prelude::async_trait,
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, Postgres, Sqlite, pool::PoolConnection};
use tokio::{sync::Mutex, time::timeout};

use super::{Observer, read_pool::values, row_stream, unreached, write_health::WriteHealth};
use crate::error::{is_busy, is_dead, is_outage};

/// The maximum time to begin, which includes waiting for a connection and for other processes that write the file.
const BEGIN_WITHIN: Duration = Duration::from_secs(4);
/// The maximum time of a rollback, after which the connection is closed instead.
const ROLLBACK_WITHIN: Duration = Duration::from_secs(2);
/// The maximum wait for a connection to close.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);
/// The maximum number of connections to try, because an idle one may have died unnoticed.
const TRIES: usize = 3;

/// The next step of a write transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The start of the transaction.
    Begin,
    /// A statement with this SQL.
    Statement(&'a str),
    /// The commit of the transaction.
    Commit,
}

/// A callback before each step of a write transaction. SQL that it returns runs first in the same transaction, and the
/// step fails when that SQL fails. Tests simulate database faults with it.
pub type BeforeStep = Arc<dyn Fn(Step<'_>) -> Option<String> + Send + Sync>;

/// The pool in which write transactions begin.
#[derive(Clone)]
pub struct WritePool {
    pools: Pools,
    observer: Option<Observer>,
    pulse: Arc<WriteHealth>,
    before: Arc<RwLock<Option<BeforeStep>>>,
}

#[derive(Clone)]
enum Pools {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}

impl WritePool {
    /// Creates the pool for a SQLite file, on an sqlx pool of one connection.
    pub fn sqlite(pool: sqlx::SqlitePool, pulse: Arc<WriteHealth>, observer: Option<Observer>) -> Self {
        Self { pools: Pools::Sqlite(pool), observer, pulse, before: Arc::default() }
    }

    /// Creates the pool for PostgreSQL.
    pub fn postgres(pool: sqlx::PgPool, pulse: Arc<WriteHealth>, observer: Option<Observer>) -> Self {
        Self { pools: Pools::Postgres(pool), observer, pulse, before: Arc::default() }
    }

    /// Returns the kind of database.
    pub fn backend(&self) -> DbBackend {
        match &self.pools {
            Pools::Sqlite(_) => DbBackend::Sqlite,
            Pools::Postgres(_) => DbBackend::Postgres,
        }
    }

    /// Returns the sqlx pool of PostgreSQL; none for SQLite.
    pub fn postgres_pool(&self) -> Option<&sqlx::PgPool> {
        match &self.pools {
            Pools::Sqlite(_) => None,
            Pools::Postgres(pool) => Some(pool),
        }
    }

    /// Returns the number of open connections, and how many of them are free.
    pub fn load(&self) -> (u32, usize) {
        match &self.pools {
            Pools::Sqlite(pool) => (pool.size(), pool.num_idle()),
            Pools::Postgres(pool) => (pool.size(), pool.num_idle()),
        }
    }

    /// Returns the health of the writes.
    pub fn pulse(&self) -> &Arc<WriteHealth> {
        &self.pulse
    }

    /// Calls `before` ahead of each step of every transaction from now on.
    pub fn before_steps(&self, before: Option<BeforeStep>) {
        *self.before.write() = before;
    }

    /// Closes all connections.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite(pool) => pool.close().await,
            Pools::Postgres(pool) => pool.close().await,
        }
    }

    /// Begins a transaction. SQLite takes the write lock immediately, because a reader that starts to write can fail in
    /// the middle. On PostgreSQL it is READ COMMITTED.
    pub async fn begin(&self) -> Result<Transaction, DbErr> {
        let before = self.before.read().clone();
        self.begin_with(self.observer.clone(), before).await
    }

    /// Begins a transaction without an observer and without a callback before its steps.
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
            let held = OpenTransaction {
                connection,
                state: TransactionState::UnderWay,
                before,
                pulse: Arc::clone(&self.pulse),
            };
            // The transaction owns the connection from here on, so that it never returns to the pool as it is.
            let mut transaction = Transaction { held: Mutex::new(None), backend: self.backend(), observer };
            let begin = match &held.connection {
                Connection::Sqlite(_) => "BEGIN IMMEDIATE",
                Connection::Postgres(_) => "BEGIN",
            };
            let held = transaction.held.get_mut().insert(held);
            let Err(error) = held.command(Step::Begin, begin).await else {
                held.state = TransactionState::Whole;
                return Ok(transaction);
            };
            self.pulse.note(&error);
            transaction.give_up().await;
            // Nothing has run yet, so another connection may be tried, unless the others are as busy or unreachable.
            if tries == TRIES || is_busy(&error) || (is_outage(&error) && !is_dead(&error)) {
                return Err(error);
            }
        }
    }
}

enum Connection {
    Sqlite(PoolConnection<Sqlite>),
    Postgres(PoolConnection<Postgres>),
}

impl Connection {
    async fn command(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(connection) => row_stream::execute(connection.fetch_many(sql)).await.map(drop),
            Self::Postgres(connection) => row_stream::execute(connection.fetch_many(sql)).await.map(drop),
        }
    }

    /// Closes the connection and frees its slot in the pool. The database then ends its transaction.
    async fn close(self) {
        let closed = async {
            match self {
                Self::Sqlite(connection) => connection.close().await,
                // A hard close, because a polite one waits for a server that is gone.
                Self::Postgres(connection) => connection.detach().close_hard().await,
            }
        };
        if !matches!(timeout(CLOSE_WITHIN, closed).await, Ok(Ok(()))) {
            tracing::debug!("a write connection was not closed in time");
        }
    }
}

enum TransactionState {
    /// Every step so far has succeeded.
    Whole,
    /// A step is running, or was abandoned while it ran.
    UnderWay,
    /// A step has failed.
    Failed(Arc<sqlx::Error>),
}

struct OpenTransaction {
    connection: Connection,
    state: TransactionState,
    before: Option<BeforeStep>,
    pulse: Arc<WriteHealth>,
}

impl OpenTransaction {
    /// Prepares a step. After an earlier failure it returns that error instead.
    async fn enter(&mut self, step: Step<'_>) -> Result<(), DbErr> {
        match &self.state {
            TransactionState::Whole => {}
            TransactionState::UnderWay => {
                return Err(DbErr::Custom("a statement of this transaction was abandoned".to_owned()));
            }
            TransactionState::Failed(error) => return Err(failed(Arc::clone(error))),
        }
        self.state = TransactionState::UnderWay;
        let prepared = self.prepare(step).await;
        if prepared.is_err() { self.leave(prepared) } else { Ok(()) }
    }

    /// Records the end of a step.
    fn leave<T>(&mut self, done: Result<T, sqlx::Error>) -> Result<T, DbErr> {
        match done {
            Ok(value) => {
                self.state = TransactionState::Whole;
                Ok(value)
            }
            Err(error) => {
                self.pulse.note(&error);
                let error = Arc::new(error);
                self.state = TransactionState::Failed(Arc::clone(&error));
                Err(failed(error))
            }
        }
    }

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

    /// Rolls back. The connection survives only after a confirmed rollback and without an outage on it.
    async fn undo(mut self) {
        let sound = match &self.state {
            TransactionState::Whole => true,
            TransactionState::UnderWay => false,
            TransactionState::Failed(error) => !is_outage(error),
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

/// A write transaction. Dropping it before the commit rolls it back.
pub struct Transaction {
    held: Mutex<Option<OpenTransaction>>,
    backend: DbBackend,
    observer: Option<Observer>,
}

impl Transaction {
    /// Commits. After an error nothing was saved, except when the connection was lost meanwhile: see [`is_unsure`].
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
                // The database has confirmed the commit, so the connection can return to the pool.
                drop(self.held.get_mut().take());
                Ok(())
            }
            Err(error) => {
                self.give_up().await;
                Err(error)
            }
        }
    }

    /// Rolls the transaction back.
    pub async fn rollback(mut self) {
        self.give_up().await;
    }

    async fn give_up(&mut self) {
        if let Some(held) = self.held.get_mut().take() {
            // A separate task finishes the rollback even when the caller has left.
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

/// Returns true when a failed COMMIT has an unknown outcome, because the connection was lost before the answer.
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

/// Runs a statement as a step of the transaction on either database, and maps its answer.
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
                row_stream::$method(connection.fetch_many(sqlx::query_with(query, values(statement)))).await.map($made)
            }
            Connection::Postgres(connection) => {
                row_stream::$method(connection.fetch_many(sqlx::query_with(query, values(statement)))).await.map($made)
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
