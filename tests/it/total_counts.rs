//! Tests of `totalCount`: every list has it, and it is the number of entries that one finds by paging.

use serde_json::{Value, json};

use crate::support::{
    accounts::{about_account, key},
    app::TestApp,
    graphql::Client,
    introspection::INTROSPECTION,
    visitors::accepted_chat,
};

const PAGE: &str = "totalCount edges { cursor } pageInfo { hasNextPage endCursor }";

#[tokio::test(flavor = "multi_thread")]
async fn every_list_with_pages_has_a_total() {
    let app = TestApp::new().await;
    let jane = app.person("jane").await;
    let schema = jane.ask(INTROSPECTION, Value::Null).await;
    let mut lists = 0;
    for kind in schema.at("__schema.types").as_array().into_iter().flatten() {
        let fields = kind["fields"].as_array().map(Vec::as_slice).unwrap_or_default();
        let has = |name: &str| fields.iter().any(|field| field["name"] == name);
        if has("edges") && has("pageInfo") {
            lists += 1;
            assert!(has("totalCount"), "{}", kind["name"]);
        }
    }
    assert!(lists >= 14, "{lists}");
}

/// Pages through a list two by two. Returns the number of entries, and the totals that the pages gave.
async fn counted(client: &Client, list: &str, path: &str, variables: Value) -> (i64, Vec<Value>) {
    let (mut entries, mut totals, mut after) = (0, Vec::new(), Value::Null);
    loop {
        let mut with_cursor = variables.clone();
        with_cursor["after"] = after;
        let page = client.ask(list, with_cursor).await.at(path).clone();
        entries += i64::try_from(page["edges"].as_array().map_or(0, Vec::len)).unwrap_or_default();
        totals.push(page["totalCount"].clone());
        if page["pageInfo"]["hasNextPage"] != true {
            return (entries, totals);
        }
        after = page["pageInfo"]["endCursor"].clone();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_total_is_the_number_of_entries_on_all_pages() {
    let chat = Box::pin(accepted_chat()).await;
    let app = &chat.app;
    for number in 0..3 {
        chat.sue.sends(0, &chat.conversation, &number.to_string(), "Hello").await;
    }
    let note = "mutation($id: ID!) { addNote(input: { conversationId: $id, clientMessageId: \"n\", body: \"x\" }) { outcome } }";
    chat.sue.ask(note, json!({ "id": chat.conversation })).await.at("addNote");
    let items = format!(
        "query($id: ID!, $after: String) {{ conversation(id: $id) {{ items(first: 2, after: $after) {{ {PAGE} }} }} }}"
    );
    let mut seen = Vec::new();
    for reader in [&chat.sue.clients[0], &chat.visitor] {
        let (entries, totals) = counted(reader, &items, "conversation.items", json!({ "id": chat.conversation })).await;
        assert!(entries > 3 && totals.iter().all(|total| *total == entries), "{entries} {totals:?}");
        seen.push(entries);
    }
    assert!(seen[0] > seen[1], "the visitor does not count the note: {seen:?}");
    let ada = app.admin("ada").await;
    let [jane, tom] = app.people(["jane", "tom"]).await;
    for mutation in ["suspendUser", "reinstateUser", "suspendUser"] {
        about_account(&ada.clients[0], mutation, json!({ "userId": tom.id() })).await.at("done");
    }
    key(&ada.clients[0], json!({ "name": "x", "kind": "ORGANIZATION", "scopes": ["PROFILE_READ"] })).await;
    for (arguments, least) in [("", 4), ("action: \"suspendUser\", ", 2), ("action: \"nothing\", ", 0)] {
        let audit =
            format!("query($after: String) {{ auditEntries({arguments}first: 2, after: $after) {{ {PAGE} }} }}");
        let (entries, totals) = counted(&ada.clients[0], &audit, "auditEntries", json!({})).await;
        assert!(entries >= least && totals.iter().all(|total| *total == entries), "{arguments} {entries} {totals:?}");
    }
    let deliveries = format!("query($after: String) {{ deliveries(first: 2, after: $after) {{ {PAGE} }} }}");
    let (entries, totals) = counted(&ada.clients[0], &deliveries, "deliveries", json!({})).await;
    assert_eq!((entries, totals), (0, vec![json!(0)]));
    jane.must("followUser", &ada.id()).await;
    for text in ["one", "two", "three"] {
        let post = "mutation($t: String!) { postStatus(input: { text: $t }) { activity { id } } }";
        ada.ask(post, json!({ "t": text })).await.at("postStatus");
    }
    let hidden = "mutation { postStatus(input: { text: \"hidden\", audience: CONNECTIONS }) { activity { id } } }";
    ada.ask(hidden, Value::Null).await.at("postStatus");
    let feed = format!("query($after: String) {{ activityFeed(first: 2, after: $after) {{ {PAGE} }} }}");
    for (reader, least) in [(&jane, 3), (&ada, 4)] {
        let (entries, totals) = counted(&reader.clients[0], &feed, "activityFeed", json!({})).await;
        assert!(entries >= least && totals.iter().all(|total| *total == entries), "{entries} {totals:?}");
    }
}
