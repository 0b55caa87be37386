//! Tests of vCard imports: repeated files, two instances at once, long values, many cards and damaged files.

use serde_json::{Value, json};

use super::{BOOK, SAVE, brings, get, keeps, outcomes, post};
use crate::support::{Expected as _, app::TestApp, vcards};

const IMPORT: &str = include_str!("../operations/vcards/imports/import.graphql");

#[tokio::test(flavor = "multi_thread")]
async fn each_card_has_its_own_result_and_a_repeated_import_changes_nothing() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let known = keeps(&ann, json!({ "displayName": "Known", "emails": [{ "address": "known@example.com" }] })).await;
    let card = |lines: &str| format!("BEGIN:VCARD\r\nVERSION:3.0\r\n{lines}\r\nEND:VCARD\r\n");
    let file = [
        card("UID:one\r\nFN:One\r\nEMAIL:one@example.com"),
        card("FN:Nameless"),
        card("UID:two\r\nFN:Two\r\nEMAIL:KNOWN@example.com"),
        card("NOTE:1"),
        card("UID:one\r\nFN:Another one"),
        card("FN:Nameless"),
        card("UID:three\r\nFN:Three\r\nEMAIL:one@example.com"),
        card("UID:four\r\nFN:Four\r\nEMAIL:none\r\nBDAY:1990-01-31"),
    ];
    let file = file.concat();
    let first = ann.ask(IMPORT, json!({ "file": file })).await;
    let first = first.at("importVCard.results").as_array().cloned().expected("results");
    let expected = ["CREATED", "CREATED", "DUPLICATE", "REFUSED", "DUPLICATE", "UNCHANGED", "DUPLICATE", "CREATED"];
    assert_eq!(outcomes(&first), expected);
    assert!(first.iter().enumerate().all(|(index, result)| result["index"] == index));
    assert_eq!(first[2]["contact"]["id"], json!(known));
    assert_eq!(first[6]["contact"]["displayName"], "One");
    assert_eq!(
        first[3]["message"],
        "Line 17: It has no name, no organization, no e-mail address and no telephone number."
    );
    let lost = "Left out, because it cannot be kept: BDAY (a birthday), EMAIL (not an e-mail address).";
    assert_eq!(first[7]["message"], lost);
    // The other endpoint gives the same result.
    let dump = async || get(&ann.clients[0], "/contacts.vcf?list=PERSONAL").await.text;
    let before = dump().await;
    app.clock.advance(chrono::TimeDelta::hours(1));
    let again = brings(&ann, file.as_bytes()).await;
    let expected =
        ["UNCHANGED", "UNCHANGED", "DUPLICATE", "REFUSED", "DUPLICATE", "UNCHANGED", "DUPLICATE", "UNCHANGED"];
    assert_eq!(outcomes(&again), expected);
    assert_eq!(dump().await, before);
    // A changed card updates the contact that it created.
    let changed = brings(&ann, card("UID:one\r\nFN:One\r\nEMAIL:1@example.com\r\nNOTE:new").as_bytes()).await;
    assert_eq!(outcomes(&changed), ["UPDATED"]);
    assert_eq!(changed[0]["contact"]["id"], first[0]["contact"]["id"]);
    let freed = brings(&ann, card("UID:three\r\nFN:Three\r\nEMAIL:one@example.com").as_bytes()).await;
    assert_eq!(outcomes(&freed), ["CREATED"]);
    // Another user's address book is not affected.
    let ben = app.person("ben").await;
    assert_eq!(outcomes(&brings(&ben, file.as_bytes()).await)[0], "CREATED");
}

#[tokio::test(flavor = "multi_thread")]
async fn long_values_are_cut_to_the_limits_of_a_contact() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let emails = (0..12).map(|n| format!("EMAIL;TYPE=PREF:e{n}@example.com\r\n")).collect::<Vec<_>>().concat();
    let (long, uid) = ("김".repeat(3_000), "u".repeat(5_000));
    let file = format!(
        "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:{uid}\r\nFN:{long}\r\nN:{long};{long};;;\r\nORG:A;B\r\nNOTE:{long}\r\n\
         TEL:{long}\r\n{emails}URL:www.example.com\r\nURL:ftp://x\r\nEND:VCARD\r\n"
    );
    let results = brings(&ann, file.as_bytes()).await;
    assert_eq!(outcomes(&results), ["CREATED"]);
    let book = ann.ask(BOOK, json!({ "ids": [results[0]["contact"]["id"]] })).await;
    let contact = &book.at("nodes")[0];
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    assert_eq!((length(&contact["displayName"]), length(&contact["note"])), (200, 2_000));
    assert_eq!((length(&contact["name"]["family"]), length(&contact["phones"][0]["number"])), (200, 64));
    let emails = contact["emails"].as_array().cloned().expected("addresses");
    assert_eq!(emails.len(), 10);
    assert_eq!(emails.iter().filter(|email| email["preferred"] == true).count(), 1);
    assert_eq!(contact["urls"], json!([{ "address": "https://www.example.com", "label": null }]));
    assert_eq!(contact["organization"], "A, B");
    assert_eq!(outcomes(&brings(&ann, file.as_bytes()).await), ["UNCHANGED"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_file_gives_a_reason_or_a_harmless_contact() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let files = vcards::hostile();
    assert_eq!(files.len(), 100);
    for (name, file) in files {
        let answer = post(&ann.clients[0], "text/x-vcard", file).await;
        let body: Value = serde_json::from_str(&answer.text).unwrap_or_default();
        if answer.status == 400 {
            let told = body["errors"][0]["message"].as_str().is_some_and(|message| message.len() > 10);
            assert!(told && answer.code() == "BAD_USER_INPUT", "{name}: {}", answer.text);
            continue;
        }
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        let results = body["results"].as_array().cloned().expected(name);
        assert!(!results.is_empty(), "{name}");
        for result in results {
            let reason = result["message"].as_str().is_some_and(|message| !message.is_empty());
            assert!(result["outcome"] != "REFUSED" || reason, "{name}: {result}");
            assert_eq!(result["contact"].is_null(), result["outcome"] == "REFUSED", "{name}: {result}");
        }
    }
    // Imported cards can be exported, and the exported cards are valid and give the same contacts.
    let file = get(&ann.clients[0], "/contacts.vcf?list=PERSONAL").await.text;
    let again = brings(&ann, file.as_bytes()).await;
    assert!(!again.is_empty() && again.iter().all(|result| result["outcome"] == "UNCHANGED"), "{again:?}");
    assert!(!file.contains("javascript:") && !file.to_lowercase().contains("\nset-cookie"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_book_has_a_maximum_size() {
    let app = TestApp::with(1, &[("RAPPORT_REQUEST_TIMEOUT", "2m")]).await;
    let ann = app.person("ann").await;
    let file = |from: usize, to: usize| {
        let card = |n: usize| format!("BEGIN:VCARD\r\nUID:{n}\r\nFN:{n}\r\nEMAIL:{n}@example.com\r\nEND:VCARD\r\n");
        (from..to).map(card).collect::<String>()
    };
    let many = post(&ann.clients[0], "text/vcard", file(0, 5_001).into_bytes()).await;
    assert_eq!((many.status, many.code().as_str()), (400, "BAD_USER_INPUT"));
    for (from, to) in [(0, 5_000), (5_000, 9_998)] {
        let results = brings(&ann, file(from, to).as_bytes()).await;
        assert!(results.iter().all(|result| result["outcome"] == "CREATED"));
    }
    let last = brings(&ann, file(9_996, 10_002).as_bytes()).await;
    assert_eq!(outcomes(&last), ["UNCHANGED", "UNCHANGED", "CREATED", "CREATED", "REFUSED", "REFUSED"]);
    let saved = ann.ask(SAVE, json!({ "input": { "displayName": "one more" } })).await;
    assert_eq!(saved.at("savePersonalContact.userErrors")[0]["code"], "LIMIT_REACHED");
    assert_eq!(get(&ann.clients[0], "/contacts.vcf?list=PERSONAL").await.names().len(), 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_imports_of_one_file_at_two_instances_create_it_once() {
    let app = TestApp::two().await;
    let ann = app.person("ann").await;
    let card = |n: usize| format!("BEGIN:VCARD\r\nUID:{n}\r\nFN:{n}\r\nEMAIL:{n}@example.com\r\nEND:VCARD\r\n");
    let file: String = (0..450).map(card).collect();
    let send =
        |instance: usize| post(&ann.clients[instance % ann.clients.len()], "text/vcard", file.clone().into_bytes());
    let (one, other) = tokio::join!(send(0), send(1));
    assert_eq!((one.status, other.status), (200, 200), "{} {}", one.text, other.text);
    let count = |text: &str, outcome: &str| text.matches(outcome).count();
    assert_eq!(count(&one.text, "CREATED") + count(&other.text, "CREATED"), 450);
    assert_eq!(count(&one.text, "UNCHANGED") + count(&other.text, "UNCHANGED"), 450);
    assert_eq!(app.database.number("SELECT count(*) FROM personal_contact").await, 450);
}
