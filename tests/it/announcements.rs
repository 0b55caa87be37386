//! Tests of announcements as data: each side reads the fact, the people that it may know, and a sentence in its
//! language.

use api::{
    auth::viewer::Scope,
    queues::opening_hours::{is_open, next_opening},
};
use entity::{
    channel::Channel,
    queue::{BusinessHours, OpenHours},
};
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::about_account,
    app::TestApp,
    arrivals::connected_task,
    conversations::EVENTS,
    desk::{Arrival, NewQueue, QueueSetup},
    graphql::Client,
    person::Person,
    plans::keep_from_counting,
    plans::{self, Budget, Planned},
    socket::Socket,
    visitors::{EntryPointSetup, accepted_chat, by, chat, message, start, visitor},
};

const ITEMS: &str = include_str!("operations/announcements/items.graphql");

/// The maximum number of statements of a page: the conversation, its items, participants, users, agents, queues, the
/// names in the sentences, and the viewer's profile. Loads at another moment may take one more.
const PAGE: usize = 10;

/// Returns the announcements that a client sees, in a language.
async fn seen(by: &Client, conversation: &str, locale: Option<&str>) -> Vec<Value> {
    let answer = by.ask(ITEMS, json!({ "id": conversation, "l": locale })).await;
    let nodes = answer.at("conversation.items.nodes").as_array().cloned().unwrap_or_default();
    nodes.into_iter().filter(|node| node["kind"].is_string()).collect()
}

/// Returns the sentences that a client reads.
async fn texts(by: &Client, conversation: &str, locale: Option<&str>) -> Vec<String> {
    let all = seen(by, conversation, locale).await;
    all.iter().map(|one| one["text"].as_str().unwrap_or_default().to_owned()).collect()
}

fn user(name: &str) -> Value {
    json!({ "__typename": "User", "displayName": name })
}

fn representative(name: &str) -> Value {
    json!({ "__typename": "Representative", "displayName": name })
}

/// Returns the kind, the actor, the subject and the target of an announcement.
fn facts(one: &Value) -> Value {
    json!([one["kind"], one["actor"], one["subject"], one["target"]])
}

#[tokio::test(flavor = "multi_thread")]
async fn viewers_and_visitors_read_announcements_in_four_languages() {
    let chat = Box::pin(accepted_chat()).await;
    for (locale, text) in [
        ("en-GB", "sue has joined."),
        ("DE-at", "sue ist dem Gespräch beigetreten."),
        ("ko", "sue 님이 대화에 참여했습니다."),
        ("ja-JP", "sueが参加しました。"),
        ("fr", "sue has joined."),
        ("", "sue has joined."),
    ] {
        for by in [&chat.sue.clients[0], &chat.visitor] {
            assert_eq!(texts(by, &chat.conversation, Some(locale)).await, [text], "{locale}");
        }
    }
    // Without a language the viewer's profile decides. A visitor has no profile.
    let profile = "mutation { updateProfile(input: { locale: \"ko-KR\" }) { userErrors { code } } }";
    assert_eq!(chat.sue.ask(profile, Value::Null).await.at("updateProfile.userErrors"), &json!([]));
    assert_eq!(texts(&chat.sue.clients[0], &chat.conversation, None).await, ["sue 님이 대화에 참여했습니다."]);
    assert_eq!(texts(&chat.visitor, &chat.conversation, None).await, ["sue has joined."]);
    let query = "query($id: ID!) { conversation(id: $id) { transcript german: transcript(locale: \"de\") } }";
    let shown = chat.sue.ask(query, json!({ "id": chat.conversation })).await;
    assert!(shown.text("conversation.transcript").contains("] * sue 님이 대화에 참여했습니다.\n"), "{}", shown.body);
    assert!(shown.text("conversation.german").contains("] * sue ist dem Gespräch beigetreten.\n"), "{}", shown.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_file_has_the_language_of_its_address_or_of_the_browser() {
    let chat = Box::pin(accepted_chat()).await;
    let url = format!("{}/conversations/{}/transcript.txt", chat.visitor.url, chat.conversation);
    let token = chat.visitor.token.clone().expected("a token");
    for (query, header, text) in [
        ("", None, "sue has joined."),
        ("", Some("fr, ja;q=0.5, de;q=0.8"), "sue ist dem Gespräch beigetreten."),
        ("?locale=ko", Some("de"), "sue 님이 대화에 참여했습니다."),
        ("?locale=", Some("ja"), "sueが参加しました。"),
        ("?locale=fr", Some("ja"), "sue has joined."),
        ("?locale=%FF&locale=de", None, "sue has joined."),
    ] {
        let mut request = reqwest::Client::new().get(format!("{url}{query}")).bearer_auth(&token);
        if let Some(header) = header {
            request = request.header("accept-language", header);
        }
        let file = request.send().await.expected("an answer").text().await.expected("a file");
        assert!(file.contains(&format!("] * {text}\n")), "{query} {header:?}: {file}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_names_its_target_to_agents_and_not_to_the_customer() {
    let chat = Box::pin(accepted_chat()).await;
    assert_eq!(chat.sue.transfers(&chat.task, chat.sales.as_target()).await, "");
    chat.app.settle().await;
    chat.ann.accepts_it().await;
    let cem = chat.app.agent("cem").await;
    assert_eq!(cem.turns("AVAILABLE").await, "");
    assert_eq!(chat.ann.transfers(&chat.task, cem.as_target()).await, "");
    let staff = seen(&chat.ann.clients[0], &chat.conversation, Some("de")).await;
    let queue = json!({ "__typename": "Queue", "name": "Sales" });
    let agent = json!({ "__typename": "Agent", "displayName": "cem" });
    let expected = [
        json!(["AGENT_JOINED", user("sue"), user("sue"), null]),
        json!(["TRANSFERRED", user("sue"), user("sue"), queue]),
        json!(["AGENT_LEFT", user("sue"), user("sue"), null]),
        json!(["TRANSFERRING", null, null, null]),
        json!(["AGENT_JOINED", user("ann"), user("ann"), null]),
        json!(["TRANSFERRED", user("ann"), user("ann"), agent]),
        json!(["AGENT_LEFT", user("ann"), user("ann"), null]),
        json!(["TRANSFERRING", null, null, null]),
    ];
    assert_eq!(staff.iter().map(facts).collect::<Vec<_>>(), expected);
    assert_eq!(staff[1]["text"], "sue hat das Gespräch an die Warteschlange Sales übergeben.");
    assert_eq!(staff[5]["text"], "ann hat das Gespräch an cem übergeben.");
    let of_visitor = seen(&chat.visitor, &chat.conversation, Some("de")).await;
    let by = |kind: &str, name: &str| json!([kind, representative(name), representative(name), null]);
    let waiting = || json!(["TRANSFERRING", null, null, null]);
    let expected = [
        by("AGENT_JOINED", "sue"),
        by("AGENT_LEFT", "sue"),
        waiting(),
        by("AGENT_JOINED", "ann"),
        by("AGENT_LEFT", "ann"),
        waiting(),
    ];
    assert_eq!(of_visitor.iter().map(facts).collect::<Vec<_>>(), expected);
    // A renamed queue and agent appear with their present names.
    chat.app.database.run("UPDATE queue SET name = 'Orders' WHERE name = 'Sales'").await;
    chat.app.database.run("UPDATE \"user\" SET display_name = 'Cem Demir' WHERE handle = 'cem'").await;
    let now = texts(&chat.ann.clients[0], &chat.conversation, None).await;
    assert_eq!(now[1], "sue has transferred the conversation to the queue Orders.");
    assert_eq!(now[5], "ann has transferred the conversation to Cem Demir.");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_learns_nothing_of_a_supervisor_or_a_target_behind_an_announcement() {
    let chat = Box::pin(accepted_chat()).await;
    let boss = chat.app.supervisor("boss").await;
    let mut of_visitor = Socket::open(&chat.visitor.url, chat.visitor.token.as_deref()).await;
    of_visitor.subscribe("1", EVENTS, json!({ "id": chat.conversation })).await;
    assert_eq!(of_visitor.event().await.expected("the first")["__typename"], "SubscriptionStarted");
    assert_eq!(boss.directs_on(0, "assignTask", &chat.task, chat.ann.as_target()).await, "");
    let offer = chat.ann.offers().await.remove(0);
    assert_eq!(chat.ann.declines(&offer).await, "");
    let staff = seen(&boss.clients[0], &chat.conversation, None).await;
    let target = json!({ "__typename": "Agent", "displayName": "ann" });
    let expected = [
        json!(["AGENT_JOINED", user("sue"), user("sue"), null]),
        json!(["TRANSFERRED", user("boss"), user("sue"), target]),
        json!(["AGENT_LEFT", user("boss"), user("sue"), null]),
        json!(["TRANSFERRING", null, null, null]),
        json!(["TRANSFER_DROPPED", null, user("ann"), target]),
    ];
    assert_eq!(staff.iter().map(facts).collect::<Vec<_>>(), expected);
    let shown = seen(&chat.visitor, &chat.conversation, None).await;
    let expected = [
        json!(["AGENT_JOINED", representative("sue"), representative("sue"), null]),
        json!(["AGENT_LEFT", null, representative("sue"), null]),
        json!(["TRANSFERRING", null, null, null]),
        json!(["TRANSFER_DROPPED", null, null, null]),
    ];
    assert_eq!(shown.iter().map(facts).collect::<Vec<_>>(), expected);
    let all = "query($id: ID!) { conversation(id: $id) { transcript participants { role actor { displayName } } } }";
    let mut all = chat.visitor.ask(all, json!({ "id": chat.conversation })).await.body.to_string();
    while all.matches("ItemAdded").count() < 3 {
        all.push_str(&of_visitor.event().await.expected("an event").to_string());
    }
    for hidden in ["boss", "ann", "Sales"] {
        assert!(!all.contains(hidden), "{hidden}: {all}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_supervisor_who_joins_is_a_supervisor_to_agents_and_an_agent_to_the_customer() {
    let chat = Box::pin(accepted_chat()).await;
    let [boss, eve] = [chat.app.supervisor("boss").await, chat.app.supervisor("eve").await];
    let join = "mutation($id: ID!) { joinConversation(input: { conversationId: $id }) { outcome } }";
    assert_eq!(boss.ask(join, json!({ "id": chat.conversation })).await.at("joinConversation.outcome"), "APPLIED");
    let note = "mutation($id: ID!) { \
        addNote(input: { conversationId: $id, clientMessageId: \"n\", body: \"between us\" }) { note { id } } }";
    eve.ask(note, json!({ "id": chat.conversation })).await.at("addNote.note.id");
    let people = "query($id: ID!) { conversation(id: $id) { participants { role actor { displayName } } } }";
    let roles = async |by: &Client| {
        let answer = by.ask(people, json!({ "id": chat.conversation })).await;
        let all = answer.at("conversation.participants").as_array().cloned().unwrap_or_default();
        all.iter().skip(1).map(|one| json!([one["role"], one["actor"]["displayName"]])).collect::<Vec<_>>()
    };
    let staff = [json!(["OWNER", "sue"]), json!(["SUPERVISOR", "boss"]), json!(["OBSERVER", "eve"])];
    assert_eq!(roles(&chat.sue.clients[0]).await, staff);
    assert_eq!(roles(&chat.visitor).await, [json!(["OWNER", "sue"]), json!(["JOINED", "boss"])]);
    let last = seen(&chat.sue.clients[0], &chat.conversation, Some("ja")).await.pop().expected("an announcement");
    assert_eq!(facts(&last), json!(["SUPERVISOR_JOINED", user("boss"), user("boss"), null]));
    assert_eq!(last["text"], "bossがスーパーバイザーとして参加しました。");
    let last = seen(&chat.visitor, &chat.conversation, Some("ja")).await.pop().expected("an announcement");
    assert_eq!(facts(&last), json!(["AGENT_JOINED", representative("boss"), representative("boss"), null]));
    assert_eq!(last["text"], "bossが参加しました。");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_user_has_no_name_in_announcements() {
    let app = TestApp::two().await;
    let (ada, boss, ann) = (app.admin("ada").await, app.supervisor("boss").await, app.agent("ann").await);
    let queue_setup = app.queue_setup(Channel::Webchat, &[&ann]).await;
    ann.turns("AVAILABLE").await;
    let arrival = connected_task(&app, &ann, &queue_setup, "kim").await;
    let id = arrival.conversation.to_string();
    ann.ends(&id).await;
    let before = texts(&boss.clients[0], &id, None).await;
    assert_eq!(before, ["ann has joined.", "ann has ended the conversation."]);
    assert_eq!(
        about_account(&ada.clients[0], "deleteAccount", json!({ "userId": ann.id() })).await.at("done.userErrors"),
        &json!([])
    );
    let after = texts(&boss.clients[0], &id, None).await;
    assert_eq!(after, ["Deleted user has joined.", "Deleted user has ended the conversation."]);
    assert!(!format!("{:?}", seen(&boss.clients[0], &id, None).await).contains("ann"));
}

/// Creates a WhatsApp conversation of an agent, and a queue of another agent.
async fn conference(app: &TestApp) -> (Person, Person, QueueSetup, Arrival) {
    let [ann, ben] = app.agents(["ann", "ben"]).await;
    let first = app.queue_setup_of(NewQueue::of(Channel::Whatsapp, "First"), &[&ann]).await;
    let second = app.queue_setup_of(NewQueue::of(Channel::Whatsapp, "Second"), &[&ben]).await;
    ann.turns("AVAILABLE").await;
    ben.turns("AVAILABLE").await;
    let arrival = connected_task(app, &ann, &first, "kim").await;
    (ann, ben, second, arrival)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conference_is_announced_with_the_agent_or_queue_that_was_asked() {
    let app = TestApp::two().await;
    let (ann, ben, second, arrival) = conference(&app).await;
    let (task, id) = (arrival.task.to_string(), arrival.conversation.to_string());
    for to in [second.as_target(), ben.as_target()] {
        assert_eq!(ann.invites(&task, to.clone()).await, "");
        assert_eq!(ann.confers("cancelConference", &task).await, "");
        assert_eq!(ann.invites(&task, to).await, "");
        let offer = ben.offers().await.remove(0);
        assert_eq!(ben.declines(&offer).await, "");
        assert_eq!(ben.turns("AVAILABLE").await, "");
    }
    assert_eq!(ann.invites(&task, ben.as_target()).await, "");
    ben.accepts_it().await;
    assert_eq!(ann.confers("removeFromConference", &task).await, "");
    let queue = json!({ "__typename": "Queue", "name": "Second" });
    let agent = json!({ "__typename": "Agent", "displayName": "ben" });
    let shown = seen(&ann.clients[0], &id, Some("ko")).await;
    let expected = [
        json!(["AGENT_JOINED", user("ann"), user("ann"), null]),
        json!(["CONFERENCE_REQUESTED", user("ann"), null, queue]),
        json!(["CONFERENCE_CANCELLED", user("ann"), null, queue]),
        json!(["CONFERENCE_REQUESTED", user("ann"), null, queue]),
        json!(["CONFERENCE_NOT_ACCEPTED", null, null, queue]),
        json!(["CONFERENCE_REQUESTED", user("ann"), user("ben"), agent]),
        json!(["CONFERENCE_CANCELLED", user("ann"), user("ben"), agent]),
        json!(["CONFERENCE_REQUESTED", user("ann"), user("ben"), agent]),
        json!(["CONFERENCE_NOT_ACCEPTED", null, user("ben"), agent]),
        json!(["CONFERENCE_REQUESTED", user("ann"), user("ben"), agent]),
        json!(["AGENT_JOINED", user("ben"), user("ben"), null]),
        json!(["AGENT_LEFT", user("ann"), user("ben"), null]),
    ];
    assert_eq!(shown.iter().map(facts).collect::<Vec<_>>(), expected);
    assert_eq!(shown[2]["text"], "ann 님이 Second 대기열에 보낸 참여 요청을 취소했습니다.");
    assert_eq!(shown[6]["text"], "ann 님이 ben 님에게 보낸 참여 요청을 취소했습니다.");
    // A key without the right to see agents sees the announcement without its target.
    let few = app.limited(&ann, &[Scope::ConversationsRead]);
    assert!(seen(&few, &id, None).await.iter().all(|one| one["target"].is_null()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_queue_announces_its_next_opening_or_its_own_message() {
    let app = TestApp::new().await;
    let open = vec![OpenHours { weekday: 1, from: 9 * 60, to: 10 * 60 }];
    let hours = |answer: Option<&str>| BusinessHours {
        time_zone: "Asia/Seoul".to_owned(),
        open: open.clone(),
        closed_on: vec![],
        answer: answer.map(str::to_owned),
    };
    // The clock leaves the open hour, if the test begins in it.
    if is_open(Some(&hours(None)), app.clock.now()) {
        app.clock.advance(chrono::Duration::hours(2));
    }
    let opens = next_opening(&hours(None), app.clock.now()).expected("an opening");
    let entry_setup = |hours| EntryPointSetup { hours: Some(hours), ..EntryPointSetup::default() };
    let at = app.entry_point(Channel::Webchat, "plain", entry_setup(hours(None))).await;
    let (kim, id) = visitor(&app, &at).await;
    for (locale, day, words) in [
        ("en", "at 09:00 (KST)", "open again on Monday, "),
        ("de", "09:00 Uhr (KST)", "Ab Montag, "),
        ("ko", "(월) 09:00(KST)부터", "지금은 상담 시간이 아닙니다."),
        ("ja", "（月）09:00（KST）", "ただいま受付時間外です。"),
    ] {
        let shown = seen(&kim, &id, Some(locale)).await;
        let text = shown[0]["text"].as_str().unwrap_or_default();
        assert!(text.contains(day) && text.contains(words), "{text}");
        assert_eq!(facts(&shown[0]), json!(["OUT_OF_HOURS", null, null, null]));
        let until = shown[0]["until"].as_str().and_then(|until| until.parse::<chrono::DateTime<chrono::Utc>>().ok());
        assert_eq!(until, Some(opens));
    }
    let at = app.entry_point(Channel::Webchat, "own", entry_setup(hours(Some("We are back on Monday.")))).await;
    let begun = start(&app.anonymous(), &at, message("1", "Hello")).await;
    let lee = by(&app, &begun);
    for locale in ["en", "de", "ko", "ja"] {
        assert_eq!(texts(&lee, chat(&begun), Some(locale)).await, ["We are back on Monday."], "{locale}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_announcements_takes_a_fixed_number_of_indexed_statements() {
    let app = TestApp::with(1, &[("RAPPORT_EVENT_POLL", "1m")]).await;
    keep_from_counting(&app).await;
    let (ann, ben, second, arrival) = conference(&app).await;
    let (task, id) = (arrival.task.to_string(), arrival.conversation.to_string());
    let invite = async |to: Value| {
        assert_eq!(ann.invites(&task, to).await, "");
        assert_eq!(ann.confers("cancelConference", &task).await, "");
    };
    for _ in 0..6 {
        invite(second.as_target()).await;
        invite(ben.as_target()).await;
    }
    assert_eq!(seen(&ann.clients[0], &id, None).await.len(), 25);
    let variables = json!({ "id": id, "l": null });
    plans::check(&app, &ann, &variables, &[(ITEMS, PAGE)], Budget::AtMost, Planned::ForMany).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_without_data_still_reads_as_a_sentence() {
    let chat = Box::pin(accepted_chat()).await;
    assert_eq!(chat.sue.transfers(&chat.task, chat.sales.as_target()).await, "");
    chat.app.database.run("UPDATE thread_item SET announcement_data = NULL, body = 'as before' WHERE kind = 2").await;
    let shown = seen(&chat.sue.clients[0], &chat.conversation, None).await;
    assert_eq!(facts(&shown[0]), json!(["AGENT_JOINED", user("sue"), user("sue"), null]));
    let text = "sue has transferred the conversation to another agent.";
    assert_eq!((&shown[0]["text"], &shown[1]["text"]), (&json!("sue has joined."), &json!(text)));
    // The texts of people were the body.
    chat.app.database.run("UPDATE thread_item SET announcement = 12 WHERE kind = 2").await;
    assert_eq!(texts(&chat.sue.clients[0], &chat.conversation, Some("ko")).await[0], "as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_announcement_stores_references_and_no_sentence() {
    let chat = Box::pin(accepted_chat()).await;
    assert_eq!(chat.sue.transfers(&chat.task, chat.sales.as_target()).await, "");
    let database = &chat.app.database;
    assert_eq!(database.number("SELECT count(*) FROM thread_item WHERE kind = 2 AND body <> ''").await, 0);
    let stored = database.texts("SELECT CAST(announcement_data AS text) FROM thread_item WHERE announcement = 4").await;
    let data: Value = serde_json::from_str(&stored[0]).expected("JSON");
    assert_eq!(data["target"], json!({ "queue": chat.sales.queue.id.0 }));
    assert_eq!(data["version"], 1);
}
