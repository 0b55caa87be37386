//! Test instances of Rapport in this process, on real ports. All instances of a test share one database and one clock.

use std::{collections::HashMap, sync::Arc};

use api::{
    app::App,
    auth::{
        jwt,
        viewer::{Scope, Scopes},
    },
    clock::Clock,
    config::Config,
    database::Observer,
    deliveries::engine,
    server,
    users::{
        people,
        profiles::{self, NewPerson},
    },
};
use entity::{
    stream::StreamKind,
    user::{self, Role},
};
use parking_lot::Mutex;
use sea_orm::Statement;
use tokio::net::TcpListener;

use super::{Expected as _, database::TestDatabase, graphql::Client, person::Person};

/// A running instance.
pub struct Instance {
    pub app: App,
    pub url: String,
}

pub struct TestApp {
    pub instances: Vec<Instance>,
    pub clock: Clock,
    statements: Arc<Mutex<Vec<Statement>>>,
    pub database: TestDatabase,
}

impl TestApp {
    /// Starts one instance.
    pub async fn new() -> Self {
        Self::with(1, &[]).await
    }

    /// Starts two instances on PostgreSQL, and one on SQLite.
    pub async fn two() -> Self {
        Self::with(2, &[]).await
    }

    /// Starts the given number of instances with additional settings.
    pub async fn with(instances: usize, settings: &[(&str, &str)]) -> Self {
        let database = TestDatabase::new().await;
        Self::on(database, instances, settings).await
    }

    /// Starts instances on an existing database.
    pub async fn on(database: TestDatabase, instances: usize, settings: &[(&str, &str)]) -> Self {
        let instances = if database.is_postgres() { instances } else { 1 };
        let clock = Clock::standing();
        let statements = Arc::new(Mutex::new(Vec::new()));
        let mut running = Vec::new();
        for _ in 0..instances {
            let recorder = Arc::clone(&statements);
            let observer: Observer = Arc::new(move |statement: &Statement| {
                recorder.lock().push(statement.clone());
            });
            running.push(Instance::start(&database, &clock, settings, Some(observer)).await);
        }
        Self { instances: running, clock, statements, database }
    }

    /// Returns the first instance.
    pub fn app(&self) -> &App {
        &self.instances[0].app
    }

    /// Creates a member with this handle, who uses the first instance by default.
    pub async fn person(&self, handle: &str) -> Person {
        self.person_with(handle, handle, Scopes::all()).await
    }

    /// Creates an administrator.
    pub async fn admin(&self, handle: &str) -> Person {
        self.person_of(handle, handle, Role::Admin, Scopes::all()).await
    }

    /// Creates a member with a display name and scopes.
    pub async fn person_with(&self, handle: &str, display_name: &str, scopes: Scopes) -> Person {
        self.person_of(handle, display_name, Role::Member, scopes).await
    }

    /// Creates a person with a role.
    pub async fn person_of(&self, handle: &str, display_name: &str, role: Role, scopes: Scopes) -> Person {
        let app = self.app();
        let person = NewPerson {
            handle: handle.to_owned(),
            display_name: display_name.to_owned(),
            given_name: None,
            family_name: None,
            role,
        };
        let person = &person;
        let row = app
            .transaction(|tx| Box::pin(async move { profiles::create(tx, person.clone()).await }))
            .await
            .expected("a person");
        self.as_person(row, scopes)
    }

    /// Returns a person who already has an account.
    pub async fn known(&self, handle: &str) -> Person {
        let found = people::by_handle(self.app().db.read(), handle).await.expected("a look");
        self.as_person(found.expected(handle), Scopes::all())
    }

    fn as_person(&self, row: user::Model, scopes: Scopes) -> Person {
        let lifetime = std::time::Duration::from_secs(86_400 * 365);
        let token = jwt::issue(self.app(), row.id, scopes, None, lifetime).expected("a token");
        let client = |instance: &Instance| Client::new(&instance.url, Some(token.text.clone()));
        let clients = self.instances.iter().map(client).collect();
        Person { id: row.id, handle: row.handle, token: token.text, clients }
    }

    /// Creates several members.
    pub async fn people<const N: usize>(&self, handles: [&str; N]) -> [Person; N] {
        let mut people = Vec::new();
        for handle in handles {
            people.push(self.person(handle).await);
        }
        people.try_into().unwrap_or_else(|_| panic!("{N} people"))
    }

    /// Returns a client of the person with other scopes.
    pub fn limited(&self, person: &Person, scopes: &[Scope]) -> Client {
        let scopes: Scopes = scopes.iter().copied().collect();
        let token =
            jwt::issue(self.app(), person.id, scopes, None, std::time::Duration::from_secs(86_400)).expected("a token");
        Client::new(&self.instances[0].url, Some(token.text))
    }

    /// Returns a client without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(&self.instances[0].url, None)
    }

    /// Sends all due deliveries, on every instance at once.
    pub async fn deliver(&self) {
        let engines = self.instances.iter().map(|instance| async {
            let senders = server::senders(&instance.app);
            while engine::step(&instance.app, &senders).await.expected("a step") {}
        });
        futures_util::future::join_all(engines).await;
    }

    /// Reads a number from `/metrics` of the first instance, by the start of its line.
    pub async fn metric(&self, name: &str) -> f64 {
        let answer = reqwest::get(format!("{}/metrics", self.instances[0].url)).await.expected("an answer");
        let text = answer.text().await.expected("text");
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|number| number.trim().parse().ok()).expected(name)
    }

    /// Returns the statements since the last call, without the periodic statements of the log.
    pub fn statements(&self) -> Vec<Statement> {
        let all = self.all_statements().into_iter();
        all.filter(|statement| !of_the_log(&statement.sql) && !of_the_rights(statement)).collect()
    }

    /// Returns all statements since the last call.
    pub fn all_statements(&self) -> Vec<Statement> {
        std::mem::take(&mut *self.statements.lock())
    }
}

/// Returns true for periodic statements of the sequencer, of the poll and of the health check.
fn of_the_log(sql: &str) -> bool {
    ["log_head", "position IS NULL", "FROM stream WHERE kind = $1 AND owner_id IN"]
        .iter()
        .any(|part| sql.contains(part))
}

/// Returns true for statements by which every instance follows revoked rights.
fn of_the_rights(statement: &Statement) -> bool {
    let first = statement.values.as_ref().and_then(|values| values.0.first());
    ["stream_kind = $1", "FROM stream WHERE kind = $1"].iter().any(|part| statement.sql.contains(part))
        && first == Some(&sea_orm::Value::from(StreamKind::Rights))
}

impl Instance {
    pub async fn start(
        database: &TestDatabase,
        clock: &Clock,
        settings: &[(&str, &str)],
        observer: Option<Observer>,
    ) -> Self {
        let mut given = HashMap::from([
            ("RAPPORT_DATABASE_URL".to_owned(), database.url.clone()),
            ("RAPPORT_DATABASE_CONNECTIONS".to_owned(), "6".to_owned()),
            ("RAPPORT_FILES".to_owned(), database.files()),
            ("RAPPORT_DEMO".to_owned(), "false".to_owned()),
            ("RAPPORT_LISTEN".to_owned(), "127.0.0.1:0".to_owned()),
            ("RAPPORT_LOG".to_owned(), "warn,sea_orm_migration=warn".to_owned()),
            // Most tests need no limits. Tests of the limits set them.
            ("RAPPORT_RATE_COST".to_owned(), "0".to_owned()),
            ("RAPPORT_RATE_REQUESTS".to_owned(), "0".to_owned()),
            ("RAPPORT_SIGN_IN_ATTEMPTS".to_owned(), "0".to_owned()),
            ("RAPPORT_WEB_CHATS_PER_HOUR".to_owned(), "0".to_owned()),
            ("RAPPORT_WRITTEN_BYTES_PER_HOUR".to_owned(), "0".to_owned()),
            ("RAPPORT_UPLOADED_BYTES_PER_HOUR".to_owned(), "0".to_owned()),
            ("RAPPORT_VISITOR_MESSAGES_PER_MINUTE".to_owned(), "0".to_owned()),
            ("RAPPORT_MESSAGES_PER_MINUTE".to_owned(), "0".to_owned()),
        ]);
        given.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let config = Config::read(given).expected("a configuration");
        api::telemetry::start(&config.log, &config.monitoring).expected("logs");
        let app = App::start(config, clock.clone(), observer).await.expected("an instance");
        let listener = TcpListener::bind("127.0.0.1:0").await.expected("a port");
        let url = format!("http://{}", listener.local_addr().expected("an address"));
        let serving = app.clone();
        tokio::spawn(async move { server::serve(&serving, listener).await });
        // The server answers once it has read the revoked rights.
        reqwest::Client::new().get(format!("{url}/health/live")).send().await.expected("a start");
        Self { app, url }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.app.shutdown.cancel();
    }
}
