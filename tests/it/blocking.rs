//! Tests of secret blocks: to the blocked person, every answer equals that of a person who accepts no requests.

use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, person::Person};

/// Makes answers about different people comparable. Replaces ids, names, cursors and times by words.
fn anonymise(value: &Value, people: &[&Person]) -> Value {
    let mut text = value.to_string();
    for person in people {
        let name = if person.handle.starts_with("target") { "TARGET" } else { "SEEKER" };
        text = text.replace(&person.id(), name).replace(&person.handle, name);
    }
    let value: Value = serde_json::from_str(&text).expected("JSON");
    blur(value)
}

fn blur(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| {
                    let blurred = ["cursor", "startCursor", "endCursor", "streamCursor", "createdAt", "decidedAt"];
                    let value = match &value {
                        Value::String(text)
                            if blurred.contains(&name.as_str())
                                || text.starts_with("request_")
                                || text.starts_with("contact_") =>
                        {
                            json!("some")
                        }
                        _ => blur(value),
                    };
                    (name, value)
                })
                .collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(blur).collect()),
        other => other,
    }
}

/// The history before the target blocked the seeker or chose `NOBODY`.
#[derive(Clone, Copy, Debug)]
enum History {
    Strangers,
    /// The seeker had sent a request.
    Asked,
    /// The target had sent a request.
    WasAsked,
}

const PATHS: [&str; 16] = [
    "{ node(id: $id) { id ... on User { displayName relationship { connection following \
     followedBy blocking availableActions request { status decidedAt } } } } }",
    "{ user(id: $id) { handle role title connections { totalCount } followers { totalCount \
     nodes { handle } } following { totalCount nodes { handle } } } }",
    "{ user(handle: $handle) { handle sortHeading relationship { availableActions } } }",
    "{ contacts(search: $handle) { totalCount nodes { id displayName ... on User { \
     relationship { connection } } } } }",
    "{ followers(userId: $id) { totalCount nodes { handle } pageInfo { hasNextPage } } }",
    "{ following(userId: $id) { totalCount nodes { handle } pageInfo { hasNextPage } } }",
    "{ viewer { contactCounts { connections following followers incomingRequests \
     outgoingRequests blocked } } }",
    "{ connectionRequests(direction: OUTGOING) { totalCount nodes { status decidedAt \
     message recipient { handle } } } incoming: connectionRequests(direction: INCOMING) { totalCount nodes { status requester { handle } } } }",
    "{ events(first: 100, topics: [REQUESTS, CONTACTS, NOTIFICATIONS, ACTIVITIES, CONVERSATIONS]) { hasMore nodes { __typename ... on ConnectionRequestReceived { sequence \
     request { status } } ... on ConnectionRequestChanged { sequence request { status } } \
     ... on ContactAdded { sequence list user { handle } } ... on ContactRemoved { sequence list user { handle } } \
     ... on NotificationAdded { sequence notification { kind } } ... on NotificationsRemoved { sequence } } } }",
    "{ mutualConnections(userId: $id) { totalCount nodes { handle } } }",
    "{ activityFeed(first: 100) { nodes { kind text actor { handle } subject { handle } } } }",
    "{ user(id: $id) { activities { nodes { kind text } } emails { address label } phones { number } addresses { city } \
     urls { address } } }",
    "{ notifications(first: 100) { totalCount nodes { kind actor { displayName } request { status } } } \
     viewer { unread { notifications requests } } }",
    "{ contacts(list: FOLLOWING, orderBy: RECENTLY_ACTIVE) { nodes { displayName } } connected: contacts(list: CONNECTIONS, \
     orderBy: RECENTLY_ADDED) { nodes { displayName } } }",
    "{ nodes(ids: [$id]) { id ... on User { relationship { mute { feed } note } } } }",
    "{ contacts(list: MUTED) { totalCount nodes { displayName } } personal: contacts(list: PERSONAL) { nodes { displayName \
     ... on PersonalContact { suggestedUser { handle } } } } }",
];

const LISTS: [&str; 6] = ["CONNECTIONS", "FOLLOWING", "FOLLOWERS", "INCOMING_REQUESTS", "OUTGOING_REQUESTS", "BLOCKED"];

/// Returns the answers to everything that the seeker can read and try.
async fn look(seeker: &Person, target: &Person, request: Option<&str>) -> Vec<Value> {
    let people = [seeker, target];
    let mut seen = Vec::new();
    for path in PATHS {
        let declared =
            [("$id: ID!", "$id"), ("$handle: String!", "$handle")].into_iter().filter(|(_, name)| path.contains(name));
        let declared = declared.map(|(declaration, _)| declaration).collect::<Vec<_>>().join(", ");
        let query = if declared.is_empty() { path.to_owned() } else { format!("query({declared}) {path}") };
        let answer = seeker.ask(&query, json!({ "id": target.id(), "handle": target.handle })).await;
        answer.at("");
        seen.push(anonymise(&answer.body, &people));
    }
    // The events about profiles are of everyone, in the order in which all of them changed.
    let profiles = "{ events(first: 100, topics: [USERS]) { nodes { ... on UserChanged { userId } } } }";
    let profiles = seeker.ask(profiles, Value::Null).await;
    let changes = profiles.at("events.nodes").as_array().cloned().unwrap_or_default();
    seen.push(json!(changes.iter().filter(|change| change["userId"] == target.id()).count()));
    for list in LISTS {
        seen.push(anonymise(&json!([list, seeker.list(list).await]), &people));
    }
    for verb in ["requestConnection", "followUser", "unfollowUser", "removeFollower", "disconnect", "unblockUser"] {
        let query = format!(
            "mutation($id: ID!) {{ action: {verb}(input: {{ userId: $id }}) {{ outcome user {{ displayName relationship {{ connection \
             following availableActions }} }} userErrors {{ code message field }} }} }}"
        );
        let answer = seeker.ask(&query, json!({ "id": target.id() })).await;
        seen.push(anonymise(&answer.body, &people));
    }
    for action in ["REQUEST_CONNECTION", "FOLLOW", "UNFOLLOW", "DISCONNECT", "REMOVE_FOLLOWER", "UNBLOCK"] {
        let query = "mutation($id: ID!, $action: ContactAction!) { updateContacts(input: { action: $action, userIds: [$id] }) { \
                     results { outcome user { handle relationship { connection following } } userErrors { code message field } } } }";
        let answer = seeker.ask(query, json!({ "id": target.id(), "action": action })).await;
        seen.push(anonymise(&answer.body, &people));
    }
    if let Some(request) = request {
        seen.push(anonymise(
            &seeker
                .ask(
                    "query($id: ID!) { node(id: $id) { ... on ConnectionRequest { status decidedAt message } } }",
                    json!({ "id": request }),
                )
                .await
                .body,
            &people,
        ));
        for verb in crate::support::person::ABOUT_A_REQUEST {
            let action = seeker.does(verb, request).await;
            seen.push(json!([verb, action.said(), action.request_status, action.connection]));
        }
        let again = seeker.does("requestConnection", &target.id()).await;
        seen.push(json!(["again", again.said()]));
    }
    seen
}

/// Gives the target visible details, and the seeker contacts that could be linked to them.
async fn furnish(seeker: &Person, target: &Person) {
    let profile = "mutation($e: [EmailAddressInput!]) { updateProfile(input: { title: \"Poet\", emails: $e }) { userErrors { code } } }";
    let address = |visibility: &str| format!("{}.{visibility}@example.org", target.handle);
    let emails = json!([
        { "address": address("reach"), "visibility": "EVERYONE" },
        { "address": address("friends"), "visibility": "CONNECTIONS" },
    ]);
    target.ask(profile, json!({ "e": emails })).await.at("updateProfile");
    let post = "mutation { postStatus(input: { text: \"a secret\" }) { userErrors { code } } }";
    target.ask(post, Value::Null).await.at("postStatus");
    let save = "mutation($a: String!, $n: String!) { savePersonalContact(input: { displayName: $n, emails: [{ address: $a }] }) { \
                userErrors { code } } }";
    for visibility in ["reach", "friends"] {
        let variables = json!({ "a": address(visibility), "n": format!("linked {}", target.handle) });
        seeker.ask(save, variables).await.at("savePersonalContact");
    }
}

/// Gives both targets the same history. One ends it by a block, the other by settings and by ending the request.
async fn prepare(seeker: &Person, target: &Person, history: History, block: bool) -> Option<String> {
    furnish(seeker, target).await;
    let request = match history {
        History::Strangers => None,
        History::Asked => Some(seeker.asks(target).await),
        History::WasAsked => Some(target.asks(seeker).await),
    };
    if block {
        target.must("blockUser", &seeker.id()).await;
        return request;
    }
    target.admits("NOBODY", "NOBODY").await;
    match (history, &request) {
        (History::Asked, Some(request)) => drop(target.must("ignoreConnectionRequest", request).await),
        (History::WasAsked, Some(request)) => drop(target.must("withdrawConnectionRequest", request).await),
        _ => {}
    }
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn a_block_answers_like_a_person_who_accepts_no_requests() {
    for history in [History::Strangers, History::Asked, History::WasAsked] {
        let app = TestApp::new().await;
        let [blocked, refused, blocker, closed] =
            app.people(["seeker.one", "seeker.two", "target.one", "target.two"]).await;
        let (mut first, mut second) = (blocked.socket(0).await, refused.socket(0).await);
        first.follow(None).await;
        second.follow(None).await;
        let request = prepare(&blocked, &blocker, history, true).await;
        let other_request = prepare(&refused, &closed, history, false).await;
        let told = look(&blocked, &blocker, request.as_deref()).await;
        let untold = look(&refused, &closed, other_request.as_deref()).await;
        for (one, other) in told.iter().zip(&untold) {
            assert_eq!(one, other, "{history:?}");
        }
        assert_eq!(told.len(), untold.len());
        // Both live streams deliver the same events, and then only the next request.
        let knock = app.person("knock").await;
        for (socket, seeker) in [(&mut first, &blocked), (&mut second, &refused)] {
            knock.asks(seeker).await;
            let mut heard = Vec::new();
            while heard.last() != Some(&json!(["PENDING", "knock"])) {
                let event = socket.event().await.expected("an event");
                let id = event["request"]["id"].clone();
                let query = "query($id: ID!) { node(id: $id) { ... on ConnectionRequest { requester { handle } } } }";
                let from = seeker.ask(query, json!({ "id": id })).await;
                heard.push(json!([event["request"]["status"], from.at("node.requester.handle")]));
            }
            let expected = if matches!(history, History::WasAsked) { 3 } else { 1 };
            assert_eq!(heard.len(), expected, "{history:?}: {heard:?}");
        }
        // The answers are equal also after the cool-down.
        app.clock.advance(chrono::Duration::days(22));
        let told = look(&blocked, &blocker, request.as_deref()).await;
        let untold = look(&refused, &closed, other_request.as_deref()).await;
        assert_eq!(told, untold, "{history:?}, later");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_by_block_takes_the_same_statements_as_one_by_setting() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let [seeker, blocker, closed] = app.people(["seeker", "target.one", "target.two"]).await;
    blocker.must("blockUser", &seeker.id()).await;
    closed.admits("NOBODY", "NOBODY").await;
    for verb in ["requestConnection", "followUser"] {
        let mut taken = Vec::new();
        for target in [&blocker, &closed] {
            app.statements();
            seeker.does(verb, &target.id()).await;
            taken.push(app.statements().into_iter().map(|statement| statement.sql).collect::<Vec<_>>());
        }
        assert_eq!(taken[0], taken[1], "{verb}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relationship_that_a_block_ended_looks_as_if_it_was_ended_without_a_block() {
    let app = TestApp::new().await;
    let [blocked, refused, blocker, closed] =
        app.people(["seeker.one", "seeker.two", "target.one", "target.two"]).await;
    for (seeker, target) in [(&blocked, &blocker), (&refused, &closed)] {
        furnish(seeker, target).await;
        let request = seeker.asks(target).await;
        target.must("acceptConnectionRequest", &request).await;
        seeker.must("followUser", &target.id()).await;
        target.must("followUser", &seeker.id()).await;
    }
    blocker.must("blockUser", &blocked.id()).await;
    closed.admits("NOBODY", "NOBODY").await;
    closed.must("disconnect", &refused.id()).await;
    closed.must("removeFollower", &refused.id()).await;
    closed.must("unfollowUser", &refused.id()).await;
    let (told, untold) = (look(&blocked, &blocker, None).await, look(&refused, &closed, None).await);
    for (one, other) in told.iter().zip(&untold) {
        assert_eq!(one, other);
    }
}
