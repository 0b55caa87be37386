//! A server with only sqlx and JSON. It shows the cost of a request without GraphQL, permissions and objects.

use std::{collections::HashMap, sync::Arc};

use axum::{
    Router,
    extract::{Query, State},
    http::header,
    response::IntoResponse,
    routing::get,
};
use serde::Serialize;
use sqlx::{
    PgPool, SqlitePool,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::SqlitePoolOptions,
};
use tokio::net::TcpListener;
use uuid::Uuid;

pub const PAGE: &str = "SELECT u.id, u.handle, u.display_name, u.name_key FROM contact c JOIN \"user\" u ON u.id = c.user_id \
    WHERE c.owner_id = $1 AND c.list = $2 AND (c.until IS NULL OR c.until > $3) ORDER BY c.name_key, c.user_id LIMIT 21";
pub const COUNT: &str =
    "SELECT count(*) FROM contact WHERE owner_id = $1 AND list = $2 AND (until IS NULL OR until > $3)";
pub const PERSON: &str = "SELECT id, handle, display_name, name_key FROM \"user\" WHERE status = 1 AND id = $1";
pub const PAIR: &str =
    "SELECT connection, lo_follows, hi_follows, lo_blocks, hi_blocks FROM relationship WHERE lo = $1 AND hi = $2";
/// The statements of follow and unfollow, in the order of the server.
pub const LOCK_PEOPLE: &str = "SELECT id, name_key FROM \"user\" WHERE id IN ($1, $2) ORDER BY id";
pub const LOCK_PAIR: &str =
    "SELECT connection, lo_follows, hi_follows, lo_blocks, hi_blocks FROM relationship WHERE lo = $1 AND hi = $2";
pub const UPDATE_PAIR: &str = "UPDATE relationship SET lo_follows = $3, updated_at = $4 WHERE lo = $1 AND hi = $2";
pub const INSERT_CONTACTS: &str =
    "INSERT INTO contact (owner_id, list, name_key, user_id, since) VALUES ($1, 2, $3, $2, $5), ($2, 3, $4, $1, $5)";
pub const DELETE_CONTACTS: &str = "DELETE FROM contact WHERE (owner_id = $1 AND list = 2 AND name_key = $3 AND user_id = $2) \
    OR (owner_id = $2 AND list = 3 AND name_key = $4 AND user_id = $1)";

pub const DIRECTORY: &str = "SELECT u.id, u.handle, u.display_name, u.name_key FROM \"user\" u WHERE u.status = 1 ORDER BY u.name_key, u.id LIMIT 21";
/// Finds the word by its rarest pair of characters, as the server does.
pub const SEARCH: &str = "SELECT u.id, u.handle, u.display_name, u.name_key FROM user_bigram g JOIN \"user\" u ON u.id = g.user_id \
    WHERE g.gram = $1 AND u.status = 1 AND (SELECT s.text LIKE $2 FROM user_search s WHERE s.user_id = g.user_id) \
    ORDER BY g.name_key, g.user_id LIMIT 21";
pub const NOTIFICATIONS: &str = "SELECT n.id, n.kind, n.read_at, n.created_at, u.id, u.display_name FROM notification n \
    JOIN \"user\" u ON u.id = n.actor_id WHERE n.user_id = $1 ORDER BY n.id DESC LIMIT 21";
/// Reads the newest activity of each author, then the newest of these that fit a page.
pub const FEED: &str = "WITH author AS (SELECT user_id FROM contact WHERE owner_id = $1 AND list IN (1, 2) UNION SELECT $1), \
    newest AS (SELECT * FROM (SELECT author.user_id, (SELECT n.activity_id FROM activity_author n WHERE n.user_id = author.user_id \
    ORDER BY n.activity_id DESC LIMIT 1) AS activity_id FROM author) AS each_newest WHERE activity_id IS NOT NULL \
    ORDER BY activity_id DESC LIMIT 21) SELECT a.id, a.kind, a.text, a.created_at, u.id, u.display_name FROM newest \
    JOIN activity_author n ON n.user_id = newest.user_id JOIN activity a ON a.id = n.activity_id \
    JOIN \"user\" u ON u.id = a.actor_id ORDER BY a.id DESC LIMIT 21";

/// Returns the path of a bare search for a word by its first two characters.
pub fn search(word: &str) -> String {
    let gram: String = word.chars().take(2).collect();
    let pairs = [("gram", gram.as_str()), ("word", word)];
    let url = reqwest::Url::parse_with_params("http://bare/search", pairs);
    url.map_or_else(|_| "/search".to_owned(), |url| format!("{}?{}", url.path(), url.query().unwrap_or_default()))
}

/// The connections to the database.
pub enum Pool {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

#[derive(Serialize)]
struct Person {
    id: Uuid,
    handle: String,
    display_name: String,
    #[serde(skip)]
    name_key: Vec<u8>,
}

/// The rows as sqlx reads them.
type PersonRow = (Uuid, String, String, Vec<u8>);
type PairRow = (i16, bool, bool, bool, bool);

fn person((id, handle, display_name, name_key): PersonRow) -> Person {
    Person { id, handle, display_name, name_key }
}

fn pair((connection, lo_follows, hi_follows, lo_blocks, hi_blocks): PairRow) -> Pair {
    Pair { connection, lo_follows, hi_follows, lo_blocks, hi_blocks }
}

#[derive(Serialize)]
struct Page {
    #[serde(skip_serializing_if = "Option::is_none")]
    total_count: Option<i64>,
    #[serde(rename = "hasNextPage")]
    more: bool,
    end_cursor: Option<String>,
    nodes: Vec<Person>,
}

#[derive(Serialize)]
struct Pair {
    connection: i16,
    lo_follows: bool,
    hi_follows: bool,
    lo_blocks: bool,
    hi_blocks: bool,
}

/// Serves until the process is killed.
pub async fn serve(database: &str) -> anyhow::Result<()> {
    let pool = if database.starts_with("postgres") {
        // The server also uses one plan for all values.
        let options: PgConnectOptions = database.parse()?;
        let options = options.options([("plan_cache_mode", "force_generic_plan")]);
        Pool::Postgres(PgPoolOptions::new().max_connections(8).test_before_acquire(false).connect_with(options).await?)
    } else {
        Pool::Sqlite(SqlitePoolOptions::new().max_connections(8).test_before_acquire(false).connect(database).await?)
    };
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let router = Router::new()
        .route("/contacts", get(contacts))
        .route("/followers", get(followers))
        .route("/directory", get(directory))
        .route("/search", get(searched))
        .route("/feed", get(feed))
        .route("/notifications", get(notifications))
        .route("/user", get(user))
        .route("/follow", get(follow))
        .merge(conversations::routes())
        .with_state(Arc::new(pool));
    Ok(axum::serve(listener, router).await?)
}

/// Runs the same code on either pool.
macro_rules! on {
    ($pool:expr, $db:ident => $body:expr) => {
        match &*$pool {
            Pool::Postgres($db) => $body,
            Pool::Sqlite($db) => $body,
        }
    };
}

pub mod conversations;

type IdParams = Query<HashMap<String, Uuid>>;
type JsonResult = Result<axum::response::Response, axum::http::StatusCode>;

fn fault<E: std::fmt::Display>(error: E) -> axum::http::StatusCode {
    eprintln!("{error}");
    axum::http::StatusCode::INTERNAL_SERVER_ERROR
}

fn json(value: &impl Serialize) -> JsonResult {
    let body = serde_json::to_vec(value).map_err(fault)?;
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn page(rows: Vec<PersonRow>, total_count: Option<i64>) -> Page {
    let more = rows.len() > 20;
    let nodes: Vec<Person> = rows.into_iter().take(20).map(person).collect();
    let end_cursor =
        nodes.last().map(|person| format!("{}{}", person.id.simple(), String::from_utf8_lossy(&person.name_key)));
    Page { total_count, more, end_cursor, nodes }
}

async fn contacts(State(pool): State<Arc<Pool>>, Query(params): IdParams) -> JsonResult {
    let now = api::clock::Clock::System.now();
    let nodes = on!(pool, db => sqlx::query_as::<_, PersonRow>(PAGE).bind(params["owner"]).bind(1_i16).bind(now).fetch_all(db).await);
    json(&page(nodes.map_err(fault)?, None))
}

async fn directory(State(pool): State<Arc<Pool>>) -> JsonResult {
    let nodes = on!(pool, db => sqlx::query_as::<_, PersonRow>(DIRECTORY).fetch_all(db).await);
    json(&page(nodes.map_err(fault)?, None))
}

async fn searched(State(pool): State<Arc<Pool>>, Query(params): Query<HashMap<String, String>>) -> JsonResult {
    let (gram, word) = (params["gram"].clone(), format!("%{}%", params["word"]));
    let nodes = on!(pool, db => sqlx::query_as::<_, PersonRow>(SEARCH).bind(gram).bind(word).fetch_all(db).await);
    json(&page(nodes.map_err(fault)?, None))
}

type Time = chrono::DateTime<chrono::Utc>;

async fn feed(State(pool): State<Arc<Pool>>, Query(params): IdParams) -> JsonResult {
    type Row = (Uuid, i16, Option<String>, Time, Uuid, String);
    let rows = on!(pool, db => sqlx::query_as::<_, Row>(FEED).bind(params["owner"]).fetch_all(db).await);
    json(&rows.map_err(fault)?)
}

async fn notifications(State(pool): State<Arc<Pool>>, Query(params): IdParams) -> JsonResult {
    type Row = (Uuid, i16, Option<Time>, Time, Uuid, String);
    let rows = on!(pool, db => sqlx::query_as::<_, Row>(NOTIFICATIONS).bind(params["owner"]).fetch_all(db).await);
    json(&rows.map_err(fault)?)
}

async fn followers(State(pool): State<Arc<Pool>>, Query(params): IdParams) -> JsonResult {
    let (owner, now) = (params["owner"], api::clock::Clock::System.now());
    let nodes =
        on!(pool, db => sqlx::query_as::<_, PersonRow>(PAGE).bind(owner).bind(3_i16).bind(now).fetch_all(db).await);
    let count =
        on!(pool, db => sqlx::query_scalar::<_, i64>(COUNT).bind(owner).bind(3_i16).bind(now).fetch_one(db).await);
    json(&page(nodes.map_err(fault)?, Some(count.map_err(fault)?)))
}

async fn user(State(pool): State<Arc<Pool>>, Query(params): IdParams) -> JsonResult {
    let (me, other) = (params["me"], params["other"]);
    let person = on!(pool, db => sqlx::query_as::<_, PersonRow>(PERSON).bind(other).fetch_one(db).await);
    let pair = on!(pool, db => sqlx::query_as::<_, PairRow>(PAIR).bind(me.min(other)).bind(me.max(other)).fetch_optional(db).await);
    json(&(self::person(person.map_err(fault)?), pair.map_err(fault)?.map(self::pair)))
}

async fn follow(State(pool): State<Arc<Pool>>, Query(params): IdParams) -> JsonResult {
    let (me, other) = (params["me"], params["other"]);
    let now = api::clock::Clock::System.now();
    let follows = on!(pool, db => {
        let (share, update) = match &*pool {
            Pool::Postgres(_) => (" FOR SHARE", " FOR UPDATE"),
            Pool::Sqlite(_) => ("", ""),
        };
        let mut tx = db.begin_with(if share.is_empty() { "BEGIN IMMEDIATE" } else { "BEGIN" }).await.map_err(fault)?;
        let people: Vec<(Uuid, Vec<u8>)> = sqlx::query_as(sqlx::AssertSqlSafe(format!("{LOCK_PEOPLE}{share}")))
            .bind(me).bind(other).fetch_all(&mut *tx).await.map_err(fault)?;
        let pair: PairRow = sqlx::query_as(sqlx::AssertSqlSafe(format!("{LOCK_PAIR}{update}")))
            .bind(me.min(other)).bind(me.max(other)).fetch_one(&mut *tx).await.map_err(fault)?;
        let follows = !pair.1;
        sqlx::query(UPDATE_PAIR).bind(me.min(other)).bind(me.max(other)).bind(follows).bind(now)
            .execute(&mut *tx).await.map_err(fault)?;
        let key = |id: Uuid| people.iter().find(|person| person.0 == id).map(|person| person.1.clone()).unwrap_or_default();
        let change = sqlx::query(if follows { INSERT_CONTACTS } else { DELETE_CONTACTS });
        let change = change.bind(me).bind(other).bind(key(other)).bind(key(me));
        let change = if follows { change.bind(now) } else { change };
        change.execute(&mut *tx).await.map_err(fault)?;
        tx.commit().await.map_err(fault)?;
        follows
    });
    json(&follows)
}
