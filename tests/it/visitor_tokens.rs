//! Tests of visitor tokens: their lifetime, and what visitors can and cannot do with them.

use std::time::Duration;

use chrono::Duration as Time;
use entity::channel::Channel;
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{
    Expected as _,
    app::TestApp,
    eventually,
    graphql::Client,
    introspection::{INTROSPECTION, OPEN, operation, refusal as refused_with},
    socket::Socket,
    visitors::{EntryPointSetup, Page, START, by, chat, is_taken, message, start, visitor},
};

const END_VISIT: &str = "mutation { revokeVisitorToken { outcome userErrors { code } } }";
const SITE: &str = "https://shop.example";
const SEND: &str = include_str!("operations/visitor_tokens/send.graphql");
const FOLLOW: &str = include_str!("operations/visitor_tokens/follow.graphql");

#[tokio::test(flavor = "multi_thread")]
async fn forged_damaged_and_foreign_tokens_are_refused_over_http_and_sockets() {
    let app = TestApp::with(1, &[("RAPPORT_ALLOWED_ORIGINS", "https://other.example")]).await;
    let at = app
        .entry_point(Channel::Webchat, "shop", EntryPointSetup { origins: vec![SITE], ..EntryPointSetup::default() })
        .await;
    let nobody = app.anonymous();
    let begun = Page { client: &nobody, origin: SITE }
        .ask(START, json!({ "input": { "entryPointId": at.id.to_string() } }))
        .await;
    let good = begun.text("startWebChat.visitorToken").to_owned();
    let free = start(&nobody, &at, json!({})).await.text("startWebChat.visitorToken").to_owned();
    let secret = good.trim_start_matches("rv_");
    let mut flipped = good.clone().into_bytes();
    flipped[20] = if flipped[20] == b'a' { b'b' } else { b'a' };
    let flipped = String::from_utf8(flipped).expected("text");
    let row = app.database.digits("secret_hash");
    let kept = app.database.texts(&format!("SELECT {row} FROM visitor_token")).await.remove(0);
    let own = nobody.url.clone();
    let tried = [
        (good.clone(), Some("https://other.example")),
        (good.clone(), Some("http://shop.example")),
        (good.clone(), Some("https://shop.example:444")),
        (good.clone(), Some("null")),
        (good.clone(), Some(own.as_str())),
        (free.clone(), Some(SITE)),
        (flipped, None),
        (good[..good.len() - 1].to_owned(), None),
        (format!("{good}x"), None),
        (secret.to_owned(), None),
        (format!("rk_{secret}"), None),
        (format!("RV_{secret}"), None),
        (format!("rv_{kept}"), None),
        ("rv_".to_owned(), None),
        (format!("rv_{}", "A".repeat(43)), None),
        (format!("rv_{}", "A".repeat(9_000)), None),
        ("rv_' OR 1=1 --".to_owned(), None),
        (format!("{good} {good}"), None),
    ];
    for (token, origin) in tried {
        let client = Client::new(&nobody.url, Some(token.clone()));
        let answer = match origin {
            Some(origin) => Page { client: &client, origin }.ask("{ __typename }", Value::Null).await,
            None => client.ask("{ __typename }", Value::Null).await,
        };
        assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{token} {origin:?}");
        assert!(!answer.body.to_string().contains(secret), "{}", answer.body);
        let Ok(mut socket) = Socket::raw(&nobody.url, Some("graphql-transport-ws"), origin).await else { continue };
        let payload = json!({ "authorization": format!("Bearer {token}") });
        socket.say(&json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.hear().await, Err(4403), "{token} {origin:?}");
    }
    let kim = Client::new(&nobody.url, Some(good.clone()));
    let from_home = Page { client: &kim, origin: SITE }.ask("{ __typename }", Value::Null).await;
    assert_eq!(from_home.status, 200);
    assert!(is_taken(&kim).await, "programs send no origin");
    let mut socket = Socket::raw(&nobody.url, Some("graphql-transport-ws"), Some(SITE)).await.expected("a socket");
    socket.say(&json!({ "type": "connection_init", "payload": { "Authorization": format!("bearer {good}") } })).await;
    assert_eq!(socket.hear().await.expected("an answer")["type"], "connection_ack");
    // The database does not contain the tokens.
    let dump = app.database.dump().await;
    for token in [&good, &free] {
        assert!(!dump.contains(token.trim_start_matches("rv_")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_stays_valid_while_it_is_used_within_30_days() {
    let app = TestApp::new().await;
    let at = app.web_site("shop").await;
    let (kim, _) = visitor(&app, &at).await;
    let (lee, _) = visitor(&app, &at).await;
    let ends = || app.database.texts("SELECT CAST(expires_at AS text) FROM visitor_token ORDER BY id");
    let first = ends().await;
    app.clock.advance(Time::hours(23));
    assert!(is_taken(&kim).await);
    app.clock.advance(Time::hours(1));
    assert!(is_taken(&kim).await);
    eventually("its end is put off", || async { ends().await[0] != first[0] }).await;
    let put_off = ends().await;
    for _ in 0..3 {
        app.clock.advance(Time::hours(7));
        assert!(is_taken(&kim).await);
    }
    assert_eq!(ends().await, put_off, "at most once a day");
    app.clock.advance(Time::days(29));
    assert!(is_taken(&kim).await);
    assert!(!is_taken(&lee).await, "unused for thirty days");
    eventually("its end is put off", || async { ends().await != put_off }).await;
    assert_eq!(api::visitors::tokens::forget_ended(app.app()).await.expected("a sweep"), 1);
    app.clock.advance(Time::days(30));
    assert!(!is_taken(&kim).await);
    // A visitor with an expired token starts as a new visitor.
    let begun = start(&kim, &at, message("1", "Hello")).await;
    assert!(begun.text("startWebChat.visitorToken").starts_with("rv_"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_visit_closes_its_sockets_on_every_instance() {
    let app = TestApp::two().await;
    let at = app.web_site("shop").await;
    let (kim, _) = visitor(&app, &at).await;
    let (lee, _) = visitor(&app, &at).await;
    let mut sockets = Vec::new();
    for instance in &app.instances {
        assert!(is_taken(&Client::new(&instance.url, kim.token.clone())).await);
        sockets.push(Socket::open(&instance.url, kim.token.as_deref()).await);
    }
    let mut other = Socket::open(&lee.url, lee.token.as_deref()).await;
    assert_eq!(kim.ask(END_VISIT, Value::Null).await.text("revokeVisitorToken.outcome"), "APPLIED");
    for mut socket in sockets {
        assert_eq!(timeout(Duration::from_secs(2), socket.hear()).await.expected("in time"), Err(4403));
    }
    for instance in &app.instances {
        let client = Client::new(&instance.url, kim.token.clone());
        assert!(!is_taken(&client).await);
        assert_eq!(client.ask(END_VISIT, Value::Null).await.text("revokeVisitorToken.outcome"), "NO_CHANGE");
    }
    other.say(&json!({ "type": "ping" })).await;
    assert_eq!(other.hear().await.expected("a pong")["type"], "pong");
    let ann = app.person("ann").await;
    assert_eq!(ann.ask(END_VISIT, Value::Null).await.text("revokeVisitorToken.outcome"), "NO_CHANGE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_token_gives_access_to_conversations_only() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let at = app.web_site("shop").await;
    let (kim, _) = visitor(&app, &at).await;
    let schema = ada.ask(INTROSPECTION, Value::Null).await;
    let types = schema.at("__schema.types").as_array().cloned().expected("types");
    let writes = app.limited(&ada, &[api::auth::viewer::Scope::ConversationsWrite]);
    let reads = app.limited(&ada, &[api::auth::viewer::Scope::ConversationsRead]);
    let (mut shut, mut opened) = (0, Vec::new());
    for root in ["Query", "Mutation", "Subscription"] {
        let kind = types.iter().find(|kind| kind["name"] == root).expected(root);
        for field in kind["fields"].as_array().into_iter().flatten() {
            let name = format!("{root}.{}", field["name"].as_str().unwrap_or_default());
            let operation = operation(&types, root, field);
            // Sign-up and sign-in need no token. A visitor also knows who they are, and finds their objects by id.
            if OPEN.contains(&name.as_str()) || ["Query.viewer", "Query.node", "Query.nodes"].contains(&name.as_str()) {
                continue;
            }
            let of_conversations = refused_with(&writes, root, &operation).await != "FORBIDDEN"
                || refused_with(&reads, root, &operation).await != "FORBIDDEN";
            let answer = refused_with(&kim, root, &operation).await;
            if of_conversations {
                assert!(["", "FORBIDDEN", "BAD_USER_INPUT"].contains(&answer.as_str()), "{name}: {answer}");
                opened.push(name);
            } else {
                assert_eq!(answer, "FORBIDDEN", "{name}");
                shut += 1;
            }
        }
    }
    assert!(shut >= 40, "{shut}");
    assert!(opened.iter().all(|name| !name.contains("Key") && !name.contains("user")), "{opened:?}");
    // The endpoints besides GraphQL refuse the token too.
    for path in ["/contacts.vcf", "/contacts/user_01m7xnapkeess9yf3kt8ay0ya3.vcf"] {
        let request = reqwest::Client::new().get(format!("{}{path}", kim.url));
        let answer = request.bearer_auth(kim.token.as_deref().unwrap_or_default()).send().await.expected("an answer");
        assert_eq!(answer.status(), 403, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn chats_of_other_visitors_are_not_found() {
    let app = TestApp::new().await;
    let at = app.web_site("shop").await;
    let (kim, mine) = visitor(&app, &at).await;
    let (lee, theirs) = visitor(&app, &at).await;
    let end = "mutation($id: ID!) { endConversation(input: { conversationId: $id }) { userErrors { code } } }";
    for (client, id) in [(&kim, &theirs), (&lee, &mine)] {
        let answer = client.ask(end, json!({ "id": id })).await;
        assert_eq!(answer.text("endConversation.userErrors.0.code"), "NOT_FOUND");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM conversation WHERE status = 1").await, 2);
    // This token gives no access to the visitor's own chat at another entry point.
    let other = app.web_site("help").await;
    let elsewhere = start(&kim, &other, json!({})).await;
    let answer = kim.ask(end, json!({ "id": chat(&elsewhere) })).await;
    assert_eq!(answer.text("endConversation.userErrors.0.code"), "NOT_FOUND");
    assert_eq!(kim.ask(end, json!({ "id": mine })).await.at("endConversation.userErrors"), &json!([]));
    assert_eq!(
        by(&app, &elsewhere).ask(end, json!({ "id": chat(&elsewhere) })).await.at("endConversation.userErrors"),
        &json!([])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_visitor_reads_writes_and_follows_their_own_chat() {
    let app = TestApp::two().await;
    let at = app.web_site("shop").await;
    // The first answer contains everything that a widget needs, although its caller was anonymous.
    let begin = "mutation($input: StartWebChatInput!) { startWebChat(input: $input) { visitorToken conversation { id status \
        streamCursor unreadCount transcript customer { displayName } task { status position } replyCapability { open characterLimit } \
        items(first: 10) { nodes { __typename sequence ... on Message { body } } } } } }";
    let mut input = message("1", "Hello");
    input["entryPointId"] = json!(at.id.to_string());
    input["pageUrl"] = json!("https://shop.example/");
    let begun = app.anonymous().ask(begin, json!({ "input": input })).await;
    let shown = begun.at("startWebChat.conversation").clone();
    assert_eq!(shown["items"]["nodes"], json!([{ "__typename": "Message", "sequence": 1, "body": "Hello" }]));
    assert_eq!(shown["customer"]["displayName"], "Visitor");
    assert_eq!(shown["task"], json!({ "status": "QUEUED", "position": 1 }));
    assert_eq!(shown["replyCapability"], json!({ "open": true, "characterLimit": 1_000 }));
    assert!(shown["transcript"].as_str().is_some_and(|text| text.ends_with(" Visitor: Hello\n")), "{shown}");
    let kim = by(&app, &begun);
    let id = shown["id"].clone();
    let mut socket = Socket::open(&app.instances[app.instances.len() - 1].url, kim.token.as_deref()).await;
    socket.subscribe("1", FOLLOW, json!({ "id": id, "after": shown["streamCursor"] })).await;
    assert_eq!(socket.event().await.expected("the first event")["__typename"], "SubscriptionStarted");
    let sent = kim.ask(SEND, json!({ "id": id, "key": "2", "body": "Anybody there?" })).await;
    assert_eq!(sent.at("sendMessage.message.direction"), "INBOUND");
    // Hints about the wait may arrive in between.
    let event = loop {
        let event = socket.event().await.expected("what was sent");
        if event["__typename"] == "ItemAdded" {
            break event;
        }
    };
    assert_eq!(event["item"]["body"], "Anybody there?");
    // The first message of the chat is idempotent like any other message.
    let again = kim.ask(SEND, json!({ "id": id, "key": "1", "body": "Hello" })).await;
    assert_eq!(again.at("sendMessage.replayed"), true);
    let mine = kim.ask("{ conversations { nodes { id } } }", Value::Null).await;
    assert_eq!(mine.at("conversations.nodes"), &json!([{ "id": id }]));
    // A day later the token alone is enough, on another instance.
    app.clock.advance(Time::hours(24));
    let later = Client::new(&app.instances[app.instances.len() - 1].url, kim.token.clone());
    let read = later.ask("query($id: ID!) { conversation(id: $id) { transcript } }", json!({ "id": id })).await;
    assert_eq!(read.text("conversation.transcript").lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_field_gives_a_visitor_access_to_another_chat() {
    let app = TestApp::new().await;
    let (at, other) = (app.web_site("shop").await, app.web_site("help").await);
    let (kim, mine) = visitor(&app, &at).await;
    let (lee, theirs) = visitor(&app, &at).await;
    let sent = kim.ask(SEND, json!({ "id": mine, "key": "2", "body": "My number is 1234" })).await;
    let item = sent.text("sendMessage.message.id").to_owned();
    let elsewhere = by(&app, &start(&kim, &other, json!({})).await);
    for stranger in [&lee, &elsewhere] {
        let seen = stranger.ask("query($id: ID!) { conversation(id: $id) { id } }", json!({ "id": mine })).await;
        assert!(seen.body["data"]["conversation"].is_null() && seen.body.get("errors").is_none(), "{}", seen.body);
        let all = stranger.ask("{ conversations(first: 100) { nodes { id } } }", Value::Null).await;
        assert!(!all.body.to_string().contains(&mine));
        for (field, input) in [
            ("sendMessage", json!({ "conversationId": mine, "clientMessageId": "x", "body": "x" })),
            ("addNote", json!({ "conversationId": mine, "clientMessageId": "x", "body": "x" })),
            ("editMessage", json!({ "messageId": item, "body": "x" })),
            ("deleteMessage", json!({ "messageId": item })),
            ("markConversationRead", json!({ "conversationId": mine, "upToSequence": 1 })),
            ("setTyping", json!({ "conversationId": mine, "typing": true })),
            ("endConversation", json!({ "conversationId": mine })),
        ] {
            let kind = format!("{}{}Input", field[..1].to_uppercase(), &field[1..]);
            let mutation =
                format!("mutation($input: {kind}!) {{ {field}(input: $input) {{ userErrors {{ code }} }} }}");
            let answer = stranger.ask(&mutation, json!({ "input": input })).await;
            let said = answer.body["data"][field]["userErrors"][0]["code"].as_str().unwrap_or(answer.code());
            assert!(["NOT_FOUND", "FORBIDDEN"].contains(&said), "{field}: {}", answer.body);
        }
        let mut socket = Socket::open(&stranger.url, stranger.token.as_deref()).await;
        socket.subscribe("1", FOLLOW, json!({ "id": mine })).await;
        let answer = socket.hear().await.expected("an answer");
        assert!(!answer.to_string().contains("SubscriptionStarted"), "{answer}");
    }
    let reply = "mutation($id: ID!, $to: ID!) { sendMessage(input: { conversationId: $id, clientMessageId: \"r\", body: \"x\", \
                 replyToId: $to }) { userErrors { code } } }";
    let answer = lee.ask(reply, json!({ "id": theirs, "to": item })).await;
    assert_eq!(answer.text("sendMessage.userErrors.0.code"), "NOT_FOUND");
    let untouched =
        app.database.number("SELECT count(*) FROM thread_item WHERE edited_at IS NULL AND deleted_at IS NULL").await;
    assert_eq!(untouched, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_sites_of_web_chats_may_call_from_another_origin() {
    let app = TestApp::new().await;
    app.entry_point(Channel::Webchat, "shop", EntryPointSetup { origins: vec![SITE], ..EntryPointSetup::default() })
        .await;
    let url = &app.instances[0].url;
    for (origin, may) in [(SITE, true), ("https://evil.example", false), ("null", false)] {
        let preflight = reqwest::Client::new()
            .request(reqwest::Method::OPTIONS, format!("{url}/graphql"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type,authorization")
            .send();
        let answer = preflight.await.expected("an answer");
        let allowed = answer.headers().get("access-control-allow-origin").map(|value| value.to_str().expected("text"));
        assert_eq!(allowed, may.then_some(origin));
        assert_eq!(Socket::raw(url, Some("graphql-transport-ws"), Some(origin)).await.is_ok(), may, "{origin}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_site_ends_the_tokens_of_its_pages() {
    let app = TestApp::two().await;
    let (gone, stays) = ("https://gone.example", "https://stays.example");
    let entry_setup =
        EntryPointSetup { origins: vec![gone, stays, "http://localhost:3000/"], ..EntryPointSetup::default() };
    let at = app.entry_point(Channel::Webchat, "shop", entry_setup).await;
    let ada = app.admin("ada").await;
    let nobody = app.anonymous();
    let own = nobody.url.clone();
    let begin = async |origin: &str| {
        let page = Page { client: &nobody, origin };
        let answer = page.ask(START, json!({ "input": { "entryPointId": at.id.to_string() } })).await;
        answer.text("startWebChat.visitorToken").to_owned()
    };
    let (ended, other, local, by_own) =
        (begin(gone).await, begin(stays).await, begin("http://localhost:3000").await, begin(&own).await);
    let free = start(&nobody, &at, json!({})).await.text("startWebChat.visitorToken").to_owned();
    let holds = async |token: &str, origin: Option<&str>| {
        let client = Client::new(&app.instances.last().expected("an instance").url, Some(token.to_owned()));
        let me = "{ __typename }";
        match origin {
            Some(origin) => Page { client: &client, origin }.ask(me, Value::Null).await.status,
            None => client.ask(me, Value::Null).await.status,
        }
    };
    assert_eq!(holds(&ended, Some(gone)).await, 200);
    let mut socket = Socket::open(&app.instances.last().expected("an instance").url, Some(&ended)).await;
    let update = "mutation($id: ID!, $origins: [String!]) { updateEntryPoint(input: { entryPointId: $id, origins: $origins }) \
                  { outcome userErrors { code } } }";
    let origins = json!([stays, "http://localhost:3000"]);
    let changed = ada.ask(update, json!({ "id": at.id.to_string(), "origins": origins })).await;
    assert_eq!(changed.text("updateEntryPoint.outcome"), "APPLIED");
    let closed = timeout(Duration::from_secs(2), socket.hear()).await.expected("within two seconds");
    assert_eq!(closed, Err(4403));
    for origin in [Some(gone), None] {
        assert_eq!(holds(&ended, origin).await, 401);
    }
    for (token, origin) in
        [(&other, Some(stays)), (&local, Some("http://localhost:3000")), (&by_own, Some(own.as_str())), (&free, None)]
    {
        assert_eq!(holds(token, origin).await, 200, "{origin:?}");
    }
    // A revoked token stays invalid when the site returns.
    let origins = json!([stays, gone]);
    ada.ask(update, json!({ "id": at.id.to_string(), "origins": origins })).await.at("updateEntryPoint");
    assert_eq!((holds(&ended, Some(gone)).await, holds(&local, Some("http://localhost:3000")).await), (401, 401));
    // Removing the last site ends the tokens of its pages only.
    ada.ask(update, json!({ "id": at.id.to_string(), "origins": [] })).await.at("updateEntryPoint");
    eventually("the site is gone", || async { holds(&other, Some(stays)).await == 401 }).await;
    assert_eq!(holds(&other, None).await, 401);
    assert_eq!((holds(&by_own, Some(own.as_str())).await, holds(&free, None).await), (200, 200));
}
