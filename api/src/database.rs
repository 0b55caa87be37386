//! The database: SQLite with one writer and many readers, or PostgreSQL with one pool. Everything the two do differently
//! at run time is decided here; everything else is the same code and the same SQL.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use migration::Migrator;
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, EntityTrait,
    FromQueryResult, QueryResult, RuntimeErr, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    Value,
};
use sea_orm_migration::MigratorTrait;
use sqlx::{
    Connection as _, PgConnection, Row as _,
    postgres::PgRow,
    sqlite::{SqliteJournalMode, SqliteRow, SqliteSynchronous},
};

use crate::config::DatabaseConfig;

/// Called with every statement that is run; tests count and explain them.
pub type Observer = Arc<dyn Fn(&Statement) + Send + Sync>;

/// The lock that keeps two instances from migrating at once: any number, the same in every version.
const MIGRATION_LOCK: i64 = 0x0052_4150_504f_5254;

/// The open database.
#[derive(Clone)]
pub struct Database {
    read: DatabaseConnection,
    write: DatabaseConnection,
    backend: DbBackend,
    /// The pool beside sea-orm, for LISTEN.
    postgres: Option<sqlx::PgPool>,
}

impl Database {
    /// Opens the database; a SQLite file is made when it is not there.
    pub async fn open(config: &DatabaseConfig, observer: Option<Observer>) -> anyhow::Result<Self> {
        let url = config.url.expose();
        let observe = |connection: &mut DatabaseConnection| {
            if let Some(observer) = observer.clone() {
                connection.set_metric_callback(move |info| observer(info.statement));
            }
        };
        if url.starts_with("sqlite:") {
            let writer = sqlite_options(url, 1, false);
            let mut write = sea_orm::Database::connect(writer).await.context("the SQLite file cannot be opened")?;
            let readers = sqlite_options(url, config.connections, true);
            let mut read = sea_orm::Database::connect(readers).await.context("the SQLite file cannot be opened")?;
            observe(&mut write);
            observe(&mut read);
            return Ok(Self { read, write, backend: DbBackend::Sqlite, postgres: None });
        }
        let mut options = ConnectOptions::new(url);
        options
            .max_connections(config.connections)
            .acquire_timeout(Duration::from_secs(10))
            .test_before_acquire(false)
            .test_before_acquire_if_idle_for(Duration::from_secs(30))
            .set_application_name("rapport")
            // Every statement is written for one plan, on one index. Planning it anew for its values, as PostgreSQL may
            // choose to, costs more than running it.
            .map_sqlx_postgres_opts(|postgres| postgres.options([("plan_cache_mode", "force_generic_plan")]))
            .sqlx_logging(false);
        let mut write = sea_orm::Database::connect(options).await.context("PostgreSQL cannot be reached")?;
        observe(&mut write);
        let postgres = Some(write.get_postgres_connection_pool().clone());
        Ok(Self { read: write.clone(), write, backend: DbBackend::Postgres, postgres })
    }

    /// For reading. Sees everything that was committed before.
    #[must_use]
    pub fn read(&self) -> &DatabaseConnection {
        &self.read
    }

    #[must_use]
    pub fn is_postgres(&self) -> bool {
        self.backend == DbBackend::Postgres
    }

    pub(crate) fn postgres(&self) -> Option<&sqlx::PgPool> {
        self.postgres.as_ref()
    }

    /// Begins a writing transaction: READ COMMITTED on PostgreSQL; on SQLite the write lock is taken at once, because a
    /// reader that turns into a writer can fail half-way.
    pub(crate) async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        match self.backend {
            DbBackend::Sqlite => {
                let options = TransactionOptions {
                    sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
                    ..TransactionOptions::default()
                };
                self.write.begin_with_options(options).await
            }
            _ => self.write.begin().await,
        }
    }

    /// Brings the schema up to date. Instances that start together wait for one another.
    pub async fn migrate(&self) -> anyhow::Result<()> {
        let Some(pool) = &self.postgres else {
            return Ok(Migrator::up(&self.write, None).await?);
        };
        // A connection beside the pool, which may have a single one. The lock is the session's: whatever happens, closing
        // the connection gives it back.
        let mut lock = PgConnection::connect_with(&pool.connect_options()).await?;
        sqlx::query("SELECT pg_advisory_lock($1)").bind(MIGRATION_LOCK).execute(&mut lock).await?;
        let migrated = Migrator::up(&self.write, None).await;
        lock.close_hard().await?;
        Ok(migrated?)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbErr> {
        self.read.execute_unprepared("SELECT 1").await.map(drop)
    }

    /// Refreshes what the query planner knows, after a bulk load.
    pub async fn analyze(&self) -> Result<(), DbErr> {
        self.write.execute_unprepared("ANALYZE").await.map(drop)
    }

    pub async fn close(self) -> Result<(), DbErr> {
        if self.backend == DbBackend::Sqlite {
            self.read.close().await?;
        }
        self.write.close().await
    }
}

fn sqlite_options(url: &str, connections: u32, reading: bool) -> ConnectOptions {
    let mut options = ConnectOptions::new(url);
    options
        .max_connections(connections)
        .acquire_timeout(Duration::from_secs(30))
        .test_before_acquire(false)
        .sqlx_logging(false)
        .map_sqlx_sqlite_opts(move |sqlite| {
            let sqlite = sqlite
                .create_if_missing(!reading)
                .journal_mode(SqliteJournalMode::Wal)
                // FULL, because an acknowledged write must survive a power cut; NORMAL loses the last ones.
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                .busy_timeout(Duration::from_secs(10))
                .statement_cache_capacity(256)
                .pragma("cache_size", "-16384")
                .pragma("mmap_size", "268435456");
            if reading { sqlite.pragma("query_only", "ON") } else { sqlite }
        });
    options
}

/// Whether the transaction only has to be run again: another one was in its way.
pub(crate) fn is_conflict(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return false;
    };
    let sqlx::Error::Database(cause) = &**cause else { return false };
    // 40001 serialisation failure, 40P01 deadlock; 5 and 517 are SQLite's BUSY and BUSY_SNAPSHOT.
    matches!(cause.code().as_deref(), Some("40001" | "40P01" | "5" | "517"))
}

/// A row read by the places of its columns. Reading by name looks each name up in each row and, where a value is NULL,
/// first makes an error of it: on a page of people that was a tenth of the whole request.
pub trait FromPlaces: Sized {
    fn from_places(row: &Places<'_>) -> Result<Self, DbErr>;
}

/// A row of either database.
pub enum Places<'r> {
    Postgres(&'r PgRow),
    Sqlite(&'r SqliteRow),
}

impl Places<'_> {
    /// The value in a column, counted from 0.
    pub fn get<T>(&self, place: usize) -> Result<T, DbErr>
    where
        T: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
        T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite>,
    {
        let value = match self {
            Self::Postgres(row) => row.try_get(place),
            Self::Sqlite(row) => row.try_get(place),
        };
        value.map_err(|error| DbErr::Query(RuntimeErr::SqlxError(error.into())))
    }
}

/// A statement under construction: text with `$1 $2 …`, which both databases read, and the values.
#[derive(Clone, Debug, Default)]
pub struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Adds a value and its place-holder.
    pub fn bind(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
        self.text.push_str(&format!("${}", self.values.len()));
    }

    /// Adds `(a, b, c)`, all of them bound. The list is filled up to a power of two with its last value, so that the
    /// number of different statements stays small.
    pub fn bind_list<T: Into<Value> + Clone>(&mut self, items: &[T]) {
        self.push("(");
        let width = items.len().next_power_of_two();
        for (index, item) in items.iter().chain(items.last().into_iter().cycle()).take(width).enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.bind(item.clone());
        }
        self.push(")");
    }

    fn statement(self, db: &impl ConnectionTrait) -> Statement {
        Statement::from_sql_and_values(db.get_database_backend(), self.text, self.values)
    }

    /// The rows as the entity's model.
    pub async fn models<E: EntityTrait>(self, db: &impl ConnectionTrait) -> Result<Vec<E::Model>, DbErr> {
        let statement = self.statement(db);
        E::find().from_raw_sql(statement).all(db).await
    }

    /// The rows as another type.
    pub async fn all<T: FromQueryResult>(self, db: &impl ConnectionTrait) -> Result<Vec<T>, DbErr> {
        let statement = self.statement(db);
        T::find_by_statement(statement).all(db).await
    }

    /// The rows, each read by the places of its columns.
    pub async fn places<T: FromPlaces>(self, db: &impl ConnectionTrait) -> Result<Vec<T>, DbErr> {
        let statement = self.statement(db);
        let rows = db.query_all_raw(statement).await?;
        let read = |row: &QueryResult| match (row.try_as_pg_row(), row.try_as_sqlite_row()) {
            (Some(row), _) => T::from_places(&Places::Postgres(row)),
            (_, Some(row)) => T::from_places(&Places::Sqlite(row)),
            _ => Err(DbErr::Custom("a row of neither database".to_owned())),
        };
        rows.iter().map(read).collect()
    }

    /// The first row, if there is one.
    pub async fn one(self, db: &impl ConnectionTrait) -> Result<Option<QueryResult>, DbErr> {
        let statement = self.statement(db);
        db.query_one_raw(statement).await
    }

    /// Runs it; the number of rows it changed.
    pub async fn run(self, db: &impl ConnectionTrait) -> Result<u64, DbErr> {
        let statement = self.statement(db);
        Ok(db.execute_raw(statement).await?.rows_affected())
    }
}
