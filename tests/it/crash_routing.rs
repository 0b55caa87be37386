//! Tests of many agents and customers at once, on instances that are killed with kill -9 and restarted again and again.
//! After refused and repeated calls, the rows agree, no task is overtaken, and each acknowledged change exists once.

use std::{
    collections::BTreeSet,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use entity::channel::Channel;
use futures_util::future::join_all;
use parking_lot::Mutex;
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency,
    database::TestDatabase,
    desk::{NewQueue, QueueSetup, ids},
    graphql::Client,
    person::Person,
    process::Server,
    queue_log::nobody_was_passed,
    random::Chance,
    rounds,
    visitors::START,
};

const AGENTS: usize = 12;
/// The servers use the machine's clock, so the test waits for unanswered offers to expire.
const OFFER_SECONDS: i32 = 2;
/// No customer arrives while this many tasks wait.
const MAX_WAITING: i64 = 60;

/// The address of a server, which stays the same after a restart.
struct Place {
    listen: String,
    server: Server,
}

impl Place {
    fn start(database: &TestDatabase) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expected("a port");
        let listen = free.local_addr().expected("an address").to_string();
        drop(free);
        Self { server: run(database, &listen), listen }
    }

    fn kill(&mut self, database: &TestDatabase) {
        self.check();
        self.server.kill();
        self.server = run(database, &self.listen);
    }

    /// Clients repeat failed calls, so only the log shows a panic.
    fn check(&self) {
        let log = self.server.log();
        let log = log.lock();
        assert!(!log.contains("panicked"), "{log}");
    }
}

fn run(database: &TestDatabase, listen: &str) -> Server {
    let unlimited = [
        "RAPPORT_RATE_COST",
        "RAPPORT_RATE_REQUESTS",
        "RAPPORT_WEB_CHATS_PER_HOUR",
        "RAPPORT_VISITOR_MESSAGES_PER_MINUTE",
        "RAPPORT_MESSAGES_PER_MINUTE",
    ]
    .map(|name| (name, "0"));
    let settings = [&unlimited[..], &[("RAPPORT_DEMO", "false"), ("RAPPORT_LISTEN", listen)]].concat();
    Server::start(database, &settings)
}

/// All actors and the calls that they made.
struct Everybody {
    database: TestDatabase,
    urls: Vec<String>,
    agents: Vec<Person>,
    queue_setups: [QueueSetup; 2],
    /// The customers with a chat: their client and their conversation.
    customers: Mutex<Vec<(Client, String)>>,
    /// The client ids of all acknowledged messages.
    sent: Mutex<BTreeSet<String>>,
}

impl Everybody {
    /// Starts a chat as a new customer, or writes again as an earlier customer.
    async fn come(&self, actor: usize, number: usize, chance: &mut Chance) {
        if self.database.number("SELECT count(*) FROM task WHERE status < 3").await > MAX_WAITING {
            return;
        }
        let before = self.customer(chance).filter(|_| chance.below(4) == 0);
        let url = &self.urls[number % self.urls.len()];
        let client = before.map_or_else(|| Client::patient(url, None), |(client, _)| client);
        let id = format!("{actor:04}-{number:08}-of-some-length");
        let entry_setup = &self.queue_setups[chance.below(2)].entry_point;
        if client.token.is_some() && entry_setup.id != self.queue_setups[0].entry_point.id {
            return;
        }
        let input = json!({ "entryPointId": entry_setup.id.to_string(), "idempotencyKey": id, "message": { "clientMessageId": id, "body": "Hello" } });
        let answer = client.ask(START, json!({ "input": input })).await;
        let started = answer.at("startWebChat");
        let Some(conversation) = started["conversation"]["id"].as_str() else {
            panic!("{started}");
        };
        self.note(&id);
        if entry_setup.id == self.queue_setups[0].entry_point.id {
            let token = started["visitorToken"].as_str().map(str::to_owned).or(client.token);
            let mut customers = self.customers.lock();
            customers.push((Client::patient(url, token), conversation.to_owned()));
        }
    }

    fn customer(&self, chance: &mut Chance) -> Option<(Client, String)> {
        let customers = self.customers.lock();
        (!customers.is_empty()).then(|| chance.pick(&customers).clone())
    }

    fn note(&self, id: &str) {
        let mut sent = self.sent.lock();
        assert!(sent.insert(id.to_owned()));
    }

    /// Performs one action among many concurrent ones. It may be refused, but must not fail.
    async fn act(&self, actor: usize, number: usize, chance: &mut Chance) {
        let (agent, instance) = (&self.agents[actor], chance.below(2));
        match chance.below(12) {
            0..=2 => self.come(actor, number, chance).await,
            3 => {
                if let Some((client, conversation)) = self.customer(chance) {
                    let end = "mutation($id: ID!) { endConversation(input: { conversationId: $id }) { userErrors { code } } }";
                    client.ask(end, json!({ "id": conversation })).await.at("endConversation");
                }
            }
            4 => drop(agent.turns(["IDLE", "AVAILABLE", "AVAILABLE", "OFFLINE"][chance.below(4)]).await),
            5..=7 => {
                for offer in ids(&agent.desk().await["offers"]) {
                    match chance.below(5) {
                        0 => drop(agent.declines(&offer).await),
                        1 => {}
                        _ => drop(agent.accepts_on(instance, &offer).await),
                    }
                }
            }
            8..=9 => self.work_together(agent, instance, chance).await,
            10 => {
                for (_, conversation) in find_conversations(agent).await {
                    let id = format!("{actor} {number} {conversation}");
                    let said = agent.sends(instance, &conversation, &id, "Hello").await;
                    if said["message"]["id"].is_string() {
                        self.note(&id);
                    }
                }
            }
            _ => {
                for (task, conversation) in find_conversations(agent).await {
                    agent.ends_with(&conversation, true).await;
                    agent.wraps_up(&task).await;
                }
            }
        }
    }

    async fn work_together(&self, agent: &Person, instance: usize, chance: &mut Chance) {
        for (task, _) in find_conversations(agent).await {
            let other = chance.pick(&self.agents).as_target();
            match chance.below(8) {
                0 => {
                    agent.directs_on(instance, "transferTask", &task, chance.pick(&self.queue_setups).as_target()).await
                }
                1 => agent.directs_on(instance, "transferTask", &task, other).await,
                2..=3 => agent.directs_on(instance, "requestConference", &task, other).await,
                4 => agent.confers_on(instance, "cancelConference", &task).await,
                5 => agent.confers_on(instance, "exitConference", &task).await,
                6 => agent.confers_on(instance, "removeFromConference", &task).await,
                _ => agent.confers_on(instance, "endConference", &task).await,
            };
        }
    }
}

/// Returns the tasks of an agent with their conversations.
async fn find_conversations(agent: &Person) -> Vec<(String, String)> {
    let desk = agent.desk().await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let tasks = desk["tasks"].as_array().cloned().unwrap_or_default();
    tasks.iter().map(|task| (text(&task["id"]), text(&task["conversation"]["id"]))).collect()
}

/// Ends and wraps up every task of an agent, and accepts every offer.
async fn work_off(agent: &Person) {
    agent.turns("AVAILABLE").await;
    for offer in ids(&agent.desk().await["offers"]) {
        drop(agent.accepts(&offer).await);
    }
    for (task, conversation) in find_conversations(agent).await {
        agent.confers("cancelConference", &task).await;
        agent.confers("endConference", &task).await;
        agent.ends_with(&conversation, true).await;
        agent.wraps_up(&task).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_at_random_among_many_actors_leave_nothing_wrong() {
    let steps = rounds(600);
    let app = TestApp::new().await;
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        agents.push(app.agent(&format!("agent{number}")).await);
    }
    let serving: Vec<&Person> = agents.iter().collect();
    let queue = |name| NewQueue { offer_seconds: Some(OFFER_SECONDS), ..NewQueue::of(Channel::Webchat, name) };
    let queue_setups = [
        app.queue_setup_of(queue("Chats"), &serving).await,
        app.queue_setup_of(queue("More chats"), &serving[..6]).await,
    ];
    let TestApp { instances, database, .. } = app;
    drop(instances);

    // SQLite has one instance, so the service is down until its restart.
    let mut places: Vec<Place> =
        (0..if database.is_postgres() { 2 } else { 1 }).map(|_| Place::start(&database)).collect();
    let urls: Vec<String> = places.iter().map(|place| place.server.url.clone()).collect();
    let at = |agent: Person| {
        let clients = urls.iter().map(|url| Client::patient(url, Some(agent.token.clone()))).collect();
        Person { clients, ..agent }
    };
    let agents = agents.into_iter().map(at).collect();
    let (customers, sent) = (Mutex::default(), Mutex::default());
    let everybody = Arc::new(Everybody { database, urls, agents, queue_setups, customers, sent });
    let done = Arc::new(AtomicUsize::new(0));
    let actors: Vec<_> = (0..AGENTS)
        .map(|actor| {
            let (everybody, done) = (Arc::clone(&everybody), Arc::clone(&done));
            tokio::spawn(async move {
                let mut chance = Chance::seeded(actor as u64);
                loop {
                    let number = done.fetch_add(1, Ordering::Relaxed);
                    if number >= steps {
                        break;
                    }
                    everybody.act(actor, number, &mut chance).await;
                }
            })
        })
        .collect();
    let mut chance = Chance::seeded(47);
    let (mut next, mut kills) = (0, 0);
    while next < steps && !actors.iter().any(tokio::task::JoinHandle::is_finished) {
        if done.load(Ordering::Relaxed) < next {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            continue;
        }
        next += steps / 50 + chance.below(steps / 25);
        let which = chance.below(places.len());
        block_in_place(|| places[which].kill(&everybody.database));
        kills += 1;
    }
    for actor in actors {
        actor.await.expected("an actor");
    }
    assert!(kills > 10, "{kills}");

    let Everybody { database, agents, queue_setups, sent, .. } = &*everybody;
    consistency::check(database).await;
    for tries in 0.. {
        join_all(agents.iter().map(work_off)).await;
        if database.number("SELECT count(*) FROM task WHERE status < 7").await == 0 {
            break;
        }
        assert!(tries < 2_000, "not everything can be worked off");
    }
    places.iter().for_each(Place::check);
    consistency::check(database).await;
    assert_eq!(database.number("SELECT count(*) FROM assignment").await, 0);
    assert!(nobody_was_passed(database, queue_setups[0].queue.id.0).await > 0);
    // An acknowledged message exists once, however often it was sent. An unacknowledged message exists at most once.
    let sql = "SELECT client_message_id FROM thread_item WHERE client_message_id IS NOT NULL";
    let stored = database.texts(sql).await;
    let unique: BTreeSet<&String> = stored.iter().collect();
    assert_eq!(unique.len(), stored.len(), "a message is there twice");
    let sent = sent.lock();
    let lost: Vec<&String> = sent.iter().filter(|id| !unique.contains(id)).collect();
    assert!(lost.is_empty(), "{lost:?}");
}
