//! Statements as text that both databases read, and rows read by the places of their columns.

use sea_orm::{ConnectionTrait, DbErr, EntityTrait, FromQueryResult, QueryResult, RuntimeErr, Statement, Value};
use sqlx::{Row as _, postgres::PgRow, sqlite::SqliteRow};

/// A row of either database, read by the places of its columns. Reading by name looks each name up in each row and, where
/// a value is NULL, first makes an error of it: on a page of people that was a tenth of the whole request.
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

    /// What is written so far.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
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
    /// number of different statements stays small. Nothing is in an empty list.
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
    pub async fn places<T>(
        self,
        db: &impl ConnectionTrait,
        read: impl Fn(&Places<'_>) -> Result<T, DbErr>,
    ) -> Result<Vec<T>, DbErr> {
        let statement = self.statement(db);
        let rows = db.query_all_raw(statement).await?;
        let read = |row: &QueryResult| match (row.try_as_pg_row(), row.try_as_sqlite_row()) {
            (Some(row), _) => read(&Places::Postgres(row)),
            (_, Some(row)) => read(&Places::Sqlite(row)),
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
