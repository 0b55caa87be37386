//! The eight screens: the document of each, and the change that a client makes to its copy for each event.

use serde_json::{Value, json};

use super::copy::{Part, add, at, learn, put, remove, sort, without};
use crate::support::{Expected as _, graphql::Client};

/// The number of rows of the feed and of the bell.
const SHOWN: usize = 20;

macro_rules! document {
    ($name:literal) => {
        include_str!(concat!("../operations/screens/", $name, ".graphql"))
    };
}

/// A screen of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// The home of the Contacts Center.
    Home,
    /// The profile of a person.
    Profile,
    /// The menu of notifications.
    Bell,
    /// The desk of an agent.
    Desk,
    /// A conversation, with the history of its customer.
    Pane,
    /// The dialog of a transfer or a conference.
    Transfer,
    /// The dashboard of a supervisor.
    Dashboard,
    /// The chat of a visitor.
    Chat,
}

impl Screen {
    /// Returns the document with the one request that reads the screen and the one subscription that keeps it. The
    /// request has the name of the screen, and the subscription has "Live" after it.
    pub fn document(self) -> &'static str {
        match self {
            Self::Home => document!("home"),
            Self::Profile => document!("profile"),
            Self::Bell => document!("bell"),
            Self::Desk => document!("desk"),
            Self::Pane => document!("pane"),
            Self::Transfer => document!("transfer"),
            Self::Dashboard => document!("dashboard"),
            Self::Chat => document!("chat"),
        }
    }

    /// Reads the screen.
    pub async fn read(self, client: &Client, variables: Value) -> Value {
        let answer = client.ask_named(self.document(), &format!("{self:?}"), variables).await;
        assert!(answer.body.get("errors").is_none(), "{self:?}: {}", answer.body);
        answer.body["data"].clone()
    }

    /// Takes the cursor of the subscription out of an answer, which may differ between two equal answers.
    pub fn take_cursor(self, answer: &mut Value) -> Value {
        let owner = match self {
            Self::Desk => at(answer, "viewer.agentDesktop"),
            Self::Pane | Self::Chat => at(answer, "conversation"),
            _ => at(answer, "viewer"),
        };
        let cursor = owner.as_object_mut().expected("the screen").remove("streamCursor");
        cursor.expected("a cursor")
    }

    /// Puts lists whose order the client makes itself into one order.
    pub fn arrange(self, screen: &mut Value) {
        match self {
            Self::Home => sort(screen, "contacts.nodes", &["id"]),
            Self::Desk => {
                sort(screen, "viewer.agentDesktop.offers", &["id"]);
                sort(screen, "viewer.agentDesktop.tasks", &["id"]);
            }
            Self::Pane => sort(screen, "conversation.participants", &["id"]),
            Self::Dashboard => sort(screen, "tasks.nodes", &["receivedAt", "id"]),
            Self::Profile | Self::Bell | Self::Transfer | Self::Chat => {}
        }
    }

    /// Writes an event into the copy. Returns the parts of the screen that the client must read again.
    pub fn apply(self, copy: &mut Value, event: &Value) -> Vec<Part> {
        match self {
            Self::Home => home(copy, event),
            Self::Profile => profile(copy, event),
            Self::Bell => bell(copy, event),
            Self::Desk => desk(copy, event),
            Self::Pane | Self::Chat => conversation(copy, event),
            Self::Transfer => transfer(copy, event),
            Self::Dashboard => dashboard(copy, event),
        }
    }
}

fn name(event: &Value) -> &str {
    event["__typename"].as_str().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list_of(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// Keeps the pending requests of a screen.
fn request(copy: &mut Value, request: &Value) {
    learn(copy, request);
    let (pending, list) = (request["status"] == "PENDING", "connectionRequests.nodes");
    let changed = match pending {
        true => put(copy, list, request.clone(), true),
        false => remove(copy, list, &text(&request["id"])),
    };
    if changed {
        add(copy, "connectionRequests.totalCount", if pending { 1 } else { -1 });
    }
}

fn home(copy: &mut Value, event: &Value) -> Vec<Part> {
    match name(event) {
        added @ ("ContactAdded" | "ContactRemoved") => {
            let list = text(&event["list"]);
            let mut counter = String::new();
            for (index, word) in list.to_lowercase().split('_').enumerate() {
                let rest = if index == 0 { word.to_owned() } else { word[..1].to_uppercase() + &word[1..] };
                counter.push_str(&rest);
            }
            let change = if added == "ContactAdded" { 1 } else { -1 };
            add(copy, &format!("viewer.contactCounts.{counter}"), change);
            learn(copy, &event["user"]);
            // The feed shows other people from now on.
            let of_feed = ["CONNECTIONS", "FOLLOWING", "BLOCKED", "MUTED"].contains(&list.as_str());
            return if of_feed { vec!["activityFeed.nodes"] } else { vec![] };
        }
        "UserChanged" => learn(copy, &event["user"]),
        "ConnectionRequestReceived" | "ConnectionRequestChanged" => request(copy, &event["request"]),
        "ActivityPosted" => {
            learn(copy, &event["activity"]);
            put(copy, "activityFeed.nodes", event["activity"].clone(), true);
            at(copy, "activityFeed.nodes").as_array_mut().expected("the feed").truncate(SHOWN);
        }
        "ActivityRemoved" if remove(copy, "activityFeed.nodes", &text(&event["activityId"])) => {
            // A row is free now.
            return vec!["activityFeed.nodes"];
        }
        "UnreadChanged" => *at(copy, "viewer.unread") = event["unread"].clone(),
        _ => {}
    }
    vec![]
}

fn profile(copy: &mut Value, event: &Value) -> Vec<Part> {
    if name(event) == "UserUpdate" {
        copy["user"] = event["user"].clone();
    }
    vec![]
}

fn bell(copy: &mut Value, event: &Value) -> Vec<Part> {
    let list = "notifications.nodes";
    let ids: Vec<String> = list_of(&event["notificationIds"]).iter().map(text).collect();
    match name(event) {
        "NotificationAdded" => {
            learn(copy, &event["notification"]);
            put(copy, list, event["notification"].clone(), true);
            at(copy, list).as_array_mut().expected("the list").truncate(SHOWN);
            add(copy, "notifications.totalCount", 1);
        }
        "NotificationsRead" => ids.iter().for_each(|id| learn(copy, &json!({ "id": id, "readAt": event["readAt"] }))),
        "NotificationsUnread" => ids.iter().for_each(|id| learn(copy, &json!({ "id": id, "readAt": null }))),
        "NotificationsRemoved" => {
            let removed = ids.iter().filter(|id| remove(copy, list, id)).count();
            add(copy, "notifications.totalCount", -i64::try_from(ids.len()).expected("a count"));
            // Rows are free now. The total follows the events alone.
            return if removed > 0 { vec!["notifications.nodes"] } else { vec![] };
        }
        "ConnectionRequestReceived" | "ConnectionRequestChanged" => request(copy, &event["request"]),
        "UserChanged" => learn(copy, &event["user"]),
        "UnreadChanged" => *at(copy, "viewer.unread") = event["unread"].clone(),
        _ => {}
    }
    vec![]
}

/// Keeps the tasks in which the agent has a part.
fn task_on_desk(copy: &mut Value, task: &Value) {
    let part = ["OWNER", "JOINED", "WRAP_UP"].map(Value::from).contains(&task["viewerRole"]);
    if part {
        put(copy, "viewer.agentDesktop.tasks", task.clone(), false);
    } else {
        remove(copy, "viewer.agentDesktop.tasks", &text(&task["id"]));
    }
}

fn desk(copy: &mut Value, event: &Value) -> Vec<Part> {
    let offers = "viewer.agentDesktop.offers";
    match name(event) {
        "AgentChanged" => learn(copy, &event["agent"]),
        "OfferCreated" => drop(put(copy, offers, event["offer"].clone(), false)),
        "OfferEnded" => drop(remove(copy, offers, &text(&event["offer"]["id"]))),
        "TaskChanged" => task_on_desk(copy, &event["task"]),
        "ConversationChanged" => {
            learn(copy, &without_task(&event["conversation"]));
            if event["conversation"]["task"].is_object() {
                task_on_desk(copy, &event["conversation"]["task"]);
            }
        }
        _ => {}
    }
    vec![]
}

fn without_task(conversation: &Value) -> Value {
    if conversation.is_object() { without(conversation, &["task"]) } else { Value::Null }
}

const RECEIPTS: [&str; 5] = ["QUEUED", "SENT", "FAILED", "DELIVERED", "READ"];

/// Raises the state of the messages that a participant received or read.
fn receipt(copy: &mut Value, event: &Value) {
    let rank = |state: &Value| RECEIPTS.iter().position(|known| state == known);
    let (from, to) = (event["fromSequence"].as_i64(), event["message"]["sequence"].as_i64());
    let reached = &event["receipt"]["state"];
    let by_customer = text(&event["receipt"]["participant"]["id"]).starts_with("customer_");
    for item in at(copy, "conversation.items.nodes").as_array_mut().expected("the items") {
        let inside = item["sequence"].as_i64() >= from && item["sequence"].as_i64() <= to;
        // A customer's message counts what agents read, and an agent's message counts what the customer read.
        let counts = (item["direction"] == "OUTBOUND") == by_customer;
        if item["__typename"] == "Message" && inside && counts && rank(&item["status"]) < rank(reached) {
            item["status"] = reached.clone();
        }
    }
}

fn conversation(copy: &mut Value, event: &Value) -> Vec<Part> {
    let items = "conversation.items.nodes";
    learn(copy, &event["conversation"]);
    match name(event) {
        "ItemAdded" => {
            put(copy, items, event["item"].clone(), false);
            let nodes = at(copy, items).as_array_mut().expected("the items");
            let more = nodes.len().saturating_sub(50);
            nodes.drain(..more);
            if more > 0 && copy["conversation"]["items"]["pageInfo"].is_object() {
                copy["conversation"]["items"]["pageInfo"]["hasPreviousPage"] = json!(true);
            }
        }
        "ItemChanged" => learn(copy, &event["item"]),
        "ReceiptAdvanced" => receipt(copy, event),
        // The chat of a visitor does not show the participants.
        "ParticipantChanged" if event["participant"].is_object() => {
            put(copy, "conversation.participants", event["participant"].clone(), false);
        }
        "TaskChanged" => {
            learn(copy, &event["task"]["conversation"]);
            copy["conversation"]["task"] = without(&event["task"], &["conversation"]);
        }
        "QueuePositionUpdate" => copy["conversation"]["task"]["position"] = event["position"].clone(),
        "CustomerUpdate" => copy["conversation"]["customer"] = event["customer"].clone(),
        _ => {}
    }
    vec![]
}

fn transfer(copy: &mut Value, event: &Value) -> Vec<Part> {
    if name(event) == "TargetsChanged" {
        for list in ["queues", "transfer", "conference"] {
            copy[list] = event[list].clone();
        }
    }
    vec![]
}

fn dashboard(copy: &mut Value, event: &Value) -> Vec<Part> {
    match name(event) {
        "AgentStateChanged" | "AgentChanged" => learn(copy, &event["agent"]),
        "QueueCountsChanged" => learn(copy, &event["queue"]),
        "CustomerChanged" => learn(copy, &event["customer"]),
        "TaskChanged" | "TaskQueued" | "TaskDequeued" | "TaskAccepted" | "TaskReleased" => {
            let task = &event["task"];
            let live = ["QUEUED", "OFFERED", "CONNECTED", "CONFERENCE_REQUESTED", "CONFERENCE"];
            let changed = match live.map(Value::from).contains(&task["status"]) {
                true => i64::from(put(copy, "tasks.nodes", task.clone(), false)),
                false => -i64::from(remove(copy, "tasks.nodes", &text(&task["id"]))),
            };
            add(copy, "tasks.totalCount", changed);
        }
        _ => {}
    }
    vec![]
}
