//! Sign-ups, sign-ins, tokens and keys, and calls about accounts.

use api::{accounts::account_status, users::people};
use entity::user::UserStatus;
use serde_json::{Value, json};

use super::{
    Expected as _,
    app::TestApp,
    graphql::{Answer, Client},
    person::Person,
};

pub const SIGN_UP: &str = include_str!("../operations/support/accounts/sign_up.graphql");

pub const SIGN_IN: &str = include_str!("../operations/support/accounts/sign_in.graphql");

pub const REFRESH: &str = include_str!("../operations/support/accounts/refresh.graphql");

pub const CREATE_KEY: &str = include_str!("../operations/support/accounts/create_key.graphql");

pub const ME: &str = "{ viewer { user { handle } sessions { id current userAgent } } }";

pub async fn sign_up(app: &TestApp, handle: &str) -> (Client, String) {
    let input = json!({ "handle": handle, "password": "correct horse", "displayName": handle });
    let answer = app.anonymous().ask(SIGN_UP, json!({ "input": input })).await;
    let client = Client::new(&app.instances[0].url, Some(answer.text("signUp.accessToken").to_owned()));
    (client, answer.text("signUp.refreshToken").to_owned())
}

pub async fn sign_in(app: &TestApp, handle: &str, password: &str) -> Answer {
    let input = json!({ "handle": handle, "password": password });
    app.anonymous().ask(SIGN_IN, json!({ "input": input })).await
}

/// Exchanges a refresh token. Returns the new client with its refresh token, or the code of the refusal.
pub async fn next(app: &TestApp, token: &str) -> Result<(Client, String), String> {
    let answer = app.anonymous().ask(REFRESH, json!({ "token": token })).await;
    if answer.body["data"]["refreshSession"]["accessToken"].is_null() {
        return Err(answer.text("refreshSession.userErrors.0.code").to_owned());
    }
    let client = Client::new(&app.instances[0].url, Some(answer.text("refreshSession.accessToken").to_owned()));
    Ok((client, answer.text("refreshSession.refreshToken").to_owned()))
}

/// Creates an API key. Returns its secret and its id.
pub async fn key(client: &Client, input: Value) -> (String, String) {
    let answer = client.ask(CREATE_KEY, json!({ "input": input })).await;
    (answer.text("createApiKey.secret").to_owned(), answer.text("createApiKey.apiKey.id").to_owned())
}

/// Calls a mutation about the caller's own account or about another user's account.
pub async fn about_account(client: &Client, mutation: &str, input: Value) -> Answer {
    let kind = format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]);
    let query = format!(
        "mutation($input: {kind}!) {{ done: {mutation}(input: $input) {{ __typename userErrors {{ code field }} }} }}"
    );
    client.ask(&query, json!({ "input": input })).await
}

/// Returns the code of the refusal, or an empty string.
pub fn refusal(answer: &Answer) -> String {
    answer.at("done")["userErrors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

/// Signs up a person with the password `correct horse`. Returns the person and the client that signed up.
pub async fn with_password(app: &TestApp, handle: &str) -> (Person, Client) {
    let (client, _) = sign_up(app, handle).await;
    (app.known(handle).await, client)
}

/// Sets the status of an account, with all that follows from it.
pub async fn set_status(app: &TestApp, handle: &str, status: UserStatus) {
    let id = app.known(handle).await.id;
    let changed = app.app().transaction(|tx| {
        Box::pin(async move {
            let mut person = people::lock_any(tx, id).await?.expected("the person");
            account_status::set_status(tx, &mut person, status).await
        })
    });
    changed.await.expected("the status");
}
