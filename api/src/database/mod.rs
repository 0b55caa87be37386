//! The database: SQLite with one writer and many readers, or PostgreSQL with one pool. Everything the two do differently
//! at run time is decided here; everything else is the same code and the same SQL.

mod answers;
pub mod pulse;
pub mod reading;
pub mod sql;
pub mod writing;

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
    pulse::Pulse,
    reading::Reader,
    writing::{BeforeStep, Transaction, Writer},
};
use crate::{config::DatabaseConfig, error::is_outage};

/// Called with every statement that is run; tests count and explain them.
pub type Observer = Arc<dyn Fn(&Statement) + Send + Sync>;

/// The lock that keeps two instances from migrating at once: any number, the same in every version.
const MIGRATION_LOCK: i64 = 0x0052_4150_504f_5254;

/// The open database.
#[derive(Clone)]
pub struct Database {
    read: Reader,
    write: Writer,
    /// For the migrations.
    file: Option<SqliteConnectOptions>,
}

impl Database {
    /// Opens the database; a SQLite file is made when it is not there.
    pub async fn open(config: &DatabaseConfig, observer: Option<Observer>) -> anyhow::Result<Self> {
        let url = config.url.expose();
        let pulse = Arc::new(Pulse::default());
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
            let read = Reader::sqlite(readers, config, observer.clone());
            Ok(Self { read, write: Writer::sqlite(writer, pulse, observer), file: Some(file) })
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
            let read = Reader::postgres(readers, config, observer.clone());
            Ok(Self { read, write: Writer::postgres(writer, pulse, observer), file: None })
        }
    }

    /// For reading. Sees everything that was committed before.
    #[must_use]
    pub fn read(&self) -> &Reader {
        &self.read
    }

    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.write.backend() == DbBackend::Postgres
    }

    /// Connections for writing that are open, and how many of them are free.
    #[must_use]
    pub fn write_load(&self) -> (u32, usize) {
        self.write.load()
    }

    /// Whether writes succeed.
    #[must_use]
    pub fn pulse(&self) -> &Pulse {
        self.write.pulse()
    }

    /// Calls `before` ahead of each step of every writing transaction from now on.
    pub fn before_steps(&self, before: Option<BeforeStep>) {
        self.write.before_steps(before);
    }

    pub(crate) fn postgres(&self) -> Option<&sqlx::PgPool> {
        self.write.postgres_pool()
    }

    /// Begins a writing transaction.
    pub(crate) async fn begin(&self) -> Result<Transaction, DbErr> {
        self.write.begin().await
    }

    /// Begins a writing transaction whose statements no observer sees.
    pub(crate) async fn begin_unobserved(&self) -> Result<Transaction, DbErr> {
        self.write.begin_unobserved().await
    }

    /// Brings the schema up to date. Instances that start together wait for one another.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        self.exclusively(async {
            // On connections that are closed afterwards: what goes wrong here must not reach the writer.
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

    /// Runs work that instances starting together must not do at once. SQLite has a single instance, and one writer.
    pub async fn exclusively<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let Some(pool) = self.postgres() else { return work.await };
        // A connection beside the pool, which may have a single one. The lock is the session's: whatever happens, closing
        // the connection gives it back.
        let mut lock = PgConnection::connect_with(&pool.connect_options()).await?;
        sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut lock).await?;
        let done = work.await;
        lock.close_hard().await?;
        done
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read.execute_unprepared("SELECT 1").await.map(drop)
    }

    /// Refreshes what the query planner knows, after a bulk load.
    pub async fn analyze(&self) -> Result<(), DbErr> {
        let tx = self.begin().await?;
        tx.execute_unprepared("ANALYZE").await?;
        tx.commit().await
    }

    pub async fn close(self) -> Result<(), DbErr> {
        self.read.close().await;
        self.write.close().await;
        Ok(())
    }
}

/// How long a connection may take to get; longer than that the database counts as gone.
const CONNECTION_WITHIN: Duration = Duration::from_secs(4);
/// How long another process may keep the SQLite file locked before a statement fails.
const LOCKED_WITHIN: Duration = Duration::from_secs(3);

fn sqlite(file: SqliteConnectOptions) -> SqliteConnectOptions {
    file.create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // FULL, because an acknowledged write must survive a power cut; NORMAL loses the last ones.
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
        // Every statement is written for one plan, on one index. Planning it anew for its values, as PostgreSQL may
        // choose to, costs more than running it.
        .options([("plan_cache_mode", "force_generic_plan")])
        .options([("statement_timeout", timeout.as_millis().to_string())])
        // An instance that hangs in a transaction must not keep its rows locked for all others.
        .options([("idle_in_transaction_session_timeout", IDLE_WITHIN.as_millis().to_string())])
        .disable_statement_logging()
}

/// How long a transaction may wait for its next statement. Only SQL is awaited inside one, so that takes milliseconds.
const IDLE_WITHIN: Duration = Duration::from_secs(15);

/// Prepared statements that a connection keeps.
const STATEMENTS: usize = 256;

/// What it means that no connection could be had: whatever the reason, the database cannot be reached.
fn unreached(error: sqlx::Error) -> sqlx::Error {
    if is_outage(&error) { error } else { sqlx::Error::Io(std::io::Error::other(error)) }
}

/// Whether the transaction only has to be run again: another one was in its way.
pub(crate) fn is_conflict(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return false;
    };
    let sqlx::Error::Database(cause) = &**cause else { return false };
    // 40001 serialisation failure, 40P01 deadlock; 517 is SQLite's BUSY_SNAPSHOT.
    matches!(cause.code().as_deref(), Some("40001" | "40P01" | "517"))
}
