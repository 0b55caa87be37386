//! One database for each test: a SQLite file in a temporary directory, or a PostgreSQL database that is dropped at the
//! end.

use std::{collections::BTreeMap, path::PathBuf};

use sqlx::{Connection as _, Executor as _, PgConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use api::{
    config::{DatabaseConfig, Secret},
    database::Database,
};

use super::{Expected as _, consistency};

pub struct TestDatabase {
    /// The database of a test.
    pub url: String,
    /// The server on which the database is created and dropped. None for SQLite.
    server: Option<String>,
    pub directory: TempDir,
    /// False if the invariants are not checked at the end.
    consistent: bool,
}

/// Returns the server on which tests create databases. None for SQLite.
pub fn server() -> Option<String> {
    std::env::var("RAPPORT_TEST_DATABASE_URL").ok().filter(|url| !url.is_empty())
}

impl TestDatabase {
    /// Creates a database.
    pub async fn new() -> Self {
        let directory = TempDir::new().expected("a directory");
        let Some(server) = server() else {
            let file = directory.path().join("test.db");
            std::fs::copy(template_file().await, &file).expected("a copy of the template");
            return Self { url: format!("sqlite://{}", file.display()), server: None, directory, consistent: true };
        };
        let template = template(&server).await;
        let name = fresh_name();
        admin(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await;
        Self { url: on(&server, &name), server: Some(server), directory, consistent: true }
    }

    /// Leaves out the check of the invariants at the end, because the test writes rows that contradict them.
    pub fn leave_inconsistent(&mut self) {
        self.consistent = false;
    }

    /// Uses an existing database, which is not dropped.
    pub fn existing(url: &str) -> Self {
        let directory = TempDir::new().expected("a directory");
        Self { url: url.to_owned(), server: None, directory, consistent: false }
    }

    /// Returns the folder of uploaded files, which all instances of the test share.
    pub fn files(&self) -> String {
        self.directory.path().join("files").display().to_string()
    }

    pub fn is_postgres(&self) -> bool {
        self.url.starts_with("postgres")
    }

    /// Runs a statement on a separate connection.
    pub async fn run(&self, sql: &str) -> u64 {
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.url).await.expected("a connection");
            let done = connection.execute(sqlx::AssertSqlSafe(sql)).await.expected(sql);
            return done.rows_affected();
        }
        let mut connection = sqlx::SqliteConnection::connect(&self.url).await.expected("a connection");
        connection.execute(sqlx::AssertSqlSafe(sql)).await.expected(sql).rows_affected()
    }

    /// Returns all data as text. For a SQLite file, the bytes of the file.
    pub async fn dump(&self) -> String {
        if !self.is_postgres() {
            let path = self.url.trim_start_matches("sqlite://").to_owned();
            let files = ["", "-wal"].map(|end| std::fs::read(format!("{path}{end}")).unwrap_or_default());
            return files.iter().map(|bytes| String::from_utf8_lossy(bytes).into_owned()).collect();
        }
        let mut connection = PgConnection::connect(&self.url).await.expected("a connection");
        let tables = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut connection).await.expected("tables");
        let mut all = String::new();
        for table in tables {
            let rows = format!("SELECT row::text FROM \"{table}\" AS row");
            let rows: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(rows)).fetch_all(&mut connection).await.expected("rows");
            all.push_str(&rows.join("\n"));
        }
        all
    }

    /// Returns every row as text, except the rows of the given tables.
    pub async fn rows(&self, without: &[&str]) -> BTreeMap<String, Vec<String>> {
        let tables = match self.is_postgres() {
            true => "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'",
            false => "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'",
        };
        let mut selects = Vec::new();
        for table in self.texts(tables).await.into_iter().filter(|table| !without.contains(&table.as_str())) {
            let row = match self.is_postgres() {
                true => "CAST(t AS text)".to_owned(),
                false => {
                    let columns = format!("SELECT 'quote(\"' || name || '\")' FROM pragma_table_info('{table}')");
                    self.texts(&columns).await.join(" || ',' || ")
                }
            };
            selects.push(format!("SELECT '{table}' || ' ' || {row} FROM \"{table}\" t"));
        }
        let rows = self.texts(&format!("{} ORDER BY 1", selects.join(" UNION ALL "))).await;
        let mut all = BTreeMap::<String, Vec<String>>::new();
        for row in rows {
            let table = row.split(' ').next().unwrap_or_default().to_owned();
            all.entry(table).or_default().push(row);
        }
        all
    }

    /// Returns the texts that a statement selects.
    pub async fn texts(&self, sql: &str) -> Vec<String> {
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.url).await.expected("a connection");
            return sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut connection).await.expected(sql);
        }
        let mut connection = sqlx::SqliteConnection::connect(&self.url).await.expected("a connection");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&mut connection).await.expected(sql)
    }

    /// Returns every column of the given types, as `table column`.
    pub async fn columns(&self, kinds: &[&str]) -> Vec<String> {
        let kinds = format!("'{}'", kinds.join("', '"));
        let sql = match self.is_postgres() {
            true => format!(
                "SELECT table_name || ' ' || column_name FROM information_schema.columns \
                 WHERE table_schema = 'public' AND data_type IN ({kinds})"
            ),
            false => format!(
                "SELECT m.name || ' ' || c.name FROM sqlite_master m, pragma_table_info(m.name) c \
                 WHERE m.type = 'table' AND c.type IN ({kinds})"
            ),
        };
        self.texts(&sql).await
    }

    /// Returns an id as an SQL literal.
    pub fn literal(&self, id: Uuid) -> String {
        if self.is_postgres() { format!("'{id}'") } else { format!("x'{}'", id.simple()) }
    }

    /// Returns an expression that gives the 32 hexadecimal digits of the ids in a column.
    pub fn digits(&self, column: &str) -> String {
        match self.is_postgres() {
            true => format!("replace(CAST({column} AS text), '-', '')"),
            false => format!("lower(hex({column}))"),
        }
    }

    /// Returns the number that a statement selects.
    pub async fn number(&self, sql: &str) -> i64 {
        if self.is_postgres() {
            let mut connection = PgConnection::connect(&self.url).await.expected("a connection");
            return sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await.expected(sql);
        }
        let mut connection = sqlx::SqliteConnection::connect(&self.url).await.expected("a connection");
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await.expected(sql)
    }
}

/// Checks the invariants after every test that has not failed, and drops the database.
impl Drop for TestDatabase {
    fn drop(&mut self) {
        let check = self.consistent && !std::thread::panicking();
        let server = self.server.take();
        let database = &*self;
        // The test's runtime may be stopping, so another thread has its own runtime.
        let ended = std::thread::scope(|scope| {
            let ending = scope.spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expected("a runtime");
                let checked =
                    runtime.block_on(async { if check { consistency::violation(database).await } else { None } });
                if let Some(server) = server {
                    let name = database.url.rsplit('/').next().unwrap_or_default();
                    runtime.block_on(admin(&server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")));
                }
                checked
            });
            ending.join()
        });
        if let Ok(Some(violation)) = ended {
            panic!("not true at the end of the test: {violation}");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a name that nothing else has, outside the product")]
fn fresh_name() -> String {
    format!("rapport_test_{}", Uuid::new_v4().simple())
}

fn on(server: &str, database: &str) -> String {
    let (base, _) = server.rsplit_once('/').expected("postgres://…/NAME");
    format!("{base}/{database}")
}

/// Administrative statements run one after another, because PostgreSQL copies a template only while nobody uses it.
static ADMIN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn admin(server: &str, sql: &str) {
    let _turn = ADMIN.lock().await;
    let mut connection = PgConnection::connect(server).await.expected("the server of RAPPORT_TEST_DATABASE_URL");
    connection.execute(sqlx::AssertSqlSafe(sql)).await.expected(sql);
    connection.close().await.expected("closed");
}

/// Creates the migrated SQLite file that all others copy.
async fn template_file() -> PathBuf {
    static TEMPLATE: OnceCell<TempDir> = OnceCell::const_new();
    let made = TEMPLATE.get_or_init(|| async {
        let directory = TempDir::new().expected("a directory");
        migrate(&format!("sqlite://{}", directory.path().join("template.db").display())).await;
        assert!(!directory.path().join("template.db-wal").exists(), "the whole template is in its file");
        directory
    });
    made.await.path().join("template.db")
}

async fn migrate(url: &str) {
    let config = DatabaseConfig {
        url: Secret::from(url),
        connections: 2,
        statement_timeout: std::time::Duration::from_secs(60),
    };
    let database = Database::open(&config, None).await.expected("the template");
    database.migrate().await.expected("migrated");
    database.close().await.expected("closed");
}

/// Creates the migrated database that all others copy.
async fn template(server: &str) -> &'static str {
    static TEMPLATE: OnceCell<String> = OnceCell::const_new();
    TEMPLATE
        .get_or_init(|| async {
            let name = format!("rapport_template_{}", std::process::id());
            admin(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
            admin(server, &format!("CREATE DATABASE {name}")).await;
            migrate(&on(server, &name)).await;
            name
        })
        .await
}
