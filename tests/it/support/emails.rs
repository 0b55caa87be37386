//! Password resets and confirmations of e-mail addresses, through a real mail server.

use chrono::Duration;
use serde_json::{Value, json};

use super::{
    Expected as _,
    app::TestApp,
    graphql::Client,
    smtp::{Mail, MailServer},
};

pub const REQUEST: &str = include_str!("../operations/support/emails/request.graphql");

pub const RESET: &str = include_str!("../operations/support/emails/reset.graphql");

pub const REQUEST_CONFIRMATION: &str = include_str!("../operations/support/emails/request_confirmation.graphql");

pub const CONFIRM: &str = include_str!("../operations/support/emails/confirm.graphql");

pub async fn with_mail(more: &[(&str, &str)]) -> (TestApp, MailServer) {
    let (server, url) = MailServer::start().await;
    let settings = [("RAPPORT_SMTP_URL", url.as_str()), ("RAPPORT_MAIL_FROM", "Rapport <rapport@example.org>")];
    (TestApp::with(2, &[&settings[..], more].concat()).await, server)
}

/// Sets a person's addresses. The first is preferred.
pub async fn addresses(client: &Client, addresses: &[&str]) {
    let profile =
        "mutation($emails: [EmailAddressInput!]) { updateProfile(input: { emails: $emails }) { userErrors { code } } }";
    let emails: Vec<Value> = addresses
        .iter()
        .enumerate()
        .map(|(number, address)| json!({ "address": address, "preferred": number == 0 }))
        .collect();
    assert_eq!(client.ask(profile, json!({ "emails": emails })).await.at("updateProfile.userErrors"), &json!([]));
}

/// Sends all due e-mails, on every instance at once.
pub async fn deliver(app: &TestApp, server: &MailServer) -> Vec<Mail> {
    app.deliver().await;
    server.take()
}

/// Returns the token in an e-mail, which is the only line of 43 characters.
pub fn token(mail: &Mail) -> String {
    let text = mail.text.replace("=\n", "");
    let found = text.lines().find(|line| line.len() == 43 && !line.contains(' '));
    found.expected("a token").to_owned()
}

/// Confirms an address with the token from the e-mail.
pub async fn confirm(app: &TestApp, server: &MailServer, client: &Client, address: &str) {
    let asked = client.ask(REQUEST_CONFIRMATION, json!({ "address": address })).await;
    assert_eq!(asked.text("requestEmailConfirmation.outcome"), "APPLIED");
    let sent = deliver(app, server).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    let confirmed = app.anonymous().ask(CONFIRM, json!({ "token": token(&sent[0]) })).await;
    assert_eq!(confirmed.text("confirmEmail.outcome"), "APPLIED");
}

/// Requests a password reset a minute later. An earlier request would be repeated by this one.
pub async fn request_later(app: &TestApp, of: &str) -> Value {
    app.clock.advance(Duration::minutes(1));
    request(app, of).await
}

pub async fn request(app: &TestApp, of: &str) -> Value {
    app.anonymous().ask(REQUEST, json!({ "of": of })).await.body
}

pub async fn reset(app: &TestApp, token: &str, new: &str) -> String {
    let answer = app.anonymous().ask(RESET, json!({ "token": token, "new": new })).await;
    let code = &answer.at("resetPassword.userErrors")[0]["code"];
    code.as_str().unwrap_or(answer.text("resetPassword.outcome")).to_owned()
}
