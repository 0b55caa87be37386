//! Tests of sessions, passwords, API keys and suspension.

use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::{CREATE_KEY, ME, REFRESH, key, next, sign_in, sign_up},
    app::TestApp,
    graphql::Client,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_session_continues_by_refresh_tokens_each_used_once() {
    let app = TestApp::new().await;
    let (first, token) = sign_up(&app, "jane").await;
    assert_eq!(first.ask(ME, Value::Null).await.at("viewer.sessions.0.current"), true);
    let (second, after) = next(&app, &token).await.expected("a refresh");
    assert_ne!(token, after);
    assert_eq!(second.ask(ME, Value::Null).await.text("viewer.user.handle"), "jane");
    // The answer may have been lost, so the server accepts the same token again for a few seconds.
    app.clock.advance(chrono::Duration::seconds(9));
    let (_, other) = next(&app, &token).await.expected("a second try");
    app.clock.advance(chrono::Duration::days(29));
    let (_, last) = next(&app, &other).await.expected("a session that goes on");
    app.clock.advance(chrono::Duration::days(31));
    assert_eq!(next(&app, &last).await.err().as_deref(), Some("NOT_ALLOWED"), "unused for too long");
    for nonsense in ["", "x", "rr_x", &"x".repeat(5_000)] {
        assert_eq!(next(&app, nonsense).await.err().as_deref(), Some("NOT_ALLOWED"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reused_refresh_token_ends_the_session_for_owner_and_thief() {
    let app = TestApp::two().await;
    let (client, stolen) = sign_up(&app, "jane").await;
    let (_, owned) = next(&app, &stolen).await.expected("a refresh");
    app.clock.advance(chrono::Duration::seconds(11));
    assert_eq!(next(&app, &stolen).await.err().as_deref(), Some("NOT_ALLOWED"));
    assert_eq!(next(&app, &owned).await.err().as_deref(), Some("NOT_ALLOWED"));
    crate::support::eventually("the access token is refused", || async {
        client.ask(ME, Value::Null).await.status == 401
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_uses_of_one_refresh_token_leave_one_session() {
    let app = TestApp::two().await;
    let (_, token) = sign_up(&app, "jane").await;
    let clients: Vec<Client> = (0..8).map(|n| Client::new(&app.instances[n % app.instances.len()].url, None)).collect();
    let asked = clients.iter().map(|client| client.ask(REFRESH, json!({ "token": token })));
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer.text("refreshSession.user.handle"), "jane");
    }
    assert_eq!(app.database.number("SELECT count(*) FROM session WHERE ended_at IS NULL").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_revoked_and_signed_out() {
    let app = TestApp::new().await;
    let (jane, _) = sign_up(&app, "jane").await;
    let (ben, _) = sign_up(&app, "ben").await;
    let other = sign_in(&app, "jane", "correct horse").await.text("signIn.accessToken").to_owned();
    let other = Client::new(&jane.url, Some(other));
    let sessions = jane.ask(ME, Value::Null).await.at("viewer.sessions").clone();
    assert_eq!(sessions.as_array().map(Vec::len), Some(2));
    let theirs = ben.ask(ME, Value::Null).await.text("viewer.sessions.0.id").to_owned();
    let foreign = sessions.as_array().into_iter().flatten().find(|session| session["current"] == false);
    let revoke = "mutation($id: ID!) { revokeSession(input: { sessionId: $id }) { outcome userErrors { code } } }";
    let id = foreign.expected("the other session")["id"].clone();
    assert_eq!(jane.ask(revoke, json!({ "id": id })).await.text("revokeSession.outcome"), "APPLIED");
    assert_eq!(jane.ask(revoke, json!({ "id": id })).await.text("revokeSession.outcome"), "NO_CHANGE");
    for hidden in [json!(theirs), json!("session_x"), json!("")] {
        let answer = jane.ask(revoke, json!({ "id": hidden })).await;
        assert_eq!(answer.text("revokeSession.userErrors.0.code"), "NOT_FOUND");
    }
    crate::support::eventually("the session ends", || async { other.ask(ME, Value::Null).await.status == 401 }).await;
    assert_eq!(jane.ask("mutation { signOut { outcome } }", Value::Null).await.text("signOut.outcome"), "APPLIED");
    crate::support::eventually("signed out", || async { jane.ask(ME, Value::Null).await.status == 401 }).await;
    assert_eq!(ben.ask(ME, Value::Null).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_the_other_sessions_and_replaces_the_old_one() {
    let app = TestApp::new().await;
    let (jane, _) = sign_up(&app, "jane").await;
    let other = sign_in(&app, "jane", "correct horse").await.text("signIn.accessToken").to_owned();
    let other = Client::new(&jane.url, Some(other));
    let change = "mutation($old: String!, $new: String!) { changePassword(input: { currentPassword: $old, newPassword: $new }) \
                  { outcome userErrors { code field } } }";
    for (old, new, code, field) in [
        ("wrong horse", "battery staple", "WRONG_PASSWORD", "currentPassword"),
        ("correct horse", "short", "INVALID", "newPassword"),
    ] {
        let answer = jane.ask(change, json!({ "old": old, "new": new })).await;
        let expected = json!([{ "code": code, "field": ["input", field] }]);
        assert_eq!(answer.at("changePassword.userErrors"), &expected);
    }
    let answer = jane.ask(change, json!({ "old": "correct horse", "new": "battery staple" })).await;
    assert_eq!(answer.text("changePassword.outcome"), "APPLIED");
    crate::support::eventually("the other session ends", || async { other.ask(ME, Value::Null).await.status == 401 })
        .await;
    assert_eq!(jane.ask(ME, Value::Null).await.status, 200);
    assert_eq!(sign_in(&app, "jane", "correct horse").await.text("signIn.userErrors.0.code"), "WRONG_PASSWORD");
    assert!(!sign_in(&app, "jane", "battery staple").await.text("signIn.accessToken").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn password_guesses_are_slowed_down_whether_or_not_the_account_exists() {
    let app = TestApp::with(1, &[("RAPPORT_SIGN_IN_ATTEMPTS", "5")]).await;
    sign_up(&app, "jane").await;
    for handle in ["jane", "nobody"] {
        let mut said = Vec::new();
        for _ in 0..7 {
            said.push(sign_in(&app, handle, "wrong horse").await.text("signIn.userErrors.0.code").to_owned());
        }
        assert_eq!(said.last().map(String::as_str), Some("TOO_MANY_ATTEMPTS"), "{handle}: {said:?}");
        // The right password is refused too. Otherwise the answer would reveal it.
        let answer = sign_in(&app, handle, "correct horse").await;
        assert_eq!(answer.text("signIn.userErrors.0.code"), "TOO_MANY_ATTEMPTS");
    }
    app.clock.advance(chrono::Duration::seconds(61));
    assert!(!sign_in(&app, "jane", "correct horse").await.text("signIn.accessToken").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_personal_key_acts_as_its_owner_with_fewer_scopes() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let (secret, id) =
        key(&ann.clients[0], json!({ "name": "backup", "scopes": ["PROFILE_READ", "CONTACTS_READ"] })).await;
    let by_key = Client::new(&ann.clients[0].url, Some(secret.clone()));
    assert!(secret.starts_with("rk_"));
    assert_eq!(by_key.ask("{ viewer { user { handle } } }", Value::Null).await.text("viewer.user.handle"), "ann");
    let follow = format!("mutation {{ followUser(input: {{ userId: \"{}\" }}) {{ outcome }} }}", ben.id());
    assert_eq!(by_key.ask(&follow, Value::Null).await.code(), "FORBIDDEN");
    let listed = ann.ask("{ apiKeys { id name prefix kind scopes revokedAt lastUsedAt } }", Value::Null).await;
    assert_eq!(listed.at("apiKeys.0.scopes"), &json!(["PROFILE_READ", "CONTACTS_READ"]));
    assert!(secret.starts_with(listed.text("apiKeys.0.prefix")), "the prefix tells keys apart");
    assert!(!listed.body.to_string().contains(&secret), "the secret is shown once");
    assert_eq!(ben.ask("{ apiKeys { id } }", Value::Null).await.at("apiKeys"), &json!([]));
    crate::support::eventually("the use is noted", || async {
        let listed = ann.ask("{ apiKeys { lastUsedAt } }", Value::Null).await;
        !listed.body["data"]["apiKeys"][0]["lastUsedAt"].is_null()
    })
    .await;
    // Only the owner can revoke the key.
    let revoke =
        format!("mutation {{ revokeApiKey(input: {{ apiKeyId: \"{id}\" }}) {{ outcome userErrors {{ code }} }} }}");
    assert_eq!(ben.ask(&revoke, Value::Null).await.text("revokeApiKey.userErrors.0.code"), "NOT_FOUND");
    assert_eq!(ann.ask(&revoke, Value::Null).await.text("revokeApiKey.outcome"), "APPLIED");
    assert_eq!(ann.ask(&revoke, Value::Null).await.text("revokeApiKey.outcome"), "NO_CHANGE");
    crate::support::eventually("the key is refused", || async { by_key.ask(ME, Value::Null).await.status == 401 })
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_has_more_scopes_than_its_creator_and_no_key_creates_another() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let all = json!({ "name": "all", "scopes": ["PROFILE_READ", "PROFILE_WRITE"] });
    let (secret, id) = key(&ann.clients[0], all.clone()).await;
    let by_key = Client::new(&ann.clients[0].url, Some(secret));
    let refused = by_key.ask(CREATE_KEY, json!({ "input": all })).await;
    assert_eq!(refused.text("createApiKey.userErrors.0.code"), "NOT_FOR_KEYS");
    for (field, rest) in [
        ("revokeApiKey", format!("input: {{ apiKeyId: \"{id}\" }}")),
        ("rotateApiKey", format!("input: {{ apiKeyId: \"{id}\" }}")),
        ("updateApiKey", format!("input: {{ apiKeyId: \"{id}\", name: \"x\" }}")),
        ("revokeSession", "input: { sessionId: \"x\" }".to_owned()),
        ("changePassword", "input: { currentPassword: \"x\", newPassword: \"correct horse\" }".to_owned()),
    ] {
        let answer =
            by_key.ask(&format!("mutation {{ {field}({rest}) {{ userErrors {{ code }} }} }}"), Value::Null).await;
        assert_eq!(answer.text(&format!("{field}.userErrors.0.code")), "NOT_FOR_KEYS", "{field}");
    }
    let few = app.limited(&ann, &[api::auth::viewer::Scope::ProfileWrite, api::auth::viewer::Scope::ProfileRead]);
    for (input, code, field) in [
        (json!({ "name": "x", "scopes": ["CONTACTS_READ"] }), "INVALID", "scopes"),
        (json!({ "name": "x", "scopes": [] }), "REQUIRED", "scopes"),
        (json!({ "name": "  ", "scopes": ["PROFILE_READ"] }), "REQUIRED", "name"),
        (
            json!({ "name": "x", "scopes": ["PROFILE_READ"], "expiresAt": "2001-01-01T00:00:00Z" }),
            "INVALID",
            "expiresAt",
        ),
    ] {
        let answer = few.ask(CREATE_KEY, json!({ "input": input })).await;
        let expected = json!([{ "code": code, "field": ["input", field] }]);
        assert_eq!(answer.at("createApiKey.userErrors"), &expected, "{input}");
    }
    let input = json!({ "name": "x", "kind": "ORGANIZATION", "scopes": ["PROFILE_READ"] });
    assert_eq!(ann.ask(CREATE_KEY, json!({ "input": input })).await.code(), "FORBIDDEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_secrets_of_a_rotated_key_are_valid_until_the_overlap_ends() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let scopes = json!(["PROFILE_READ"]);
    let (first, id) = key(&ann.clients[0], json!({ "name": "x", "scopes": scopes })).await;
    let rotate = "mutation($id: ID!, $overlap: Int!) { rotateApiKey(input: { apiKeyId: $id, overlapSeconds: $overlap }) \
                  { secret apiKey { previousSecretUntil } userErrors { code field } } }";
    for overlap in [-1, 2_592_001] {
        let answer = ann.ask(rotate, json!({ "id": id, "overlap": overlap })).await;
        assert_eq!(answer.text("rotateApiKey.userErrors.0.code"), "OUT_OF_RANGE");
    }
    let second = ann.ask(rotate, json!({ "id": id, "overlap": 3_600 })).await.text("rotateApiKey.secret").to_owned();
    let status = |secret: &str| {
        let client = Client::new(&ann.clients[0].url, Some(secret.to_owned()));
        async move { client.ask("{ viewer { scopes } }", Value::Null).await.status }
    };
    assert_eq!((status(&first).await, status(&second).await), (200, 200));
    app.clock.advance(chrono::Duration::seconds(3_601));
    assert_eq!((status(&first).await, status(&second).await), (401, 200));
    let third = ann.ask(rotate, json!({ "id": id, "overlap": 0 })).await.text("rotateApiKey.secret").to_owned();
    crate::support::eventually("the earlier secret ends at once", || async { status(&second).await == 401 }).await;
    assert_eq!(status(&third).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn damaged_foreign_and_expired_keys_are_refused() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let end = app.clock.now() + chrono::Duration::hours(1);
    let input = json!({ "name": "x", "scopes": ["PROFILE_READ"], "expiresAt": end.to_rfc3339() });
    let (secret, _) = key(&ann.clients[0], input).await;
    let (other, _) = key(&ann.clients[0], json!({ "name": "y", "scopes": ["PROFILE_READ"] })).await;
    let (prefix, hidden) = secret.split_once('.').expected("two parts");
    let (_, foreign) = other.split_once('.').expected("two parts");
    let good = Client::new(&ann.clients[0].url, Some(secret.clone()));
    assert_eq!(good.ask("{ viewer { expiresAt } }", Value::Null).await.status, 200);
    for bad in [
        format!("{prefix}.{foreign}"),
        format!("{prefix}."),
        prefix.to_owned(),
        format!("rk_.{hidden}"),
        format!("rk_%.{hidden}"),
        format!("{}.{hidden}", prefix.to_lowercase().replace("rk_", "RK_")),
        format!("{secret}x"),
        format!("{prefix}.{hidden}.x"),
        format!("rk_' OR 1=1 --.{hidden}"),
    ] {
        let client = Client::new(&ann.clients[0].url, Some(bad.clone()));
        assert_eq!(client.ask("{ viewer { scopes } }", Value::Null).await.status, 401, "{bad}");
    }
    app.clock.advance(chrono::Duration::hours(1));
    assert_eq!(good.ask("{ viewer { scopes } }", Value::Null).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_key_reads_by_its_scopes_and_has_no_relationships() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let request = ann.asks(&ben).await;
    let input = json!({ "name": "crm", "kind": "ORGANIZATION", "scopes": ["PROFILE_READ", "CONTACTS_READ"] });
    let (secret, id) = key(&ada.clients[0], input).await;
    let crm = Client::new(&ada.clients[0].url, Some(secret));
    let viewer = "{ viewer { actor { __typename id displayName } scopes } }";
    let viewer = crm.ask(viewer, Value::Null).await;
    let account = id.replacen("key_", "service_", 1);
    assert_eq!(
        viewer.at("viewer.actor"),
        &json!({ "__typename": "ServiceAccount", "id": account, "displayName": "crm" })
    );
    let nothing = crm
        .ask(
            "{ viewer { user { id } settings { whoMayFollow } contactCounts { blocked } sessions { id } } }",
            Value::Null,
        )
        .await;
    assert_eq!(
        nothing.body["data"]["viewer"],
        json!({ "user": null, "settings": null, "contactCounts": null, "sessions": null })
    );
    let all = crm
        .ask(
            "{ contacts { totalCount nodes { displayName ... on User { relationship { following } } } } }",
            Value::Null,
        )
        .await;
    assert_eq!(all.at("contacts.totalCount"), 3);
    assert!(all.body["data"]["contacts"]["nodes"][0]["relationship"].is_null());
    let node = crm.ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": request })).await;
    assert!(node.body["data"]["node"].is_null());
    for people_only in [
        "{ contacts(list: CONNECTIONS) { totalCount } }".to_owned(),
        "{ connectionRequests { totalCount } }".to_owned(),
        format!("mutation {{ followUser(input: {{ userId: \"{}\" }}) {{ outcome }} }}", ann.id()),
    ] {
        assert_eq!(crm.ask(&people_only, Value::Null).await.code(), "FORBIDDEN", "{people_only}");
    }
    // The key belongs to the organization: other administrators see it, members do not.
    let eve = app.admin("eve").await;
    assert_eq!(eve.ask("{ apiKeys { id } }", Value::Null).await.text("apiKeys.0.id"), id);
    assert_eq!(ann.ask("{ apiKeys { id } }", Value::Null).await.at("apiKeys"), &json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_user_is_invisible_and_returns_unchanged() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    let (jane, refresh_token) = sign_up(&app, "jane").await;
    let jane_id = jane.ask("{ viewer { user { id } } }", Value::Null).await.text("viewer.user.id").to_owned();
    let by_jane =
        |verb: &str, id: String| format!("mutation {{ {verb}(input: {{ userId: \"{id}\" }}) {{ outcome }} }}");
    for (verb, id) in [("requestConnection", ann.id()), ("followUser", ben.id())] {
        jane.ask(&by_jane(verb, id), Value::Null).await;
    }
    let lists = "{ a: contacts(list: INCOMING_REQUESTS) { totalCount nodes { id } } b: contacts(list: FOLLOWERS) { totalCount nodes { id } } \
                 c: contacts(search: \"jane\") { totalCount nodes { id } } d: contacts { totalCount } }";
    let before = [ann.ask(lists, Value::Null).await, ben.ask(lists, Value::Null).await];
    let suspend = |verb: &str, id: &str| {
        format!("mutation {{ {verb}(input: {{ userId: \"{id}\" }}) {{ outcome userErrors {{ code }} }} }}")
    };
    assert_eq!(ann.ask(&suspend("suspendUser", &jane_id), Value::Null).await.code(), "FORBIDDEN");
    for (id, code) in [(ada.id(), "CANNOT_TARGET_SELF"), ("user_x".to_owned(), "NOT_FOUND")] {
        let answer = ada.ask(&suspend("suspendUser", &id), Value::Null).await;
        assert_eq!(answer.text("suspendUser.userErrors.0.code"), code);
    }
    assert_eq!(ada.ask(&suspend("suspendUser", &jane_id), Value::Null).await.text("suspendUser.outcome"), "APPLIED");
    assert_eq!(ada.ask(&suspend("suspendUser", &jane_id), Value::Null).await.text("suspendUser.outcome"), "NO_CHANGE");
    crate::support::eventually("nobody", || async { jane.ask(ME, Value::Null).await.status == 401 }).await;
    assert_eq!(next(&app, &refresh_token).await.err().as_deref(), Some("NOT_ALLOWED"));
    assert_eq!(sign_in(&app, "jane", "correct horse").await.text("signIn.userErrors.0.code"), "WRONG_PASSWORD");
    for person in [&ann, &ben] {
        let seen = person.ask(lists, Value::Null).await;
        assert!(!seen.body.to_string().contains(&jane_id));
        assert_eq!((seen.at("c.totalCount"), seen.at("d.totalCount")), (&json!(0), &json!(3)));
        let node = person.ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": jane_id })).await;
        assert!(node.body["data"]["node"].is_null());
    }
    crate::support::consistency::check(&app.database).await;
    assert_eq!(
        ada.ask(&suspend("reinstateUser", &jane_id), Value::Null).await.text("reinstateUser.outcome"),
        "APPLIED"
    );
    assert_eq!(next(&app, &refresh_token).await.err().as_deref(), Some("NOT_ALLOWED"), "what ended has ended");
    assert_eq!([ann.ask(lists, Value::Null).await, ben.ask(lists, Value::Null).await], before);
    assert!(!sign_in(&app, "jane", "correct horse").await.text("signIn.accessToken").is_empty());
    crate::support::consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_of_the_old_password_outlives_a_password_change() {
    let app = TestApp::two().await;
    let (jane, _) = sign_up(&app, "jane").await;
    let words = ["correct horse", "battery staple"];
    let change = "mutation($old: String!, $new: String!) { changePassword(input: { currentPassword: $old, newPassword: $new }) \
                  { outcome } }";
    for round in 0..crate::support::rounds(4).min(50) {
        let (old, new) = (words[round % 2], words[(round + 1) % 2]);
        let changing = jane.ask(change, json!({ "old": old, "new": new }));
        let signing_in = futures_util::future::join_all((0..4).map(|_| sign_in(&app, "jane", old)));
        let (changed, _) = futures_util::future::join(changing, signing_in).await;
        assert_eq!(changed.text("changePassword.outcome"), "APPLIED");
        // The change of the password signed out every session of the old password.
        let open = app.database.number("SELECT count(*) FROM session WHERE ended_at IS NULL").await;
        assert_eq!(open, 1, "round {round}");
    }
}
