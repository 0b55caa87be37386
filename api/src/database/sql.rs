//! SQL statements as text that both databases accept, and rows that are read by column position.

use sea_orm::{
    ConnectionTrait, DbBackend, DbErr, EntityTrait, FromQueryResult, IdenStatic as _, Iterable as _, QueryResult,
    RuntimeErr, Statement, Value,
};
use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};

/// A row of either database, read by column position. Reading by name looks up each name in each row, and creates an
/// error for each NULL. On a page of people that took a tenth of the whole request.
pub enum Columns<'r> {
    /// A row of PostgreSQL.
    Postgres(&'r PgRow),
    /// A row of SQLite.
    Sqlite(&'r SqliteRow),
}

impl Columns<'_> {
    /// Returns the value of a column, counted from 0.
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

/// Returns the columns of an entity with a table alias, as a list for SELECT or RETURNING. Statements name their
/// columns and never use `*`: a newer version may add a column while this one runs, and a remembered statement whose
/// columns change fails on both databases.
#[must_use]
pub fn columns<E: EntityTrait>(alias: &str) -> String {
    E::Column::iter().map(|column| format!("{alias}.\"{}\"", column.as_str())).collect::<Vec<_>>().join(", ")
}

/// A statement under construction: its values, and text with `$1 $2 …` as both databases accept it.
#[derive(Clone, Debug, Default)]
pub struct Sql {
    text: String,
    values: Vec<Value>,
}

impl Sql {
    /// Starts a statement with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), values: Vec::new() }
    }

    /// Starts a statement that reads rows of an entity under a table alias. `rest` follows the FROM clause.
    #[must_use]
    pub fn select<E: EntityTrait>(alias: &str, rest: &str) -> Self {
        let table = E::default().table_name().to_owned();
        Self::new(&format!("SELECT {} FROM \"{table}\" {alias} {rest}", columns::<E>(alias)))
    }

    /// Appends text without values.
    pub fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// Locks the selected rows until the transaction ends. SQLite has one writer and needs no clause.
    pub fn lock_rows(&mut self, db: &impl ConnectionTrait) {
        if db.get_database_backend() == DbBackend::Postgres {
            self.push(" FOR UPDATE");
        }
    }

    /// Locks the selected rows like [`Self::lock_rows`], and leaves out rows that another transaction has locked.
    pub fn lock_free_rows(&mut self, db: &impl ConnectionTrait) {
        if db.get_database_backend() == DbBackend::Postgres {
            self.push(" FOR UPDATE SKIP LOCKED");
        }
    }

    /// Appends the seconds from one time to another, with fractions. Both are expressions.
    pub fn push_seconds(&mut self, db: &impl ConnectionTrait, from: &str, to: &str) {
        self.push(&match db.get_database_backend() {
            DbBackend::Postgres => format!("CAST(EXTRACT(EPOCH FROM ({to} - {from})) AS double precision)"),
            _ => format!("(julianday({to}) - julianday({from})) * 86400.0"),
        });
    }

    /// Returns the text so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns true when there is no text yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    /// Appends a value and its placeholder.
    pub fn bind(&mut self, value: impl Into<Value>) {
        self.values.push(value.into());
        self.text.push_str(&format!("${}", self.values.len()));
    }

    /// Appends `(a, b, c)` with all values bound. Repeats the last value up to a power of two, so that few different
    /// statements exist. An empty list matches nothing.
    pub fn bind_list<T: Into<Value> + Clone>(&mut self, items: &[T]) {
        if items.is_empty() {
            return self.push("(NULL)");
        }
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

    /// Runs the statement and returns its rows as models of the entity.
    pub async fn models<E: EntityTrait>(self, db: &impl ConnectionTrait) -> Result<Vec<E::Model>, DbErr> {
        let statement = self.statement(db);
        E::find().from_raw_sql(statement).all(db).await
    }

    /// Runs the statement and returns its rows as another type.
    pub async fn all<T: FromQueryResult>(self, db: &impl ConnectionTrait) -> Result<Vec<T>, DbErr> {
        let statement = self.statement(db);
        T::find_by_statement(statement).all(db).await
    }

    /// Runs the statement and returns its rows, each read by column position.
    pub async fn columns<T>(
        self,
        db: &impl ConnectionTrait,
        read: impl Fn(&Columns<'_>) -> Result<T, DbErr>,
    ) -> Result<Vec<T>, DbErr> {
        let statement = self.statement(db);
        let rows = db.query_all_raw(statement).await?;
        let read = |row: &QueryResult| match (row.try_as_pg_row(), row.try_as_sqlite_row()) {
            (Some(row), _) => read(&Columns::Postgres(row)),
            (_, Some(row)) => read(&Columns::Sqlite(row)),
            _ => Err(DbErr::Custom("a row of neither database".to_owned())),
        };
        rows.iter().map(read).collect()
    }

    /// Runs the statement and returns its first row, if there is one.
    pub async fn one(self, db: &impl ConnectionTrait) -> Result<Option<QueryResult>, DbErr> {
        let statement = self.statement(db);
        db.query_one_raw(statement).await
    }

    /// Runs the statement and returns the number of rows that it changed.
    pub async fn run(self, db: &impl ConnectionTrait) -> Result<u64, DbErr> {
        let statement = self.statement(db);
        Ok(db.execute_raw(statement).await?.rows_affected())
    }
}
