//! Tests of password resets and of the confirmation of e-mail addresses.

use chrono::Duration;
use entity::user::UserStatus;
use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::{ME, set_status, sign_in, sign_up},
    app::TestApp,
    emails::{
        CONFIRM, REQUEST_CONFIRMATION, addresses, confirm, deliver, request, request_later, reset, token, with_mail,
    },
    eventually,
};

const CONFIRMED: &str = "{ viewer { confirmedEmails } }";

#[tokio::test(flavor = "multi_thread")]
async fn a_password_reset_token_works_once_and_expires() {
    let (app, server) = with_mail(&[]).await;
    let (jane, refresh) = sign_up(&app, "jane").await;
    addresses(&jane, &["Jane@Example.org", "second@example.org"]).await;
    confirm(&app, &server, &jane, "jane@example.org").await;
    for of in ["jane", " JANE ", "jane@example.org", "JANE@example.ORG"] {
        let requested = request_later(&app, of).await;
        assert_eq!(requested["data"]["requestPasswordReset"]["userErrors"], json!([]), "{of}");
    }
    let sent = deliver(&app, &server).await;
    assert_eq!(sent.len(), 4, "{sent:?}");
    assert!(sent.iter().all(|mail| mail.to == ["Jane@Example.org"]), "{sent:?}");
    let tokens: Vec<String> = sent.iter().map(token).collect();
    let (first, second) = (tokens[0].as_str(), tokens[1].as_str());
    let kept = app.database.texts(&format!("SELECT {} FROM mail_token", app.database.digits("hash"))).await;
    assert!(kept.iter().all(|kept| !kept.contains(first)), "only the digest is kept");
    let export = jane.ask("mutation { exportAccount(input: {}) { url } }", Value::Null).await;
    let export = format!("{}{}", jane.url, export.text("exportAccount.url"));
    assert_eq!(reqwest::get(&export).await.expected("an answer").status(), 200);
    app.clock.advance(Duration::seconds(1));
    // An invalid new password does not use up the token.
    for (token, new, said) in [
        (first, "short", "INVALID"),
        (first, "password1", "INVALID"),
        (first, "jane@example.org", "INVALID"),
        ("", "battery staple", "NOT_ALLOWED"),
        ("x", "battery staple", "NOT_ALLOWED"),
        (first, "battery staple", "APPLIED"),
        (first, "battery staple", "NO_CHANGE"),
        (first, "battery stapler", "NOT_ALLOWED"),
        (second, "battery stapler", "NOT_ALLOWED"),
    ] {
        assert_eq!(reset(&app, token, new).await, said, "{token} {new}");
    }
    eventually("all sessions end", || async { jane.ask(ME, Value::Null).await.status == 401 }).await;
    assert_eq!(reqwest::get(&export).await.expected("an answer").status(), 404, "so does the address of an export");
    assert!(crate::support::accounts::next(&app, &refresh).await.is_err());
    assert_eq!(sign_in(&app, "jane", "correct horse").await.text("signIn.userErrors.0.code"), "WRONG_PASSWORD");
    assert!(!sign_in(&app, "jane", "battery staple").await.text("signIn.accessToken").is_empty());
    let told = deliver(&app, &server).await;
    assert!(told.len() == 1 && told[0].to == ["Jane@Example.org"], "that it was changed: {told:?}");
    // A token expires after 30 minutes.
    app.clock.advance(Duration::hours(2));
    request(&app, "jane").await;
    let late = token(&deliver(&app, &server).await[0]);
    app.clock.advance(Duration::minutes(30));
    assert_eq!(reset(&app, &late, "correct horse").await, "NOT_ALLOWED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_request_reveals_nothing_about_accounts() {
    let (app, server) = with_mail(&[]).await;
    let (jane, _) = sign_up(&app, "jane").await;
    sign_up(&app, "ben").await;
    addresses(&jane, &["jane@example.org", "unconfirmed@example.org"]).await;
    confirm(&app, &server, &jane, "jane@example.org").await;
    let mut answers = Vec::new();
    for of in
        ["jane", "nobody", "ben", "nobody@example.org", "unconfirmed@example.org", "'; DROP TABLE x", "김철수", "%"]
    {
        answers.push(request(&app, of).await);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]), "{answers:?}");
    assert_eq!(
        app.database.number("SELECT count(*) FROM delivery WHERE kind = 1 AND status = 1").await,
        8,
        "the same is written for all"
    );
    let sent = deliver(&app, &server).await;
    assert_eq!(sent.iter().map(|mail| mail.to.clone()).collect::<Vec<_>>(), [["jane@example.org"]]);
    assert_eq!(app.database.number("SELECT count(*) FROM delivery WHERE kind = 1 AND status = 1").await, 0);
    for (bad, code) in [("", "REQUIRED"), ("  ", "REQUIRED"), ("a\nb", "INVALID"), (&"x".repeat(300), "INVALID")] {
        let answer = request(&app, bad).await;
        assert_eq!(answer["data"]["requestPasswordReset"]["userErrors"][0]["code"], code, "{bad}");
    }
    // A suspended user gets no e-mail, and their token is refused.
    request_later(&app, "jane").await;
    let open = token(&deliver(&app, &server).await[0]);
    set_status(&app, "jane", UserStatus::Suspended).await;
    assert_eq!(reset(&app, &open, "battery staple").await, "NOT_ALLOWED");
    request_later(&app, "jane").await;
    assert!(deliver(&app, &server).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_emails_are_limited_and_a_missing_mail_server_is_reported() {
    let (app, server) = with_mail(&[("RAPPORT_SIGN_IN_ATTEMPTS", "1000")]).await;
    let (jane, _) = sign_up(&app, "jane").await;
    addresses(&jane, &["jane@example.org"]).await;
    confirm(&app, &server, &jane, "jane@example.org").await;
    let mut last = Value::Null;
    for _ in 0..12 {
        last = request(&app, "jane").await["data"]["requestPasswordReset"]["userErrors"][0].clone();
    }
    assert_eq!(last["code"], "TOO_MANY_ATTEMPTS");
    assert!(last["retryAfter"].as_i64().is_some_and(|wait| (1..=3_600).contains(&wait)), "{last}");
    assert_eq!(deliver(&app, &server).await.len(), 1, "requests within a minute are one request");
    app.clock.advance(Duration::hours(1) + Duration::seconds(1));
    request(&app, "jane").await;
    assert_eq!(deliver(&app, &server).await.len(), 1);
    // The e-mail is retried later when the server refuses it.
    app.clock.advance(Duration::hours(1));
    request(&app, "jane").await;
    server.refuse(1);
    assert!(deliver(&app, &server).await.is_empty());
    app.clock.advance(Duration::minutes(1));
    assert_eq!(deliver(&app, &server).await.len(), 1);

    let without = TestApp::new().await;
    let (ben, _) = sign_up(&without, "ben").await;
    addresses(&ben, &["ben@example.org"]).await;
    for of in ["ben", "nobody"] {
        let answer = request(&without, of).await;
        assert_eq!(answer["data"]["requestPasswordReset"]["userErrors"][0]["code"], "NOT_ALLOWED", "{of}");
    }
    let asked = ben.ask(REQUEST_CONFIRMATION, json!({ "address": "ben@example.org" })).await;
    assert_eq!(asked.text("requestEmailConfirmation.userErrors.0.code"), "NOT_ALLOWED");
    assert_eq!(without.database.number("SELECT count(*) FROM delivery WHERE kind = 1 AND status = 1").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_the_mailbox_confirms_an_address_until_it_is_removed() {
    let (app, server) = with_mail(&[("RAPPORT_CONFIRM_LINK", "https://app.example.org/confirm#{token}")]).await;
    let (jane, _) = sign_up(&app, "jane").await;
    let (ben, _) = sign_up(&app, "ben").await;
    addresses(&jane, &["Jane@example.org", "other@example.org"]).await;
    for (client, address, said) in
        [(&jane, "nobody@example.org", "NOT_FOUND"), (&ben, "jane@example.org", "NOT_FOUND"), (&jane, "", "NOT_FOUND")]
    {
        let answer = client.ask(REQUEST_CONFIRMATION, json!({ "address": address })).await;
        assert_eq!(answer.text("requestEmailConfirmation.userErrors.0.code"), said, "{address}");
    }
    jane.ask(REQUEST_CONFIRMATION, json!({ "address": "JANE@example.org" })).await.at("requestEmailConfirmation");
    let sent = deliver(&app, &server).await;
    assert_eq!((sent.len(), sent[0].to[0].as_str()), (1, "Jane@example.org"));
    let text = sent[0].text.replace("=\n", "").replace("=3D", "=");
    let (_, token) = text.split_once("https://app.example.org/confirm#").expected("a link");
    let token: String = token.chars().take_while(|c| !c.is_whitespace()).collect();
    assert_eq!(jane.ask(CONFIRMED, Value::Null).await.at("viewer.confirmedEmails"), &json!([]));
    let confirm = async |token: &str| {
        let answer = app.anonymous().ask(CONFIRM, json!({ "token": token })).await;
        answer.text("confirmEmail.outcome").to_owned()
    };
    assert_eq!(confirm("x").await, "REFUSED");
    // A token for the confirmation of an address cannot reset a password.
    assert_eq!(reset(&app, &token, "battery staple").await, "NOT_ALLOWED");
    assert_eq!(confirm(&token).await, "APPLIED");
    assert_eq!(confirm(&token).await, "NO_CHANGE", "once");
    assert_eq!(jane.ask(CONFIRMED, Value::Null).await.at("viewer.confirmedEmails"), &json!(["jane@example.org"]));
    let again = jane.ask(REQUEST_CONFIRMATION, json!({ "address": "jane@example.org" })).await;
    assert_eq!(again.text("requestEmailConfirmation.outcome"), "NO_CHANGE");
    // A change of the label or of the case keeps the confirmation. An address that is removed and added again must be
    // confirmed again.
    addresses(&jane, &["other@example.org", "JANE@Example.org"]).await;
    assert_eq!(jane.ask(CONFIRMED, Value::Null).await.at("viewer.confirmedEmails"), &json!(["jane@example.org"]));
    jane.ask(REQUEST_CONFIRMATION, json!({ "address": "other@example.org" })).await.at("requestEmailConfirmation");
    let sent = deliver(&app, &server).await;
    addresses(&jane, &[]).await;
    let text = sent[0].text.replace("=\n", "").replace("=3D", "=");
    let (_, late) = text.split_once("https://app.example.org/confirm#").expected("a link");
    let late: String = late.chars().take_while(|c| !c.is_whitespace()).collect();
    assert_eq!(confirm(&late).await, "REFUSED", "it is no longer in the profile");
    addresses(&jane, &["jane@example.org"]).await;
    assert_eq!(jane.ask(CONFIRMED, Value::Null).await.at("viewer.confirmedEmails"), &json!([]));
}
