//! Tests of every action in each of the nineteen states of a pair: the outcome, the code and the next state follow a
//! table.

use serde_json::{Value, json};

use crate::support::{app::TestApp, consistency, person::Person};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Connection {
    Nothing,
    Sent,
    Received,
    Connected,
}

use Connection::{Connected, Nothing, Received, Sent};

/// The state of a pair, from the acting person's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    connection: Connection,
    follows: bool,
    followed: bool,
    blocks: bool,
    blocked: bool,
}

/// Returns the 16 states without a block and the three states with one.
fn nineteen() -> Vec<State> {
    let mut states = Vec::new();
    for connection in [Nothing, Sent, Received, Connected] {
        for (follows, followed) in [(false, false), (true, false), (false, true), (true, true)] {
            states.push(State { connection, follows, followed, blocks: false, blocked: false });
        }
    }
    for (blocks, blocked) in [(true, false), (false, true), (true, true)] {
        states.push(State { connection: Nothing, follows: false, followed: false, blocks, blocked });
    }
    states
}

const ACTIONS: [&str; 10] = [
    "requestConnection",
    "withdrawConnectionRequest",
    "acceptConnectionRequest",
    "ignoreConnectionRequest",
    "disconnect",
    "followUser",
    "unfollowUser",
    "removeFollower",
    "blockUser",
    "unblockUser",
];

/// Returns the outcome of an action in a state, and the next state.
fn table(action: &str, before: State) -> (&'static str, State) {
    let after = |change: fn(&mut State)| {
        let mut after = before;
        change(&mut after);
        let outcome = if after == before { "NO_CHANGE" } else { "APPLIED" };
        (outcome, after)
    };
    let refused = |code| (code, before);
    match action {
        "requestConnection" => match before {
            State { blocks: true, .. } => refused("BLOCKED_BY_VIEWER"),
            State { blocked: true, .. } => refused("REQUESTS_DISABLED"),
            State { connection: Nothing, .. } => after(|state| state.connection = Sent),
            State { connection: Received, .. } => {
                ("CONNECTED_BY_MUTUAL_REQUEST", after(|state| state.connection = Connected).1)
            }
            _ => after(|_| {}),
        },
        "withdrawConnectionRequest" => match before {
            // A request that the other's block closed still looks pending, so it can be withdrawn.
            State { blocks: false, blocked: true, .. } => ("APPLIED", before),
            State { connection: Nothing, .. } => after(|_| {}),
            State { connection: Sent, .. } => after(|state| state.connection = Nothing),
            State { connection: Received, .. } => refused("NOT_REQUESTER"),
            State { connection: Connected, .. } => refused("NOT_PENDING"),
        },
        "acceptConnectionRequest" => match before.connection {
            Nothing => refused("NOT_PENDING"),
            Sent => refused("NOT_RECIPIENT"),
            Received => after(|state| state.connection = Connected),
            Connected => after(|_| {}),
        },
        "ignoreConnectionRequest" => match before {
            State { blocks: true, .. } | State { blocked: true, .. } => refused("NOT_PENDING"),
            // The request was ignored before.
            State { connection: Nothing, .. } => after(|_| {}),
            State { connection: Sent, .. } => refused("NOT_RECIPIENT"),
            State { connection: Received, .. } => after(|state| state.connection = Nothing),
            State { connection: Connected, .. } => refused("NOT_PENDING"),
        },
        "disconnect" if before.connection == Connected => after(|state| state.connection = Nothing),
        "followUser" if before.blocks => refused("BLOCKED_BY_VIEWER"),
        "followUser" if before.blocked => refused("NOT_ALLOWED"),
        "followUser" => after(|state| state.follows = true),
        "unfollowUser" => after(|state| state.follows = false),
        "removeFollower" => after(|state| state.followed = false),
        "blockUser" => after(|state| {
            *state =
                State { connection: Nothing, follows: false, followed: false, blocks: true, blocked: state.blocked };
        }),
        "unblockUser" => after(|state| state.blocks = false),
        _ => after(|_| {}),
    }
}

/// Brings two strangers into a state. Returns the id of the request that the action is about.
async fn bring(me: &Person, other: &Person, state: State, action: &str) -> String {
    let withdrawing = action == "withdrawConnectionRequest";
    let about_request = withdrawing || action == "acceptConnectionRequest" || action == "ignoreConnectionRequest";
    let mut request = String::new();
    match state.connection {
        Sent => request = me.asks(other).await,
        Received => request = other.asks(me).await,
        Connected => {
            let (from, to) = if withdrawing { (me, other) } else { (other, me) };
            request = from.asks(to).await;
            to.must("acceptConnectionRequest", &request).await;
        }
        Nothing if about_request && !(state.blocks || state.blocked) => {
            let (from, to) = if withdrawing { (me, other) } else { (other, me) };
            request = from.asks(to).await;
            match action {
                "ignoreConnectionRequest" => drop(to.must("ignoreConnectionRequest", &request).await),
                _ => drop(from.must("withdrawConnectionRequest", &request).await),
            }
        }
        // The block will close this request.
        Nothing if about_request => request = if withdrawing { me.asks(other).await } else { other.asks(me).await },
        Nothing => {}
    }
    if state.follows {
        me.must("followUser", &other.id()).await;
    }
    if state.followed {
        other.must("followUser", &me.id()).await;
    }
    if state.blocked {
        other.must("blockUser", &me.id()).await;
    }
    if state.blocks {
        me.must("blockUser", &other.id()).await;
    }
    request
}

async fn assert_state(me: &Person, other: &Person, state: State, what: &str) {
    let seen = |value: &Value| {
        (
            value["connection"].as_str().unwrap_or_default().to_owned(),
            value["following"].as_bool(),
            value["followedBy"].as_bool(),
            value["blocking"].as_bool(),
        )
    };
    let name = |connection| match connection {
        Nothing => "NONE",
        Sent => "REQUEST_SENT",
        Received => "REQUEST_RECEIVED",
        Connected => "CONNECTED",
    };
    let mirrored = match state.connection {
        Sent => Received,
        Received => Sent,
        same => same,
    };
    let mine = seen(&me.relationship(other).await);
    let theirs = seen(&other.relationship(me).await);
    // A person with a hidden refusal still sees the request as sent.
    let expected = |connection, follows, followed, blocks, seen: &(String, _, _, _)| {
        let shown = if connection == Nothing && seen.0 == "REQUEST_SENT" { "REQUEST_SENT" } else { name(connection) };
        (shown.to_owned(), Some(follows), Some(followed), Some(blocks))
    };
    assert_eq!(mine, expected(state.connection, state.follows, state.followed, state.blocks, &mine), "{what}, mine");
    assert_eq!(theirs, expected(mirrored, state.followed, state.follows, state.blocked, &theirs), "{what}, theirs");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_in_every_state_does_what_the_table_says() {
    let app = TestApp::two().await;
    let states = nineteen();
    assert_eq!(states.len(), 19);
    for (number, action) in ACTIONS.into_iter().enumerate() {
        for (index, state) in states.iter().enumerate() {
            // Tests both orders of the ids in the pair's row.
            let [first, second] = app.people([&format!("a{number}.{index}"), &format!("b{number}.{index}")]).await;
            let (me, other) = if (number + index) % 2 == 0 { (&first, &second) } else { (&second, &first) };
            let request = bring(me, other, *state, action).await;
            let (said, after) = table(action, *state);
            let id = if action.ends_with("Request") { request.clone() } else { other.id() };
            let answer = me.does_on(index, action, &id).await;
            let what = format!("{action} in {state:?}");
            assert_eq!(answer.said(), said, "{what}");
            assert_eq!(answer.code.is_some(), answer.outcome == "REFUSED", "{what}");
            assert_state(me, other, after, &what).await;
            // A repeated action changes nothing.
            if said == "APPLIED" && action != "acceptConnectionRequest" {
                assert_eq!(me.does(action, &id).await.said(), "NO_CHANGE", "{what}, again");
            }
        }
    }
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn available_actions_are_those_that_would_change_something() {
    let app = TestApp::new().await;
    let shown = [
        ("REQUEST_CONNECTION", "requestConnection"),
        ("WITHDRAW_REQUEST", "withdrawConnectionRequest"),
        ("ACCEPT_REQUEST", "acceptConnectionRequest"),
        ("IGNORE_REQUEST", "ignoreConnectionRequest"),
        ("DISCONNECT", "disconnect"),
        ("FOLLOW", "followUser"),
        ("UNFOLLOW", "unfollowUser"),
        ("REMOVE_FOLLOWER", "removeFollower"),
        ("BLOCK", "blockUser"),
        ("UNBLOCK", "unblockUser"),
    ];
    for (index, state) in nineteen().into_iter().enumerate() {
        let [me, other] = app.people([&format!("a{index}"), &format!("b{index}")]).await;
        bring(&me, &other, state, "none").await;
        let relationship = me.relationship(&other).await;
        let actions: Vec<&str> =
            relationship["availableActions"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (action, verb) in shown {
            let expected = match verb {
                // Actions about a request are available only while one is pending.
                "withdrawConnectionRequest" => state.connection == Sent,
                "acceptConnectionRequest" | "ignoreConnectionRequest" => state.connection == Received,
                // The recipient of a request accepts it instead.
                "requestConnection" if state.connection == Received => false,
                _ => table(verb, state).0 == "APPLIED",
            };
            assert_eq!(actions.contains(&action), expected, "{action} in {state:?}: {actions:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_action_targets_oneself_or_an_unknown_user() {
    let app = TestApp::new().await;
    let [ann, ben] = app.people(["ann", "ben"]).await;
    for verb in crate::support::person::ABOUT_A_USER {
        assert_eq!(ann.does(verb, &ann.id()).await.said(), "CANNOT_TARGET_SELF", "{verb}");
        let nobody = ann.id().replace("user_0", "user_7");
        for id in [nobody.as_str(), "", "user_", "request_01m7xnbjqae3s9dcdjf0qgrmxr", "\u{1}", "☃"] {
            let action = ann.does(verb, id).await;
            assert_eq!(action.said(), "NOT_FOUND", "{verb} {id:?}");
        }
    }
    let request = ann.asks(&ben).await;
    let cem = app.person("cem").await;
    for verb in crate::support::person::ABOUT_A_REQUEST {
        assert_eq!(cem.does(verb, &request).await.said(), "NOT_FOUND", "{verb} of others");
        assert_eq!(cem.does(verb, "nonsense").await.said(), "NOT_FOUND", "{verb} of nothing");
    }
    let field = ann
        .ask(
            "mutation($id: ID!) { followUser(input: { userId: $id }) { userErrors { field } } }",
            json!({ "id": ann.id() }),
        )
        .await;
    assert_eq!(field.at("followUser.userErrors.0.field"), &json!(["input", "userId"]));
}
