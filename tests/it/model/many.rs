//! Tests of many concurrent actors. Afterwards the rows and the log must satisfy all invariants.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use api::routing::background;
use serde_json::Value;

use super::Both;
use crate::support::{Expected as _, eventually, random::Chance, rounds};
use crate::support::{consistency, queue_log::nobody_was_passed};

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_actors_give_no_task_two_owners_overtake_nobody_and_strand_no_task() {
    let steps = rounds(240);
    let both = Both::new(12, 43).await;
    for instance in &both.app.instances {
        tokio::spawn(background::run(instance.app.clone()));
    }
    let both = Arc::new(both);
    let done = Arc::new(AtomicUsize::new(0));
    let actors = (0..12).map(|actor| {
        let (both, done) = (Arc::clone(&both), Arc::clone(&done));
        tokio::spawn(async move {
            let mut chance = Chance::seeded(actor as u64);
            let mut mine: BTreeMap<String, String> = BTreeMap::new();
            while done.fetch_add(1, Ordering::Relaxed) < steps {
                act(&both, actor, &mut chance, &mut mine).await;
            }
        })
    });
    for actor in actors.collect::<Vec<_>>() {
        actor.await.expected("an actor");
    }
    // Finally every waiting task is offered to an available agent, except to agents who transferred it and have not
    // wrapped it up.
    for person in &both.people {
        person.turns("AVAILABLE").await;
    }
    let stuck = "SELECT count(*) FROM task t WHERE t.status = 1 AND EXISTS (SELECT 1 FROM queue_member m JOIN agent a \
                 ON a.user_id = m.agent_id WHERE m.queue_id = t.queue_id AND (a.offerable_channels & (1 << t.channel)) <> 0 \
                 AND NOT EXISTS (SELECT 1 FROM assignment s WHERE s.task_id = t.id AND s.agent_id = a.user_id))";
    eventually("nothing waits for who is free", || async { both.app.database.number(stuck).await == 0 }).await;
    consistency::check(&both.app.database).await;
    assert!(nobody_was_passed(&both.app.database, both.queue_setups[0].queue.id.0).await > 0);
}

/// Performs one action among many concurrent ones. It may be refused, but must not fail.
async fn act(both: &Both, actor: usize, chance: &mut Chance, mine: &mut BTreeMap<String, String>) {
    let person = &both.people[actor];
    match chance.below(12) {
        0..=2 => {
            let name = format!("{actor} {}", chance.below(1 << 30));
            both.app.arrives_at(actor, &both.queue_setups[0], &name, *chance.pick(&[1, 10])).await;
        }
        3 => both.app.clock.advance(chrono::Duration::seconds(*chance.pick(&[1, 5, 31]))),
        4 => drop(person.turns(["IDLE", "AVAILABLE", "AVAILABLE", "OFFLINE"][chance.below(4)]).await),
        5..=7 => {
            let desk = person.desk().await;
            for offer in desk["offers"].as_array().into_iter().flatten() {
                let id = offer["id"].as_str().unwrap_or_default();
                match chance.below(4) {
                    0 => drop(person.declines(id).await),
                    1 => {}
                    _ => drop(person.accepts_on(chance.below(2), id).await),
                }
            }
            for task in desk["tasks"].as_array().into_iter().flatten() {
                remember(mine, task);
            }
        }
        8..=9 => {
            for task in mine.keys() {
                let other = both.people[chance.below(both.people.len())].as_target();
                match chance.below(8) {
                    0 => {
                        person
                            .directs_on(actor, "transferTask", task, both.queue_setups[chance.below(2)].as_target())
                            .await
                    }
                    1 => person.directs_on(actor, "transferTask", task, other).await,
                    2..=3 => person.directs_on(actor, "requestConference", task, other).await,
                    4 => person.confers_on(actor, "cancelConference", task).await,
                    5 => person.confers_on(actor, "exitConference", task).await,
                    6 => person.confers_on(actor, "removeFromConference", task).await,
                    _ => person.confers_on(actor, "endConference", task).await,
                };
            }
        }
        _ => {
            for (task, conversation) in std::mem::take(mine) {
                person.ends_with(&conversation, true).await;
                person.wraps_up(&task).await;
            }
        }
    }
}

fn remember(mine: &mut BTreeMap<String, String>, task: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    mine.insert(text(&task["id"]), text(&task["conversation"]["id"]));
}
