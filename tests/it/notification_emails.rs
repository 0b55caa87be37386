//! Tests of notification e-mails: preferences, due times, digests and retries.

use chrono::Duration;
use serde_json::json;

use crate::support::{
    Expected as _,
    app::TestApp,
    emails,
    person::Person,
    smtp::{Mail, MailServer},
};

async fn with_mail() -> (TestApp, MailServer) {
    let (server, url) = MailServer::start().await;
    let settings = [("RAPPORT_SMTP_URL", url.as_str()), ("RAPPORT_MAIL_FROM", "Rapport <rapport@example.org>")];
    (TestApp::with(2, &settings).await, server)
}

/// Gives a person a confirmed address and an e-mail preference for one kind.
async fn wants(app: &TestApp, server: &MailServer, person: &Person, kind: &str, email: &str) {
    let profile = "mutation($a: String!) { updateProfile(input: { emails: [{ address: \"other@example.org\" }, \
                   { address: $a, preferred: true, visibility: NOBODY }] }) { userErrors { code } } }";
    let address = format!("{}@example.org", person.handle);
    assert_eq!(person.ask(profile, json!({ "a": address })).await.at("updateProfile.userErrors"), &json!([]));
    emails::confirm(app, server, &person.clients[0], &address).await;
    let wish = "mutation($kind: NotificationKind!, $email: EmailFrequency!) { updateNotificationPreferences(input: { preferences: \
                [{ kind: $kind, email: $email }] }) { userErrors { code } } }";
    person.ask(wish, json!({ "kind": kind, "email": email })).await.at("updateNotificationPreferences");
}

/// Sends all due e-mails, on every instance at once.
async fn deliver(app: &TestApp, server: &MailServer) -> Vec<Mail> {
    app.deliver().await;
    server.take()
}

#[tokio::test(flavor = "multi_thread")]
async fn instant_notifications_send_one_email_each_to_the_preferred_address() {
    let (app, server) = with_mail().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    wants(&app, &server, &ann, "FOLLOWED", "INSTANT").await;
    ben.must("followUser", &ann.id()).await;
    ben.asks(&ann).await;
    let sent = deliver(&app, &server).await;
    assert_eq!(sent.len(), 1, "{sent:?}");
    assert_eq!(sent[0].to, ["ann@example.org"]);
    assert!(sent[0].text.contains("Subject: ben follows you now."), "{}", sent[0].text);
    assert!(sent[0].text.contains("From: Rapport <rapport@example.org>"));
    // The same follower causes no second e-mail.
    ben.must("unfollowUser", &ann.id()).await;
    ben.must("followUser", &ann.id()).await;
    assert!(deliver(&app, &server).await.is_empty());
    cem.must("followUser", &ann.id()).await;
    assert_eq!(deliver(&app, &server).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn digests_combine_notifications_at_their_due_time() {
    let (app, server) = with_mail().await;
    let [ann, ben, cem, dia] = app.people(["ann", "ben", "cem", "dia"]).await;
    wants(&app, &server, &ann, "FOLLOWED", "HOURLY").await;
    wants(&app, &server, &dia, "FOLLOWED", "DAILY").await;
    for person in [&ben, &cem] {
        person.must("followUser", &ann.id()).await;
        person.must("followUser", &dia.id()).await;
    }
    assert!(deliver(&app, &server).await.is_empty());
    app.clock.advance(Duration::hours(1));
    let hourly: Vec<Mail> = deliver(&app, &server).await;
    let to_ann: Vec<&Mail> = hourly.iter().filter(|mail| mail.to == ["ann@example.org"]).collect();
    assert_eq!(to_ann.len(), 1);
    assert!(to_ann[0].text.contains("Subject: 2 notifications") && to_ann[0].text.contains("cem follows you now."));
    app.clock.advance(Duration::hours(23));
    let daily = deliver(&app, &server).await;
    let to_dia = hourly.iter().chain(&daily).filter(|mail| mail.to == ["dia@example.org"]).count();
    assert_eq!(to_dia, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn withdrawn_blocked_or_answered_requests_send_no_email() {
    let (app, server) = with_mail().await;
    let [ann, ben, cem, dia] = app.people(["ann", "ben", "cem", "dia"]).await;
    wants(&app, &server, &ann, "CONNECTION_REQUESTED", "HOURLY").await;
    let request = ben.asks(&ann).await;
    ben.must("withdrawConnectionRequest", &request).await;
    cem.asks(&ann).await;
    ann.must("blockUser", &cem.id()).await;
    let request = dia.asks(&ann).await;
    ann.must("acceptConnectionRequest", &request).await;
    app.clock.advance(Duration::hours(1));
    assert!(deliver(&app, &server).await.is_empty());
    assert_eq!(app.database.number("SELECT count(*) FROM notification_mail").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_email_is_retried_later_and_finally_dropped() {
    let (app, server) = with_mail().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    wants(&app, &server, &ann, "FOLLOWED", "INSTANT").await;
    ben.must("followUser", &ann.id()).await;
    server.refuse(2);
    assert!(deliver(&app, &server).await.is_empty());
    assert!(deliver(&app, &server).await.is_empty(), "not before its time");
    app.clock.advance(Duration::minutes(2));
    assert!(deliver(&app, &server).await.is_empty());
    app.clock.advance(Duration::minutes(4));
    assert_eq!(deliver(&app, &server).await.len(), 1);
    app.person("cem").await.must("followUser", &ann.id()).await;
    server.refuse(usize::MAX);
    for _ in 0..12 {
        deliver(&app, &server).await;
        app.clock.advance(Duration::hours(10));
    }
    assert_eq!(app.database.number("SELECT count(*) FROM notification_mail WHERE sent_at IS NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_requests_of_one_person_send_one_email_a_day() {
    let (app, server) = with_mail().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    wants(&app, &server, &ann, "CONNECTION_REQUESTED", "INSTANT").await;
    let mut sent = 0;
    for _ in 0..3 {
        let request = ben.asks(&ann).await;
        sent += deliver(&app, &server).await.len();
        ben.must("withdrawConnectionRequest", &request).await;
        app.clock.advance(Duration::hours(1));
    }
    assert_eq!(sent, 1);
    app.clock.advance(Duration::days(1));
    api::notifications::retention::prune(app.app()).await.expected("pruned");
    ben.asks(&ann).await;
    assert_eq!(deliver(&app, &server).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn another_worker_sends_the_emails_of_a_crashed_worker() {
    let (app, server) = with_mail().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    wants(&app, &server, &ann, "FOLLOWED", "INSTANT").await;
    ben.must("followUser", &ann.id()).await;
    let dead = "UPDATE delivery SET status = 2, attempts = 1, claimed_until = due_at WHERE kind = 2";
    assert_eq!(app.database.run(dead).await, 1);
    app.clock.advance(Duration::minutes(5));
    app.deliver().await;
    app.clock.advance(Duration::minutes(5));
    assert_eq!(deliver(&app, &server).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_cannot_forge_the_headers_of_an_email() {
    let (app, server) = with_mail().await;
    let ann = app.person("ann").await;
    let scopes = api::auth::viewer::Scopes::all();
    let forger = app.person_with("forger", "Zoë, \"x\" <all@example.org>; Bcc: b@example.org", scopes).await;
    wants(&app, &server, &ann, "FOLLOWED", "INSTANT").await;
    forger.must("followUser", &ann.id()).await;
    let sent = deliver(&app, &server).await;
    assert_eq!(sent[0].to, ["ann@example.org"]);
    let heads: Vec<&str> = sent[0].text.lines().take_while(|line| !line.is_empty()).collect();
    assert!(!heads.iter().any(|line| line.to_lowercase().starts_with("bcc")), "{heads:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_email_goes_to_an_unconfirmed_address() {
    let (app, server) = with_mail().await;
    let [ann, ben, cem] = app.people(["ann", "ben", "cem"]).await;
    let profile = "mutation { updateProfile(input: { emails: [{ address: \"a@example.org\", preferred: true }, \
                   { address: \"b@example.org\" }] }) { userErrors { code } } }";
    ann.ask(profile, serde_json::Value::Null).await.at("updateProfile");
    let wish = "mutation { updateNotificationPreferences(input: { preferences: [{ kind: FOLLOWED, email: INSTANT }] }) \
                { userErrors { code } } }";
    ann.ask(wish, serde_json::Value::Null).await.at("updateNotificationPreferences");
    ben.must("followUser", &ann.id()).await;
    assert!(deliver(&app, &server).await.is_empty());
    // The preferred address is not confirmed, so the confirmed one is used.
    emails::confirm(&app, &server, &ann.clients[0], "b@example.org").await;
    cem.must("followUser", &ann.id()).await;
    let sent = deliver(&app, &server).await;
    assert_eq!(sent.iter().map(|mail| mail.to.clone()).collect::<Vec<_>>(), [["b@example.org"]]);
}
