//! Tests of the subscriptions that follow many conversations at once: `inbox`, `agentDesktop` and `supervisorDesktop`.

use std::collections::BTreeSet;

use api::auth::viewer::Scope;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    arrivals::connected_task,
    conversations::code,
    desk::{NewQueue, QueueSetup},
    person::Person,
    socket::Socket,
    visitors::{AcceptedChat, accepted_chat},
};
use entity::channel::Channel;

const INBOX: &str = include_str!("operations/inbox/inbox.graphql");
const DESKTOP: &str = include_str!("operations/inbox/desktop.graphql");
const SUPERVISOR: &str = include_str!("operations/inbox/supervisor.graphql");
const UNREAD: &str = "{ viewer { unread { badge notifications requests conversations messages wrapUps } } }";

/// A subscription, with the last counts that it delivered.
struct Follower {
    socket: Socket,
    unread: Value,
}

impl Follower {
    async fn start(by: &Person, instance: usize, query: &str, variables: Value) -> Self {
        let mut socket = by.socket(instance).await;
        socket.subscribe("1", query, variables).await;
        assert_eq!(socket.event().await.expected("the first event")["__typename"], "SubscriptionStarted");
        Self { socket, unread: Value::Null }
    }

    async fn event(&mut self) -> Option<Value> {
        let event = self.socket.event().await?;
        if event["__typename"] == "UnreadChanged" {
            self.unread = event["unread"].clone();
        }
        Some(event)
    }

    /// Returns the next event of a type for which `wanted` holds.
    async fn until(&mut self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let event = self.event().await.expected(name);
            if event["__typename"] == name && wanted(&event) {
                return event;
            }
        }
    }

    /// Waits until a number has a value, which may have come before an event that was waited for.
    async fn until_unread(&mut self, number: &str, value: usize) -> Value {
        while self.unread[number] != value {
            self.event().await.expected(number);
        }
        self.unread.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_message_reaches_the_agents_inbox_and_desktop_with_its_text_and_the_unread_count() {
    let AcceptedChat { app, sue, ann, visitor, conversation, .. } = accepted_chat().await;
    let mut inbox = Follower::start(&sue, 1, INBOX, json!({})).await;
    let mut desktop = Follower::start(&sue, 0, DESKTOP, json!({})).await;
    let send = crate::support::conversations::SEND;
    for (number, text) in ["Hello?", "Anybody?"].into_iter().enumerate() {
        let variables = json!({ "c": conversation, "m": format!("m{number}"), "b": text });
        assert_eq!(visitor.ask(send, variables).await.code(), "");
        let has = |event: &Value| event["conversation"]["lastItem"]["body"] == text;
        let told = inbox.until("ConversationChanged", has).await;
        assert_eq!(told["conversation"]["id"], conversation.as_str());
        assert_eq!(told["conversation"]["unreadCount"], number + 2, "{told}");
        let told = desktop.until("ConversationChanged", has).await;
        assert_eq!(told["conversation"]["unreadCount"], number + 2, "{told}");
    }
    let unread = inbox.until_unread("messages", 3).await;
    assert_eq!(unread, sue.ask(UNREAD, Value::Null).await.at("viewer.unread").clone());
    // Nobody else is told. Ann serves another queue.
    let mut other = Follower::start(&ann, 0, INBOX, json!({})).await;
    let first = other.event().await.expected("the counts");
    assert_eq!(first["__typename"], "UnreadChanged");
    assert_eq!(code(&sue.sends(0, &conversation, "r", "Yes").await), "");
    let has = |event: &Value| event["conversation"]["lastItem"]["body"] == "Yes";
    let told = inbox.until("ConversationChanged", has).await;
    assert_eq!(told["conversation"]["unreadCount"], 0);
    inbox.until_unread("messages", 0).await;
    assert_eq!(ann.turns("IDLE").await, "");
    sue.ends(&conversation).await;
    let told = inbox.until("ConversationChanged", |event| event["conversation"]["status"] == "CLOSED").await;
    assert_eq!(told["conversationId"], conversation.as_str());
    inbox.until_unread("wrapUps", 1).await;
    crate::support::consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_badge_follows_requests_and_messages_and_counts_a_request_once() {
    let app = TestApp::two().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let mut inbox = Follower::start(&ben, 1, INBOX, json!({})).await;
    let nothing =
        json!({ "badge": 0, "notifications": 0, "requests": 0, "conversations": 0, "messages": 0, "wrapUps": 0 });
    assert_eq!(inbox.event().await.expected("the counts")["unread"], nothing);
    let request = ann.asks(&ben).await;
    let told = inbox.until_unread("badge", 1).await;
    assert_eq!(told["requests"], 1, "{told}");
    ben.must("acceptConnectionRequest", &request).await;
    inbox.until_unread("requests", 0).await;
    let started = ann
        .ask(
            "mutation($u: ID!) { startDirectConversation(input: { userId: $u }) { conversation { id } } }",
            json!({ "u": ben.id() }),
        )
        .await;
    let id = started.text("startDirectConversation.conversation.id").to_owned();
    for (number, text) in ["Lunch?", "At noon?", "Ben?"].into_iter().enumerate() {
        assert_eq!(code(&ann.sends(0, &id, &number.to_string(), text).await), "");
        let has = |event: &Value| event["conversation"]["lastItem"]["body"] == text;
        let told = inbox.until("ConversationChanged", has).await;
        assert_eq!(told["conversation"]["unreadCount"], number + 1);
        assert_eq!(inbox.until_unread("messages", number + 1).await["conversations"], 1);
    }
    assert_eq!(first_counts(&ben).await, ben.ask(UNREAD, Value::Null).await.at("viewer.unread").clone());
}

/// Returns the counts that a new subscription begins with.
async fn first_counts(by: &Person) -> Value {
    let mut socket = Follower::start(by, 0, INBOX, json!({})).await;
    socket.event().await.expected("the counts")["unread"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_from_before_a_query_continues_without_a_gap_on_another_instance() {
    let app = TestApp::two().await;
    let sue = app.supervisor("sue").await;
    let ann = app.agent("ann").await;
    let setup = app.queue_setup(Channel::Sms, &[&ann]).await;
    let list = "{ viewer { streamCursor } conversations { streamCursor nodes { id } } }";
    let seen = sue.ask(list, Value::Null).await;
    for cursor in ["viewer.streamCursor", "conversations.streamCursor"] {
        let cursor = seen.text(cursor).to_owned();
        let arrival = app.waits(&setup, &format!("kim{cursor}")).await;
        let mut inbox = Follower::start(&sue, 1, INBOX, json!({ "after": cursor })).await;
        let of_it = |event: &Value| event["conversationId"] == arrival.conversation.to_string();
        inbox.until("ConversationChanged", of_it).await;
    }
    // An agent hears of the conversations that wait in a queue that the agent serves.
    let mut inbox = Follower::start(&ann, 0, INBOX, json!({})).await;
    let arrival = app.waits(&setup, "lee").await;
    inbox.until("ConversationChanged", |event| event["conversationId"] == arrival.conversation.to_string()).await;
    // A change of the queues changes the lists.
    let before = ann.ask(list, Value::Null).await.text("viewer.streamCursor").to_owned();
    app.assigns(setup.queue.id, &[sue.id]).await;
    let resync = inbox.until("ResyncRequired", |_| true).await;
    assert!(resync["reason"].as_str().is_some_and(|reason| reason.contains("queues")), "{resync}");
    assert!(inbox.event().await.is_none());
    // So does one that happened before the agent subscribed again.
    let mut inbox = Follower::start(&ann, 1, INBOX, json!({ "after": before })).await;
    let resync = inbox.event().await.expected("a resync");
    assert!(resync["reason"].as_str().is_some_and(|reason| reason.contains("queues")), "{resync}");
    assert!(inbox.event().await.is_none());
    let since = json!({ "after": resync["cursor"] });
    let mut inbox = Follower::start(&ann, 0, INBOX, since).await;
    assert_eq!(inbox.event().await.expected("the counts")["__typename"], "UnreadChanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_was_asked_hears_when_the_conversation_enters_and_leaves_the_inbox() {
    let AcceptedChat { app, sue, ann, conversation, task, .. } = accepted_chat().await;
    assert_eq!(ann.turns("AVAILABLE").await, "");
    for verb in ["requestConference", "transferTask"] {
        let mut inbox = Follower::start(&ann, 1, INBOX, json!({})).await;
        assert_eq!(sue.directs_on(0, verb, &task, ann.as_target()).await, "");
        let of_it = |event: &Value, visible: bool| {
            event["conversationId"] == conversation.as_str() && event["conversation"].is_null() != visible
        };
        inbox.until("ConversationChanged", |event| of_it(event, true)).await;
        let offer = ann.offers().await.remove(0);
        assert_eq!(ann.declines(&offer).await, "");
        inbox.until("ConversationChanged", |event| of_it(event, false)).await;
        assert_eq!(ann.turns("AVAILABLE").await, "");
    }
    crate::support::consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_must_wrap_up_sees_the_task_go_to_another_agent_and_return() {
    let AcceptedChat { app, sue, ann, sales, task, .. } = accepted_chat().await;
    let query = "subscription { event: agentDesktop { __typename ... on TaskChanged { task { status } } } }";
    let mut desktop = Follower::start(&sue, 0, query, json!({})).await;
    assert_eq!(sue.transfers(&task, sales.as_target()).await, "");
    app.settle().await;
    assert_eq!(ann.declines(&ann.offers().await.remove(0)).await, "");
    for status in ["QUEUED", "OFFERED", "QUEUED"] {
        desktop.until("TaskChanged", |event| event["task"]["status"] == status).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn viewer_events_leave_out_what_the_token_may_not_read() {
    let app = TestApp::two().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let follow = "subscription { event: viewerEvents { __typename ... on ContactAdded { list } } }";
    let few = app.limited(&ben, &[Scope::EventsRead, Scope::ContactsRead]);
    let mut socket = Socket::open(&few.url, few.token.as_deref()).await;
    socket.subscribe("1", follow, json!({})).await;
    let request = ann.asks(&ben).await;
    ben.must("acceptConnectionRequest", &request).await;
    let start = "mutation($u: ID!) { startDirectConversation(input: { userId: $u }) { conversation { id } } }";
    let started = ann.ask(start, json!({ "u": ben.id() })).await;
    let conversation = started.text("startDirectConversation.conversation.id").to_owned();
    assert_eq!(code(&ann.sends(0, &conversation, "1", "Lunch?").await), "");
    ann.ask("mutation { postStatus(input: { text: \"Hello\" }) { outcome } }", Value::Null).await.at("postStatus");
    ann.must("followUser", &ben.id()).await;
    let mut heard = BTreeSet::new();
    loop {
        let event = socket.event().await.expected("an event");
        heard.insert(event["__typename"].as_str().expected("a type").to_owned());
        if event["list"] == "FOLLOWERS" {
            break;
        }
    }
    let readable = [
        "ConnectionRequestChanged",
        "ConnectionRequestReceived",
        "ContactAdded",
        "ContactRemoved",
        "SubscriptionStarted",
    ];
    assert_eq!(heard, readable.map(str::to_owned).into());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_follows_loads_and_counts_of_all_queues_in_one_stream() {
    let app = TestApp::two().await;
    let sue = app.supervisor("sue").await;
    let ann = app.agent("ann").await;
    let chats = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Chats"), &[&ann]).await;
    let texts = app.queue_setup_of(NewQueue::of(Channel::Sms, "Texts"), &[]).await;
    let refused = async |by: &Person| {
        let mut socket = by.socket(0).await;
        socket.subscribe("1", SUPERVISOR, json!({})).await;
        socket.hear().await.expected("an answer").to_string()
    };
    assert!(refused(&ann).await.contains("FORBIDDEN"));
    let start = sue.ask("{ viewer { streamCursor } agents { streamCursor } }", Value::Null).await;
    let after = start.text("viewer.streamCursor").to_owned();
    let queue_id = |setup: &QueueSetup| setup.queue.id.to_string();
    let mut all = Follower::start(&sue, 1, SUPERVISOR, json!({ "after": after })).await;
    let mut one = Follower::start(&sue, 0, SUPERVISOR, json!({ "queues": [queue_id(&texts)] })).await;
    ann.turns("AVAILABLE").await;
    all.until("AgentStateChanged", |event| event["agent"]["state"] == "AVAILABLE").await;
    connected_task(&app, &ann, &chats, "kim").await;
    let is_busy = |event: &Value| event["agent"]["capacity"].to_string().contains("\"used\":1");
    all.until("AgentChanged", is_busy).await;
    let served = |event: &Value| event["queueId"] == queue_id(&chats) && event["queue"]["statistics"]["inService"] == 1;
    all.until("QueueCountsChanged", served).await;
    app.waits(&texts, "lee").await;
    let counts = one.until("QueueCountsChanged", |_| true).await;
    assert_eq!((&counts["queueId"], &counts["queue"]["waiting"]), (&json!(queue_id(&texts)), &json!(1)), "{counts}");
    // The stream ends with the role.
    let ada = app.admin("ada").await;
    let set_role = "mutation($u: ID!) { setUserRole(input: { userId: $u, role: AGENT }) { userErrors { code } } }";
    ada.ask(set_role, json!({ "u": sue.id() })).await;
    while one.event().await.is_some() {}
}
