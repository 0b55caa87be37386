//! Tests of incoming texts, times and numbers: one rule for each, in every field.

use entity::{channel::Channel, entry_point::FormFieldKind};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    conversations::code,
    person::Person,
    visitors::{EntryPointSetup, field, refusal, start},
};

/// Multi-line texts, each with its stored form.
const SEVERAL: [(&str, &str); 4] = [
    ("a\r\nb", "a\nb"),
    ("one\rtwo\u{85}three", "one\ntwo\nthree"),
    ("도\u{2028}움\u{2029}!", "도\n움\n!"),
    ("\u{2028}tab\tstays\r\n", "tab\tstays"),
];
/// Single-line texts, each with its stored form.
const ONE: [(&str, &str); 4] = [
    ("Ann\u{2028}Archer", "Ann Archer"),
    ("Ann\tArcher\r\n", "Ann Archer"),
    ("\u{2029}김\u{85}철", "김 철"),
    ("a\r\nb\nc", "a b c"),
];

async fn done(person: &Person, query: &str, text: &str, id: &str) -> Value {
    let answer = person.ask(query, json!({ "text": text, "id": id })).await;
    let done = answer.at("done").clone();
    assert_eq!(done["userErrors"], json!([]), "{query} {text:?}");
    done
}

#[tokio::test(flavor = "multi_thread")]
async fn every_multi_line_text_has_the_same_line_breaks() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ben.must("acceptConnectionRequest", &request).await;
    let begin = "mutation($id: ID!) { done: startDirectConversation(input: { userId: $id }) { conversation { id } userErrors { code } } }";
    let conversation =
        done(&ann, begin, "", &ben.id()).await["conversation"]["id"].as_str().expected("an id").to_owned();
    for (number, (text, kept)) in SEVERAL.into_iter().enumerate() {
        let post = "mutation($text: String!) { done: postStatus(input: { text: $text }) { activity { text } userErrors { code } } }";
        assert_eq!(done(&ann, post, text, "").await["activity"]["text"], kept);
        let note = "mutation($text: String!, $id: ID!) { done: saveNote(input: { userId: $id, text: $text }) \
            { user { relationship { note } } userErrors { code } } }";
        assert_eq!(done(&ann, note, text, &ben.id()).await["user"]["relationship"]["note"], kept);
        let contact = "mutation($text: String!) { done: savePersonalContact(input: { displayName: \"x\", note: $text, \
            addresses: [{ street: $text }] }) { contact { note addresses { street } } userErrors { code } } }";
        let contact = done(&ann, contact, text, "").await["contact"].clone();
        assert_eq!((&contact["note"], &contact["addresses"][0]["street"]), (&json!(kept), &json!(kept)));
        let other = app.person(&format!("p{number}")).await;
        let connect = "mutation($text: String!, $id: ID!) { done: requestConnection(input: { userId: $id, message: $text }) \
            { request { message } userErrors { code } } }";
        assert_eq!(done(&ann, connect, text, &other.id()).await["request"]["message"], kept);
        // A message is not trimmed.
        let sent = ann.sends(0, &conversation, &number.to_string(), text).await;
        assert_eq!(code(&sent), "");
        let bodies = app.database.texts("SELECT body FROM thread_item WHERE body <> '' ORDER BY sequence DESC").await;
        assert_eq!(bodies[0].trim(), kept);
        assert!(!bodies[0].contains(['\r', '\u{85}', '\u{2028}', '\u{2029}']));
    }
    let at = app.entry_point(
        Channel::Webchat,
        "shop",
        EntryPointSetup { fields: vec![field("order", FormFieldKind::Text, false)], ..EntryPointSetup::default() },
    );
    let input = json!({ "message": { "clientMessageId": "1", "body": "a\rb\u{2029}c" }, "fields": [{ "name": "order", "value": "d\u{85}e" }] });
    assert_eq!(refusal(&start(&app.anonymous(), &at.await, input).await), "");
    let written = app.database.texts("SELECT body FROM thread_item ORDER BY id DESC").await;
    assert!(written.contains(&"a\nb\nc".to_owned()), "{written:?}");
    let answers = "SELECT CAST(announcement_data AS text) FROM thread_item WHERE announcement_data IS NOT NULL";
    let answers = app.database.texts(answers).await;
    assert!(answers.iter().any(|answers| answers.contains("d\\ne")), "{answers:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_single_line_text_loses_its_line_breaks_and_returns_from_a_card() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    for (text, kept) in ONE {
        let profile = "mutation($text: String!) { done: updateProfile(input: { displayName: $text, givenName: $text, title: $text, \
            emails: [{ address: \"a@x.org\", label: $text }], phones: [{ number: \"1\", label: $text }] }) \
            { user { displayName title name { given } emails { label } phones { label } } userErrors { code } } }";
        let user = done(&ann, profile, text, "").await["user"].clone();
        assert_eq!(
            (&user["displayName"], &user["title"], &user["name"]["given"]),
            (&json!(kept), &json!(kept), &json!(kept))
        );
        assert_eq!((&user["emails"][0]["label"], &user["phones"][0]["label"]), (&json!(kept), &json!(kept)));
        let contact = "mutation($text: String!) { done: savePersonalContact(input: { displayName: $text, familyName: $text, organization: $text, \
            addresses: [{ city: $text, street: $text }], urls: [{ address: \"https://x.org/My Page\", label: $text }], \
            phones: [{ number: \"+1 555 x12\" }, { number: \"tel:2\", extension: \"ask Bob\" }, { number: \"\\u202a3\\u202c\" }] }) \
            { contact { displayName organization phones { number extension } } userErrors { code } } }";
        let contact = done(&ben, contact, text, "").await["contact"].clone();
        assert_eq!((&contact["displayName"], &contact["organization"]), (&json!(kept), &json!(kept)));
        assert_eq!(
            contact["phones"],
            json!([{ "number": "+1 555", "extension": "12" },
            { "number": "2", "extension": "ask Bob" }, { "number": "3", "extension": null }])
        );
        let key = "mutation($text: String!) { done: createApiKey(input: { name: $text, scopes: [PROFILE_READ] }) { apiKey { name } userErrors { code } } }";
        assert_eq!(done(&ann, key, text, "").await["apiKey"]["name"], kept);
    }
    // The owner's exported cards are imported again without a change.
    for version in ["3.0", "4.0"] {
        let client = &ben.clients[0];
        let url = format!("{}/contacts.vcf", client.url);
        let token = client.token.clone().expected("a token");
        let http = reqwest::Client::new();
        let request = http.get(format!("{url}?list=PERSONAL&version={version}")).bearer_auth(&token);
        let file = request.send().await.expected("an answer").text().await.expected("a file");
        assert_eq!(file.matches("BEGIN:VCARD").count(), ONE.len());
        let request = http.post(&url).bearer_auth(&token).header("content-type", "text/vcard").body(file);
        let answer: Value = request.send().await.expected("an answer").json().await.expected("JSON");
        for result in answer["results"].as_array().expected("results") {
            assert_eq!(
                (&result["outcome"], &result["message"]),
                (&json!("UNCHANGED"), &Value::Null),
                "{version} {result}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_with_text_direction_controls_are_refused_in_every_field() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let at = app.web_site("shop").await;
    let profile =
        "mutation($text: String!) { done: updateProfile(input: { avatarUrl: $text }) { userErrors { code field } } }";
    let own = "mutation($text: String!) { done: updateProfile(input: { urls: [{ address: $text }] }) { userErrors { code field } } }";
    let contact = "mutation($text: String!) { done: savePersonalContact(input: { displayName: \"x\", urls: [{ address: $text }] }) \
        { userErrors { code field } } }";
    for text in [
        "https://example.org/\u{202e}gnp.a",
        "https://example.org/\u{2066}x\u{2069}",
        "\u{200e}https://example.org/x\u{200e}",
        "https://example.org/x\u{61c}",
    ] {
        for (query, field) in [(profile, "avatarUrl"), (own, "urls"), (contact, "urls")] {
            let answer = ann.ask(query, json!({ "text": text })).await;
            let refused = json!([{ "code": "INVALID", "field": ["input", field] }]);
            assert_eq!(answer.at("done.userErrors"), &refused, "{field} {text:?}");
        }
        let input = json!({ "message": { "clientMessageId": "1", "body": "Hello" }, "pageUrl": text });
        let answer = start(&app.anonymous(), &at, input).await;
        let refused = json!([{ "code": "INVALID", "field": ["input", "pageUrl"] }]);
        assert_eq!(answer.at("startWebChat.userErrors"), &refused, "{text:?}");
    }
    // Hebrew and Arabic need no control characters.
    let answer = ann.ask(profile, json!({ "text": "https://example.org/\u{5e9}\u{5dc}.png" })).await;
    assert_eq!(answer.at("done.userErrors"), &json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn phone_numbers_are_stored_as_they_are_dialled() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let fields = vec![field("phone", FormFieldKind::Phone, true)];
    let at = app.entry_point(Channel::Webchat, "shop", EntryPointSetup { fields, ..EntryPointSetup::default() }).await;
    for (number, kept) in [
        ("０９０－１２３４－５６７８", "090-1234-5678"),
        ("٠٥٠١٢٣٤٥٦٧", "0501234567"),
        ("(02) 123–4567", "(02) 123-4567"),
        ("+82\u{a0}2\u{202f}312\u{2011}3456", "+82 2 312-3456"),
        ("\u{2066}+९१ ९८७६५ ४३२१०\u{2069}", "+91 98765 43210"),
    ] {
        let mut input = json!({ "message": { "clientMessageId": "1", "body": "Hello" } });
        input["fields"] = json!([{ "name": "phone", "value": number }]);
        assert_eq!(refusal(&start(&app.anonymous(), &at, input).await), "", "{number}");
        assert_eq!(app.database.texts("SELECT phone FROM customer ORDER BY id DESC").await[0], kept);
        for (verb, result, name) in
            [("updateProfile", "user", ""), ("savePersonalContact", "contact", "displayName: \"x\", ")]
        {
            let query = format!(
                "mutation($text: String!) {{ done: {verb}(input: {{ {name}phones: [{{ number: $text }}] }}) \
                 {{ {result} {{ phones {{ number }} }} userErrors {{ code }} }} }}"
            );
            assert_eq!(done(&ann, &query, number, "").await[result]["phones"][0]["number"], kept);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_mute_has_a_four_digit_year_and_all_lists_agree() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let mute = "mutation($id: ID!, $until: DateTime) { done: muteUser(input: { userId: $id, until: $until }) { userErrors { code } } }";
    let agree = async |muted: bool| {
        let (relationship, list, counts) = (ann.relationship(&ben).await, ann.list("MUTED").await, ann.counts().await);
        assert_eq!(
            (relationship["mute"].is_null(), list.is_empty(), &counts["muted"]),
            (!muted, !muted, &json!(i32::from(muted)))
        );
        relationship["mute"]["until"].as_str().unwrap_or_default().to_owned()
    };
    for until in [
        "+012030-01-01T00:00:00Z",
        "-4800-01-01T00:00:00Z",
        "9999-12-31T23:59:59-01:00",
        "-4713-01-01T00:00:00Z",
        "-0001-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "0000-01-01T00:00:00+00:01",
        "2999-12-31 00:00:00Z",
        "2999-12-31T00:00Z",
        "2999-12-31T12:00:60Z",
        "2999-02-30T00:00:00Z",
        "tomorrow",
    ] {
        let variables = ann.ask(mute, json!({ "id": ben.id(), "until": until })).await;
        let literal = format!(
            "mutation($id: ID!) {{ done: muteUser(input: {{ userId: $id, until: \"{until}\" }}) {{ outcome }} }}"
        );
        let literal = ann.ask(&literal, json!({ "id": ben.id() })).await;
        for answer in [variables, literal] {
            let data = &answer.body["data"];
            assert!(data.is_null() || data["done"].is_null(), "{until} {}", answer.body);
            assert!(
                ["BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"].contains(&answer.code()),
                "{until} {}",
                answer.body
            );
            agree(false).await;
        }
    }
    for (until, kept) in [
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
        ("2998-12-31T23:59:60Z", "2999-01-01T00:00:00.000Z"),
        ("2998-12-31t15:59:60.5-08:00", "2999-01-01T00:00:00.500Z"),
        ("2997-06-01T01:30:00.123456789+01:30", "2997-06-01T00:00:00.123Z"),
    ] {
        let done = ann.ask(mute, json!({ "id": ben.id(), "until": until })).await;
        assert_eq!(done.at("done.userErrors"), &json!([]), "{until}");
        assert_eq!(agree(true).await, kept);
    }
    // A past time is a valid value, down to the year 0000. It is refused with a user error.
    for until in ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "1900-01-01T00:00:00Z"] {
        let done = ann.ask(mute, json!({ "id": ben.id(), "until": until })).await;
        assert_eq!(done.at("done.userErrors.0.code"), "INVALID", "{until}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_period_may_begin_in_any_four_digit_year() {
    let app = TestApp::new().await;
    let sue = app.supervisor("sue").await;
    let queue_setup = app.queue_setup(Channel::Webchat, &[]).await;
    let query = "query($id: ID!, $since: DateTime) { queue(id: $id) { statistics(since: $since) { accepted } } }";
    let queue = app.database.texts("SELECT name FROM queue").await;
    assert_eq!(queue.len(), 1);
    let id = queue_setup.queue.id.to_string();
    let now = app.clock.now().to_rfc3339();
    assert_eq!(sue.ask(query, json!({ "id": id, "since": now })).await.at("queue.statistics.accepted"), 0);
    for since in ["0000-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "-4800-01-01T00:00:00Z", "+12030-01-01T00:00:00Z"] {
        assert_eq!(sue.ask(query, json!({ "id": id, "since": since })).await.code(), "BAD_USER_INPUT", "{since}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_input_times_follow_one_rule() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let key = "mutation($t: DateTime) { done: createApiKey(input: { name: \"key\", scopes: [PROFILE_READ], expiresAt: $t }) \
        { apiKey { expiresAt } userErrors { code } } }";
    let many = "mutation($t: DateTime, $id: [ID!]!) { done: updateContacts(input: { action: MUTE, userIds: $id, muteUntil: $t }) \
        { userErrors { code } } }";
    for bad in ["+012030-01-01T00:00:00Z", "-4800-01-01T00:00:00Z", "9999-12-31T23:59:60Z", "2999-01-01T00:00:61Z", ""]
    {
        assert_eq!(ann.ask(key, json!({ "t": bad })).await.code(), "BAD_USER_INPUT", "{bad}");
        assert_eq!(ann.ask(many, json!({ "t": bad, "id": [ben.id()] })).await.code(), "BAD_USER_INPUT", "{bad}");
    }
    assert_eq!((app.database.number("SELECT count(*) FROM api_key").await, ann.list("MUTED").await.len()), (0, 0));
    for (given, kept) in [
        ("2998-12-31T23:59:60Z", "2999-01-01T00:00:00.000Z"),
        ("2998-06-30T21:59:60-02:00", "2998-07-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
    ] {
        let made = ann.ask(key, json!({ "t": given })).await;
        assert_eq!(made.text("done.apiKey.expiresAt"), kept);
        let muted = ann.ask(many, json!({ "t": given, "id": [ben.id()] })).await;
        assert_eq!(muted.at("done.userErrors"), &json!([]), "{given}");
        assert_eq!(ann.relationship(&ben).await["mute"]["until"], kept, "{given}");
    }
}
