//! Tests of the deletion of people with few and with thousands of relationships.

use uuid::Uuid;

use super::{bytes, delete};
use crate::support::accounts::with_password;
use crate::support::{app::TestApp, consistency};

#[tokio::test(flavor = "multi_thread")]
async fn deletion_takes_no_more_statements_for_many_relationships_than_for_few() {
    let app = TestApp::new().await;
    let mut taken = Vec::new();
    for (round, many) in [3, 40].into_iter().enumerate() {
        let (jane, client) = with_password(&app, &format!("jane{round}")).await;
        for number in 0..many {
            let other = app.person(&format!("other{round}.{number}")).await;
            other.must("followUser", &jane.id()).await;
            let request = other.asks(&jane).await;
            if number % 2 == 0 {
                jane.must("acceptConnectionRequest", &request).await;
            }
        }
        app.statements();
        delete(&client).await;
        taken.push(app.statements().len());
    }
    assert!(taken[1] <= taken[0] + 3, "{taken:?}");
    consistency::check(&app.database).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_with_3000_relationships_is_deleted_in_one_call() {
    const MANY: u128 = 3_000;
    let app = TestApp::new().await;
    let (jane, client) = with_password(&app, "jane").await;
    let (id, now) = (app.database.literal(jane.id.0), "'2026-01-01 00:00:00+00:00'");
    let mut rows = [const { Vec::new() }; 5];
    for number in 0..MANY {
        let other = app.database.literal(Uuid::from_u128(number + 1));
        let (key, made) = (bytes(&app), format!("'other{number}', 'Other', 1, 1, 1, 1, {}, {now}, {now}", bytes(&app)));
        rows[0].push(format!("({other}, {made})"));
        rows[1].push(format!("({other}, {id}, 3, NULL, true, true, false, false, 0, 0, {now})"));
        for list in 1..=3 {
            rows[2].push(format!("({other}, {list}, (SELECT name_key FROM \"user\" WHERE id = {id}), {id}, {now})"));
            rows[2].push(format!("({id}, {list}, {key}, {other}, {now})"));
        }
        rows[3].push(format!("({other}, 2, {other}, {id}, false, {now})"));
        rows[4].push(format!("({other}, {other}, {id}, false), ({id}, {other}, {other}, false)"));
    }
    let tables = [
        "\"user\" (id, handle, display_name, role, status, who_may_request_connection, who_may_follow, name_key, created_at, updated_at)",
        "relationship (lo, hi, connection, request_id, lo_follows, hi_follows, lo_blocks, hi_blocks, lo_mutes, hi_mutes, updated_at)",
        "contact (owner_id, list, name_key, user_id, since)",
        "activity (id, kind, actor_id, subject_id, connections_only, created_at)",
        "activity_author (user_id, activity_id, other_id, connections_only)",
    ];
    for (table, rows) in tables.iter().zip(&rows) {
        for some in rows.chunks(500) {
            app.database.run(&format!("INSERT INTO {table} VALUES {}", some.join(", "))).await;
        }
    }
    let newest = "INSERT INTO latest_activity (user_id, activity_id, other_id, connections_only)";
    app.database.run(&format!("{newest} SELECT id, id, {id}, false FROM \"user\" WHERE id <> {id}")).await;
    app.database.run(&format!("UPDATE directory_count SET people = people + {MANY}")).await;
    app.database
        .run(&format!(
            "INSERT INTO notification (id, user_id, kind, actor_id, created_at) \
        SELECT id, id, 3, {id}, {now} FROM \"user\" WHERE id <> {id}"
        ))
        .await;
    delete(&client).await;
    assert_eq!(app.database.number("SELECT count(*) FROM relationship").await, 0);
    assert_eq!(app.database.number("SELECT count(*) FROM event WHERE kind = 'notifications_removed'").await, 3_000);
    assert_eq!(app.database.number("SELECT count(*) FROM event WHERE kind = 'activity_removed'").await, 3_000);
    consistency::check(&app.database).await;
}
