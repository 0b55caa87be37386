//! The database: SQLite with one writer and many readers, or PostgreSQL. This module decides everything that differs
//! between the two at run time. All other code and all SQL is shared.

mod row_stream;
pub mod write_health;
pub mod read_pool;
pub mod sql;
pub mod write_pool;

use std::{str::FromStr as _, sync::Arc, time::Duration};

use anyhow::Context as _;
use migration::Migrator;
use sea_orm::{ConnectionTrait, DbBackend, DbErr, RuntimeErr, SqlxPostgresConnector, SqlxSqliteConnector, Statement};
use sea_orm_migration::MigratorTrait;
use sqlx::{
    ConnectOptions as _, Connection as _, PgConnection,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use self::{
    read_pool::ReadPool,
    write_health::WriteHealth,
    write_pool::{BeforeStep, Transaction, WritePool},
};
use crate::{config::DatabaseConfig, error::is_outage};

/// A callback that gets every statement before it runs. Tests count and explain statements with it.
pub type Observer = Arc<dyn Fn(&Statement) + Send + Sync>;

/// The key of the lock that keeps two instances from migrating at once. It is arbitrary but equal in every version.
const MIGRATION_LOCK: i64 = 0x0052_4150_504f_5254;

/// The open database, with separate pools for reads and writes.
#[derive(Clone)]
pub struct Database {
    read: ReadPool,
    write: WritePool,
    /// The SQLite file, for the migrations.
    file: Option<SqliteConnectOptions>,
}

impl Database {
    /// Opens the database. A missing SQLite file is created.
    pub async fn open(config: &DatabaseConfig, observer: Option<Observer>) -> anyhow::Result<Self> {
        let url = config.url.expose();
        let pulse = Arc::new(WriteHealth::default());
        let trusted = Arc::clone(&pulse);
        if url.starts_with("sqlite:") {
            let cannot = "the SQLite file cannot be opened";
            let file = sqlite(SqliteConnectOptions::from_str(url).context(cannot)?);
            let pool = SqlitePoolOptions::new().acquire_timeout(CONNECTION_WITHIN).test_before_acquire(false);
            let writer = pool.clone().max_connections(1).before_acquire(move |_, meta| {
                let trusts = trusted.trusts(meta.age);
                Box::pin(async move { Ok(trusts) })
            });
            let writer = writer.connect_with(file.clone()).await.context(cannot)?;
            let reader = file.clone().create_if_missing(false).pragma("query_only", "ON");
            let readers = pool.max_connections(config.connections).connect_with(reader).await.context(cannot)?;
            let read = ReadPool::sqlite(readers, config, observer.clone());
            Ok(Self { read, write: WritePool::sqlite(writer, pulse, observer), file: Some(file) })
        } else {
            let cannot = "PostgreSQL cannot be reached";
            let server = postgres(PgConnectOptions::from_str(url).context(cannot)?, config.statement_timeout);
            let pool = PgPoolOptions::new().max_connections(config.connections).acquire_timeout(CONNECTION_WITHIN);
            let writer = pool.clone().test_before_acquire(false).before_acquire(move |_, meta| {
                let trusts = trusted.trusts(meta.age);
                Box::pin(async move { Ok(trusts) })
            });
            let writer = writer.connect_with(server.clone()).await.context(cannot)?;
            let readers = pool.connect_lazy_with(server.options([("default_transaction_read_only", "on")]));
            let read = ReadPool::postgres(readers, config, observer.clone());
            Ok(Self { read, write: WritePool::postgres(writer, pulse, observer), file: None })
        }
    }

    /// Returns the pool for reads. A read sees everything that was committed before it.
    #[must_use]
    pub fn read(&self) -> &ReadPool {
        &self.read
    }

    /// Returns true for PostgreSQL, false for SQLite.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.write.backend() == DbBackend::Postgres
    }

    /// Returns the number of open write connections, and how many of them are free.
    #[must_use]
    pub fn write_load(&self) -> (u32, usize) {
        self.write.load()
    }

    /// Returns the health of the writes.
    #[must_use]
    pub fn pulse(&self) -> &WriteHealth {
        self.write.pulse()
    }

    /// Calls `before` ahead of each step of every write transaction from now on.
    pub fn before_steps(&self, before: Option<BeforeStep>) {
        self.write.before_steps(before);
    }

    pub(crate) fn postgres(&self) -> Option<&sqlx::PgPool> {
        self.write.postgres_pool()
    }

    /// Begins a write transaction.
    pub(crate) async fn begin(&self) -> Result<Transaction, DbErr> {
        self.write.begin().await
    }

    /// Begins a write transaction whose statements the observer does not get.
    pub(crate) async fn begin_unobserved(&self) -> Result<Transaction, DbErr> {
        self.write.begin_unobserved().await
    }

    /// Applies the missing migrations. Instances that start together wait for one another.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        self.exclusively(async {
            // The connections are closed afterwards, so that a fault here cannot reach the writer.
            if let Some(pool) = self.postgres() {
                let own =
                    PgPoolOptions::new().max_connections(1).connect_with((*pool.connect_options()).clone()).await?;
                let migrated = Migrator::up(&SqlxPostgresConnector::from_sqlx_postgres_pool(own.clone()), None).await;
                own.close().await;
                return Ok(migrated?);
            }
            let Some(file) = self.file.clone() else { return Ok(()) };
            let own = SqlitePoolOptions::new().max_connections(1).connect_with(file).await?;
            let migrated = Migrator::up(&SqlxSqliteConnector::from_sqlx_sqlite_pool(own.clone()), None).await;
            own.close().await;
            Ok(migrated?)
        })
        .await
    }

    /// Runs work that instances must not do at the same time. SQLite has one instance with one writer, so it needs no
    /// lock.
    pub async fn exclusively<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let Some(pool) = self.postgres() else { return work.await };
        // The lock has its own connection, because the pool may have only one. The lock belongs to the session, so
        // closing the connection always releases it.
        let mut lock = PgConnection::connect_with(&pool.connect_options()).await?;
        sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut lock).await?;
        let done = work.await;
        lock.close_hard().await?;
        done
    }

    /// Fails when the database does not answer.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read.execute_unprepared("SELECT 1").await.map(drop)
    }

    /// Refreshes the statistics of the query planner after a bulk load.
    pub async fn analyze(&self) -> Result<(), DbErr> {
        let tx = self.begin().await?;
        tx.execute_unprepared("ANALYZE").await?;
        tx.commit().await
    }

    /// Closes all connections.
    pub async fn close(self) -> Result<(), DbErr> {
        self.read.close().await;
        self.write.close().await;
        Ok(())
    }
}

/// The maximum wait for a connection. After that the database counts as unavailable.
const CONNECTION_WITHIN: Duration = Duration::from_secs(4);
/// The time for which another process may lock the SQLite file before a statement fails.
const LOCKED_WITHIN: Duration = Duration::from_secs(3);

fn sqlite(file: SqliteConnectOptions) -> SqliteConnectOptions {
    file.create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL, because an acknowledged write must survive a power cut. NORMAL would lose the last writes.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(LOCKED_WITHIN)
        .statement_cache_capacity(STATEMENTS)
        .pragma("cache_size", "-16384")
        .pragma("mmap_size", "268435456")
        .disable_statement_logging()
}

fn postgres(server: PgConnectOptions, timeout: Duration) -> PgConnectOptions {
    server
        .application_name("rapport")
        .statement_cache_capacity(STATEMENTS)
        // Every statement is written for one plan on one index. PostgreSQL may plan it again for its values, which
        // costs more than running it.
        .options([("plan_cache_mode", "force_generic_plan")])
        .options([("statement_timeout", timeout.as_millis().to_string())])
        // An instance that hangs in a transaction must not keep its rows locked for all other instances.
        .options([("idle_in_transaction_session_timeout", IDLE_WITHIN.as_millis().to_string())])
        .disable_statement_logging()
}

/// The maximum wait of a transaction for its next statement. A transaction awaits only SQL, so a wait takes
/// milliseconds.
const IDLE_WITHIN: Duration = Duration::from_secs(15);

/// The number of prepared statements that a connection keeps.
const STATEMENTS: usize = 256;

/// Turns any failure to get a connection into an outage: whatever the reason, the database cannot be reached.
fn unreached(error: sqlx::Error) -> sqlx::Error {
    if is_outage(&error) { error } else { sqlx::Error::Io(std::io::Error::other(error)) }
}

/// Returns true when another transaction was in the way and running this one again may succeed.
pub(crate) fn is_conflict(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return false;
    };
    let sqlx::Error::Database(cause) = &**cause else { return false };
    // 40001 is a serialization failure, 40P01 a deadlock, and 517 is SQLite's BUSY_SNAPSHOT.
    matches!(cause.code().as_deref(), Some("40001" | "40P01" | "517"))
}
