//! Tests of deactivation, suspension, deletion and role changes: visibility, reactivation and open connections.

use serde_json::{Value, json};

use crate::support::{
    Expected as _,
    accounts::{ME, about_account, key, next, refusal, sign_in, sign_up, with_password},
    app::TestApp,
    consistency, eventually,
    graphql::{Answer, Client},
    live_connections::{all_end, follow_everywhere},
    person::Person,
    rounds,
};

/// Reactivates an account by signing in.
async fn sign_in_again(app: &TestApp, handle: &str, password: &str) -> Answer {
    let query = "mutation($h: String!, $p: String!) { signIn(input: { handle: $h, password: $p, reactivate: true }) \
                 { accessToken userErrors { code } } }";
    app.anonymous().ask(query, json!({ "h": handle, "p": password })).await
}

/// Returns the answers of every query that can show one person to another.
async fn sightings(by: &Person, of: &Person, request: &str) -> Vec<Value> {
    let queries = [
        "query($id: ID!, $h: String!) { a: user(id: $id) { handle } b: user(handle: $h) { handle } node(id: $id) { id } \
         nodes(ids: [$id]) { id } }",
        "query($h: String!) { contacts { totalCount nodes { id } } found: contacts(search: $h) { totalCount nodes { id } } }",
        "query($id: ID!) { followers(userId: $id) { totalCount } following(userId: $id) { totalCount } }",
        "{ viewer { user { followers { totalCount nodes { handle } } connections { totalCount nodes { handle } } } \
         unread { requests } } }",
        "{ connectionRequests(direction: INCOMING) { totalCount nodes { id } } }",
        "{ activityFeed { nodes { id } } }",
    ];
    let mut seen = Vec::new();
    for query in queries {
        let declared = [("$id", "$id: ID!"), ("$h", "$h: String!")];
        let names = declared.iter().filter(|(_, declaration)| query.contains(declaration)).map(|(name, _)| *name);
        let mut variables = json!({});
        for name in names {
            variables[&name[1..]] = if name == "$id" { json!(of.id()) } else { json!(of.handle) };
        }
        seen.push(by.ask(query, variables).await.body);
    }
    for list in ["CONNECTIONS", "FOLLOWING", "FOLLOWERS", "INCOMING_REQUESTS", "OUTGOING_REQUESTS", "MUTED", "BLOCKED"]
    {
        seen.push(json!([list, by.list(list).await]));
    }
    seen.push(by.counts().await);
    seen.push(by.ask("query($id: ID!) { node(id: $id) { id } }", json!({ "id": request })).await.body);
    seen
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_account_is_invisible_and_returns_unchanged() {
    let app = TestApp::two().await;
    let [ann, ben, cem, dan] = app.people(["ann", "ben", "cem", "dan"]).await;
    let (jane, client) = with_password(&app, "jane").await;
    let accepted = jane.asks(&ann).await;
    ann.must("acceptConnectionRequest", &accepted).await;
    let pending = jane.asks(&ben).await;
    for (who, verb, whom) in [
        (&jane, "followUser", &cem),
        (&cem, "followUser", &jane),
        (&ann, "followUser", &jane),
        (&dan, "blockUser", &jane),
        (&jane, "followUser", &ben),
    ] {
        who.must(verb, &whom.id()).await;
    }
    jane.ask("mutation { postStatus(input: { text: \"here\" }) { activity { id } } }", Value::Null)
        .await
        .at("postStatus");
    let others = [&ann, &ben, &cem, &dan];
    let mut before = Vec::new();
    for other in others {
        before.push(sightings(other, &jane, &pending).await);
    }
    let answer = about_account(&client, "deactivateAccount", json!({ "password": "correct horse" })).await;
    assert_eq!(refusal(&answer), "");
    for instance in &app.instances {
        for token in [client.token.clone(), Some(jane.token.clone())] {
            let stale = Client::new(&instance.url, token);
            eventually("the token is refused", || async { stale.ask(ME, Value::Null).await.status == 401 }).await;
        }
    }
    consistency::check(&app.database).await;
    for other in others {
        let seen = sightings(other, &jane, &pending).await;
        let own = json!(seen[..seen.len() - 1]).to_string();
        assert!(!own.contains(&jane.id()) && !own.contains("jane"), "{} sees {own}", other.handle);
        assert!(!own.contains(&pending), "{own}");
        for verb in ["requestConnection", "followUser", "blockUser", "disconnect", "unblockUser", "removeFollower"] {
            assert_eq!(other.does(verb, &jane.id()).await.said(), "NOT_FOUND", "{verb}");
        }
    }
    assert_eq!(ben.does("acceptConnectionRequest", &pending).await.said(), "NOT_FOUND");
    assert_eq!(ben.list("FOLLOWERS").await, Vec::<String>::new());
    assert_eq!(ben.counts().await["incomingRequests"], 0);
    // The account's status is visible only with the right password.
    assert_eq!(sign_in(&app, "jane", "wrong horse").await.text("signIn.userErrors.0.code"), "WRONG_PASSWORD");
    assert_eq!(sign_in(&app, "jane", "correct horse").await.text("signIn.userErrors.0.code"), "ACCOUNT_DEACTIVATED");
    assert_eq!(sign_in_again(&app, "jane", "wrong horse").await.text("signIn.userErrors.0.code"), "WRONG_PASSWORD");
    consistency::check(&app.database).await;
    assert!(!sign_in_again(&app, "jane", "correct horse").await.text("signIn.accessToken").is_empty());
    consistency::check(&app.database).await;
    for (other, before) in others.iter().zip(before) {
        assert_eq!(sightings(other, &jane, &pending).await, before, "{}", other.handle);
    }
    assert!(!sign_in(&app, "jane", "correct horse").await.text("signIn.accessToken").is_empty());
    ben.must("acceptConnectionRequest", &pending).await;
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_an_account_requires_its_password() {
    let app = TestApp::new().await;
    let (_, client) = with_password(&app, "jane").await;
    let scopes = json!(["PROFILE_READ", "PROFILE_WRITE"]);
    let (secret, _) = key(&client, json!({ "name": "x", "scopes": scopes })).await;
    let by_key = Client::new(&client.url, Some(secret));
    let other = app.person("ann").await;
    for mutation in ["deactivateAccount", "deleteAccount"] {
        for (client, input, expected) in [
            (&client, json!({}), "REQUIRED"),
            (&client, json!({ "password": "wrong horse" }), "WRONG_PASSWORD"),
            (&by_key, json!({ "password": "correct horse" }), "NOT_FOR_KEYS"),
            (&by_key, json!({}), "NOT_FOR_KEYS"),
        ] {
            assert_eq!(refusal(&about_account(client, mutation, input.clone()).await), expected, "{mutation} {input}");
        }
        let answer = about_account(&client, mutation, json!({ "userId": other.id() })).await;
        assert_eq!(answer.code(), "FORBIDDEN", "another's account is for administrators");
        // The current role decides, also for a token that was issued to an administrator.
        let answer =
            about_account(&other.clients[0], mutation, json!({ "userId": app.known("jane").await.id() })).await;
        assert_eq!(answer.code(), "FORBIDDEN");
    }
    assert_eq!(client.ask(ME, Value::Null).await.status, 200);
    assert_eq!(app.database.number("SELECT count(*) FROM \"user\" WHERE status = 1").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_user_cannot_reactivate_their_own_account() {
    let app = TestApp::new().await;
    let ada = app.admin("ada").await;
    let (jane, client) = with_password(&app, "jane").await;
    let act =
        async |mutation: &str| refusal(&about_account(&ada.clients[0], mutation, json!({ "userId": jane.id() })).await);
    assert_eq!(act("suspendUser").await, "");
    assert_eq!(act("deactivateAccount").await, "NOT_ALLOWED", "which she could undo");
    for answer in [sign_in(&app, "jane", "correct horse").await, sign_in_again(&app, "jane", "correct horse").await] {
        assert_eq!(answer.text("signIn.userErrors.0.code"), "WRONG_PASSWORD");
    }
    assert_eq!(act("reinstateUser").await, "");
    // A deactivated account can be suspended too. Then its owner cannot reactivate it.
    assert_eq!(act("deactivateAccount").await, "");
    assert_eq!(sign_in(&app, "jane", "correct horse").await.text("signIn.userErrors.0.code"), "ACCOUNT_DEACTIVATED");
    consistency::check(&app.database).await;
    assert_eq!(act("suspendUser").await, "");
    consistency::check(&app.database).await;
    assert_eq!(sign_in_again(&app, "jane", "correct horse").await.text("signIn.userErrors.0.code"), "WRONG_PASSWORD");
    assert_eq!(act("reinstateUser").await, "");
    assert!(!sign_in(&app, "jane", "correct horse").await.text("signIn.accessToken").is_empty());
    // An administrator can also reinstate an account that an administrator deactivated.
    assert_eq!(act("deactivateAccount").await, "");
    assert_eq!(act("reinstateUser").await, "");
    assert!(!sign_in(&app, "jane", "correct horse").await.text("signIn.accessToken").is_empty());
    assert_eq!(client.ask(ME, Value::Null).await.status, 401, "what ended has ended");
    consistency::check(&app.database).await;
}

const SET_ROLE: &str = include_str!("operations/account_closure/set_role.graphql");

async fn set_role(by: &Person, whom: &Person, role: &str) -> Answer {
    by.ask(SET_ROLE, json!({ "id": whom.id(), "role": role })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_keeps_the_role() {
    let app = TestApp::new().await;
    let (ada, client) = with_password(&app, "ada").await;
    app.database.run("UPDATE \"user\" SET role = 4 WHERE handle = 'ada'").await;
    for mutation in ["deactivateAccount", "deleteAccount"] {
        let answer = about_account(&client, mutation, json!({ "password": "correct horse" })).await;
        assert_eq!(refusal(&answer), "LAST_ADMINISTRATOR", "{mutation}");
    }
    assert_eq!(refusal(&set_role(&ada, &ada, "MEMBER").await), "LAST_ADMINISTRATOR");
    let eve = app.person("eve").await;
    assert_eq!(set_role(&eve, &ada, "MEMBER").await.code(), "FORBIDDEN");
    assert_eq!(set_role(&eve, &eve, "ADMIN").await.code(), "FORBIDDEN");
    assert_eq!(set_role(&ada, &eve, "ADMIN").await.text("done.outcome"), "APPLIED");
    assert_eq!(set_role(&ada, &eve, "ADMIN").await.text("done.outcome"), "NO_CHANGE");
    assert_eq!(set_role(&ada, &ada, "MEMBER").await.text("done.user.role"), "MEMBER");
    assert_eq!(set_role(&ada, &eve, "MEMBER").await.code(), "FORBIDDEN");
    assert_eq!(refusal(&set_role(&eve, &eve, "AGENT").await), "LAST_ADMINISTRATOR");
    let signed_in = sign_in(&app, "ada", "correct horse").await;
    let client = Client::new(&client.url, Some(signed_in.text("signIn.accessToken").to_owned()));
    let answer = about_account(&client, "deleteAccount", json!({ "password": "correct horse" })).await;
    assert_eq!(refusal(&answer), "", "no longer an administrator");
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_who_remove_each_other_at_once_leave_one() {
    let app = TestApp::two().await;
    for round in 0..rounds(6).min(60) {
        app.database.run("UPDATE \"user\" SET role = 1").await;
        let [one, two, three] = [
            app.admin(&format!("one{round}")).await,
            app.admin(&format!("two{round}")).await,
            app.admin(&format!("three{round}")).await,
        ];
        let ends = ["deleteAccount", "deactivateAccount", "suspendUser", "setUserRole"];
        let act = async |by: &Person, whom: &Person, turn: usize| {
            let mutation = ends[(round + turn) % 4];
            let mut input = json!({ "userId": whom.id() });
            if mutation == "setUserRole" {
                input["role"] = json!("MEMBER");
            }
            about_account(&by.clients[turn % by.clients.len()], mutation, input).await
        };
        let done = tokio::join!(act(&one, &two, 0), act(&two, &three, 1), act(&three, &one, 2), act(&two, &one, 1));
        for answer in [done.0, done.1, done.2, done.3] {
            let known = ["", "FORBIDDEN", "UNAUTHENTICATED"].contains(&answer.code());
            assert!(known, "{}", answer.body);
        }
        let left = app.database.number("SELECT count(*) FROM \"user\" WHERE role = 4 AND status = 1").await;
        assert!(left >= 1, "round {round}");
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_an_account_closes_live_connections_on_every_instance() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    for (mutation, by_administrator) in
        [("deactivateAccount", false), ("deactivateAccount", true), ("deleteAccount", false), ("deleteAccount", true)]
    {
        let handle = format!("jane{}", if by_administrator { "2" } else { "1" });
        let handle = if mutation == "deleteAccount" { format!("{handle}d") } else { handle };
        let (jane, client) = with_password(&app, &handle).await;
        let token = client.token.clone().expected("a token");
        let live = follow_everywhere(&app, &token).await;
        let answer = match by_administrator {
            true => about_account(&ada.clients[0], mutation, json!({ "userId": jane.id() })).await,
            false => about_account(&client, mutation, json!({ "password": "correct horse" })).await,
        };
        assert_eq!(refusal(&answer), "");
        all_end(&app, mutation, &token, live).await;
    }
    // An instance that starts later refuses the ended tokens too.
    let later = crate::support::app::Instance::start(&app.database, &app.clock, &[], None).await;
    for handle in ["jane1", "jane2"] {
        app.database.run(&format!("UPDATE \"user\" SET updated_at = created_at WHERE handle = '{handle}'")).await;
    }
    let jane = sign_up(&app, "kim").await.0;
    assert_eq!(Client::new(&later.url, jane.token).ask(ME, Value::Null).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lower_role_ends_the_rights_of_the_earlier_role_at_once() {
    let app = TestApp::two().await;
    let ada = app.admin("ada").await;
    let (eve, _) = with_password(&app, "eve").await;
    set_role(&ada, &eve, "ADMIN").await.at("done");
    let signed_in = sign_in(&app, "eve", "correct horse").await;
    let (access, refresh) = (signed_in.text("signIn.accessToken"), signed_in.text("signIn.refreshToken"));
    let client = Client::new(&app.instances[0].url, Some(access.to_owned()));
    let scopes = "{ viewer { scopes } }";
    assert!(client.ask(scopes, Value::Null).await.at("viewer.scopes").to_string().contains("ADMIN"));
    let (secret, _) = key(&client, json!({ "name": "x", "scopes": ["PROFILE_READ", "CONTACTS_READ", "ADMIN"] })).await;
    let live = follow_everywhere(&app, access).await;
    set_role(&ada, &eve, "SUPERVISOR").await.at("done.user");
    all_end(&app, "a demotion", access, live).await;
    for instance in &app.instances {
        let by_key = Client::new(&instance.url, Some(secret.clone()));
        let left = by_key.ask(scopes, Value::Null).await;
        assert_eq!(left.at("viewer.scopes"), &json!(["PROFILE_READ", "CONTACTS_READ"]));
    }
    // The session continues with the scopes of the new role.
    let (client, _) = next(&app, refresh).await.expected("a refresh");
    let left = client.ask(scopes, Value::Null).await;
    assert!(!left.at("viewer.scopes").to_string().contains("ADMIN"));
    let sessions = client.ask(ME, Value::Null).await;
    let current = sessions.at("viewer.sessions").as_array().into_iter().flatten().filter(|one| one["current"] == true);
    assert_eq!(current.count(), 1);
    // A change between roles with the same scopes ends nothing.
    set_role(&ada, &eve, "AGENT").await.at("done.user");
    assert_eq!(client.ask(scopes, Value::Null).await.status, 200);
}
