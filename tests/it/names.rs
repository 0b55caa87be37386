//! Tests of names: one rule to search, to sort and to compare them everywhere, and the refusal of invisible names.

use api::auth::viewer::Scopes;
use entity::{channel::Channel, entry_point::FormFieldKind, user::Role};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    app::TestApp,
    conversations::code,
    person::Person,
    visitors::{EntryPointSetup, field, message, start},
};

/// Returns the number of hits of a search in each list that can be searched.
async fn finds(ada: &Person, search: &str) -> [u64; 4] {
    let query = "query($q: String!) { contacts(search: $q) { totalCount } agents(search: $q) { nodes { id } } \
                 queues(search: $q) { nodes { id } } wrapUpReasons(search: $q) { id } }";
    let answer = ada.ask(query, json!({ "q": search })).await;
    let count = |path: &str| answer.at(path).as_array().map_or(0, |found| found.len() as u64);
    let people = answer.at("contacts.totalCount").as_u64().unwrap_or_default();
    [people, count("agents.nodes"), count("queues.nodes"), count("wrapUpReasons")]
}

#[tokio::test(flavor = "multi_thread")]
async fn every_search_ignores_case_and_accents() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let names = [
        ("Łódź", ["łódź", "LODZ", "lo\u{301}d", "ódź"]),
        ("Özil Test", ["Özil Test", "ozil", "TEST öz", "\u{200e}zil"]),
        ("도움", ["\u{1103}\u{1169}\u{110b}\u{116e}\u{11b7}", "도움", "움", "ㄷㅇ"]),
        ("Οδυσσεύς", ["ΟΔΥΣΣΕΥΣ", "οδυσσευσ", "Ὀδυσσεὺς", "δυσσ"]),
        ("Işık", ["ışık", "isik", "IŞIK", "şik"]),
        ("Straße 100%", ["STRASSE", "100%", "straße", "trass"]),
        ("O’Neill", ["o'neill", "oneill", "O`NEILL", "neill"]),
    ];
    for (index, (name, _)) in names.iter().enumerate() {
        let agent = app.person_of(&format!("p{index}x"), name, Role::Agent, Scopes::all()).await;
        ada.makes("createQueue", json!({ "name": name, "channel": "WEBCHAT", "agentIds": [agent_id(&agent)] })).await;
        ada.makes("createWrapUpReason", json!({ "name": name })).await;
    }
    for (name, searches) in names {
        for search in searches {
            assert_eq!(finds(&ada, search).await, [1; 4], "{name} by {search}");
        }
    }
    for nobody in ["lodzz", "%", "_", "ozel", "ㄷㅈ", "strase 100%x"] {
        assert_eq!(finds(&ada, nobody).await, [0; 4], "{nobody}");
    }
}

fn agent_id(person: &Person) -> String {
    entity::id::AgentId(person.id.0).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_differ_only_in_case_accents_or_invisible_characters_are_equal() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let (queue, _) = app.web_queue(&ada, "Łódź", json!({})).await;
    let new = |verb: &str, name: &str| match verb {
        "createQueue" => json!({ "name": name, "channel": "WEBCHAT" }),
        "createEntryPoint" => {
            json!({ "name": name, "channel": "WEBCHAT", "address": format!("at {name}"), "queueId": queue })
        }
        "createMultimediaProfile" => json!({ "name": name, "mode": "BLENDED", "chat": 1, "email": 1, "social": 1 }),
        _ => json!({ "name": name }),
    };
    for verb in ["createSkill", "createWrapUpReason", "createIdleReason"] {
        ada.makes(verb, new(verb, "Łódź")).await;
    }
    for verb in ["createQueue", "createEntryPoint", "createSkill", "createWrapUpReason", "createIdleReason"] {
        for same in ["lodz", "ŁÓDŹ", "Lo\u{301}dz\u{200b}", "\u{200e}łódź", "l’odz"] {
            assert_eq!(ada.arranges(verb, new(verb, same)).await, "DUPLICATE name", "{verb} {same}");
        }
        // Voiced kana and other letters are different names.
        for other in ["バス", "ハス", "Łódka"] {
            assert_eq!(ada.arranges(verb, new(verb, other)).await, "APPLIED", "{verb} {other}");
        }
        for nothing in ["\u{200b}", "\u{3164}", "\u{ffa0} \u{2060}"] {
            assert_eq!(ada.arranges(verb, new(verb, nothing)).await, "REQUIRED name", "{verb}");
        }
    }
    for same in ["DEFAULT", "default", " dEFAULT  "] {
        let input = new("createMultimediaProfile", same);
        assert_eq!(ada.arranges("createMultimediaProfile", input).await, "DUPLICATE name", "{same}");
    }
    // A queue may change its own name to an equivalent spelling.
    assert_eq!(ada.arranges("updateQueue", json!({ "queueId": queue, "name": "LODZ" })).await, "APPLIED");
    assert_eq!(ada.arranges("updateQueue", json!({ "queueId": queue, "name": "hasu" })).await, "APPLIED");
    assert_eq!(ada.arranges("createQueue", new("createQueue", "Łódź")).await, "APPLIED");
}

const ORDERED: [&str; 10] = ["7 Days", "Äpfel", "Łazarz", "Lindau", "Øre", "Zoe", "Ёлка", "카", "うえ", "ヴォ"];

#[tokio::test(flavor = "multi_thread")]
async fn all_lists_by_name_use_one_order() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    for name in ORDERED.iter().rev() {
        let (queue, _) = app.web_queue(&ada, name, json!({})).await;
        for verb in ["createSkill", "createWrapUpReason", "createIdleReason"] {
            ada.makes(verb, json!({ "name": name })).await;
        }
        assert!(!queue.is_empty());
    }
    let query = "{ skills { name } wrapUpReasons { name } idleReasons { name } entryPoints { name } queues { nodes { name } } }";
    let answer = ada.ask(query, Value::Null).await;
    for list in ["skills", "wrapUpReasons", "idleReasons", "entryPoints", "queues.nodes"] {
        let names: Vec<&str> =
            answer.at(list).as_array().into_iter().flatten().filter_map(|row| row["name"].as_str()).collect();
        let own: Vec<&str> = names.iter().copied().filter(|name| ORDERED.contains(name)).collect();
        assert_eq!(own, ORDERED, "{list}");
    }
    // The predefined reason is sorted by its name too.
    assert_eq!(answer.at("idleReasons")[3]["name"], "Idle");
    for (index, name) in ORDERED.iter().enumerate().rev() {
        let agent = app.person_of(&format!("a{index}x"), name, Role::Member, Scopes::all()).await;
        let query = "mutation($u: ID!) { setUserRole(input: { userId: $u, role: AGENT }) { userErrors { code } } }";
        assert_eq!(ada.ask(query, json!({ "u": agent.id() })).await.at("setUserRole.userErrors"), &json!([]));
    }
    let agents = ada.ask("{ agents(first: 100) { nodes { user { displayName } } } }", Value::Null).await;
    let agents: Vec<&str> = agents
        .at("agents.nodes")
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|agent| agent["user"]["displayName"].as_str())
        .filter(|name| ORDERED.contains(name))
        .collect();
    assert_eq!(agents, ORDERED);
    let (mut pages, mut after) = (Vec::new(), Value::Null);
    loop {
        let query =
            "query($a: String) { queues(first: 3, after: $a) { nodes { name } pageInfo { hasNextPage endCursor } } }";
        let page = ada.ask(query, json!({ "a": after })).await;
        let nodes = page.at("queues.nodes").as_array().cloned().expected("nodes");
        pages.extend(nodes.iter().filter_map(|node| node["name"].as_str().map(str::to_owned)));
        if page.at("queues.pageInfo.hasNextPage") == false {
            break;
        }
        after = page.at("queues.pageInfo.endCursor").clone();
    }
    assert_eq!(pages, ORDERED);
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_listed_under_the_heading_of_their_base_letter() {
    let app = TestApp::new().await;
    let people = [
        ("a2", "Ærø", "A"),
        ("a1", "\u{200e}Anna", "A"),
        ("a3", "Işık", "I"),
        ("a4", "Łukasz", "L"),
        ("a5", "Øystein", "O"),
        ("a6", "გიორგი", "გ"),
        ("a7", "ㅋㅋ", "ㅋ"),
        ("a8", "카", "ㅋ"),
        ("a9", "ヴァン", "あ"),
        ("b1", "ヵ", "か"),
        ("b2", "わた", "わ"),
        ("b3", "山田", "山"),
    ];
    for (handle, name, _) in people.iter().rev() {
        app.person_with(handle, name, Scopes::all()).await;
    }
    let reader = app.known("a1").await;
    let answer = reader.ask("{ contacts(first: 100) { nodes { displayName sortHeading } } }", Value::Null).await;
    let expected: Vec<Value> =
        people.iter().map(|(_, name, heading)| json!({ "displayName": name, "sortHeading": heading })).collect();
    assert_eq!(answer.at("contacts.nodes"), &Value::Array(expected));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_without_visible_characters_is_refused() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    ben.must("acceptConnectionRequest", &request).await;
    let begin = "mutation($u: ID!) { startDirectConversation(input: { userId: $u }) { conversation { id } } }";
    let conversation =
        ann.ask(begin, json!({ "u": ben.id() })).await.text("startDirectConversation.conversation.id").to_owned();
    let said = ann.sends(0, &conversation, "said", "Hello").await["message"]["id"].clone();
    for (index, nothing) in ["\u{200b}", "\u{3164}", "\u{fe0f}", " \u{2060}\u{ad}", "\u{2800}"].into_iter().enumerate()
    {
        let sign_up = json!({ "handle": format!("new{index}"), "password": "correct horse", "displayName": nothing });
        for (query, input) in [
            ("mutation($input: SignUpInput!) { done: signUp(input: $input) { userErrors { code } } }", sign_up),
            (
                "mutation($input: UpdateProfileInput!) { done: updateProfile(input: $input) { userErrors { code } } }",
                json!({ "displayName": nothing }),
            ),
            (
                "mutation($input: SavePersonalContactInput!) { done: savePersonalContact(input: $input) { userErrors { code } } }",
                json!({ "displayName": nothing }),
            ),
            (
                "mutation($input: PostStatusInput!) { done: postStatus(input: $input) { userErrors { code } } }",
                json!({ "text": nothing }),
            ),
        ] {
            let answer = ann.ask(query, json!({ "input": input })).await;
            assert_eq!(answer.at("done.userErrors")[0]["code"], "REQUIRED", "{nothing:?} {query}");
        }
        let card = format!("BEGIN:VCARD\r\nVERSION:4.0\r\nFN:{nothing}\r\nEND:VCARD\r\n");
        let import = "mutation($file: String!) { importVCard(input: { vCard: $file }) { results { outcome } } }";
        let answer = ann.ask(import, json!({ "file": card })).await;
        assert_eq!(answer.at("importVCard.results")[0]["outcome"], "REFUSED", "{nothing:?}");
        assert_eq!(code(&ann.sends(0, &conversation, &index.to_string(), nothing).await), "REQUIRED", "{nothing:?}");
        let edit = "mutation($m: ID!, $b: String!) { done: editMessage(input: { messageId: $m, body: $b }) { userErrors { code } } }";
        let answer = ann.ask(edit, json!({ "m": said, "b": nothing })).await;
        assert_eq!(code(answer.at("done")), "REQUIRED", "{nothing:?}");
    }
    let entry_setup =
        EntryPointSetup { fields: vec![field("name", FormFieldKind::Name, true)], ..EntryPointSetup::default() };
    let site = app.entry_point(Channel::Webchat, "Site", entry_setup).await;
    for nothing in ["\u{200b}", "\u{3164}", "\u{fe0f}"] {
        let answers = json!({ "fields": [{ "name": "name", "value": nothing }] });
        let answer = start(&app.anonymous(), &site, answers).await;
        assert_eq!(answer.at("startWebChat.userErrors")[0]["code"], "REQUIRED", "{nothing:?}");
    }
    let plain = app.web_site("Plain").await;
    for (index, nothing) in ["\u{fe0f}", "\u{200b}\u{200d}", "\u{e0020}"].into_iter().enumerate() {
        let answer = start(&app.anonymous(), &plain, message(&index.to_string(), nothing)).await;
        assert_eq!(answer.at("startWebChat.userErrors")[0]["code"], "REQUIRED", "{nothing:?}");
    }
    for nothing in ["\u{200b}", "\u{3164}\u{3164}", "\u{2066}\u{2069}"] {
        let query = "mutation($n: String!) { signUp(input: { handle: \"fresh\", password: \"correct horse\", displayName: $n }) \
                     { userErrors { message } } }";
        let answer = app.anonymous().ask(query, json!({ "n": nothing })).await;
        assert_eq!(answer.at("signUp.userErrors")[0]["message"], "A name is needed.", "{nothing:?}");
    }
    // Invisible characters stay when the text has visible ones.
    let kept =
        "mutation { updateProfile(input: { displayName: \"\u{200e}Ann\" }) { user { displayName sortHeading } } }";
    let answer = ann.ask(kept, Value::Null).await;
    assert_eq!(answer.at("updateProfile.user"), &json!({ "displayName": "\u{200e}Ann", "sortHeading": "A" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_typed_in_full_width_is_the_same_address() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let save = "mutation($input: SavePersonalContactInput!) { savePersonalContact(input: $input) \
                { contact { emails { address } } userErrors { code } } }";
    let with =
        |name: &str, address: &str| json!({ "input": { "displayName": name, "emails": [{ "address": address }] } });
    let saved = ann.ask(save, with("Jane", "ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ")).await;
    assert_eq!(saved.at("savePersonalContact.contact.emails"), &json!([{ "address": "jane@example.com" }]));
    for same in ["Jane@Example.com", "jane＠example。com", "\u{200b}jane@example.com"] {
        let again = ann.ask(save, with("Other", same)).await;
        assert_eq!(again.at("savePersonalContact.userErrors")[0]["code"], "DUPLICATE", "{same}");
    }
    let search = "query($q: String!) { contacts(list: PERSONAL, search: $q) { totalCount } }";
    for words in ["ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ", "JANE@example"] {
        assert_eq!(ann.ask(search, json!({ "q": words })).await.at("contacts.totalCount"), 1, "{words}");
    }
}
