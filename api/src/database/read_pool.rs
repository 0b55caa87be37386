//! The pool for reads. Idle connections stay here between statements, because returning one to sqlx's pool costs a
//! round trip each time. A read whose connection is dead runs again on a new connection, which is safe because it
//! changes nothing.

use std::{
    ops::ControlFlow,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::future::BoxFuture;
use parking_lot::{Mutex, MutexGuard};
use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, ExecResult, QueryResult, RuntimeErr, Statement, Values, prelude::async_trait,
};
use sea_query_sqlx::SqlxValues;
use sqlx::{
    AssertSqlSafe, Database, Decode, Executor, IntoArguments, PgConnection, Pool, Postgres, Row as _, Sqlite,
    SqliteConnection, TypeInfo as _, ValueRef as _, pool::PoolConnection, postgres::PgRow, sqlite::SqliteRow,
};
use tokio::{sync::Semaphore, time::timeout};

use super::{Observer, row_stream, unreached};
use crate::{
    config::DatabaseConfig,
    error::{Excess, is_dead},
    memory_budget,
};

/// The maximum wait of a read for a connection.
const TURN_WITHIN: Duration = Duration::from_secs(4);

/// The read connections and their observer.
#[derive(Clone)]
pub struct ReadPool {
    connections: Connections,
    observer: Option<Observer>,
}

#[derive(Clone)]
enum Connections {
    Sqlite(Arc<PooledConnections<Sqlite>>),
    Postgres(Arc<PooledConnections<Postgres>>),
}

/// The idle connections, and the permits to use a connection.
struct PooledConnections<DB: Database> {
    pool: Pool<DB>,
    turns: Semaphore,
    idle: Mutex<Vec<IdleConnection<DB>>>,
    /// The maximum time of one statement.
    within: Duration,
}

/// An idle connection, with the deadline for its statements.
struct IdleConnection<DB: Database> {
    connection: PoolConnection<DB>,
    deadline: QueryDeadline,
}

/// The deadline of a connection's current statement, in milliseconds since the first read of the process.
#[derive(Clone, Default)]
struct QueryDeadline(Arc<AtomicU64>);

impl QueryDeadline {
    fn now() -> u64 {
        static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
        u64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn set(&self, within: Duration) {
        let within = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
        self.0.store(Self::now().saturating_add(within), Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        Self::now() > self.0.load(Ordering::Relaxed)
    }
}

/// The memory of one column of a row, without its text.
const BYTES_OF_COLUMN: usize = 48;

/// A database that can end statements in time and measure its rows.
trait TimedDatabase: Database {
    /// Returns the bytes of a row's values.
    fn size(row: &Self::Row) -> usize;

    /// Makes the statements of a connection end at their deadline.
    fn arm<'c>(
        connection: &'c mut Self::Connection,
        deadline: &QueryDeadline,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>>;
}

/// PostgreSQL ends statements on its own, by `statement_timeout`.
impl TimedDatabase for Postgres {
    fn size(row: &PgRow) -> usize {
        let of = |column| row.try_get_raw(column).ok()?.as_bytes().ok().map(<[u8]>::len);
        (0..row.len()).map(|column| of(column).unwrap_or_default()).sum()
    }

    fn arm<'c>(_: &'c mut PgConnection, _: &QueryDeadline) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The steps of SQLite's virtual machine between two checks of the deadline.
const STEPS: i32 = 10_000;

impl TimedDatabase for Sqlite {
    /// Counts only texts, because other values are short.
    fn size(row: &SqliteRow) -> usize {
        let of = |column| {
            let value = row.try_get_raw(column).ok()?;
            let is_text = value.type_info().name() == "TEXT";
            let text = is_text.then(|| <&str as Decode<'_, Sqlite>>::decode(value).ok())??;
            Some(text.len())
        };
        (0..row.len()).map(|column| of(column).unwrap_or_default()).sum()
    }

    fn arm<'c>(
        connection: &'c mut SqliteConnection,
        deadline: &QueryDeadline,
    ) -> BoxFuture<'c, Result<(), sqlx::Error>> {
        let deadline = deadline.clone();
        Box::pin(async move {
            connection.lock_handle().await?.set_progress_handler(STEPS, move || !deadline.is_over());
            Ok(())
        })
    }
}

impl ReadPool {
    /// Creates the pool for SQLite. It has as many connections as are configured.
    pub fn sqlite(pool: Pool<Sqlite>, config: &DatabaseConfig, observer: Option<Observer>) -> Self {
        Self { connections: Connections::Sqlite(PooledConnections::new(pool, config)), observer }
    }

    /// Creates the pool for PostgreSQL. It has as many connections as are configured.
    pub fn postgres(pool: Pool<Postgres>, config: &DatabaseConfig, observer: Option<Observer>) -> Self {
        Self { connections: Connections::Postgres(PooledConnections::new(pool, config)), observer }
    }

    /// Returns the number of open connections, and how many could be used immediately.
    #[must_use]
    pub fn load(&self) -> (u32, usize) {
        match &self.connections {
            Connections::Sqlite(at_hand) => at_hand.load(),
            Connections::Postgres(at_hand) => at_hand.load(),
        }
    }

    /// Closes all connections and refuses further reads.
    pub async fn close(&self) {
        match &self.connections {
            Connections::Sqlite(at_hand) => at_hand.close().await,
            Connections::Postgres(at_hand) => at_hand.close().await,
        }
    }

    fn observe(&self, statement: &Statement) {
        if let Some(observer) = &self.observer {
            observer(statement);
        }
    }
}

impl<DB: TimedDatabase> PooledConnections<DB> {
    fn new(pool: Pool<DB>, config: &DatabaseConfig) -> Arc<Self> {
        let turns = Semaphore::new(usize::try_from(config.connections).unwrap_or(1));
        Arc::new(Self { pool, turns, idle: Mutex::default(), within: config.statement_timeout })
    }

    fn load(&self) -> (u32, usize) {
        (self.pool.size(), self.turns.available_permits())
    }

    fn idle(&self) -> MutexGuard<'_, Vec<IdleConnection<DB>>> {
        self.idle.lock()
    }

    /// Keeps an idle connection, unless the pool is closed.
    fn keep(&self, connection: IdleConnection<DB>) {
        let mut idle = self.idle();
        if !self.turns.is_closed() {
            idle.push(connection);
        }
    }

    async fn close(&self) {
        self.turns.close();
        self.idle().clear();
        self.pool.close().await;
    }

    /// Runs a read on an idle connection, or on a new one. A connection whose read was abandoned goes back to sqlx's
    /// pool, which checks it.
    async fn run<T>(
        &self,
        reading: impl for<'c> Fn(&'c mut DB::Connection) -> BoxFuture<'c, Result<T, sqlx::Error>>,
    ) -> Result<T, DbErr> {
        let turn = timeout(TURN_WITHIN, self.turns.acquire()).await;
        let _turn = match turn {
            Ok(Ok(turn)) => turn,
            Ok(Err(_)) => return Err(failed(sqlx::Error::PoolClosed)),
            Err(_) => return Err(failed(sqlx::Error::PoolTimedOut)),
        };
        let at_hand = self.idle().pop();
        if let Some(mut at_hand) = at_hand {
            at_hand.deadline.set(self.within);
            let read = reading(&mut at_hand.connection).await;
            if !read.as_ref().is_err_and(is_dead) {
                self.keep(at_hand);
                return read.map_err(failed);
            }
            // The fault that ended this connection has probably ended the other idle connections too.
            self.idle().clear();
        }
        let mut connection = self.pool.acquire().await.map_err(|error| failed(unreached(error)))?;
        let deadline = QueryDeadline::default();
        deadline.set(self.within);
        DB::arm(&mut connection, &deadline).await.map_err(failed)?;
        let read = reading(&mut connection).await;
        if !read.as_ref().is_err_and(is_dead) {
            self.keep(IdleConnection { connection, deadline });
        }
        read.map_err(failed)
    }
}

fn failed(error: sqlx::Error) -> DbErr {
    DbErr::Query(RuntimeErr::SqlxError(Arc::new(error)))
}

/// Returns a copy of the values that a statement binds, for one run.
pub(super) fn values(statement: &Statement) -> SqlxValues {
    SqlxValues(statement.values.clone().unwrap_or(Values(Vec::new())))
}

impl<DB> PooledConnections<DB>
where
    DB: TimedDatabase,
    SqlxValues: IntoArguments<DB>,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    QueryResult: From<DB::Row>,
    ExecResult: From<DB::QueryResult>,
{
    /// Reads all rows and measures each as it arrives. An operation over its memory limit reads no further.
    async fn all(&self, statement: &Statement) -> Result<Vec<QueryResult>, DbErr> {
        let rows = self.run(|connection| {
            let query = sqlx::query_with(AssertSqlSafe(statement.sql.clone()), values(statement));
            Box::pin(async move {
                let (mut rows, mut weighed) = (Vec::new(), Ok::<_, Excess>(()));
                row_stream::take_rows(connection.fetch_many(query), |row| {
                    weighed = memory_budget::add(DB::size(&row) + row.len() * BYTES_OF_COLUMN);
                    if weighed.is_err() {
                        return ControlFlow::Break(());
                    }
                    rows.push(QueryResult::from(row));
                    ControlFlow::Continue(())
                })
                .await?;
                Ok(weighed.map(|()| rows))
            })
        });
        Ok(rows.await??)
    }

    async fn one(&self, statement: &Statement) -> Result<Option<QueryResult>, DbErr> {
        let row = self.run(|connection| {
            let query = sqlx::query_with(AssertSqlSafe(statement.sql.clone()), values(statement));
            Box::pin(row_stream::first(connection.fetch_many(query)))
        });
        Ok(row.await?.map(QueryResult::from))
    }

    async fn execute(&self, statement: &Statement) -> Result<ExecResult, DbErr> {
        let done = self.run(|connection| {
            let query = sqlx::query_with(AssertSqlSafe(statement.sql.clone()), values(statement));
            Box::pin(row_stream::execute(connection.fetch_many(query)))
        });
        Ok(done.await?.into())
    }
}

#[async_trait::async_trait]
impl ConnectionTrait for ReadPool {
    fn get_database_backend(&self) -> DbBackend {
        match &self.connections {
            Connections::Sqlite(_) => DbBackend::Sqlite,
            Connections::Postgres(_) => DbBackend::Postgres,
        }
    }

    async fn execute_raw(&self, statement: Statement) -> Result<ExecResult, DbErr> {
        self.observe(&statement);
        match &self.connections {
            Connections::Sqlite(at_hand) => at_hand.execute(&statement).await,
            Connections::Postgres(at_hand) => at_hand.execute(&statement).await,
        }
    }

    async fn execute_unprepared(&self, sql: &str) -> Result<ExecResult, DbErr> {
        self.execute_raw(Statement::from_string(self.get_database_backend(), sql)).await
    }

    async fn query_one_raw(&self, statement: Statement) -> Result<Option<QueryResult>, DbErr> {
        self.observe(&statement);
        match &self.connections {
            Connections::Sqlite(at_hand) => at_hand.one(&statement).await,
            Connections::Postgres(at_hand) => at_hand.one(&statement).await,
        }
    }

    async fn query_all_raw(&self, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.observe(&statement);
        match &self.connections {
            Connections::Sqlite(at_hand) => at_hand.all(&statement).await,
            Connections::Postgres(at_hand) => at_hand.all(&statement).await,
        }
    }
}
