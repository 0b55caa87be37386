//! Tests of conversations that an agent has left: the agent sees what was written before and nothing later, by queries
//! and live streams. Serving the queue, supervising or joining again shows the rest.

use entity::user::Role;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::key,
    app::TestApp,
    consistency,
    conversations::{EVENTS, SEND},
    desk::QueueSetup,
    eventually,
    graphql::Client,
    person::Person,
    socket::Socket,
    visitors::{self, AcceptedChat},
};

const NOTE: &str = include_str!("operations/conversation_departures/note.graphql");
const READ: &str = include_str!("operations/conversation_departures/read.graphql");
const LOOK: &str = include_str!("operations/conversation_departures/look.graphql");

/// A customer in a conversation with an agent of one queue. Another agent serves a second queue.
struct Scene {
    app: TestApp,
    visitor: Client,
    conversation: String,
    task: String,
    sue: Person,
    ann: Person,
    sales: QueueSetup,
}

impl Scene {
    async fn new() -> Self {
        let AcceptedChat { app, sue, ann, sales, visitor, conversation, task, .. } = visitors::accepted_chat().await;
        let scene = Self { app, visitor, conversation, task, sue, ann, sales };
        scene.says(&scene.sue.clients[0], "s1", "What Sue said").await;
        scene
    }

    async fn says(&self, client: &Client, key: &str, body: &str) -> String {
        let sent = client.ask(SEND, json!({ "c": self.conversation, "m": key, "b": body })).await;
        sent.text("sent.message.id").to_owned()
    }

    async fn look(&self, who: &Person) -> Value {
        who.ask(LOOK, json!({ "c": self.conversation })).await.body["data"].clone()
    }

    /// Subscribes a person to the conversation on each instance.
    async fn follows(&self, who: &Person) -> Vec<Socket> {
        let mut sockets = Vec::new();
        for instance in 0..self.app.instances.len() {
            let mut socket = who.socket(instance).await;
            socket.follow_conversation(&self.conversation, None).await;
            sockets.push(socket);
        }
        sockets
    }

    /// Adds later messages, a note and receipts. Returns the ids of the new items.
    async fn goes_on(&self, with: &Person) -> Vec<String> {
        self.app.clock.advance(chrono::Duration::minutes(5));
        let mut later = vec![
            self.says(&self.visitor, "later 1", "a later word of the customer").await,
            self.says(&with.clients[0], "later 2", "a later word of the agent").await,
        ];
        let noted = with.ask(NOTE, json!({ "c": self.conversation, "m": "later 3" })).await;
        later.push(noted.text("noted.note.id").to_owned());
        for reader in [&self.visitor, &with.clients[0]] {
            let read = reader.ask(READ, json!({ "c": self.conversation })).await;
            assert_eq!(read.at("markConversationRead.userErrors"), &json!([]));
        }
        later
    }

    /// Checks that a person sees what they saw when they left, and nothing later.
    async fn is_over_for(&self, who: &Person, before: &Value, later: &[String]) {
        let now = self.look(who).await;
        let (conversation, was) = (&now["conversation"], &before["conversation"]);
        assert_eq!(conversation["items"], was["items"], "{}", who.handle);
        let last = was["items"]["nodes"].as_array().and_then(|items| items.last()?["sequence"].as_i64());
        for participant in conversation["participants"].as_array().into_iter().flatten() {
            assert!(participant["readUpTo"].as_i64() <= last, "{participant} after {last:?}");
        }
        assert_eq!(conversation["transcript"], was["transcript"]);
        assert_eq!(conversation["unreadCount"], was["unreadCount"]);
        let listed = &now["conversations"]["nodes"][0];
        assert_eq!(listed["id"], self.conversation.as_str());
        assert_eq!(listed, &before["conversations"]["nodes"][0]);
        assert!(!now.to_string().contains("a later"), "{now}");
        let path = who
            .ask("query($c: ID!) { conversation(id: $c) { transcriptUrl } }", json!({ "c": self.conversation }))
            .await;
        let url = format!("{}{}", who.clients[0].url, path.text("conversation.transcriptUrl"));
        let file = reqwest::Client::new().get(url).bearer_auth(&who.token).send().await.expected("an answer");
        let file = file.text().await.expected("a file");
        assert!(!file.is_empty() && !file.contains("a later"), "{file}");
        for id in later {
            let node =
                who.ask("query($id: ID!) { node(id: $id) { id } nodes(ids: [$id]) { id } }", json!({ "id": id })).await;
            assert_eq!(node.body["data"], json!({ "node": null, "nodes": [null] }), "{id}");
        }
        // Marking later items as read affects only the visible ones.
        let read = who.ask(READ, json!({ "c": self.conversation })).await;
        assert_eq!(read.at("markConversationRead.userErrors"), &json!([]));
        assert_eq!(self.look(who).await["conversation"]["unreadCount"], 0);
        let mut socket = who.socket(0).await;
        socket.subscribe("1", EVENTS, json!({ "id": self.conversation })).await;
        let refused = socket.hear().await.expected("an answer");
        assert!(refused.to_string().contains("BAD_USER_INPUT"), "{refused}");
    }

    async fn sees_all(&self, who: &Person, later: &[String]) {
        let now = self.look(who).await;
        let ids: Vec<_> = now["conversation"]["items"]["nodes"].as_array().into_iter().flatten().collect();
        for id in later {
            assert!(ids.iter().any(|item| item["id"] == id.as_str()), "{}: {now}", who.handle);
        }
        drop(self.follows(who).await);
    }
}

/// Checks that each subscription ends within two seconds, and that its last event is the follower's departure.
async fn ends_with_leaving(sockets: Vec<Socket>, who: &Person) {
    for mut socket in sockets {
        let ended = async {
            let mut last = Value::Null;
            while let Some(event) = socket.event().await {
                last = event;
            }
            last
        };
        let last = tokio::time::timeout(std::time::Duration::from_secs(2), ended).await.expected("an end in time");
        assert_eq!(last["__typename"], "ParticipantChanged", "{last}");
        assert_eq!(last["participant"]["actor"]["displayName"], who.handle.as_str());
        assert!(last["participant"]["leftAt"].is_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_transferred_a_conversation_sees_nothing_later() {
    let scene = Box::pin(Scene::new()).await;
    let live = scene.follows(&scene.sue).await;
    assert_eq!(scene.sue.transfers(&scene.task, scene.sales.as_target()).await, "");
    ends_with_leaving(live, &scene.sue).await;
    assert_eq!(scene.sue.wraps_up(&scene.task).await, "");
    let before = scene.look(&scene.sue).await;
    assert!(before.to_string().contains("What Sue said"), "{before}");
    scene.app.settle().await;
    scene.ann.accepts_it().await;
    let later = scene.goes_on(&scene.ann).await;
    scene.is_over_for(&scene.sue, &before, &later).await;
    // The new owner and the customer see everything.
    scene.sees_all(&scene.ann, &later).await;
    // Serving the queue is a separate right to see the conversation.
    let queue = scene.sales.queue.id;
    scene.app.assigns(queue, &[scene.ann.id, scene.sue.id]).await;
    scene.sees_all(&scene.sue, &later).await;
    // The right ends when the agent no longer serves the queue.
    let live = scene.follows(&scene.sue).await;
    scene.app.assigns(queue, &[scene.ann.id]).await;
    for mut socket in live {
        let ended =
            tokio::time::timeout(std::time::Duration::from_secs(2), async { while socket.event().await.is_some() {} });
        ended.await.expected("an end in time");
    }
    let again = scene.look(&scene.sue).await;
    assert_eq!(
        again["conversation"]["items"]["nodes"].as_array().map(Vec::len),
        before["conversation"]["items"]["nodes"].as_array().map(Vec::len)
    );
    // Supervising is a right too.
    let ada = scene.app.admin("ada").await;
    let promote =
        "mutation($u: ID!, $r: Role!) { setUserRole(input: { userId: $u, role: $r }) { userErrors { code } } }";
    let promoted = ada.ask(promote, json!({ "u": scene.sue.id(), "r": "SUPERVISOR" })).await;
    assert_eq!(promoted.at("setUserRole.userErrors"), &json!([]));
    scene.sees_all(&scene.sue, &later).await;
    consistency::check(&scene.app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_left_a_conference_sees_nothing_later_until_they_rejoin() {
    for (verb, by_owner) in [("removeFromConference", true), ("exitConference", false)] {
        let scene = Box::pin(Scene::new()).await;
        let join = || async {
            assert_eq!(scene.sue.invites(&scene.task, scene.ann.as_target()).await, "");
            scene.ann.accepts_it().await;
        };
        join().await;
        let live = scene.follows(&scene.ann).await;
        let by = if by_owner { &scene.sue } else { &scene.ann };
        assert_eq!(by.confers(verb, &scene.task).await, "", "{verb}");
        ends_with_leaving(live, &scene.ann).await;
        assert_eq!(scene.ann.wraps_up(&scene.task).await, "", "{verb}");
        let before = scene.look(&scene.ann).await;
        let later = scene.goes_on(&scene.sue).await;
        scene.is_over_for(&scene.ann, &before, &later).await;
        scene.sees_all(&scene.sue, &later).await;
        assert_eq!(scene.ann.turns("AVAILABLE").await, "");
        join().await;
        scene.sees_all(&scene.ann, &later).await;
        consistency::check(&scene.app.database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_who_left_sees_everything_until_they_become_an_agent() {
    let scene = Box::pin(Scene::new()).await;
    let (ada, tom) = (scene.app.admin("ada").await, scene.app.supervisor("tom").await);
    let about = |verb: &str| {
        let input = crate::support::contact_center::input_of(verb);
        format!("mutation($input: {input}!) {{ {verb}(input: $input) {{ userErrors {{ code }} }} }}")
    };
    for verb in ["joinConversation", "leaveConversation"] {
        let done = tom.ask(&about(verb), json!({ "input": { "conversationId": scene.conversation } })).await;
        assert_eq!(done.at(verb)["userErrors"], json!([]));
    }
    let before = scene.look(&tom).await;
    let later = scene.goes_on(&scene.sue).await;
    scene.sees_all(&tom, &later).await;
    let role = format!("{:?}", Role::Agent).to_uppercase();
    let live = scene.follows(&tom).await;
    let made = ada.ask(&about("setUserRole"), json!({ "input": { "userId": tom.id(), "role": role } })).await;
    assert_eq!(made.at("setUserRole.userErrors"), &json!([]));
    for mut socket in live {
        let ended =
            tokio::time::timeout(std::time::Duration::from_secs(2), async { while socket.event().await.is_some() {} });
        ended.await.expected("an end in time");
    }
    eventually("the role is known", || async {
        scene.look(&tom).await["conversation"]["items"] == before["conversation"]["items"]
    })
    .await;
    scene.is_over_for(&tom, &before, &later).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_who_left_reads_no_later_wrap_ups_and_routing_decisions() {
    let scene = Box::pin(Scene::new()).await;
    assert_eq!(scene.sue.transfers(&scene.task, scene.sales.as_target()).await, "");
    assert_eq!(scene.sue.wraps_up(&scene.task).await, "");
    let look = async |who: &Person| {
        let query = "query($c: ID!, $t: ID!) { conversation(id: $c) { participants { actor { displayName } leftAt } } \
                     node(id: $t) { ... on Task { wrapUps { agent { user { handle } } note } routingDecisions { decidedAt } } } }";
        let answer = who.ask(query, json!({ "c": scene.conversation, "t": scene.task })).await;
        answer.body["data"].clone()
    };
    let before = look(&scene.sue).await;
    assert_eq!(before["node"]["wrapUps"], json!([{ "agent": { "user": { "handle": "sue" } }, "note": "done" }]));
    scene.app.clock.advance(chrono::Duration::minutes(1));
    scene.app.settle().await;
    scene.ann.accepts_it().await;
    assert_eq!(scene.ann.ends(&scene.conversation).await, "");
    assert_eq!(scene.ann.wraps_up(&scene.task).await, "");
    let tom = scene.app.supervisor("tom").await;
    let all = look(&tom).await;
    assert_eq!(all["node"]["wrapUps"].as_array().map(Vec::len), Some(2), "{all}");
    assert!(
        all["node"]["routingDecisions"].as_array().map(Vec::len)
            > before["node"]["routingDecisions"].as_array().map(Vec::len)
    );
    assert!(all["conversation"]["participants"].to_string().contains("ann"), "{all}");
    assert_eq!(look(&scene.sue).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_who_becomes_an_agent_leaves_joined_conversations() {
    let scene = Box::pin(Scene::new()).await;
    let (ada, tom) = (scene.app.admin("ada").await, scene.app.supervisor("tom").await);
    let join = "mutation($c: ID!) { joinConversation(input: { conversationId: $c }) { userErrors { code } } }";
    assert_eq!(tom.ask(join, json!({ "c": scene.conversation })).await.at("joinConversation.userErrors"), &json!([]));
    let live = scene.follows(&tom).await;
    let demote = "mutation($u: ID!) { setUserRole(input: { userId: $u, role: AGENT }) { userErrors { code } } }";
    assert_eq!(ada.ask(demote, json!({ "u": tom.id() })).await.at("setUserRole.userErrors"), &json!([]));
    for mut socket in live {
        let ended =
            tokio::time::timeout(std::time::Duration::from_secs(2), async { while socket.event().await.is_some() {} });
        ended.await.expected("an end in time");
    }
    let before = scene.look(&tom).await;
    let later = scene.goes_on(&scene.sue).await;
    scene.is_over_for(&tom, &before, &later).await;
    let sent = tom.ask(SEND, json!({ "c": scene.conversation, "m": "t1", "b": "Still here?" })).await;
    assert_eq!(sent.text("sent.userErrors.0.code"), "NOT_A_PARTICIPANT");
    consistency::check(&scene.app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_event_and_no_payload_shows_a_conversation_without_the_scope_to_read_it() {
    let scene = Box::pin(Scene::new()).await;
    let tasks = "task { id conversation { id transcript } wrapUps { note } routingDecisions { decidedAt } }";
    let (desk, _) = key(&scene.sue.clients[0], json!({ "name": "desk", "scopes": ["AGENTS_READ"] })).await;
    let (log, _) = key(&scene.sue.clients[0], json!({ "name": "log", "scopes": ["EVENTS_READ", "AGENTS_READ"] })).await;
    let (pen, _) = key(&scene.sue.clients[0], json!({ "name": "pen", "scopes": ["CONVERSATIONS_WRITE"] })).await;
    let mut socket = Socket::open(&scene.app.instances[0].url, Some(&desk)).await;
    let follow = format!("subscription {{ event: agentDesktop {{ __typename ... on TaskChanged {{ {tasks} }} }} }}");
    socket.subscribe("1", &follow, json!({})).await;
    assert_eq!(socket.event().await.expected("a start")["__typename"], "SubscriptionStarted");
    assert_eq!(scene.sue.transfers(&scene.task, scene.sales.as_target()).await, "");
    let nothing = json!({ "id": scene.task, "conversation": null, "wrapUps": [], "routingDecisions": [] });
    let mut told = 0;
    while told == 0 {
        let event = socket.event().await.expected("an event");
        if event["__typename"] == "TaskChanged" {
            assert_eq!(event["task"], nothing);
            told += 1;
        }
    }
    let url = &scene.app.instances[0].url;
    let pull = format!("{{ events(topics: [AGENT_DESKTOP]) {{ nodes {{ ... on TaskChanged {{ {tasks} }} }} }} }}");
    let pulled = async || {
        let answer = Client::new(url, Some(log.clone())).ask(&pull, Value::Null).await;
        answer.body["data"]["events"]["nodes"].as_array().cloned().unwrap_or_default()
    };
    eventually("the log is in order", || async { pulled().await.iter().any(|node| node["task"].is_object()) }).await;
    for node in pulled().await.iter().filter(|node| node["task"].is_object()) {
        assert_eq!(node["task"], nothing);
    }
    let read = "mutation($c: ID!) { markConversationRead(input: { conversationId: $c, upToSequence: 1 }) { conversation { transcript } userErrors { code } } }";
    let marked = Client::new(url, Some(pen)).ask(read, json!({ "c": scene.conversation })).await;
    assert_eq!(marked.at("markConversationRead"), &json!({ "conversation": null, "userErrors": [] }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_agent_follows_no_agent_desktop_and_reads_no_wrap_ups_from_the_log() {
    let scene = Box::pin(Scene::new()).await;
    let ada = scene.app.admin("ada").await;
    assert_eq!(scene.sue.ends(&scene.conversation).await, "");
    assert_eq!(scene.sue.wraps_up(&scene.task).await, "");
    let demote = "mutation($u: ID!) { setUserRole(input: { userId: $u, role: MEMBER }) { userErrors { code } } }";
    assert_eq!(ada.ask(demote, json!({ "u": scene.sue.id() })).await.at("setUserRole.userErrors"), &json!([]));
    let url = &scene.app.instances[0].url;
    let token = scene.sue.token.clone();
    let mut socket = Socket::open(url, Some(&token)).await;
    socket.subscribe("1", "subscription { agentDesktop { __typename } }", json!({})).await;
    let refused = socket.hear().await.expected("an answer");
    assert!(refused.to_string().contains("FORBIDDEN"), "{refused}");
    let pull = "{ events(topics: [AGENT_DESKTOP], first: 100) { nodes { ... on TaskChanged { task { wrapUps { note } conversation { id } } } } } }";
    let pulled = Client::new(url, Some(token)).ask(pull, Value::Null).await;
    assert!(pulled.body["errors"].is_null() && !pulled.body.to_string().contains("done"), "{}", pulled.body);
}
