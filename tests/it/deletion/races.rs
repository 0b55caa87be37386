//! Tests of calls that race with the deletion of an account: none restores data of the person.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{MAY_NAME, delete, names};
use crate::support::accounts::{sign_in, with_password};
use crate::support::{app::TestApp, consistency, rounds};

/// Every call about a person who is being deleted, or by that person.
const RACERS: [&str; 10] = [
    "requestConnection",
    "followUser",
    "blockUser",
    "acceptConnectionRequest",
    "withdrawConnectionRequest",
    "bulk",
    "post",
    "note",
    "signIn",
    "preferences",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_concurrent_call_restores_data_of_a_deleted_user() {
    let app = Arc::new(TestApp::two().await);
    let ben = app.person("ben").await;
    for round in 0..rounds(2) {
        for (number, racer) in RACERS.into_iter().enumerate() {
            let (jane, client) = with_password(&app, &format!("jane{round}.{number}")).await;
            let ann = app.person(&format!("ann{round}.{number}")).await;
            let request = match racer {
                "acceptConnectionRequest" => jane.asks(&ann).await,
                "withdrawConnectionRequest" => ann.asks(&jane).await,
                _ => String::new(),
            };
            let on = (round + number + 1) % app.instances.len();
            let act = async {
                let (by_ann, by_jane) = (&ann.clients[on], &jane.clients[on]);
                let id = json!({ "id": jane.id(), "ids": [ben.id(), jane.id()] });
                let body = match racer {
                    "bulk" => {
                        let query = "mutation($ids: [ID!]!) { updateContacts(input: { action: FOLLOW, userIds: $ids }) \
                                     { userErrors { code } } }";
                        by_ann.ask(query, id).await.body
                    }
                    "post" => {
                        let query = "mutation { postStatus(input: { text: \"here\" }) { userErrors { code } } }";
                        by_jane.ask(query, Value::Null).await.body
                    }
                    "note" => {
                        let query = "mutation($id: ID!) { saveNote(input: { userId: $id, text: \"x\" }) { outcome } }";
                        by_ann.ask(query, id).await.body
                    }
                    "preferences" => {
                        let query = "mutation { updateNotificationPreferences(input: { preferences: [{ kind: FOLLOWED, \
                                     inApp: false }] }) { userErrors { code } } }";
                        by_jane.ask(query, Value::Null).await.body
                    }
                    "signIn" => sign_in(&app, &jane.handle, "correct horse").await.body,
                    verb => {
                        let id = if verb.ends_with("Request") { request.clone() } else { jane.id() };
                        ann.does_on(on, verb, &id).await;
                        Value::Null
                    }
                };
                let code = body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
                assert!(["", "UNAUTHENTICATED"].contains(&code), "{racer}: {body}");
            };
            let ((), ()) = tokio::join!(act, delete(&client));
            let left = names(&app, jane.id.0).await;
            assert!(left.iter().all(|column| MAY_NAME[..6].contains(&column.as_str())), "{racer}: {left:?}");
        }
        consistency::check(&app.database).await;
    }
}
