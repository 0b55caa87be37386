//! Random steps on a floor of agents, checked after each against a model that is written from the rules alone; and the same
//! by many at once, checked from the rows and the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use api::{
    agents::{endings, workers},
    auth::viewer::{Caller, VisitorViewer},
};
use entity::{
    channel::Channel,
    id::{CustomerId, UserId, VisitorTokenId},
};
use serde_json::Value;

use crate::{
    routing::{nobody_was_passed, nothing_contradicts_itself},
    support::{
        Expected as _,
        app::TestApp,
        chance::Chance,
        desk::{Arrival, Floor},
        eventually,
        person::Person,
        rounds,
    },
};

/// What an agent of the floor holds at most, and how long they may take to accept.
const CAPACITY: usize = 3;
const OFFER_MILLIS: i64 = 30_000;
/// How many queues there are, each of a channel of its own.
const QUEUES: usize = 2;
/// Nobody comes while so many wait.
const MOST_WAITING: usize = 1_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Offline,
    Available,
    Idle,
    Rona,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stand {
    Queued,
    Offered { agent: usize, expires: i64 },
    Connected { agent: usize },
    WrapUp { agent: usize },
    Over,
}

struct Agent {
    id: UserId,
    state: State,
    free_since: i64,
    held: BTreeSet<usize>,
}

struct Task {
    arrival: Arrival,
    queue: usize,
    priority: i16,
    since: i64,
    stand: Stand,
}

/// The floor as the rules say it must be.
struct Model {
    now: i64,
    agents: Vec<Agent>,
    tasks: Vec<Task>,
    /// The tasks that are not over.
    live: BTreeSet<usize>,
}

impl Model {
    /// Whether an agent serves a queue: all serve the first, every second one the other.
    fn serves(agent: usize, queue: usize) -> bool {
        queue == 0 || agent.is_multiple_of(2)
    }

    /// Whether an agent may be offered a task of a queue now.
    fn is_free(&self, agent: usize, queue: usize) -> bool {
        let held = self.agents[agent].held.iter().filter(|held| self.tasks[**held].queue == queue).count();
        self.agents[agent].state == State::Available && Self::serves(agent, queue) && held < CAPACITY
    }

    /// Offers whatever can be offered, in the order of the tasks.
    fn route(&mut self) {
        // Of each queue those who are free for it, who has waited longest first.
        let mut free: [BTreeSet<(i64, UserId, usize)>; QUEUES] = std::array::from_fn(|queue| {
            let agents = self.agents.iter().enumerate().filter(|(index, _)| self.is_free(*index, queue));
            agents.map(|(index, agent)| (agent.free_since, agent.id, index)).collect()
        });
        if free.iter().all(BTreeSet::is_empty) {
            return;
        }
        let mut waiting: Vec<usize> =
            self.live.iter().copied().filter(|task| self.tasks[*task].stand == Stand::Queued).collect();
        waiting.sort_by_key(|task| (self.tasks[*task].priority, self.tasks[*task].since, *task));
        for task in waiting {
            let Some(first) = free[self.tasks[task].queue].first().copied() else { continue };
            let (_, id, chosen) = first;
            let expires = self.now + OFFER_MILLIS;
            self.tasks[task].stand = Stand::Offered { agent: chosen, expires };
            self.agents[chosen].held.insert(task);
            self.agents[chosen].free_since = self.now;
            for (queue, agents) in free.iter_mut().enumerate() {
                agents.remove(&first);
                if self.is_free(chosen, queue) {
                    agents.insert((self.now, id, chosen));
                }
            }
        }
    }

    fn release(&mut self, agent: usize, task: usize) {
        self.agents[agent].held.remove(&task);
        self.agents[agent].free_since = self.now;
    }

    fn over(&mut self, task: usize) {
        self.tasks[task].stand = Stand::Over;
        self.live.remove(&task);
    }

    fn expire(&mut self) {
        for task in self.live.clone() {
            if let Stand::Offered { agent, expires } = self.tasks[task].stand
                && expires <= self.now
            {
                self.release(agent, task);
                self.agents[agent].state = State::Rona;
                self.tasks[task].stand = Stand::Queued;
            }
        }
    }
}

/// The product and the model, side by side.
struct Both {
    app: TestApp,
    people: Vec<Person>,
    floors: Vec<Floor>,
    model: Model,
    chance: Chance,
}

impl Both {
    async fn new(agents: usize, seed: u64) -> Self {
        let app = TestApp::two().await;
        app.database.run("UPDATE multimedia_profile SET chat = 3, email = 3, social = 3").await;
        let mut people = Vec::new();
        for index in 0..agents {
            people.push(app.agent(&format!("agent.{index}")).await);
        }
        let all: Vec<&Person> = people.iter().collect();
        let some: Vec<&Person> = people.iter().step_by(2).collect();
        let floors = vec![app.floor(Channel::Webchat, &all).await, app.floor(Channel::Sms, &some).await];
        let agent =
            |person: &Person| Agent { id: person.id, state: State::Offline, free_since: 0, held: BTreeSet::new() };
        let model = Model { now: 0, agents: people.iter().map(agent).collect(), tasks: vec![], live: BTreeSet::new() };
        Self { app, people, floors, model, chance: Chance::seeded(seed) }
    }

    async fn tick(&mut self, millis: i64) {
        self.app.clock.advance(chrono::Duration::milliseconds(millis));
        self.model.now += millis;
        self.app.settle().await;
        self.model.expire();
        self.model.route();
    }

    /// A live task that stands so, by chance.
    fn some(&mut self, stands: impl Fn(Stand) -> bool) -> Option<usize> {
        let found: Vec<usize> =
            self.model.live.iter().copied().filter(|task| stands(self.model.tasks[*task].stand)).collect();
        (!found.is_empty()).then(|| *self.chance.pick(&found))
    }

    async fn arrive(&mut self) {
        if self.model.live.len() > MOST_WAITING + self.people.len() * CAPACITY {
            return;
        }
        let queue = self.chance.below(QUEUES);
        let priority = *self.chance.pick(&[1, 5, 10, 10, 10]);
        let index = self.model.tasks.len();
        let name = format!("customer {index}");
        let arrival = self.app.arrives_at(index, &self.floors[queue], &name, priority).await;
        let since = self.model.now;
        self.model.tasks.push(Task { arrival, queue, priority, since, stand: Stand::Queued });
        self.model.live.insert(index);
    }

    async fn offer_of(&self, task: usize) -> String {
        let id = self.app.database.literal(self.model.tasks[task].arrival.task.0);
        let sql = format!("SELECT {} FROM offer WHERE status = 1 AND task_id = {id}", self.app.database.digits("id"));
        let digits = self.app.database.texts(&sql).await.pop().expected("an offer");
        entity::id::OfferId(uuid::Uuid::parse_str(&digits).expected("an id")).to_string()
    }

    async fn step(&mut self) {
        match self.chance.below(20) {
            0..=4 => self.arrive().await,
            5..=8 => self.answer(true).await,
            9 => self.answer(false).await,
            10..=11 => self.end().await,
            12..=14 => self.wrap_up().await,
            15 => self.customer_leaves().await,
            16..=18 => self.turn().await,
            _ => {
                let millis = i64::try_from(self.chance.below(20_000)).unwrap_or_default();
                self.tick(millis).await;
            }
        }
        self.tick(1).await;
    }

    async fn answer(&mut self, yes: bool) {
        let Some(task) = self.some(|stand| matches!(stand, Stand::Offered { .. })) else { return };
        let Stand::Offered { agent, .. } = self.model.tasks[task].stand else { return };
        let offer = self.offer_of(task).await;
        if yes {
            let taken = self.people[agent].accepts_on(task, &offer).await;
            assert_eq!(taken, Ok(self.model.tasks[task].arrival.task.to_string()));
            self.model.tasks[task].stand = Stand::Connected { agent };
        } else {
            assert_eq!(self.people[agent].declines(&offer).await, "");
            self.model.release(agent, task);
            self.model.agents[agent].state = State::Idle;
            self.model.tasks[task].stand = Stand::Queued;
        }
    }

    async fn end(&mut self) {
        let Some(task) = self.some(|stand| matches!(stand, Stand::Connected { .. })) else { return };
        let Stand::Connected { agent } = self.model.tasks[task].stand else { return };
        let conversation = self.model.tasks[task].arrival.conversation.to_string();
        assert_eq!(self.people[agent].ends_with(&conversation, true).await, "");
        self.model.tasks[task].stand = Stand::WrapUp { agent };
    }

    async fn wrap_up(&mut self) {
        let Some(task) = self.some(|stand| matches!(stand, Stand::WrapUp { .. })) else { return };
        let Stand::WrapUp { agent } = self.model.tasks[task].stand else { return };
        let id = self.model.tasks[task].arrival.task.to_string();
        assert_eq!(self.people[agent].wraps_up(&id).await, "");
        self.model.release(agent, task);
        self.model.over(task);
    }

    async fn customer_leaves(&mut self) {
        let Some(task) = self.some(|stand| !matches!(stand, Stand::WrapUp { .. })) else { return };
        let floor = &self.floors[self.model.tasks[task].queue];
        leave(&self.app, task, floor, &self.model.tasks[task].arrival).await.expected("an end");
        match self.model.tasks[task].stand {
            Stand::Connected { agent } => self.model.tasks[task].stand = Stand::WrapUp { agent },
            Stand::Offered { agent, .. } => {
                self.model.release(agent, task);
                self.model.over(task);
            }
            _ => self.model.over(task),
        }
    }

    async fn turn(&mut self) {
        let agent = self.chance.below(self.people.len());
        let (to, name) = *self.chance.pick(&[
            (State::Available, "AVAILABLE"),
            (State::Available, "AVAILABLE"),
            (State::Available, "AVAILABLE"),
            (State::Idle, "IDLE"),
            (State::Offline, "OFFLINE"),
        ]);
        let said = self.people[agent].turns(name).await;
        let model = &mut self.model.agents[agent];
        if to == State::Offline && !model.held.is_empty() {
            assert!(["STATE_NOT_SETTABLE", "WRAP_UP_PENDING"].contains(&said.as_str()), "{said}");
            return;
        }
        assert_eq!(said, "");
        if to == State::Available && model.state != State::Available {
            model.free_since = self.model.now;
        }
        model.state = to;
    }

    /// Everything that is not over stands as the model says, and every agent too.
    async fn compare(&self, at: usize) {
        let digits = |column: &str| self.app.database.digits(column);
        let sql = format!(
            "SELECT {} || ' ' || CAST(t.status AS text) || ' ' || coalesce(NULLIF({}, ''), NULLIF({}, ''), '-') FROM task t \
             LEFT JOIN offer o ON o.task_id = t.id AND o.status = 1 WHERE t.status < 7",
            digits("t.id"),
            digits("o.agent_id"),
            digits("t.owner_id")
        );
        let rows: BTreeSet<String> = self.app.database.texts(&sql).await.into_iter().collect();
        let line = |task: &usize| {
            let task = &self.model.tasks[*task];
            let (status, agent) = match task.stand {
                Stand::Queued => (1, None),
                Stand::Offered { agent, .. } => (2, Some(agent)),
                Stand::Connected { agent } => (3, Some(agent)),
                Stand::WrapUp { agent } => (6, Some(agent)),
                Stand::Over => (7, None),
            };
            let agent = agent.map_or("-".to_owned(), |agent| self.model.agents[agent].id.0.simple().to_string());
            format!("{} {status} {agent}", task.arrival.task.0.simple())
        };
        let expected: BTreeSet<String> = self.model.live.iter().map(line).collect();
        let differ: Vec<_> = rows.symmetric_difference(&expected).collect();
        assert!(differ.is_empty(), "after step {at}: {differ:?}");
        let sql = format!(
            "SELECT {} || ' ' || CAST(state AS text) || ' ' || CAST(chat_used + email_used + social_used AS text) FROM agent",
            digits("user_id")
        );
        let rows: BTreeSet<String> = self.app.database.texts(&sql).await.into_iter().collect();
        let expected: BTreeSet<String> = self
            .model
            .agents
            .iter()
            .map(|agent| {
                let state = match agent.state {
                    State::Offline => 1,
                    State::Available => 2,
                    State::Idle => 3,
                    State::Rona => 4,
                };
                format!("{} {state} {}", agent.id.0.simple(), agent.held.len())
            })
            .collect();
        assert_eq!(rows, expected, "after step {at}");
    }
}

/// A customer ends their conversation, on an instance.
async fn leave(app: &TestApp, instance: usize, floor: &Floor, arrival: &Arrival) -> api::error::Result<()> {
    let sql = format!(
        "SELECT {} FROM conversation WHERE id = {}",
        app.database.digits("customer_id"),
        app.database.literal(arrival.conversation.0)
    );
    let customer = uuid::Uuid::parse_str(&app.database.texts(&sql).await[0]).expected("a customer");
    let by = Caller::Visitor(VisitorViewer {
        token: VisitorTokenId(uuid::Uuid::nil()),
        customer: CustomerId(customer),
        entry_point: floor.entry_point.id,
        expires_at: app.clock.now(),
    });
    let instance = &app.instances[instance % app.instances.len()];
    endings::end(&instance.app, &by, &arrival.conversation.to_string(), false).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_floor_of_agents_goes_as_the_rules_say_whatever_is_done() {
    let steps = rounds(250);
    let (agents, waiting) = if steps >= 10_000 { (50, 1_000) } else { (8, 20) };
    let mut both = Both::new(agents, 41).await;
    for _ in 0..waiting {
        both.arrive().await;
        both.tick(1).await;
    }
    for at in 0..steps {
        both.step().await;
        if at % 25 == 0 || at + 1 == steps {
            both.compare(at).await;
        }
    }
    nothing_contradicts_itself(&both.app.database).await;
    let mut offered = 0;
    for floor in &both.floors[..1] {
        offered += nobody_was_passed(&both.app, floor.queue.id.0).await;
    }
    assert!(offered > steps / 50, "{offered}");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_give_no_task_two_owners_pass_nobody_and_leave_nothing_waiting() {
    let steps = rounds(200);
    let both = Both::new(12, 43).await;
    for instance in &both.app.instances {
        tokio::spawn(workers::run(instance.app.clone()));
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
    // Whoever is free in the end is offered all that waits.
    for person in &both.people {
        person.turns("AVAILABLE").await;
    }
    let stuck = "SELECT count(*) FROM task t WHERE t.status = 1 AND EXISTS (SELECT 1 FROM queue_member m JOIN agent a \
                 ON a.user_id = m.agent_id WHERE m.queue_id = t.queue_id AND (a.takes & (1 << t.channel)) <> 0)";
    eventually("nothing waits for who is free", || async { both.app.database.number(stuck).await == 0 }).await;
    nothing_contradicts_itself(&both.app.database).await;
    assert!(nobody_was_passed(&both.app, both.floors[0].queue.id.0).await > 0);
}

/// Something that one of many does, whatever the others do: it may be refused, and must not fail.
async fn act(both: &Both, actor: usize, chance: &mut Chance, mine: &mut BTreeMap<String, String>) {
    let person = &both.people[actor];
    match chance.below(10) {
        0..=2 => {
            let name = format!("{actor} {}", chance.below(1 << 30));
            both.app.arrives_at(actor, &both.floors[0], &name, *chance.pick(&[1, 10])).await;
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
