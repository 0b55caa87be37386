//! Tests of two calls at the same moment. In any order the state is legal, both calls get an answer, and each event
//! exists once. On PostgreSQL the calls use different instances.

use std::sync::Arc;

use crate::support::{app::TestApp, consistency, person::Person, rounds};

/// The caller in a race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Ann,
    Ben,
}

/// The state before a race.
#[derive(Clone, Copy, Debug)]
enum Before {
    Strangers,
    /// Ann has sent a request to Ben.
    Asked,
    Connected,
    /// Ben has ignored Ann's request.
    Ignored,
    AnnBlocks,
    AnnFollows,
}

struct Race {
    before: Before,
    one: (Who, &'static str),
    other: (Who, &'static str),
    /// The allowed outcomes of the first and the second call. Any outcome is allowed when the list is empty.
    allowed: &'static [(&'static str, &'static str)],
}

use Before::{AnnBlocks, AnnFollows, Asked, Connected, Ignored, Strangers};
use Who::{Ann, Ben};

const APPLIED: &str = "APPLIED";
const SAME: &str = "NO_CHANGE";
const MUTUAL: &str = "CONNECTED_BY_MUTUAL_REQUEST";
const GONE: &str = "NOT_PENDING";

const fn race(
    before: Before,
    one: (Who, &'static str),
    other: (Who, &'static str),
    allowed: &'static [(&'static str, &'static str)],
) -> Race {
    Race { before, one, other, allowed }
}

const RACES: &[Race] = &[
    race(Strangers, (Ann, "requestConnection"), (Ben, "requestConnection"), &[(APPLIED, MUTUAL), (MUTUAL, APPLIED)]),
    race(Strangers, (Ann, "requestConnection"), (Ann, "requestConnection"), &[(APPLIED, SAME), (SAME, APPLIED)]),
    race(
        Strangers,
        (Ann, "requestConnection"),
        (Ben, "blockUser"),
        &[(APPLIED, APPLIED), ("REQUESTS_DISABLED", APPLIED)],
    ),
    race(
        Strangers,
        (Ann, "requestConnection"),
        (Ann, "blockUser"),
        &[(APPLIED, APPLIED), ("BLOCKED_BY_VIEWER", APPLIED)],
    ),
    race(Asked, (Ben, "acceptConnectionRequest"), (Ben, "blockUser"), &[(APPLIED, APPLIED), (GONE, APPLIED)]),
    race(Asked, (Ben, "acceptConnectionRequest"), (Ann, "blockUser"), &[(APPLIED, APPLIED), (GONE, APPLIED)]),
    race(
        Asked,
        (Ben, "acceptConnectionRequest"),
        (Ben, "acceptConnectionRequest"),
        &[(APPLIED, SAME), (SAME, APPLIED)],
    ),
    race(
        Asked,
        (Ben, "acceptConnectionRequest"),
        (Ann, "withdrawConnectionRequest"),
        &[(APPLIED, GONE), (GONE, APPLIED)],
    ),
    race(
        Asked,
        (Ben, "acceptConnectionRequest"),
        (Ben, "ignoreConnectionRequest"),
        &[(APPLIED, GONE), (GONE, APPLIED)],
    ),
    race(
        Asked,
        (Ben, "ignoreConnectionRequest"),
        (Ann, "withdrawConnectionRequest"),
        &[(APPLIED, APPLIED), (GONE, APPLIED)],
    ),
    race(Asked, (Ben, "requestConnection"), (Ann, "withdrawConnectionRequest"), &[(MUTUAL, GONE), (APPLIED, APPLIED)]),
    race(Strangers, (Ann, "blockUser"), (Ben, "blockUser"), &[(APPLIED, APPLIED)]),
    race(AnnBlocks, (Ben, "blockUser"), (Ann, "unblockUser"), &[(APPLIED, APPLIED)]),
    race(Strangers, (Ann, "followUser"), (Ben, "blockUser"), &[(APPLIED, APPLIED), ("NOT_ALLOWED", APPLIED)]),
    race(Strangers, (Ann, "followUser"), (Ben, "followUser"), &[(APPLIED, APPLIED)]),
    race(AnnFollows, (Ann, "unfollowUser"), (Ben, "blockUser"), &[(APPLIED, APPLIED), (SAME, APPLIED)]),
    race(AnnFollows, (Ann, "unfollowUser"), (Ben, "removeFollower"), &[(APPLIED, SAME), (SAME, APPLIED)]),
    race(Connected, (Ann, "disconnect"), (Ben, "disconnect"), &[(APPLIED, SAME), (SAME, APPLIED)]),
    race(Connected, (Ann, "disconnect"), (Ben, "requestConnection"), &[(APPLIED, SAME), (APPLIED, APPLIED)]),
    race(Ignored, (Ann, "requestConnection"), (Ben, "requestConnection"), &[(SAME, APPLIED), (MUTUAL, APPLIED)]),
    race(
        Ignored,
        (Ann, "withdrawConnectionRequest"),
        (Ben, "requestConnection"),
        &[(APPLIED, APPLIED), (SAME, APPLIED)],
    ),
    race(
        Ignored,
        (Ann, "requestConnection"),
        (Ann, "withdrawConnectionRequest"),
        &[(SAME, APPLIED), ("REQUEST_COOLDOWN", APPLIED)],
    ),
];

async fn prepare(before: Before, ann: &Person, ben: &Person) -> String {
    match before {
        Strangers => String::new(),
        Asked => ann.asks(ben).await,
        Connected | Ignored => {
            let request = ann.asks(ben).await;
            let verb = if matches!(before, Connected) { "acceptConnectionRequest" } else { "ignoreConnectionRequest" };
            ben.must(verb, &request).await;
            request
        }
        AnnBlocks => {
            ann.must("blockUser", &ben.id()).await;
            String::new()
        }
        AnnFollows => {
            ann.must("followUser", &ben.id()).await;
            String::new()
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_race_ends_in_a_legal_state_with_two_answers() {
    let app = Arc::new(TestApp::two().await);
    for round in 0..rounds(3) {
        for (number, race) in RACES.iter().enumerate() {
            let [first, second] = app.people([&format!("a{round}.{number}"), &format!("b{round}.{number}")]).await;
            let (ann, ben) = if round % 2 == 0 { (&first, &second) } else { (&second, &first) };
            let request = prepare(race.before, ann, ben).await;
            let act = async |(who, verb): (Who, &'static str), instance| {
                let (me, them) = if who == Ann { (ann, ben) } else { (ben, ann) };
                let id = if verb.ends_with("Request") { request.clone() } else { them.id() };
                me.does_on(instance, verb, &id).await
            };
            let (one, other) = tokio::join!(act(race.one, round), act(race.other, round + 1));
            let said = (one.said(), other.said());
            assert!(race.allowed.contains(&said), "{:?} {:?} ∥ {:?}: {said:?}", race.before, race.one, race.other);
        }
        consistency::check(&app.database).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_concurrent_calls_about_one_person_cause_no_deadlock_and_no_contradiction() {
    let app = Arc::new(TestApp::two().await);
    let verbs = [
        "requestConnection",
        "followUser",
        "unfollowUser",
        "blockUser",
        "unblockUser",
        "disconnect",
        "removeFollower",
        "requestConnection",
        "followUser",
        "requestConnection",
    ];
    let mut people = Vec::new();
    for number in 0..6 {
        people.push(app.person(&format!("p{number}")).await);
    }
    let people = Arc::new(people);
    let tasks: Vec<_> = (0..12)
        .map(|worker| {
            let people = Arc::clone(&people);
            tokio::spawn(async move {
                let mut chance = crate::support::random::Chance::seeded(worker);
                for turn in 0..20 {
                    let me = chance.below(people.len());
                    let them = (me + 1 + chance.below(people.len() - 1)) % people.len();
                    let verb = *chance.pick(&verbs);
                    // `does` fails on any error. Refusals are allowed.
                    people[me].does_on(turn, verb, &people[them].id()).await;
                }
            })
        })
        .collect();
    for task in tasks {
        assert!(task.await.is_ok());
    }
    consistency::check(&app.database).await;
}
