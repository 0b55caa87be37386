//! Tests of contact details with their visibility, and of private address books.

use entity::user::UserStatus;
use serde_json::{Value, json};

use crate::support::accounts;
use crate::support::{
    Expected as _, accounts::set_status, app::TestApp, consistency, graphql::Client, person::Person, rounds,
};

const UPDATE: &str = include_str!("operations/address_book/update.graphql");
const SEE: &str = include_str!("operations/address_book/see.graphql");
const SAVE: &str = include_str!("operations/address_book/save.graphql");

async fn describes(person: &Person, input: Value) -> Value {
    person.ask(UPDATE, json!({ "input": input })).await.at("updateProfile.userErrors").clone()
}

/// Creates a personal contact. Returns its id.
async fn keeps(person: &Person, input: Value) -> String {
    let saved = person.ask(SAVE, json!({ "input": input })).await;
    assert_eq!(saved.at("saved.userErrors"), &json!([]), "{input}");
    saved.text("saved.contact.id").to_owned()
}

async fn refusal(person: &Person, input: Value) -> String {
    let saved = person.ask(SAVE, json!({ "input": input })).await;
    assert_eq!(saved.at("saved.outcome"), "REFUSED", "{input}");
    saved.text("saved.userErrors.0.code").to_owned()
}

fn everywhere() -> Value {
    let of = |visibility: &str| {
        let name = visibility.to_lowercase();
        json!({ "address": format!("Jane.{name}@Example.com"), "label": "work", "visibility": visibility })
    };
    json!({
        "emails": [of("EVERYONE"), of("CONNECTIONS"), of("NOBODY")],
        "phones": [{ "number": "+1-555-0100", "visibility": "EVERYONE" }, { "number": "+1-555-0101" }],
        "addresses": [{ "city": "Seoul", "visibility": "NOBODY" }],
        "urls": [{ "address": "https://example.com/jane" }],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn contact_details_follow_their_visibility_at_once() {
    let app = TestApp::new().await;
    let [jane, ann, ben, cem] = app.people(["jane", "ann", "ben", "cem"]).await;
    assert_eq!(describes(&jane, everywhere()).await, json!([]));
    let request = ann.asks(&jane).await;
    jane.must("acceptConnectionRequest", &request).await;
    jane.must("blockUser", &cem.id()).await;
    let input = json!({ "name": "x", "kind": "ORGANIZATION", "scopes": ["PROFILE_READ", "CONTACTS_READ"] });
    let (key, _) = accounts::key(&app.admin("ada").await.clients[0], input).await;
    let key = Client::new(&app.instances[0].url, Some(key));
    let narrow = app.limited(&ann, &[api::auth::viewer::Scope::ProfileRead]);
    let expected = [
        ("oneself", &jane.clients[0], 3, 2, 1, 1),
        ("a connection", &ann.clients[0], 2, 2, 0, 1),
        ("a connection that may not see relationships", &narrow, 1, 1, 0, 0),
        ("a stranger", &ben.clients[0], 1, 1, 0, 0),
        ("who is blocked", &cem.clients[0], 1, 1, 0, 0),
        ("a key of the organization", &key, 1, 1, 0, 0),
    ];
    let mut public = Vec::new();
    for (who, client, emails, phones, addresses, urls) in expected {
        let answer = client.ask(SEE, json!({ "id": jane.id() })).await;
        let counted = ["emails", "phones", "addresses", "urls"]
            .map(|kind| answer.at(&format!("user.{kind}")).as_array().map_or(0, Vec::len));
        assert_eq!(counted, [emails, phones, addresses, urls], "{who}");
        assert_eq!(answer.at("user.emails")[0]["visibility"].is_string(), who == "oneself", "{who}");
        let card = answer.text("user.vCard");
        assert_eq!((card.matches("EMAIL").count(), card.matches("TEL").count()), (emails, phones), "{who}: {card}");
        assert!(!card.contains("jane\r\n") || card.contains("FN:jane"), "the handle is nobody's business: {card}");
        if emails == 1 {
            public.push(answer.at("user").clone());
        }
    }
    // Every viewer of the public details alone gets exactly the same answer.
    assert!(public.windows(2).all(|two| two[0] == two[1]), "{public:?}");
    ann.must("disconnect", &jane.id()).await;
    let after = ann.ask(SEE, json!({ "id": jane.id() })).await;
    assert_eq!(after.at("user"), &public[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_people_with_details_takes_two_more_statements() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    for number in 0..12 {
        let other = app.person(&format!("p{number}")).await;
        assert_eq!(describes(&other, everywhere()).await, json!([]));
        if number % 2 == 0 {
            let request = ann.asks(&other).await;
            other.must("acceptConnectionRequest", &request).await;
        }
    }
    let count = async |fields: &str| {
        let query = format!("{{ contacts(first: 50) {{ nodes {{ displayName ... on User {{ title {fields} }} }} }} }}");
        app.statements();
        ann.ask(&query, Value::Null).await.at("contacts.nodes");
        app.statements().len()
    };
    let without = count("").await;
    let with = count("emails { address } phones { number } addresses { city } urls { address } vCard").await;
    assert_eq!(with, without + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn details_have_limits() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let email = |address: &str| json!({ "emails": [{ "address": address }] });
    let twice = |kind: &str, item: Value| json!({ kind: [item.clone(), item] });
    let many: Vec<Value> = (0..11).map(|n| json!({ "number": n.to_string() })).collect();
    for (input, code, kind) in [
        (email("nonsense"), "INVALID", "emails"),
        (email(&format!("{}@example.com", "x".repeat(250))), "INVALID", "emails"),
        (email("a@b\r\nBcc: c@d"), "INVALID", "emails"),
        (json!({ "emails": [{ "address": "a@b" }, { "address": " A@B " }] }), "DUPLICATE", "emails"),
        (json!({ "emails": [{ "address": "a@b", "label": "x".repeat(51) }] }), "INVALID", "emails"),
        (
            json!({ "emails": [{ "address": "a@b", "preferred": true }, { "address": "c@d", "preferred": true }] }),
            "INVALID",
            "emails",
        ),
        (json!({ "phones": many }), "INVALID", "phones"),
        (twice("phones", json!({ "number": "1" })), "DUPLICATE", "phones"),
        (json!({ "phones": [{ "number": "1\u{7}" }] }), "INVALID", "phones"),
        (json!({ "phones": [{ "number": " " }] }), "REQUIRED", "phones"),
        (json!({ "addresses": [{ "label": "home" }] }), "REQUIRED", "addresses"),
        (twice("addresses", json!({ "city": "Seoul" })), "DUPLICATE", "addresses"),
        (json!({ "urls": [{ "address": "javascript:alert(1)" }] }), "INVALID", "urls"),
        (twice("urls", json!({ "address": "https://x.org" })), "DUPLICATE", "urls"),
    ] {
        for errors in [describes(&ann, input.clone()).await, {
            let mut input = input.clone();
            input["displayName"] = json!("Jane");
            ann.ask(SAVE, json!({ "input": input })).await.at("saved.userErrors").clone()
        }] {
            assert_eq!((&errors[0]["code"], &errors[0]["field"]), (&json!(code), &json!(["input", kind])), "{input}");
        }
    }
    // A refused input stores nothing. Omitted fields keep their values, and null clears a field.
    assert_eq!(describes(&ann, everywhere()).await, json!([]));
    assert_eq!(describes(&ann, json!({ "phones": null, "title": "Poet" })).await, json!([]));
    let mine = ann.ask(SEE, json!({ "id": ann.id() })).await;
    assert_eq!((mine.at("user.emails").as_array().map(Vec::len), mine.at("user.phones")), (Some(3), &json!([])));
    assert_eq!(app.database.number("SELECT count(*) FROM personal_contact").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_found_by_their_public_addresses() {
    let app = TestApp::new().await;
    let [jane, ben] = app.people(["jane", "ben"]).await;
    assert_eq!(describes(&jane, everywhere()).await, json!([]));
    let search = "query($q: String!) { contacts(search: $q) { totalCount } }";
    for (words, found) in [("jane.everyone@example", 1), ("jane.nobody", 0), ("jane.connections", 0)] {
        assert_eq!(ben.ask(search, json!({ "q": words })).await.at("contacts.totalCount"), found, "{words}");
    }
    let kept = "SELECT count(*) FROM user_search WHERE connections_text = ' jane.connections@example.com'";
    assert_eq!(app.database.number(kept).await, 1);
    assert_eq!(app.database.number("SELECT count(*) FROM user_bigram WHERE gram = 'ti'").await, 1);
    assert_eq!(describes(&jane, json!({ "emails": [] })).await, json!([]));
    assert_eq!(ben.ask(search, json!({ "q": "everyone" })).await.at("contacts.totalCount"), 0);
    assert_eq!(app.database.number("SELECT count(*) FROM user_email").await, 0);
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_owner_reads_and_changes_an_address_book() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let input = json!({ "displayName": "Zoë Žižek", "familyName": "Žižek", "note": "met\nin Seoul",
        "organization": "Example", "emails": [{ "address": "Zoe@example.com" }], "phones": [{ "number": "1" }] });
    let id = keeps(&ann, input).await;
    let look = "query($id: ID!) { personalContact(id: $id) { displayName sortHeading note emails { address visibility } } \
                node(id: $id) { id } }";
    let seen = ann.ask(look, json!({ "id": id })).await;
    assert_eq!(
        seen.at("personalContact"),
        &json!({ "displayName": "Zoë Žižek", "sortHeading": "Z", "note": "met\nin Seoul",
            "emails": [{ "address": "Zoe@example.com", "visibility": null }] })
    );
    assert_eq!(seen.text("node.id"), id);
    // A partial input changes only its fields. An input without changes answers `NO_CHANGE`.
    for (change, outcome) in [
        (json!({ "contactId": id, "note": null, "title": "Poet" }), "APPLIED"),
        (json!({ "contactId": id }), "NO_CHANGE"),
    ] {
        let saved = ann.ask(SAVE, json!({ "input": change })).await;
        assert_eq!(saved.at("saved.outcome"), outcome);
        assert_eq!(saved.at("saved.contact")["note"], Value::Null);
        assert_eq!(saved.at("saved.contact")["emails"][0]["address"], "Zoe@example.com");
    }
    // Another user's contact answers like an id that does not exist, for reads and writes.
    let strange = json!({ "id": "contact_01m7xnapkeess9yf3kt8ay0ya3" });
    let nothing = ben.ask(look, strange.clone()).await.body;
    assert_eq!(ben.ask(look, json!({ "id": id })).await.body, nothing);
    let delete = "mutation($id: ID!) { deletePersonalContact(input: { contactId: $id }) { deletedId userErrors { code field message } } }";
    assert_eq!(ben.ask(delete, json!({ "id": id })).await.body, ben.ask(delete, strange).await.body);
    for forged in [id.clone(), ann.id(), "contact_".to_owned(), "x".to_owned()] {
        assert_eq!(refusal(&ben, json!({ "contactId": forged, "note": "mine" })).await, "NOT_FOUND");
    }
    assert_eq!(refusal(&ann, json!({ "note": "nobody" })).await, "REQUIRED");
    assert_eq!(refusal(&ann, json!({ "contactId": id, "displayName": null })).await, "REQUIRED");
    assert_eq!(ann.ask(delete, json!({ "id": id })).await.text("deletePersonalContact.deletedId"), id);
    assert_eq!(ann.ask(look, json!({ "id": id })).await.body["data"]["personalContact"], Value::Null);
    assert_eq!(app.database.number("SELECT count(*) FROM personal_email").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_appears_once_in_a_book_also_when_two_instances_race() {
    let app = TestApp::two().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let email = |address: String| json!([{ "address": address }]);
    keeps(&ben, json!({ "displayName": "x", "emails": email("e0@x.org".to_owned()) })).await;
    for round in 0..rounds(8) {
        let save = async |instance: usize, name: &str| {
            let address = if instance == 0 { format!("e{round}@x.org") } else { format!("E{round}@X.ORG") };
            let input = json!({ "displayName": name, "emails": email(address) });
            let client = &ann.clients[instance % ann.clients.len()];
            let saved = client.ask(SAVE, json!({ "input": input })).await;
            saved.at("saved")["userErrors"][0]["code"].as_str().unwrap_or("SAVED").to_owned()
        };
        let mut said = [String::new(), String::new()];
        (said[0], said[1]) = tokio::join!(save(0, "one"), save(1, "other"));
        said.sort();
        assert_eq!(said, ["DUPLICATE", "SAVED"], "round {round}");
    }
    // Two existing contacts take the same address at the same moment.
    let one = keeps(&ann, json!({ "displayName": "one" })).await;
    let other = keeps(&ann, json!({ "displayName": "other" })).await;
    let take = async |instance: usize, id: &str| {
        let input = json!({ "contactId": id, "emails": email("both@x.org".to_owned()) });
        let client = &ann.clients[instance % ann.clients.len()];
        client.ask(SAVE, json!({ "input": input })).await.text("saved.outcome").to_owned()
    };
    let (first, second) = tokio::join!(take(0, &one), take(1, &other));
    assert_ne!(first, second);
    assert_eq!(app.database.number("SELECT count(*) FROM personal_email WHERE address_key = 'both@x.org'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_suggests_the_person_whose_address_the_owner_may_see() {
    let app = TestApp::new().await;
    let [ann, jane] = app.people(["ann", "jane"]).await;
    assert_eq!(describes(&jane, everywhere()).await, json!([]));
    let mut contacts = Vec::new();
    for visibility in ["everyone", "connections", "nobody"] {
        let emails = json!([{ "address": format!("JANE.{visibility}@example.com") }]);
        contacts.push(keeps(&ann, json!({ "displayName": visibility, "emails": emails })).await);
    }
    let suggested = async || {
        let query = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on PersonalContact { suggestedUser { handle } } } }";
        let nodes = ann.ask(query, json!({ "ids": contacts })).await.at("nodes").clone();
        [0, 1, 2].map(|at: usize| nodes[at]["suggestedUser"]["handle"] == "jane")
    };
    assert_eq!(suggested().await, [true, false, false]);
    let request = ann.asks(&jane).await;
    jane.must("acceptConnectionRequest", &request).await;
    assert_eq!(suggested().await, [true, true, false]);
    jane.must("blockUser", &ann.id()).await;
    assert_eq!(suggested().await, [true, false, false]);
    app.statements();
    suggested().await;
    assert_eq!(app.statements().len(), 2, "one for the contacts and one for whom they suggest");
    set_status(&app, "jane", UserStatus::Suspended).await;
    assert_eq!(suggested().await, [false, false, false]);
    // The owner's own address suggests nobody.
    assert_eq!(describes(&ann, json!({ "emails": [{ "address": "ann@x.org" }] })).await, json!([]));
    let own = json!({ "displayName": "me", "emails": [{ "address": "ann@x.org" }] });
    let saved = ann.ask(SAVE, json!({ "input": own })).await;
    assert_eq!(saved.at("saved.contact").get("suggestedUser").expected("the field"), &Value::Null);
}
