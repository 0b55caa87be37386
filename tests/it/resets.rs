//! Tests of password resets under difficulties: an unavailable mail server, many requests, and changes of the profile.

use chrono::Duration;
use serde_json::{Value, json};

use crate::support::{
    accounts::{key, sign_in, sign_up},
    app::TestApp,
    emails::{addresses, confirm, deliver, request, request_later, reset, token, with_mail},
    eventually,
    graphql::Client,
    smtp::{Mail, MailServer},
};

const CHANGE: &str = include_str!("operations/resets/change.graphql");

async fn jane(app: &TestApp, server: &MailServer) -> Client {
    let (jane, _) = sign_up(app, "jane").await;
    addresses(&jane, &["jane@example.org"]).await;
    confirm(app, server, &jane, "jane@example.org").await;
    jane
}

/// Requests a password reset and returns the token from the e-mail.
async fn asked(app: &TestApp, server: &MailServer, of: &str) -> String {
    request_later(app, of).await;
    token(&deliver(app, server).await[0])
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_mail_server_uses_up_no_token() {
    let (app, server) = with_mail(&[]).await;
    jane(&app, &server).await;
    request(&app, "jane").await;
    server.refuse(5);
    for wait in [0, 30, 60, 120, 240] {
        app.clock.advance(Duration::seconds(wait));
        assert!(deliver(&app, &server).await.is_empty());
        let unsent = app.database.number("SELECT count(*) FROM mail_token WHERE used_at IS NULL").await;
        assert_eq!(unsent, 0, "what nobody was sent is no token");
    }
    app.clock.advance(Duration::seconds(480));
    let sent = deliver(&app, &server).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(reset(&app, &token(&sent[0]), "battery staple").await, "APPLIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_others_never_leave_a_mailbox_without_a_valid_token() {
    let (app, server) = with_mail(&[]).await;
    let client = jane(&app, &server).await;
    addresses(&client, &["jane@example.org", "home@example.org"]).await;
    confirm(&app, &server, &client, "home@example.org").await;
    for _ in 0..7 {
        request_later(&app, "jane").await;
    }
    let sent = deliver(&app, &server).await;
    assert_eq!(sent.len(), 5);
    // While no new e-mail is sent, the last token stays valid until its expiry.
    app.clock.advance(Duration::minutes(28));
    request_later(&app, "jane").await;
    assert!(deliver(&app, &server).await.is_empty());
    // The limit of the other mailbox is separate.
    request(&app, "home@example.org").await;
    assert_eq!(deliver(&app, &server).await.len(), 1);
    app.clock.advance(Duration::seconds(61));
    assert_eq!(reset(&app, &token(&sent[4]), "battery staple").await, "NOT_ALLOWED", "it has ended");
    let new = asked(&app, &server, "jane").await;
    assert_eq!(reset(&app, &new, "battery staple").await, "APPLIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_when_the_password_or_its_address_changes() {
    let (app, server) = with_mail(&[]).await;
    let client = jane(&app, &server).await;
    let before = asked(&app, &server, "jane").await;
    let changed = client.ask(CHANGE, json!({ "old": "correct horse", "new": "battery staple" })).await;
    assert_eq!(changed.text("changePassword.outcome"), "APPLIED");
    deliver(&app, &server).await;
    assert_eq!(reset(&app, &before, "correct horse").await, "NOT_ALLOWED", "the password was changed since");

    let left = asked(&app, &server, "jane").await;
    addresses(&client, &["new@example.org"]).await;
    assert_eq!(reset(&app, &left, "correct horse").await, "NOT_ALLOWED", "nobody is known to read that address");
    // The token stays invalid when the address returns and is confirmed again.
    app.clock.advance(Duration::seconds(1));
    addresses(&client, &["jane@example.org"]).await;
    confirm(&app, &server, &client, "jane@example.org").await;
    assert_eq!(reset(&app, &left, "correct horse").await, "NOT_ALLOWED");
    let again = asked(&app, &server, "jane").await;
    assert_eq!(reset(&app, &again, "correct horse").await, "APPLIED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_reset_ends_personal_keys_and_a_password_change_keeps_them() {
    let (app, server) = with_mail(&[]).await;
    let client = jane(&app, &server).await;
    let (secret, _) = key(&client, json!({ "name": "x", "scopes": ["PROFILE_READ"] })).await;
    let by_key = Client::new(&app.instances[0].url, Some(secret));
    let status = async || by_key.ask("{ viewer { scopes } }", Value::Null).await.status;
    client.ask(CHANGE, json!({ "old": "correct horse", "new": "battery staple" })).await.at("changePassword");
    deliver(&app, &server).await;
    assert_eq!(status().await, 200);
    let token = asked(&app, &server, "jane").await;
    assert_eq!(reset(&app, &token, "correct horse").await, "APPLIED");
    eventually("the key ends", || async { status().await == 401 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_change_is_reported_to_every_confirmed_address() {
    let (app, server) = with_mail(&[]).await;
    let client = jane(&app, &server).await;
    addresses(&client, &["Jane@Example.org", "home@example.org", "other@example.org"]).await;
    confirm(&app, &server, &client, "home@example.org").await;
    let change = async |old: &str, new: &str| {
        let answer = client.ask(CHANGE, json!({ "old": old, "new": new })).await;
        answer.text("changePassword.outcome").to_owned()
    };
    let to = |sent: &[Mail]| {
        let mut to: Vec<String> = sent.iter().flat_map(|mail| mail.to.clone()).collect();
        to.sort();
        to
    };
    assert_eq!(change("wrong horse", "battery staple").await, "REFUSED");
    assert!(deliver(&app, &server).await.is_empty(), "nothing was changed");
    assert_eq!(change("correct horse", "battery staple").await, "APPLIED");
    // An attacker could remove addresses right after the change.
    addresses(&client, &["other@example.org", "Jane@Example.org"]).await;
    let sent = deliver(&app, &server).await;
    assert_eq!(to(&sent), ["Jane@Example.org", "home@example.org"]);
    for mail in &sent {
        assert!(mail.text.contains("Subject: Your password was changed"), "{}", mail.text);
        assert!(mail.text.contains("account jane was changed on "), "{}", mail.text);
        for secret in ["http", "battery", "horse"] {
            assert!(!mail.text.contains(secret), "{}", mail.text);
        }
    }
    assert_eq!(app.database.number("SELECT count(*) FROM mail_token WHERE purpose <> 2").await, 0);
    // A reset by e-mail is reported too, also after a long outage of the mail server.
    let token = asked(&app, &server, "jane").await;
    assert_eq!(reset(&app, &token, "correct horse battery").await, "APPLIED");
    server.refuse(8);
    for minutes in [0, 1, 2, 3, 5, 10, 20, 40, 80] {
        app.clock.advance(Duration::minutes(minutes));
        let sent = deliver(&app, &server).await;
        assert_eq!(sent.len(), usize::from(minutes == 80), "{sent:?}");
    }
    assert!(!sign_in(&app, "jane", "correct horse battery").await.text("signIn.accessToken").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_recognized_in_every_spelling() {
    let (app, server) = with_mail(&[]).await;
    jane(&app, &server).await;
    for of in
        ["ｊａｎｅ＠ｅｘａｍｐｌｅ．ｏｒｇ", "ＪＡＮＥ@example.org", "jane@example。org", " jane@exam\u{ad}ple.org "]
    {
        let answer = request_later(&app, of).await;
        assert_eq!(answer["data"]["requestPasswordReset"]["userErrors"], json!([]), "{of}");
        assert_eq!(deliver(&app, &server).await.len(), 1, "{of}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_email_to_an_unconfirmed_address_contains_no_text_of_the_user() {
    let (app, server) = with_mail(&[]).await;
    let (mallory, _) = sign_up(&app, "mallory").await;
    let name =
        "mutation { updateProfile(input: { displayName: \"Prizes at prizes.example\" }) { userErrors { code } } }";
    assert_eq!(mallory.ask(name, Value::Null).await.at("updateProfile.userErrors"), &json!([]));
    addresses(&mallory, &["victim@example.net"]).await;
    let ask = "mutation { requestEmailConfirmation(input: { address: \"victim@example.net\" }) { outcome } }";
    assert_eq!(mallory.ask(ask, Value::Null).await.text("requestEmailConfirmation.outcome"), "APPLIED");
    let sent = deliver(&app, &server).await;
    assert_eq!(sent.len(), 1);
    assert!(!sent[0].text.contains("rizes"), "{}", sent[0].text);
    assert!(sent[0].text.contains("Hello mallory,"), "{}", sent[0].text);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_resets_of_one_name_do_not_limit_other_names_of_the_network() {
    let (app, server) = with_mail(&[("RAPPORT_SIGN_IN_ATTEMPTS", "10")]).await;
    jane(&app, &server).await;
    let code = async |of: &str| {
        request(&app, of).await["data"]["requestPasswordReset"]["userErrors"][0]["code"].as_str().map(str::to_owned)
    };
    for _ in 0..10 {
        assert_eq!(code("nobody").await, None);
    }
    for again in ["nobody", "NOBODY "] {
        assert_eq!(code(again).await.as_deref(), Some("TOO_MANY_ATTEMPTS"), "{again}");
    }
    assert_eq!(code("jane").await, None);
    assert_eq!(deliver(&app, &server).await.len(), 1);
}
