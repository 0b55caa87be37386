//! Tests of pages: complete, ordered, with clear refusals, and with a fixed number of statements that each use an
//! index.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, database::TestDatabase, person::Person, plans, random::Chance};

const FOLLOWERS: &str = include_str!("operations/pages/followers.graphql");

async fn page(person: &Person, variables: Value) -> (Vec<String>, Value) {
    let mut all = json!({ "id": person.id() });
    if let (Some(all), Some(more)) = (all.as_object_mut(), variables.as_object()) {
        all.extend(more.clone());
    }
    let answer = person.ask(FOLLOWERS, all).await;
    let nodes = answer.at("followers.nodes").as_array().cloned().unwrap_or_default();
    let handles = nodes.iter().filter_map(|node| node["handle"].as_str().map(str::to_owned)).collect();
    (handles, answer.at("followers.pageInfo").clone())
}

async fn crowd(app: &TestApp, whom: &Person, number: usize) -> Vec<Person> {
    let mut people = Vec::new();
    for index in 0..number {
        let person = app.person(&format!("p{index:03}")).await;
        person.must("followUser", &whom.id()).await;
        people.push(person);
    }
    people
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_in_both_directions_show_each_person_once_in_one_order() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    crowd(&app, &ann, 23).await;
    let expected: Vec<String> = (0..23).map(|index| format!("p{index:03}")).collect();
    let (mut forwards, mut after) = (Vec::new(), Value::Null);
    loop {
        let (handles, info) = page(&ann, json!({ "first": 5, "after": after })).await;
        assert_eq!(info["hasPreviousPage"], !forwards.is_empty());
        forwards.extend(handles);
        after = info["endCursor"].clone();
        if info["hasNextPage"] == false {
            break;
        }
    }
    assert_eq!(forwards, expected);
    let (mut backwards, mut before) = (Vec::new(), Value::Null);
    loop {
        let (mut handles, info) = page(&ann, json!({ "last": 5, "before": before })).await;
        assert_eq!(info["hasNextPage"], !backwards.is_empty());
        handles.append(&mut backwards);
        backwards = handles;
        before = info["startCursor"].clone();
        if info["hasPreviousPage"] == false {
            break;
        }
    }
    assert_eq!(backwards, expected);
    let (between, _) =
        page(&ann, json!({ "first": 100, "after": after_of(&ann, 2).await, "before": after_of(&ann, 6).await })).await;
    assert_eq!(between, expected[3..6]);
}

async fn after_of(person: &Person, index: usize) -> Value {
    let answer = person.ask(FOLLOWERS, json!({ "id": person.id(), "first": 100 })).await;
    answer.at("followers.edges")[index]["cursor"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn paging_shows_unchanged_members_exactly_once_while_others_change() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let people = crowd(&app, &ann, 40).await;
    let (constant, restless): (Vec<_>, Vec<_>) = people.iter().enumerate().partition(|(index, _)| index % 2 == 0);
    let mut chance = Chance::seeded(5);
    let (mut seen, mut after) = (Vec::new(), Value::Null);
    loop {
        let (_, someone) = chance.pick(&restless);
        let verb = *chance.pick(&["followUser", "unfollowUser"]);
        someone.does(verb, &ann.id()).await;
        let (handles, info) = page(&ann, json!({ "first": 3, "after": after })).await;
        seen.extend(handles);
        after = info["endCursor"].clone();
        if info["hasNextPage"] == false {
            break;
        }
    }
    for (_, person) in constant {
        assert_eq!(seen.iter().filter(|handle| **handle == person.handle).count(), 1, "{}", person.handle);
    }
    assert_eq!(seen.iter().collect::<BTreeSet<_>>().len(), seen.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_page_sizes_and_cursors_get_a_clear_refusal() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    crowd(&app, &ann, 3).await;
    let good = after_of(&ann, 0).await;
    let good = good.as_str().expected("a cursor");
    let mut wrong: Vec<(Value, &str)> = vec![
        (json!({ "first": 101 }), "first"),
        (json!({ "first": -1 }), "first"),
        (json!({ "first": i32::MAX }), "first"),
        (json!({ "last": -1 }), "last"),
        (json!({ "first": 1, "last": 1 }), "last"),
    ];
    for cursor in ["", "x", "☃", &good[..good.len() - 4], &format!("A{good}"), &"A".repeat(5_000)] {
        wrong.push((json!({ "after": cursor }), "after"));
        wrong.push((json!({ "before": cursor }), "before"));
    }
    for (mut variables, field) in wrong {
        variables["id"] = json!(ann.id());
        let answer = ann.ask(FOLLOWERS, variables.clone()).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{variables}");
        assert_eq!(answer.body["errors"][0]["extensions"]["field"], field, "{variables}");
    }
    // These cursors belong to another list, another person or another search.
    for query in [
        "query($after: String) { contacts(list: FOLLOWERS, search: \"p\", after: $after) { nodes { id } } }",
        "query($after: String) { contacts(list: FOLLOWING, after: $after) { nodes { id } } }",
        "query($after: String) { contacts(after: $after) { nodes { id } } }",
        "query($after: String) { connectionRequests(after: $after) { nodes { id } } }",
    ] {
        assert_eq!(ann.ask(query, json!({ "after": good })).await.code(), "BAD_USER_INPUT", "{query}");
    }
    assert_eq!(
        ann.ask("{ contacts(first: 2147483648) { nodes { id } } }", Value::Null).await.body["data"],
        Value::Null
    );
}

/// The operations, each with its number of statements, which does not depend on the page size.
const BUDGETS: [(&str, usize); 20] = [
    ("{ viewer { scopes } }", 0),
    (
        "{ viewer { user { handle } settings { whoMayFollow } contactCounts { connections following followers blocked } } }",
        2,
    ),
    ("query($id: ID!) { user(id: $id) { handle displayName } }", 1),
    ("query($id: ID!) { user(id: $id) { handle relationship { connection following availableActions } } }", 2),
    (
        "query($id: ID!) { user(id: $id) { followers { totalCount } following { totalCount } connections { totalCount } } }",
        2,
    ),
    ("{ contacts(first: 20) { nodes { displayName } pageInfo { endCursor } } }", 2),
    (
        "{ contacts(first: 20) { nodes { displayName ... on User { relationship { connection availableActions } } } } }",
        3,
    ),
    ("{ contacts(first: 20) { totalCount nodes { displayName } } }", 4),
    ("{ contacts(list: FOLLOWING, first: 20) { totalCount nodes { displayName } } }", 1),
    ("{ contacts(list: FOLLOWING, search: \"p0\", first: 20) { nodes { displayName } } }", 1),
    ("{ contacts(search: \"p00\", first: 20) { nodes { displayName } } }", 3),
    (
        "query($id: ID!) { followers(userId: $id, first: 20) { totalCount nodes { displayName followers { totalCount } } } }",
        3,
    ),
    (
        "{ contacts(first: 30) { nodes { ... on User { followers(first: 2) { totalCount nodes { handle } } \
         following(last: 3) { nodes { handle } } } } } }",
        3,
    ),
    (
        "{ connectionRequests(first: 20) { streamCursor totalCount nodes { status requester { handle } recipient { handle } } } }",
        4,
    ),
    ("query($id: ID!) { nodes(ids: [$id, $id, $id]) { id } }", 1),
    (
        "{ activityFeed(first: 20) { nodes { kind text actor { handle } subject { handle } } pageInfo { hasNextPage } } }",
        2,
    ),
    ("query($id: ID!) { user(id: $id) { activities(last: 5) { nodes { text } } } }", 2),
    (
        "{ notifications(filter: UNREAD) { totalCount streamCursor nodes { kind readAt actor { displayName } request { status } } } }",
        5,
    ),
    ("{ viewer { unread { badge notifications requests } notificationPreferences { kind inApp email } } }", 5),
    (
        "{ events(topics: [REQUESTS], first: 20) { hasMore nodes { ... on ConnectionRequestReceived { request { requester { handle } } } } } }",
        2,
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn operations_take_a_fixed_number_of_statements_and_no_page_scans_a_table() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let ann = app.person("ann").await;
    let people = crowd(&app, &ann, 30).await;
    for person in &people {
        ann.must("followUser", &person.id()).await;
        person.asks(&ann).await;
        let post = "mutation { postStatus(input: { text: \"hello\" }) { userErrors { code } } }";
        person.ask(post, Value::Null).await;
    }
    if app.database.is_postgres() {
        // PostgreSQL needs statistics to plan for the rows that exist. SQLite without statistics plans for many rows,
        // but with statistics of thirty rows it would scan them.
        app.app().db.analyze().await.expected("analysed");
    }
    plans::check(
        &app,
        &ann,
        &json!({ "id": people[7].id() }),
        &BUDGETS,
        plans::Budget::Exactly,
        plans::Planned::ForMany,
    )
    .await;
}

/// Plans with the statistics of a database from `rapport import`. `RAPPORT_TEST_IMPORTED` names the database.
#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_an_imported_graph_scans_a_table() {
    let Ok(url) = std::env::var("RAPPORT_TEST_IMPORTED") else { return };
    let app = TestApp::on(TestDatabase::existing(&url), 1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    for handle in ["f0", "f18", "c107", "f75000"] {
        let me = app.known(handle).await;
        let other = app.known("f44").await;
        // A person without requests needs fewer statements, because no people are loaded for them.
        plans::check(
            &app,
            &me,
            &json!({ "id": other.id() }),
            &BUDGETS,
            plans::Budget::AtMost,
            plans::Planned::AsTheyAre,
        )
        .await;
    }
}

/// The mutations, each with its number of statements besides BEGIN and COMMIT. The answer reads the relationship once
/// more.
const WRITES: [(&str, usize); 8] = [
    ("followUser", 9),
    ("unfollowUser", 7),
    ("requestConnection", 10),
    ("withdrawConnectionRequest", 12),
    ("blockUser", 9),
    ("unblockUser", 7),
    ("disconnect", 2),
    ("removeFollower", 2),
];

#[tokio::test(flavor = "multi_thread")]
async fn mutations_take_a_fixed_number_of_statements() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let mut request = String::new();
    // The first call creates the row of the pair.
    ann.must("followUser", &ben.id()).await;
    ann.must("unfollowUser", &ben.id()).await;
    let mut taken = Vec::new();
    for (verb, _) in WRITES {
        app.statements();
        let id = if verb == "withdrawConnectionRequest" { request.clone() } else { ben.id() };
        let query_less = ann.does(verb, &id).await;
        let statements = app.statements();
        if let Some(made) = query_less.request {
            request = made;
        }
        // `does` also reads the relationship, which is one statement.
        taken.push((verb, statements.len() - 1));
    }
    assert_eq!(taken, WRITES);
}

#[tokio::test(flavor = "multi_thread")]
async fn nested_pages_equal_the_pages_of_separate_queries() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let people = crowd(&app, &ann, 9).await;
    for (index, person) in people.iter().enumerate() {
        for other in &people[..index] {
            person.must("followUser", &other.id()).await;
        }
    }
    let lists = "followers(first: 3) { totalCount nodes { handle } pageInfo { hasNextPage endCursor } } \
                 following(last: 2) { totalCount nodes { handle } pageInfo { hasPreviousPage startCursor } }";
    let together = ann
        .ask(&format!("{{ contacts(first: 100) {{ nodes {{ ... on User {{ handle {lists} }} }} }} }}"), Value::Null)
        .await;
    let together = together.at("contacts.nodes").as_array().cloned().unwrap_or_default();
    assert_eq!(together.len(), 10);
    for person in together {
        let query = format!("query($h: String!) {{ user(handle: $h) {{ handle {lists} }} }}");
        let alone = ann.ask(&query, json!({ "h": person["handle"] })).await;
        assert_eq!(&person, alone.at("user"));
    }
}

/// With `RAPPORT_TEST_ROUNDS` of 10,000, the test uses 10,000 followers and 1,000 changes. Otherwise it uses a tenth.
#[tokio::test(flavor = "multi_thread")]
async fn paging_a_large_list_under_changes_shows_each_remaining_follower_once() {
    let app = TestApp::two().await;
    let (many, changes) = if crate::support::rounds(1) >= 10_000 { (10_000, 1_000) } else { (1_000, 100) };
    let directory = tempfile::tempdir().expected("a directory");
    let file = directory.path().join("edges.txt");
    let edges: Vec<String> = (1..=many).map(|number| format!("{number} 0")).collect();
    std::fs::write(&file, edges.join("\n")).expected("a file");
    api::bulk_load::load::file(app.app(), api::bulk_load::load::SeedKind::Follows, &file).await.expected("an import");
    let star = app.known("f0").await;
    let me = app.person("me").await;
    // Half of the changing followers leave, and half arrive.
    let mut chance = Chance::seeded(7);
    let mut moving = BTreeSet::new();
    while moving.len() < changes / 2 {
        moving.insert(format!("f{}", 1 + chance.below(many)));
    }
    let staying: BTreeSet<String> =
        (1..=many).map(|number| format!("f{number}")).filter(|handle| !moving.contains(handle)).collect();
    let changing = async {
        for handle in &moving {
            app.known(handle).await.must("unfollowUser", &star.id()).await;
        }
        for number in 0..changes / 2 {
            app.person(&format!("new{number}")).await.must("followUser", &star.id()).await;
        }
    };
    let paging = async {
        for round in 0..3 {
            let (mut seen, mut after) = (Vec::new(), Value::Null);
            loop {
                let query = "query($id: ID!, $after: String) { followers(userId: $id, first: 100, after: $after) { \
                             nodes { handle } pageInfo { hasNextPage endCursor } } }";
                let client = &me.clients[round % me.clients.len()];
                let answer = client.ask(query, json!({ "id": star.id(), "after": after })).await;
                let nodes = answer.at("followers.nodes").as_array().cloned().unwrap_or_default();
                seen.extend(nodes.iter().filter_map(|node| node["handle"].as_str().map(str::to_owned)));
                if answer.at("followers.pageInfo.hasNextPage") == false {
                    break;
                }
                after = answer.at("followers.pageInfo.endCursor").clone();
            }
            let unique: BTreeSet<String> = seen.iter().cloned().collect();
            assert_eq!(unique.len(), seen.len(), "somebody stands there twice");
            let missing: Vec<&String> = staying.difference(&unique).take(5).collect();
            assert!(missing.is_empty(), "{missing:?}");
        }
    };
    futures_util::future::join(changing, paging).await;
}
