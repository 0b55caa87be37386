//! The log of a queue, and the order in which its tasks were offered.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Expected as _, database::TestDatabase};

/// Returns the log of a queue: every task that entered or left, in order.
pub async fn log_of(database: &TestDatabase, queue: uuid::Uuid) -> Vec<(String, Value)> {
    let sql = format!(
        "SELECT e.kind || ' ' || CAST(e.payload AS text) FROM event_entry n JOIN event e ON e.number = n.event_number \
         WHERE n.stream_kind = 9 AND n.owner_id = {} ORDER BY n.sequence",
        database.literal(queue)
    );
    let split = |line: String| {
        let (kind, payload) = line.split_once(' ').expected("kind and payload");
        (kind.to_owned(), serde_json::from_str(payload).expected("JSON"))
    };
    database.texts(&sql).await.into_iter().map(split).collect()
}

/// Checks that no task was offered while another task of the queue was ahead of it. Returns the number of offers.
pub async fn nobody_was_passed(database: &TestDatabase, queue: uuid::Uuid) -> usize {
    let mut waiting: BTreeSet<(i64, String, String)> = BTreeSet::new();
    // A transferred task may be overtaken, because it is not offered to the agent who transferred it.
    let mut handed_over = BTreeSet::new();
    let mut offered = 0;
    for (kind, task) in log_of(database, queue).await {
        let text = |field: &str| task[field].as_str().unwrap_or_default().to_owned();
        let place = (task["priority"].as_i64().unwrap_or_default(), text("enqueued_at"), text("id"));
        if kind == "task_queued" {
            if text("enqueued_at") != text("received_at") {
                handed_over.insert(text("id"));
            }
            waiting.insert(place);
            continue;
        }
        if kind == "task_dequeued" && task["status"] == "OFFERED" {
            let first = waiting.iter().find(|one| **one == place || !handed_over.contains(&one.2));
            assert_eq!(first, Some(&place), "passed");
            offered += 1;
        }
        // A task without a wait was transferred between agents or is in a live conversation.
        assert!(waiting.remove(&place) || kind != "task_dequeued", "it did not wait: {task}");
    }
    offered
}
