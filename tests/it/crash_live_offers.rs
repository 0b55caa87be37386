//! Tests of kill -9 while a hundred offers are pending. Each offer ends correctly on another instance or after a
//! restart, acknowledged changes survive, and no agent has a task of another.

use entity::channel::Channel;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency,
    conversations::SEND,
    database::TestDatabase,
    desk::{NewQueue, ids},
    eventually,
    graphql::Client,
    person::Person,
    process::Server,
};

/// The number of agents. Each has five offers of chats, a hundred in total.
const AGENTS: usize = 20;
/// The time of an offer, longer than the test takes on any machine. The servers use the machine's clock, so the test
/// ends the remaining offers in the rows.
const OFFER_SECONDS: i32 = 300;
const LIVE: &str = "SELECT count(*) FROM offer WHERE status = 1";

/// The answers that an agent received before the kill.
#[derive(Default)]
struct Told {
    accepted: Vec<String>,
    declined: bool,
    /// The conversation and the id of the message that was sent last.
    sent: Option<(String, String)>,
}

fn start(database: &TestDatabase) -> Server {
    let unlimited =
        ["RAPPORT_RATE_COST", "RAPPORT_RATE_REQUESTS", "RAPPORT_MESSAGES_PER_MINUTE"].map(|name| (name, "0"));
    Server::start(database, &[&unlimited[..], &[("RAPPORT_DEMO", "false")]].concat())
}

/// Returns the same person as a client of another instance.
fn at(person: &Person, server: &Server) -> Person {
    let client = Client::new(&server.url, Some(person.token.clone()));
    Person { id: person.id, handle: person.handle.clone(), token: person.token.clone(), clients: vec![client] }
}

/// Expires every pending offer in the rows, also offers that follow an expired one.
async fn times_end(database: &TestDatabase) {
    if database.number("SELECT count(*) FROM offer WHERE status = 1 AND expires_at > created_at").await == 0 {
        return;
    }
    database.run("UPDATE offer SET expires_at = created_at WHERE status = 1").await;
    let over = "SELECT o.expires_at FROM offer o WHERE o.id = timer.target AND o.expires_at = o.created_at";
    database.run(&format!("UPDATE timer SET due_at = ({over}) WHERE kind = 1 AND EXISTS ({over})")).await;
}

/// Answers offers until the server is gone. An agent who declines refuses one of five offers.
async fn answer(agent: &Person, declines: bool) -> Told {
    let (mut told, client) = (Told::default(), &agent.clients[0]);
    let asked = "{ viewer { agentDesktop { offers { id task { id conversation { id } } } } } }";
    let Ok(desk) = client.try_ask(asked, Value::Null).await else { return told };
    let offers = desk.at("viewer.agentDesktop.offers").as_array().cloned().unwrap_or_default();
    for (number, offer) in offers.iter().enumerate() {
        if declines && number == 2 {
            let query = "mutation($id: ID!) { declineOffer(input: { offerId: $id }) { userErrors { code } } }";
            let Ok(answer) = client.try_ask(query, json!({ "id": offer["id"] })).await else { return told };
            told.declined = answer.at("declineOffer.userErrors") == &json!([]);
            continue;
        }
        let query = "mutation($id: ID!) { acceptOffer(input: { offerId: $id }) { task { id } userErrors { code } } }";
        let Ok(answer) = client.try_ask(query, json!({ "id": offer["id"] })).await else { return told };
        told.accepted.push(answer.text("acceptOffer.task.id").to_owned());
        let conversation = offer["task"]["conversation"]["id"].as_str().unwrap_or_default().to_owned();
        let message = json!({ "c": conversation, "m": "greeting", "b": "Hello" });
        let Ok(answer) = client.try_ask(SEND, message).await else { return told };
        told.sent = Some((conversation, answer.text("sent.message.id").to_owned()));
    }
    told
}

/// Accepts, ends and wraps up everything until nothing is left.
async fn works_off(agent: &Person) {
    if agent.state().await != "AVAILABLE" {
        assert_eq!(agent.turns("AVAILABLE").await, "");
    }
    let desk = agent.desk().await;
    for offer in ids(&desk["offers"]) {
        agent.accepts(&offer).await.expected("a task");
    }
    for task in desk["tasks"].as_array().into_iter().flatten() {
        if task["status"] == "CONNECTED" {
            assert_eq!(agent.ends(task["conversation"]["id"].as_str().unwrap_or_default()).await, "");
        }
        assert_eq!(agent.wraps_up(task["id"].as_str().unwrap_or_default()).await, "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_live_offers_survive_kill_nine_of_their_instance() {
    let app = TestApp::new().await;
    let mut agents = Vec::new();
    for number in 0..AGENTS {
        agents.push(app.agent(&format!("agent{number}")).await);
    }
    let queue = NewQueue { offer_seconds: Some(OFFER_SECONDS), ..NewQueue::of(Channel::Webchat, "Chats") };
    let queue_setup = app.queue_setup_of(queue, &agents.iter().collect::<Vec<_>>()).await;
    for number in 0..AGENTS * 5 {
        app.waits(&queue_setup, &format!("customer {number}")).await;
    }
    for agent in &agents {
        assert_eq!(agent.turns("AVAILABLE").await, "");
    }
    let TestApp { instances, database, .. } = app;
    drop(instances);
    let mut first = start(&database);
    eventually("a hundred offers are live", || async { database.number(LIVE).await == 100 }).await;
    let second = database.is_postgres().then(|| start(&database));
    let answering: Vec<_> = agents
        .iter()
        .enumerate()
        .map(|(number, agent)| {
            let agent = at(agent, &first);
            tokio::spawn(async move { answer(&agent, number % 4 == 0).await })
        })
        .collect();
    eventually("some have been accepted", || async { database.number(LIVE).await < 75 }).await;
    first.kill();
    let told: Vec<Told> = join_all(answering).await.into_iter().map(|told| told.expected("an agent")).collect();
    assert!(told.iter().any(|told| told.accepted.len() < 4), "some were still to be answered");

    let other = second.unwrap_or_else(|| start(&database));
    let agents: Vec<Person> = agents.iter().map(|agent| at(agent, &other)).collect();
    eventually("every offer has ended", || async {
        times_end(&database).await;
        database.number(LIVE).await == 0
    })
    .await;
    consistency::check(&database).await;
    for (agent, told) in agents.iter().zip(&told) {
        let desk = agent.desk().await;
        let held = ids(&desk["tasks"]);
        assert!(told.accepted.iter().all(|task| held.contains(task)), "{}: {:?} {held:?}", agent.handle, told.accepted);
        // One more accept may be stored, because its answer may have been lost.
        assert!(held.len() <= told.accepted.len() + 1, "{}: {:?} {held:?}", agent.handle, told.accepted);
        let used = desk["agent"]["capacity"][2]["used"].as_u64().expected("a number");
        assert_eq!(usize::try_from(used).expected("a number"), held.len(), "{}", agent.handle);
        if held.len() < 5 - usize::from(told.declined) {
            assert_eq!(desk["agent"]["state"], "RONA", "{}", agent.handle);
        }
        // A message that was sent before the kill is found again.
        if let Some((conversation, message)) = &told.sent {
            let again = agent.sends(0, conversation, "greeting", "Hello").await;
            assert_eq!((&again["replayed"], &again["message"]["id"]), (&json!(true), &json!(message)));
            let changed = agent.sends(0, conversation, "greeting", "Good day").await;
            assert_eq!(changed["userErrors"][0]["code"], "IDEMPOTENCY_KEY_REUSED");
        }
    }
    let left = "SELECT count(*) FROM task WHERE status < 7";
    for tries in 0.. {
        if database.number(left).await == 0 {
            break;
        }
        assert!(tries < 1_000, "not everything can be worked off");
        join_all(agents.iter().map(works_off)).await;
    }
    consistency::check(&database).await;
    assert_eq!(database.number("SELECT count(*) FROM assignment").await, 0);
    assert_eq!(database.number("SELECT count(*) FROM task WHERE status = 7").await, 100, "each was talked about");
}
