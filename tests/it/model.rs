//! Tests of routing by random steps, compared with a model that is written from the rules alone. A second test runs
//! many actors at once and checks the rows and the log.

mod many;

use std::collections::BTreeSet;

use api::{
    auth::viewer::{Caller, VisitorViewer},
    tasks::closing,
};
use entity::{
    channel::Channel,
    id::{CustomerId, VisitorTokenId},
};

use crate::support::{
    Expected as _,
    app::TestApp,
    consistency,
    desk::{Arrival, NewQueue, QueueSetup},
    model::{Model, QUEUES, Stand, State},
    person::Person,
    random::Chance,
    rounds,
};

/// No customer arrives while this many tasks are live.
const MAX_WAITING: usize = 1_000;

/// The product and the model, side by side.
struct Both {
    app: TestApp,
    people: Vec<Person>,
    queue_setups: Vec<QueueSetup>,
    model: Model,
    /// The customer of each task, and the customer's name.
    arrivals: Vec<(Arrival, String)>,
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
        let mut queue_setups = Vec::new();
        for queue in 0..QUEUES {
            let channel = if queue < 2 { Channel::Webchat } else { Channel::Sms };
            let serving: Vec<&Person> = people
                .iter()
                .enumerate()
                .filter(|(agent, _)| Model::serves(*agent, queue))
                .map(|(_, one)| one)
                .collect();
            queue_setups.push(app.queue_setup_of(NewQueue::of(channel, &format!("Queue {queue}")), &serving).await);
        }
        let model = Model::new(people.iter().map(|person| person.id));
        Self { app, people, queue_setups, model, arrivals: vec![], chance: Chance::seeded(seed) }
    }

    async fn tick(&mut self, millis: i64) {
        self.app.clock.advance(chrono::Duration::milliseconds(millis));
        self.model.now += millis;
        self.app.settle().await;
        self.model.expire();
        self.model.route();
    }

    /// Picks a random task whose state matches.
    fn some(&mut self, stands: impl Fn(Stand) -> bool) -> Option<usize> {
        let found: Vec<usize> =
            self.model.live.iter().copied().filter(|task| stands(self.model.tasks[*task].stand)).collect();
        (!found.is_empty()).then(|| *self.chance.pick(&found))
    }

    fn conversation(&self, task: usize) -> String {
        self.arrivals[task].0.conversation.to_string()
    }

    fn id(&self, task: usize) -> String {
        self.arrivals[task].0.task.to_string()
    }

    async fn arrive(&mut self) {
        if self.model.live.len() > MAX_WAITING + self.people.len() * 6 {
            return;
        }
        let queue = self.chance.below(QUEUES);
        let name = format!("customer {}", self.arrivals.len());
        self.arrive_as(queue, name).await;
    }

    /// A customer of a closed SMS conversation writes again, which reopens it with a new task.
    async fn come_back(&mut self) {
        if self.arrivals.is_empty() {
            return;
        }
        let before = self.chance.below(self.arrivals.len());
        let (arrival, name) = self.arrivals[before].clone();
        let last = self.arrivals.iter().rposition(|(other, _)| other.conversation == arrival.conversation);
        let ended = last.is_some_and(|last| self.model.tasks[last].stand.is_over());
        let Some(queue) = self.queue_setups.iter().position(|queue_setup| name.ends_with(&queue_setup.queue.name))
        else {
            return;
        };
        if ended && queue >= 2 {
            let again = self.arrive_as(queue, name).await;
            assert_eq!(again.conversation, arrival.conversation);
        }
    }

    async fn arrive_as(&mut self, queue: usize, name: String) -> Arrival {
        let priority = *self.chance.pick(&[1, 5, 10, 10, 10]);
        let entry_setup = &self.queue_setups[queue];
        let name = if name.contains("Queue") { name } else { format!("{name} at {}", entry_setup.queue.name) };
        let arrival = self.app.arrives_at(self.arrivals.len(), entry_setup, &name, priority).await;
        self.arrivals.push((arrival, name));
        self.model.arrive(queue, priority);
        arrival
    }

    async fn offer_of(&self, task: usize) -> String {
        let id = self.app.database.literal(self.arrivals[task].0.task.0);
        let sql = format!("SELECT {} FROM offer WHERE status = 1 AND task_id = {id}", self.app.database.digits("id"));
        let digits = self.app.database.texts(&sql).await.pop().expected("an offer");
        entity::id::OfferId(uuid::Uuid::parse_str(&digits).expected("an id")).to_string()
    }

    async fn step(&mut self) {
        match self.chance.below(32) {
            0..=4 => self.arrive().await,
            5 => self.come_back().await,
            6..=10 => self.answer(true).await,
            11 => self.answer(false).await,
            12..=13 => self.end().await,
            14..=17 => self.wrap_up().await,
            18 => self.customer_leaves().await,
            19..=22 => self.turn().await,
            23..=24 => self.hand_over().await,
            25..=27 => self.ask().await,
            28..=29 => self.confer().await,
            _ => {
                let millis = i64::try_from(self.chance.below(20_000)).unwrap_or_default();
                self.tick(millis).await;
            }
        }
        self.tick(1).await;
    }

    async fn answer(&mut self, yes: bool) {
        let Some(task) = self.some(|stand| stand.pending().is_some()) else { return };
        let Some((agent, _)) = self.model.tasks[task].stand.pending() else { return };
        let offer = self.offer_of(task).await;
        if yes {
            assert_eq!(self.people[agent].accepts_on(task, &offer).await, Ok(self.id(task)));
            self.model.accept(task);
        } else {
            assert_eq!(self.people[agent].declines(&offer).await, "");
            self.model.not_taken(task, State::Idle);
        }
    }

    /// The owner of a task ends the conversation, or the conference if there is one.
    async fn end(&mut self) {
        let Some(task) = self.some(|stand| stand.owner().is_some()) else { return };
        let Some(owner) = self.model.tasks[task].stand.owner() else { return };
        let by = &self.people[owner];
        let said = match self.model.tasks[task].stand {
            Stand::Conference { .. } => by.confers_on(task, "endConference", &self.id(task)).await,
            _ => by.ends_with(&self.conversation(task), true).await,
        };
        assert_eq!(said, "");
        self.model.end(task);
    }

    async fn wrap_up(&mut self) {
        let owed: Vec<(usize, usize)> =
            self.model.holds().filter(|hold| hold.2 == 3).map(|hold| (hold.0, hold.1)).collect();
        if owed.is_empty() {
            return;
        }
        let (task, agent) = *self.chance.pick(&owed);
        assert_eq!(self.people[agent].wraps_up(&self.id(task)).await, "");
        self.model.wrap_up(task, agent);
    }

    async fn customer_leaves(&mut self) {
        let Some(task) = self.some(|stand| !stand.is_over()) else { return };
        leave(&self.app, task, &self.arrivals[task].0).await.expected("an end");
        self.model.end(task);
    }

    async fn hand_over(&mut self) {
        let Some(task) = self.some(|stand| matches!(stand, Stand::Connected { .. })) else { return };
        let Some(owner) = self.model.tasks[task].stand.owner() else { return };
        let (id, by) = (self.id(task), &self.people[owner]);
        if self.chance.below(2) == 0 {
            let queue = self.chance.below(QUEUES);
            let said = by.directs_on(task, "transferTask", &id, self.queue_setups[queue].as_target()).await;
            let same = queue / 2 == self.model.tasks[task].queue / 2;
            assert_eq!(said, if same { "" } else { "TRANSFER_TARGET_REFUSED" });
            if same {
                self.model.hand_to_queue(task, queue);
            }
        } else {
            let target = self.chance.below(self.people.len());
            let said = by.directs_on(task, "transferTask", &id, self.people[target].as_target()).await;
            assert_eq!(said, self.model.refuses(task, owner, target));
            if said.is_empty() {
                self.model.hand_to_agent(task, target);
            }
        }
    }

    async fn ask(&mut self) {
        let Some(task) = self.some(|stand| matches!(stand, Stand::Connected { .. })) else { return };
        let Some(owner) = self.model.tasks[task].stand.owner() else { return };
        let target = self.chance.below(self.people.len());
        let to = self.people[target].as_target();
        let said = self.people[owner].directs_on(task, "requestConference", &self.id(task), to).await;
        assert_eq!(said, self.model.refuses(task, owner, target));
        if said.is_empty() {
            self.model.ask(task, target);
        }
    }

    /// A participant of a conference acts on it, or the owner cancels the invitation.
    async fn confer(&mut self) {
        let in_one = |stand| matches!(stand, Stand::Requested { .. } | Stand::Conference { .. });
        let Some(task) = self.some(in_one) else { return };
        let id = self.id(task);
        match self.model.tasks[task].stand {
            Stand::Requested { agent, .. } => {
                assert_eq!(self.people[agent].confers_on(task, "cancelConference", &id).await, "");
                self.model.cancel(task);
            }
            Stand::Conference { agent, joined } => {
                let (by, verb) = *self.chance.pick(&[(agent, "removeFromConference"), (joined, "exitConference")]);
                assert_eq!(self.people[by].confers_on(task, verb, &id).await, "");
                self.model.part(task);
            }
            _ => {}
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
        let stays = self.model.agents[agent].held.difference(&self.model.asked(agent)).count() > 0;
        if to == State::Offline && stays {
            assert!(["INVALID_STATE_TRANSITION", "WRAP_UP_PENDING"].contains(&said.as_str()), "{said}");
            return;
        }
        assert_eq!(said, "");
        if to != State::Available {
            self.model.give_up(agent);
        }
        let model = &mut self.model.agents[agent];
        if to == State::Available && model.state != State::Available {
            model.available_since = self.model.now;
        }
        model.state = to;
    }

    /// Compares the live tasks, the assignments and the agents with the model.
    async fn compare(&self, at: usize) {
        let digits = |column: &str| self.app.database.digits(column);
        let task_id = |task: usize| self.arrivals[task].0.task.0.simple();
        let agent_id = |agent: usize| self.model.agents[agent].id.0.simple();
        let sql = format!("SELECT {} || ' ' || CAST(status AS text) FROM task WHERE status < 7", digits("id"));
        let live = self.model.live.iter().filter(|task| self.model.tasks[**task].stand.number() < 7);
        let expected =
            live.map(|task| format!("{} {}", task_id(*task), self.model.tasks[*task].stand.number())).collect();
        self.same(at, &sql, expected).await;
        let sql = format!(
            "SELECT {} || ' ' || {} || ' ' || CAST(phase AS text) || CASE WHEN joined AND phase < 3 THEN ' joined' ELSE '' END FROM assignment",
            digits("task_id"),
            digits("agent_id")
        );
        let hold = |(task, agent, phase, joined): (usize, usize, i16, bool)| {
            format!("{} {} {phase}{}", task_id(task), agent_id(agent), if joined { " joined" } else { "" })
        };
        self.same(at, &sql, self.model.holds().map(hold).collect()).await;
        let sql = format!(
            "SELECT {} || ' ' || CAST(state AS text) || ' ' || CAST(chat_used + email_used + social_used AS text) FROM agent",
            digits("user_id")
        );
        let line = |(index, agent): (usize, &crate::support::model::Agent)| {
            let state = match agent.state {
                State::Offline => 1,
                State::Available => 2,
                State::Idle => 3,
                State::Rona => 4,
            };
            format!("{} {state} {}", agent_id(index), agent.held.len())
        };
        self.same(at, &sql, self.model.agents.iter().enumerate().map(line).collect()).await;
    }

    async fn same(&self, at: usize, sql: &str, expected: BTreeSet<String>) {
        let rows: BTreeSet<String> = self.app.database.texts(sql).await.into_iter().collect();
        let differ: Vec<_> = rows.symmetric_difference(&expected).collect();
        assert!(differ.is_empty(), "after step {at}: {differ:?}");
    }
}

/// A customer ends their conversation, on the given instance.
async fn leave(app: &TestApp, instance: usize, arrival: &Arrival) -> api::error::Result<()> {
    let id = |column: &str| {
        let conversation = app.database.literal(arrival.conversation.0);
        format!("SELECT {} FROM conversation WHERE id = {conversation}", app.database.digits(column))
    };
    let read = async |column: &str| uuid::Uuid::parse_str(&app.database.texts(&id(column)).await[0]).expected("an id");
    let by = Caller::Visitor(VisitorViewer {
        token: VisitorTokenId(uuid::Uuid::nil()),
        customer: CustomerId(read("customer_id").await),
        entry_point: entity::id::EntryPointId(read("entry_point_id").await),
        expires_at: app.clock.now(),
    });
    let instance = &app.instances[instance % app.instances.len()];
    closing::end(&instance.app, &by, &arrival.conversation.to_string(), false).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn agents_and_tasks_follow_the_rules_under_random_actions() {
    let steps = rounds(300);
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
    consistency::check(&both.app.database).await;
}
