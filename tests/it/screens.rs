//! Tests of the eight screens of a client. Each is one request, and one subscription keeps it equal to a fresh answer
//! of the request, with its counts, while people and customers do random things.

mod acts;
mod copy;
mod screen;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Expected as _, consistency, graphql::Client, rounds, socket::Socket};
use acts::World;
use screen::Screen;

/// The acts between two comparisons.
const TOGETHER: usize = 5;
/// The longest wait for an event that a copy lacks.
const PATIENCE: Duration = Duration::from_secs(10);

/// A client that shows a screen.
struct View {
    screen: Screen,
    client: Client,
    variables: Value,
    copy: Value,
    cursor: Value,
    socket: Socket,
}

impl View {
    /// Opens a screen, if there is something to show. Reads it with one request and subscribes from its cursor.
    async fn open(screen: Screen, world: &mut World) -> Option<Self> {
        let (client, variables) = subject(screen, world).await?;
        let mut copy = screen.read(&client, variables.clone()).await;
        let cursor = screen.take_cursor(&mut copy);
        let socket = Self::subscribe(screen, &client, &variables, &cursor, &client.url).await.expected("a start");
        Some(Self { screen, client, variables, copy, cursor, socket })
    }

    /// Subscribes from a cursor. Returns `None` when the subscription is refused.
    async fn subscribe(
        screen: Screen,
        client: &Client,
        variables: &Value,
        cursor: &Value,
        url: &str,
    ) -> Option<Socket> {
        let mut socket = Socket::open(url, client.token.as_deref()).await;
        let mut variables = variables.clone();
        if variables.is_null() {
            variables = json!({});
        }
        variables["after"] = cursor.clone();
        let operation = format!("{screen:?}Live");
        let payload = json!({ "query": screen.document(), "operationName": operation, "variables": variables });
        socket.subscribe_with("1", payload).await;
        let started = socket.event().await.expected("the first event");
        if started.is_null() {
            return None;
        }
        assert_eq!(started["__typename"], "SubscriptionStarted", "{screen:?}: {started}");
        Some(socket)
    }

    async fn fresh(&self) -> Value {
        self.screen.read(&self.client, self.variables.clone()).await
    }

    /// Applies events until the copy equals a fresh answer. Returns false when the subscription has ended.
    async fn catch_up(&mut self, acts: usize) -> bool {
        let mut fresh = self.fresh().await;
        let hidden = fresh["conversation"].is_null() && matches!(self.screen, Screen::Pane | Screen::Chat);
        if !hidden {
            self.screen.take_cursor(&mut fresh);
            self.screen.arrange(&mut fresh);
        }
        loop {
            let mut copy = self.copy.clone();
            self.screen.arrange(&mut copy);
            let differences = copy::differences(&copy, &fresh);
            if differences.is_empty() {
                return true;
            }
            let event = tokio::time::timeout(PATIENCE, self.socket.event()).await;
            let event = event.expected(&format!("{:?} after {acts} acts: {differences:#?}", self.screen));
            let Some(event) = event.filter(|event| event["__typename"] != "ResyncRequired") else { return false };
            if event["cursor"].is_string() {
                self.cursor = event["cursor"].clone();
            }
            for part in self.screen.apply(&mut self.copy, &event) {
                *copy::at(&mut self.copy, part) = copy::at(&mut self.fresh().await, part).take();
            }
        }
    }

    /// Loses the connection and comes back to an instance from the last cursor. Returns false when there is nothing to
    /// follow any more: the task of a dialog has ended, and the dialog shows no target.
    async fn reconnect(&mut self, url: &str) -> bool {
        let again = Self::subscribe(self.screen, &self.client, &self.variables, &self.cursor, url).await;
        let Some(again) = again else {
            assert_eq!(self.screen, Screen::Transfer);
            for list in ["queues", "transfer", "conference"] {
                assert_eq!(self.copy[list]["totalCount"], 0, "{list}");
            }
            return false;
        };
        std::mem::replace(&mut self.socket, again).cut();
        true
    }
}

/// Returns who opens a screen, and for what.
async fn subject(screen: Screen, world: &mut World) -> Option<(Client, Value)> {
    let ann = world.ann().clients[0].clone();
    let task = async |status: &str| {
        let desk = "{ viewer { agentDesktop { tasks { id status viewerRole conversation { id } } } } }";
        let answer = ann.ask(desk, Value::Null).await;
        let tasks = answer.at("viewer.agentDesktop.tasks").as_array().cloned().unwrap_or_default();
        tasks.into_iter().find(|task| task["viewerRole"] == "OWNER" && task["status"] == status)
    };
    Some(match screen {
        Screen::Home | Screen::Bell | Screen::Desk => (ann, Value::Null),
        Screen::Profile => (ann, json!({ "user": world.people[1].id() })),
        Screen::Dashboard => (world.agents[2].clients[0].clone(), Value::Null),
        Screen::Pane => {
            let task = task("CONNECTED").await?;
            (ann.clone(), json!({ "conversation": task["conversation"]["id"] }))
        }
        Screen::Transfer => {
            let task = task("CONNECTED").await?;
            (ann.clone(), json!({ "task": task["id"] }))
        }
        Screen::Chat => {
            let visitor = world.visitors.first()?;
            (visitor.client.clone(), json!({ "conversation": visitor.conversation }))
        }
    })
}

const SCREENS: [Screen; 8] = [
    Screen::Home,
    Screen::Profile,
    Screen::Bell,
    Screen::Desk,
    Screen::Pane,
    Screen::Transfer,
    Screen::Dashboard,
    Screen::Chat,
];

#[tokio::test(flavor = "multi_thread")]
async fn each_screen_stays_equal_to_a_fresh_answer_by_its_subscription_alone() {
    let mut world = World::new(7).await;
    let mut views: Vec<Option<View>> = SCREENS.iter().map(|_| None).collect();
    let (mut compared, mut cuts) = ([0; SCREENS.len()], 0);
    for _ in 0..rounds(400).div_ceil(TOGETHER) {
        for (view, screen) in views.iter_mut().zip(SCREENS) {
            if view.is_none() {
                *view = View::open(screen, &mut world).await;
            }
        }
        for _ in 0..TOGETHER {
            world.act().await;
        }
        for (index, slot) in views.iter_mut().enumerate() {
            let Some(view) = slot else { continue };
            if view.catch_up(world.acts).await {
                compared[index] += 1;
            } else {
                *slot = None;
                continue;
            }
            if world.chance.below(8) == 0 {
                let instance = world.chance.below(world.app.instances.len());
                let url = world.app.instances[instance].url.clone();
                cuts += 1;
                if !view.reconnect(&url).await {
                    *slot = None;
                }
            }
        }
    }
    assert!(compared.iter().all(|count| *count > 0), "{compared:?}");
    assert!(cuts > 0);
    consistency::check(&world.app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_chat_begins_with_one_request_that_shows_the_whole_chat() {
    let world = World::new(8).await;
    let input = json!({
        "entryPointId": world.queues[0].entry_point.id.to_string(),
        "message": { "clientMessageId": "1", "body": "Hello" },
    });
    let start = Screen::Chat.document();
    let answer = world.app.anonymous().ask_named(start, "StartChat", json!({ "input": input })).await;
    let mut shown = json!({ "conversation": answer.at("startWebChat.conversation") });
    let token = answer.text("startWebChat.visitorToken").to_owned();
    let client = Client::new(&world.app.instances[0].url, Some(token));
    let variables = json!({ "conversation": shown["conversation"]["id"] });
    let mut read = Screen::Chat.read(&client, variables).await;
    assert_eq!(Screen::Chat.take_cursor(&mut shown), Screen::Chat.take_cursor(&mut read));
    assert_eq!(shown, read);
}
