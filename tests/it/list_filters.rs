//! Tests of the lists of tasks, customers and conversations: filters, searches, orders, counts, and who sees what.

use std::collections::BTreeSet;

use entity::channel::Channel;
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::key,
    app::TestApp,
    consistency,
    conversations::code,
    desk::{NewQueue, QueueSetup},
    graphql::Client,
    person::Person,
    plans::{self, Budget, Planned},
    visitors,
};

const TASKS: &str = include_str!("operations/list_filters/tasks.graphql");
const CONVERSATIONS: &str = include_str!("operations/list_filters/conversations.graphql");
const CUSTOMERS: &str = include_str!("operations/list_filters/customers.graphql");
const UPDATE: &str = include_str!("operations/list_filters/update_customer.graphql");

/// A contact center with two queues, of which Ann serves the first and Ben the second.
struct Center {
    app: TestApp,
    ann: Person,
    ben: Person,
    sue: Person,
    crm: Client,
    chats: QueueSetup,
    texts: QueueSetup,
}

impl Center {
    async fn new() -> Self {
        let app = TestApp::two().await;
        let [ann, ben] = app.agents(["ann", "ben"]).await;
        let sue = app.supervisor("sue").await;
        let ada = app.admin("ada").await;
        let scopes = ["CONVERSATIONS_READ", "CONVERSATIONS_WRITE", "EVENTS_READ"];
        let (secret, _) =
            key(&ada.clients[0], json!({ "name": "crm", "kind": "ORGANIZATION", "scopes": scopes })).await;
        let crm = Client::new(&ada.clients[0].url, Some(secret));
        let chats = app.queue_setup_of(NewQueue::of(Channel::Webchat, "Chats"), &[&ann]).await;
        let texts = app.queue_setup_of(NewQueue::of(Channel::Sms, "Texts"), &[&ben]).await;
        Self { app, ann, ben, sue, crm, chats, texts }
    }

    /// Lets a customer arrive, be accepted by an agent and, if `ended`, be wrapped up.
    async fn served(&self, setup: &QueueSetup, name: &str, by: &Person, ended: bool) -> String {
        assert_eq!(by.turns("AVAILABLE").await, "");
        let arrival = self.app.waits(setup, name).await;
        self.app.settle().await;
        let task = by.accepts_it().await;
        assert_eq!(by.turns("IDLE").await, "");
        if ended {
            assert_eq!(by.ends_with(&arrival.conversation.to_string(), true).await, "");
            assert_eq!(by.wraps_up(&task).await, "");
        }
        task
    }
}

/// Returns the names of the customers of a list, in its order, from pages of two, and checks the count.
async fn names(by: &Client, query: &str, field: &str, mut variables: Value) -> Vec<String> {
    let mut names = Vec::new();
    variables["first"] = json!(2);
    loop {
        let answer = by.ask(query, variables.clone()).await;
        let page = answer.at(field).clone();
        for node in page["nodes"].as_array().expected("nodes") {
            let name = node["conversation"]["customer"]["displayName"].as_str();
            let name = name.or(node["customer"]["displayName"].as_str()).or(node["displayName"].as_str());
            names.push(name.unwrap_or("direct").to_owned());
        }
        if page["pageInfo"]["hasNextPage"] != true {
            assert_eq!(page["totalCount"], names.len(), "{variables}");
            return names;
        }
        variables["after"] = page["pageInfo"]["endCursor"].clone();
    }
}

async fn tasks(by: &Client, filter: Value) -> Vec<String> {
    names(by, TASKS, "tasks", json!({ "filter": filter })).await
}

async fn conversations(by: &Client, filter: Value) -> BTreeSet<String> {
    names(by, CONVERSATIONS, "conversations", json!({ "filter": filter })).await.into_iter().collect()
}

fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tasks_are_listed_by_state_queue_agent_channel_customer_and_time() {
    let center = Center::new().await;
    let Center { app, ann, ben, sue, crm, chats, texts } = &center;
    center.served(chats, "ended", ann, true).await;
    app.clock.advance(chrono::Duration::seconds(60));
    center.served(chats, "talks", ann, false).await;
    center.served(texts, "other", ben, true).await;
    app.clock.advance(chrono::Duration::seconds(60));
    app.waits(chats, "waits").await;
    app.waits(texts, "waits too").await;
    let all = ["ended", "talks", "other", "waits", "waits too"];
    for (by, expected) in
        [(&sue.clients[0], &all[..]), (crm, &all[..]), (&ann.clients[0], &["ended", "talks", "waits"])]
    {
        assert_eq!(tasks(by, json!({})).await, expected);
    }
    let [queue, agent, customer] = [
        json!(chats.queue.id.to_string()),
        ann.as_target()["agentId"].clone(),
        sue.ask(CUSTOMERS, json!({ "search": "talks" })).await.at("customers.nodes.0.id").clone(),
    ];
    let minute = (app.clock.now() - chrono::Duration::seconds(90)).to_rfc3339();
    for (filter, expected) in [
        (json!({ "statuses": ["QUEUED", "OFFERED"] }), vec!["waits", "waits too"]),
        (json!({ "statuses": ["COMPLETED"] }), vec!["ended", "other"]),
        (json!({ "queueIds": [queue] }), vec!["ended", "talks", "waits"]),
        (json!({ "queueIds": [queue], "statuses": ["CONNECTED"] }), vec!["talks"]),
        (json!({ "agentIds": [agent] }), vec!["ended", "talks"]),
        (json!({ "channels": ["SMS"] }), vec!["other", "waits too"]),
        (json!({ "customerId": customer }), vec!["talks"]),
        (json!({ "receivedAt": { "before": minute } }), vec!["ended"]),
        (json!({ "receivedAt": { "from": minute } }), vec!["talks", "other", "waits", "waits too"]),
        (json!({ "waitingLongerThanSeconds": 10 }), vec![]),
        (json!({ "handledByMe": true }), vec![]),
    ] {
        assert_eq!(tasks(&sue.clients[0], filter.clone()).await, expected, "{filter}");
    }
    assert_eq!(tasks(&ann.clients[0], json!({ "handledByMe": true })).await, ["ended", "talks"]);
    assert_eq!(tasks(&ben.clients[0], json!({ "agentIds": [agent] })).await, [""; 0], "ben sees none of them");
    app.clock.advance(chrono::Duration::seconds(11));
    assert_eq!(tasks(crm, json!({ "waitingLongerThanSeconds": 10 })).await, ["waits", "waits too"]);
    let newest = names(crm, TASKS, "tasks", json!({ "order": "NEWEST_FIRST" })).await;
    assert_eq!(newest, ["waits too", "waits", "other", "talks", "ended"]);
    let member = app.person("mia").await;
    let (kim, _) = visitors::visitor(app, &chats.entry_point).await;
    for by in [&member.clients[0], &kim] {
        assert_eq!(tasks(by, json!({})).await, [""; 0]);
    }
    for wrong in [
        json!({ "queueIds": ["user_01m7xnapkeess9yf3kt8ay0ya3"] }),
        json!({ "waitingLongerThanSeconds": -1 }),
        json!({ "handledByMe": true, "agentIds": [agent] }),
        json!({ "customerId": "x" }),
    ] {
        let refused = sue.ask(TASKS, json!({ "filter": wrong })).await;
        assert_eq!(refused.code(), "BAD_USER_INPUT", "{wrong}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn queues_agents_and_customers_have_the_tasks_that_the_filtered_list_has() {
    let center = Center::new().await;
    let Center { app, ann, ben, sue, chats, texts, .. } = &center;
    center.served(chats, "ended", ann, true).await;
    center.served(texts, "other", ben, true).await;
    center.served(chats, "talks", ann, false).await;
    app.waits(chats, "waits").await;
    let customer = sue.ask(CUSTOMERS, json!({ "search": "talks" })).await.at("customers.nodes.0.id").clone();
    let (queue, agent) = (json!(chats.queue.id.to_string()), ann.as_target()["agentId"].clone());
    let mut listed = 0;
    for by in [sue, ann, ben].map(|person| &person.clients[0]) {
        for (owner, id, filter) in [
            ("queue", &queue, json!({ "queueIds": [queue] })),
            ("agent", &agent, json!({ "agentIds": [agent] })),
            ("customer", &customer, json!({ "customerId": customer })),
        ] {
            for states in [json!(["CONNECTED", "OFFERED"]), Value::Null] {
                let owned = format!(
                    "query($id: ID!, $s: [TaskStatus!], $first: Int, $after: String) {{ owner: {owner}(id: $id) {{ \
                     tasks(statuses: $s, first: $first, after: $after) {{ totalCount nodes {{ conversation {{ customer \
                     {{ displayName }} }} }} pageInfo {{ hasNextPage endCursor }} }} }} }}"
                );
                let mut filter = filter.clone();
                filter["statuses"] = states.clone();
                let mut expected = tasks(by, filter).await;
                expected.reverse();
                if by.ask(&format!("query($id: ID!) {{ {owner}(id: $id) {{ id }} }}"), json!({ "id": id })).await.body
                    ["data"][owner]
                    .is_null()
                {
                    assert_eq!(expected, [""; 0], "{owner}");
                    continue;
                }
                let found = names(by, &owned, "owner.tasks", json!({ "id": id, "s": states })).await;
                assert_eq!(found, expected, "{owner} {states}");
                listed += found.len();
            }
        }
    }
    assert!(listed >= 12, "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn conversations_are_found_by_customer_and_narrowed_by_what_the_viewer_did() {
    let center = Center::new().await;
    let Center { app, ann, ben, sue, crm, chats, texts } = &center;
    center.served(chats, "Jürgen Müller", ann, true).await;
    center.served(chats, "Müller Anna", ann, false).await;
    center.served(texts, "김민수", ben, false).await;
    let mia = app.person("mia").await;
    let request = ann.asks(&mia).await;
    mia.must("acceptConnectionRequest", &request).await;
    let start = "mutation($u: ID!) { startDirectConversation(input: { userId: $u }) { conversation { id } } }";
    let direct = ann.ask(start, json!({ "u": mia.id() })).await;
    let direct = direct.text("startDirectConversation.conversation.id").to_owned();
    assert_eq!(code(&mia.sends(0, &direct, "1", "Lunch?").await), "");
    let agent = |person: &Person| person.as_target()["agentId"].clone();
    for (by, filter, expected) in [
        (&sue.clients[0], json!({ "search": "muller" }), set(["Jürgen Müller", "Müller Anna"])),
        (&sue.clients[0], json!({ "search": "MULLER anna" }), set(["Müller Anna"])),
        (crm, json!({ "search": "민수" }), set(["김민수"])),
        (crm, json!({ "search": "ㄱㅁㅅ" }), set(["김민수"])),
        (crm, json!({ "search": "nobody" }), set([])),
        (&ann.clients[0], json!({ "search": "김" }), set([])),
        (&ann.clients[0], json!({ "search": "mia" }), set(["direct"])),
        (&ann.clients[0], json!({ "handledByMe": true }), set(["Jürgen Müller", "Müller Anna"])),
        (&ann.clients[0], json!({ "unread": true }), set(["Müller Anna", "direct"])),
        (&ann.clients[0], json!({ "unread": true, "kind": "DIRECT" }), set(["direct"])),
        (&sue.clients[0], json!({ "channels": ["SMS", "EMAIL"] }), set(["김민수"])),
        (&sue.clients[0], json!({ "queueIds": [chats.queue.id.to_string()], "status": "OPEN" }), set(["Müller Anna"])),
        (&sue.clients[0], json!({ "queueIds": [chats.queue.id.to_string()] }), set(["Jürgen Müller", "Müller Anna"])),
        (&sue.clients[0], json!({ "agentIds": [agent(ann)] }), set(["Jürgen Müller", "Müller Anna"])),
        (&sue.clients[0], json!({ "agentIds": [agent(ann), agent(ben)], "search": "anna" }), set(["Müller Anna"])),
        (&mia.clients[0], json!({ "agentIds": [agent(ann)] }), set([])),
        (&ann.clients[0], json!({ "unread": true, "agentIds": [agent(ann)] }), set(["Müller Anna"])),
        (&ann.clients[0], json!({ "mine": true, "agentIds": [agent(ben)] }), set([])),
        (&ann.clients[0], json!({ "unread": true, "handledByMe": true }), set(["Müller Anna"])),
        (&sue.clients[0], json!({ "lastItemAt": { "before": "2001-01-01T00:00:00Z" } }), set([])),
    ] {
        assert_eq!(conversations(by, filter.clone()).await, expected, "{filter}");
    }
    let all = conversations(&sue.clients[0], json!({ "lastItemAt": { "from": "2001-01-01T00:00:00Z" } })).await;
    assert_eq!(all.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn customers_are_found_opened_and_changed_and_programs_hear_of_it() {
    let center = Center::new().await;
    let Center { app, ann, ben, sue, crm, chats, texts } = &center;
    center.served(chats, "Kim", ann, false).await;
    center.served(texts, "Lee", ben, false).await;
    let found = sue.ask(CUSTOMERS, json!({ "search": "kim" })).await;
    let id = found.text("customers.nodes.0.id").to_owned();
    let change = json!({ "customerId": id, "displayName": "Kim Minsu", "email": "kim@example.org", "phone": "+49 30 123456", "externalId": "C-42" });
    let changed = ann.ask(UPDATE, json!({ "input": change })).await;
    assert_eq!(changed.at("updateCustomer.outcome"), "APPLIED", "{}", changed.body);
    assert_eq!(ann.ask(UPDATE, json!({ "input": change })).await.at("updateCustomer.outcome"), "NO_CHANGE");
    let whole = json!({ "id": id, "displayName": "Kim Minsu", "email": "kim@example.org", "phone": "+49 30 123456", "externalId": "C-42" });
    for search in ["minsu", "KIM@example", "123456", "c-42"] {
        assert_eq!(
            crm.ask(CUSTOMERS, json!({ "search": search })).await.at("customers.nodes"),
            &json!([whole]),
            "{search}"
        );
    }
    let by_id = "query($id: ID, $e: String) { customer(id: $id, externalId: $e) { id conversations { totalCount nodes { tasks { totalCount nodes { status } } } } } }";
    for variables in [json!({ "id": id }), json!({ "e": "C-42" })] {
        let seen = crm.ask(by_id, variables).await;
        assert_eq!(seen.at("customer.id"), id.as_str());
        assert_eq!(
            seen.at("customer.conversations.nodes.0.tasks"),
            &json!({ "totalCount": 1, "nodes": [{ "status": "CONNECTED" }] })
        );
    }
    // Ben sees no conversation with the customer.
    assert_eq!(ben.ask(by_id, json!({ "id": id })).await.body["data"]["customer"], Value::Null);
    assert_eq!(ben.ask(UPDATE, json!({ "input": change })).await.text("updateCustomer.userErrors.0.code"), "NOT_FOUND");
    assert_eq!(ben.ask(CUSTOMERS, json!({})).await.at("customers.totalCount"), 1);
    let lee = ben.ask(CUSTOMERS, json!({})).await.text("customers.nodes.0.id").to_owned();
    for (input, expected, field) in [
        (json!({ "externalId": "C-42" }), "DUPLICATE", "externalId"),
        (json!({ "email": "not an address" }), "INVALID", "email"),
        (json!({ "phone": "12" }), "INVALID", "phone"),
        (json!({ "displayName": " " }), "REQUIRED", "displayName"),
        (json!({ "externalId": "x".repeat(201) }), "INVALID", "externalId"),
    ] {
        let mut input = input;
        input["customerId"] = json!(lee);
        let refused = crm.ask(UPDATE, json!({ "input": input })).await;
        assert_eq!(refused.text("updateCustomer.userErrors.0.code"), expected, "{input}");
        assert_eq!(refused.at("updateCustomer.userErrors.0.field"), &json!(["input", field]));
    }
    let cleared = crm.ask(UPDATE, json!({ "input": { "customerId": id, "email": null, "externalId": null } })).await;
    assert_eq!(cleared.at("updateCustomer.customer")["email"], Value::Null);
    let pull = "{ events(topics: [CUSTOMERS], first: 100) { nodes { ... on CustomerChanged { customer { displayName email } } } } }";
    crate::support::eventually("the log is in order", || async {
        let heard = crm.ask(pull, Value::Null).await;
        let last = heard.at("events.nodes").as_array().and_then(|nodes| nodes.last()).cloned();
        last == Some(json!({ "customer": { "displayName": "Kim Minsu", "email": null } }))
    })
    .await;
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_customers_who_get_one_external_id_at_once_one_has_it() {
    let center = Center::new().await;
    let Center { app, crm, chats, .. } = &center;
    for round in 0..crate::support::rounds(5) {
        for number in 0..6 {
            app.waits(chats, &format!("kim {round} {number}")).await;
        }
        let found = crm.ask(CUSTOMERS, json!({ "search": format!("kim {round}") })).await;
        let ids: Vec<Value> =
            found.at("customers.nodes").as_array().expected("nodes").iter().map(|node| node["id"].clone()).collect();
        assert!(ids.len() >= 6);
        let set = |id: &Value| json!({ "input": { "customerId": id, "externalId": format!("one {round}") } });
        let answers = join_all(ids.iter().map(|id| crm.ask(UPDATE, set(id)))).await;
        let mut outcomes: Vec<String> = answers
            .iter()
            .map(|answer| match &answer.at("updateCustomer.userErrors")[0]["code"] {
                Value::String(code) => code.clone(),
                _ => answer.text("updateCustomer.outcome").to_owned(),
            })
            .collect();
        outcomes.sort();
        assert_eq!(outcomes[0], "APPLIED");
        assert!(outcomes[1..].iter().all(|outcome| outcome == "DUPLICATE"), "{outcomes:?}");
    }
}

/// Lists of a supervisor, each with its number of statements.
const LISTS: [(&str, usize); 12] = [
    ("query($queue: ID!) { queue(id: $queue) { tasks(first: 2) { totalCount nodes { id } } } }", 6),
    ("query($agent: ID!) { agent(id: $agent) { tasks(first: 2) { totalCount nodes { id } } } }", 6),
    ("{ customers(first: 10) { nodes { tasks(first: 2) { totalCount nodes { id } } } } }", 6),
    ("{ tasks(first: 10) { nodes { id } } }", 2),
    ("{ tasks(first: 10, orderBy: NEWEST_FIRST) { totalCount nodes { id } } }", 3),
    ("{ tasks(filter: { statuses: [QUEUED] }) { totalCount nodes { id } } }", 3),
    ("query($queue: ID!) { tasks(filter: { queueIds: [$queue] }) { totalCount nodes { id } } }", 3),
    ("query($agent: ID!) { tasks(filter: { agentIds: [$agent] }) { totalCount nodes { id } } }", 3),
    ("{ customers(first: 10) { nodes { id } } }", 2),
    ("{ customers(search: \"kim 1\") { nodes { id } } }", 3),
    ("{ conversations(filter: { search: \"kim 1\" }) { nodes { id } } }", 3),
    (
        "{ customers(first: 10) { nodes { conversations(first: 2) { totalCount nodes { tasks(first: 2) { totalCount nodes { id } } } } } } }",
        6,
    ),
];

/// Lists of queues and agents, each with its number of statements, however many queues or agents there are.
const LISTS_OF_LISTS: [(&str, usize); 2] = [
    ("{ queues(first: 10) { nodes { tasks(first: 2) { totalCount nodes { id } } } } }", 6),
    ("{ agents(first: 10) { nodes { tasks(first: 2) { totalCount nodes { id } } } } }", 7),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_list_takes_a_fixed_number_of_indexed_statements() {
    let center = Center::new().await;
    let Center { app, ann, sue, chats, .. } = &center;
    for number in 0..5 {
        center.served(chats, &format!("kim {number}"), ann, true).await;
    }
    let variables = json!({ "queue": chats.queue.id.to_string(), "agent": ann.as_target()["agentId"] });
    plans::check(app, sue, &variables, &LISTS, Budget::AtMost, Planned::ForMany).await;
    for (query, budget) in LISTS_OF_LISTS {
        app.statements();
        sue.ask(query, Value::Null).await.at("");
        let statements = app.statements();
        assert!(statements.len() <= budget, "{query}: {statements:#?}");
    }
}
