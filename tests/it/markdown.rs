//! Tests of Markdown: it is rendered once when a message is written. The HTML has a limited size and is stored with the
//! message.

use serde_json::{Value, json};

use crate::support::{Expected as _, app::TestApp, conversations::SEND, eventually, person::Person};

/// Creates two connected people. Returns them and the id of their conversation.
async fn two(app: &TestApp) -> (Person, Person, String) {
    let [ann, ben] = app.people(["ann", "ben"]).await;
    ann.does_on(0, "requestConnection", &ben.id()).await;
    ben.does_on(0, "requestConnection", &ann.id()).await;
    let start = "mutation($u: ID!) { startDirectConversation(input: { userId: $u }) { conversation { id } userErrors { code } } }";
    let answer = ann.ask(start, json!({ "u": ben.id() })).await;
    let id = answer.text("startDirectConversation.conversation.id").to_owned();
    (ann, ben, id)
}

async fn says(by: &Person, conversation: &str, id: &str, body: &str) -> Value {
    let variables = json!({ "c": conversation, "m": id, "b": body, "f": "MARKDOWN" });
    let answer = by.ask(SEND, variables).await;
    assert_eq!(answer.at("sent.userErrors"), &json!([]), "{body:.100}");
    answer.at("sent.message").clone()
}

async fn html(by: &Person, conversation: &str) -> Vec<Value> {
    let query = "query($id: ID!) { conversation(id: $id) { items(last: 100) { nodes { ... on Message { html } } } } }";
    let answer = by.ask(query, json!({ "id": conversation })).await;
    let nodes = answer.at("conversation.items.nodes").as_array().expected("nodes").iter();
    nodes.filter(|node| node.get("html").is_some()).map(|node| node["html"].clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn html_is_stored_when_a_message_is_sent_edited_or_deleted() {
    let app = TestApp::new().await;
    let (ann, ben, chat) = two(&app).await;
    let first = says(&ann, &chat, "1", "**one**").await;
    assert_eq!(first["html"], "<p><strong>one</strong></p>\n");
    let kept = || app.database.texts("SELECT html FROM rendering");
    assert_eq!(kept().await, ["<p><strong>one</strong></p>\n"]);
    // The answer shows the stored HTML.
    let id = first["id"].as_str().expected("an id");
    app.database.run("UPDATE rendering SET html = '<p>kept</p>'").await;
    assert_eq!(html(&ben, &chat).await, ["<p>kept</p>"]);
    let edit = "mutation($m: ID!, $b: String!, $f: TextFormat!) { editMessage(input: { messageId: $m, body: $b, format: $f }) { message { html } userErrors { code } } }";
    let edited = ann.ask(edit, json!({ "m": id, "b": "*two*", "f": "MARKDOWN" })).await;
    assert_eq!(edited.text("editMessage.message.html"), "<p><em>two</em></p>\n");
    assert_eq!(kept().await, ["<p><em>two</em></p>\n"]);
    ann.ask(edit, json!({ "m": id, "b": "three", "f": "PLAIN" })).await.at("editMessage.message");
    assert!(kept().await.is_empty());
    assert_eq!(html(&ben, &chat).await, [Value::Null]);
    let second = says(&ann, &chat, "2", "`four`").await;
    let delete =
        "mutation($m: ID!) { deleteMessage(input: { messageId: $m }) { message { html } userErrors { code } } }";
    ann.ask(delete, json!({ "m": second["id"] })).await.at("deleteMessage.message");
    assert!(kept().await.is_empty());
    assert_eq!(html(&ben, &chat).await, [Value::Null, Value::Null]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_composer_previews_the_html_that_the_message_will_have() {
    let app = TestApp::new().await;
    let (ann, _, conversation) = two(&app).await;
    let preview = "query($b: String!) { renderMarkdown(body: $b) { html characters } }";
    let texts = ["**bold** 한국\r\n- a\n- b", "<script>alert(1)</script> [x](javascript:alert(1))", "", "plain"];
    for (number, body) in texts.into_iter().enumerate() {
        let shown = ann.ask(preview, json!({ "b": body })).await.at("renderMarkdown").clone();
        assert_eq!(shown["characters"], body.replace("\r\n", "\n").chars().count(), "{body}");
        if body.is_empty() {
            continue;
        }
        says(&ann, &conversation, &number.to_string(), body).await;
        assert_eq!(Some(&shown["html"]), html(&ann, &conversation).await.last(), "{body}");
    }
    let longest = "x".repeat(8_192);
    assert_eq!(ann.ask(preview, json!({ "b": longest })).await.at("renderMarkdown.characters"), 8_192);
    let refused = ann.ask(preview, json!({ "b": longest + "x" })).await;
    assert_eq!(refused.body["data"], json!({ "renderMarkdown": null }));
    assert_eq!(refused.body["errors"][0]["extensions"], json!({ "code": "BAD_USER_INPUT", "field": "body" }));
    assert_eq!(refused.body["errors"][0]["path"], json!(["renderMarkdown"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn html_of_another_renderer_version_is_rendered_again_and_stored() {
    let app = TestApp::new().await;
    let (ann, ben, chat) = two(&app).await;
    says(&ann, &chat, "1", "**one**").await;
    for stale in ["version = version - 1", "digest = 'x'"] {
        app.database.run(&format!("UPDATE rendering SET html = 'old', {stale}")).await;
        assert_eq!(html(&ben, &chat).await, ["<p><strong>one</strong></p>\n"]);
        eventually("the new one is kept", || async {
            app.database.texts("SELECT html FROM rendering").await == ["<p><strong>one</strong></p>\n"]
        })
        .await;
    }
    app.database.run("DELETE FROM rendering").await;
    assert_eq!(html(&ben, &chat).await, ["<p><strong>one</strong></p>\n"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_markdown_does_not_multiply_its_size() {
    let app = TestApp::new().await;
    let (ann, ben, chat) = two(&app).await;
    let fill = |head: String, unit: &str| {
        let times = (4_096 - head.chars().count()) / unit.chars().count();
        head + &unit.repeat(times)
    };
    let address = "&".repeat(500);
    let texts = [
        fill(format!("[a]: https://example.com/{address}\n\n"), "[a]"),
        fill(format!("[a]: https://example.com/{address}\n\n"), "[x][a] "),
        fill(format!("[ab]: <https://example.com/{address}> \"{address}\"\n\n"), "[ab]"),
        fill(String::new(), "<https://a.b>"),
        fill(String::new(), "> "),
        fill(String::new(), "- "),
        fill(String::new(), "*a*"),
        fill(String::new(), "**a "),
        fill(String::new(), "|a"),
        fill("|a|\n|-|\n".to_owned(), "|a|\n"),
        fill(String::new(), "&NotEqualTilde;"),
        fill(String::new(), "&"),
        fill(String::new(), "["),
        fill(String::new(), "1. a\n\n"),
    ];
    for (number, text) in texts.iter().enumerate() {
        let sent = says(&ann, &chat, &number.to_string(), text).await;
        let shown = sent["html"].as_str().expected("HTML");
        assert!(shown.len() <= text.len() * 8 + 1_024, "{text:.60}: {} of {}", shown.len(), text.len());
    }
    app.statements();
    let all = html(&ben, &chat).await;
    assert_eq!(all.len(), texts.len());
    // The page reads the stored HTML in one statement instead of rendering it.
    let read = app.statements().iter().filter(|statement| statement.sql.contains("FROM \"rendering\"")).count();
    assert_eq!(read, 1);
}
