//! A model of agents and tasks, written from the rules alone. It gives the offers, the assignments and the status of
//! each task after any action.

use std::collections::BTreeSet;

use entity::id::UserId;

/// The maximum number of tasks of an agent on a channel.
pub const CAPACITY: usize = 3;
/// The time to accept an offer, in milliseconds.
pub const OFFER_MILLIS: i64 = 30_000;
/// Two queues of web chats and two of SMS.
pub const QUEUES: usize = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Offline,
    Available,
    Idle,
    Rona,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    Queued,
    Offered { agent: usize, expires: i64, handed_over: bool },
    Connected { agent: usize },
    Requested { agent: usize, asked: usize, expires: i64 },
    Conference { agent: usize, joined: usize },
    WrapUp,
    Completed,
    Abandoned,
    Dropped,
}

impl Stand {
    /// Returns the stored number of the status.
    pub fn number(self) -> i16 {
        match self {
            Self::Queued => 1,
            Self::Offered { .. } => 2,
            Self::Connected { .. } => 3,
            Self::Requested { .. } => 4,
            Self::Conference { .. } => 5,
            Self::WrapUp => 6,
            Self::Completed => 7,
            Self::Abandoned => 8,
            Self::Dropped => 9,
        }
    }

    /// Returns the owner of the task.
    pub fn owner(self) -> Option<usize> {
        match self {
            Self::Connected { agent } | Self::Requested { agent, .. } | Self::Conference { agent, .. } => Some(agent),
            _ => None,
        }
    }

    /// Returns the agent who may accept or decline, with the expiry.
    pub fn pending(self) -> Option<(usize, i64)> {
        match self {
            Self::Offered { agent, expires, .. } | Self::Requested { asked: agent, expires, .. } => {
                Some((agent, expires))
            }
            _ => None,
        }
    }

    /// Returns true when the conversation has ended.
    pub fn is_over(self) -> bool {
        matches!(self, Self::WrapUp | Self::Completed | Self::Abandoned | Self::Dropped)
    }
}

#[derive(Debug)]
pub struct Agent {
    pub id: UserId,
    pub state: State,
    pub available_since: i64,
    pub held: BTreeSet<usize>,
}

#[derive(Debug)]
pub struct Task {
    pub queue: usize,
    pub priority: i16,
    pub since: i64,
    pub stand: Stand,
    /// The agents who must wrap up.
    pub owing: BTreeSet<usize>,
}

#[derive(Debug)]
pub struct Model {
    pub now: i64,
    pub agents: Vec<Agent>,
    pub tasks: Vec<Task>,
    /// The tasks that are not finished for every agent.
    pub live: BTreeSet<usize>,
}

impl Model {
    pub fn new(agents: impl IntoIterator<Item = UserId>) -> Self {
        let agent = |id| Agent { id, state: State::Offline, available_since: 0, held: BTreeSet::new() };
        Self { now: 0, agents: agents.into_iter().map(agent).collect(), tasks: vec![], live: BTreeSet::new() }
    }

    /// Returns true when an agent serves a queue. All agents serve the first and the last, and every second one serves
    /// the others.
    pub fn serves(agent: usize, queue: usize) -> bool {
        queue == 0 || queue == QUEUES - 1 || agent.is_multiple_of(2)
    }

    /// Returns true when an agent has free capacity on the channel of a queue.
    pub fn room(&self, agent: usize, queue: usize) -> bool {
        let same = |held: &&usize| self.tasks[**held].queue / 2 == queue / 2;
        self.agents[agent].held.iter().filter(same).count() < CAPACITY
    }

    /// Returns true when an agent may get an offer from a queue now.
    pub fn takes(&self, agent: usize, queue: usize) -> bool {
        self.agents[agent].state == State::Available && self.room(agent, queue)
    }

    /// Returns the code that refuses an agent as the target of a transfer or conference, or an empty string.
    pub fn refuses(&self, task: usize, by: usize, target: usize) -> &'static str {
        let queue = self.tasks[task].queue;
        match () {
            () if by == target || self.agents[target].held.contains(&task) => "TRANSFER_TARGET_REFUSED",
            () if self.agents[target].state != State::Available => "AGENT_NOT_AVAILABLE",
            () if !self.room(target, queue) => "OVER_CAPACITY",
            () => "",
        }
    }

    pub fn arrive(&mut self, queue: usize, priority: i16) {
        self.live.insert(self.tasks.len());
        self.tasks.push(Task { queue, priority, since: self.now, stand: Stand::Queued, owing: BTreeSet::new() });
    }

    /// Offers every task that can be offered, in the order of the tasks.
    pub fn route(&mut self) {
        // The free agents of each queue, longest available first.
        let mut free: [BTreeSet<(i64, UserId, usize)>; QUEUES] = std::array::from_fn(|queue| {
            let serving =
                (0..self.agents.len()).filter(|agent| Self::serves(*agent, queue) && self.takes(*agent, queue));
            serving.map(|agent| (self.agents[agent].available_since, self.agents[agent].id, agent)).collect()
        });
        if free.iter().all(BTreeSet::is_empty) {
            return;
        }
        let mut waiting: Vec<usize> =
            self.live.iter().copied().filter(|task| self.tasks[*task].stand == Stand::Queued).collect();
        waiting.sort_by_key(|task| (self.tasks[*task].priority, self.tasks[*task].since, *task));
        for task in waiting {
            let candidates = &free[self.tasks[task].queue];
            // Skips agents who transferred the task and have not wrapped it up.
            let chosen = candidates.iter().find(|(.., agent)| !self.tasks[task].owing.contains(agent)).copied();
            let Some((since, id, agent)) = chosen else { continue };
            self.offer(task, agent, false);
            for (queue, agents) in free.iter_mut().enumerate() {
                agents.remove(&(since, id, agent));
                if Self::serves(agent, queue) && self.takes(agent, queue) {
                    agents.insert((self.now, id, agent));
                }
            }
        }
    }

    /// Offers a task to an agent.
    pub fn offer(&mut self, task: usize, agent: usize, handed_over: bool) {
        let expires = self.now + OFFER_MILLIS;
        self.tasks[task].stand = Stand::Offered { agent, expires, handed_over };
        self.take(task, agent);
    }

    fn take(&mut self, task: usize, agent: usize) {
        self.agents[agent].held.insert(task);
        self.agents[agent].available_since = self.now;
    }

    fn release(&mut self, task: usize, agent: usize) {
        self.agents[agent].held.remove(&task);
        self.agents[agent].available_since = self.now;
    }

    /// The agent with the offer accepts.
    pub fn accept(&mut self, task: usize) {
        self.tasks[task].stand = match self.tasks[task].stand {
            Stand::Offered { agent, .. } => Stand::Connected { agent },
            Stand::Requested { agent, asked, .. } => Stand::Conference { agent, joined: asked },
            other => panic!("accepted as {other:?}"),
        };
    }

    /// The agent with the offer does not accept and gets another state.
    pub fn not_taken(&mut self, task: usize, state: State) {
        let stand = self.tasks[task].stand;
        let (agent, _) = stand.pending().unwrap_or_else(|| panic!("not taken as {stand:?}"));
        self.release(task, agent);
        self.agents[agent].state = state;
        self.let_be(task);
    }

    /// Returns the tasks that an agent is asked to accept.
    pub fn asked(&self, agent: usize) -> BTreeSet<usize> {
        let pending = |task: &usize| self.tasks[*task].stand.pending().is_some_and(|(asked, _)| asked == agent);
        self.agents[agent].held.iter().copied().filter(pending).collect()
    }

    /// An agent who becomes unavailable gives up all offers.
    pub fn give_up(&mut self, agent: usize) {
        for task in self.asked(agent) {
            self.release(task, agent);
            self.let_be(task);
        }
    }

    fn let_be(&mut self, task: usize) {
        self.tasks[task].stand = match self.tasks[task].stand {
            Stand::Offered { handed_over: true, .. } => Stand::Dropped,
            Stand::Offered { .. } => Stand::Queued,
            Stand::Requested { agent, .. } => Stand::Connected { agent },
            other => other,
        };
        self.settle(task);
    }

    /// Expires unanswered offers.
    pub fn expire(&mut self) {
        for task in self.live.clone() {
            if self.tasks[task].stand.pending().is_some_and(|(_, expires)| expires <= self.now) {
                self.not_taken(task, State::Rona);
            }
        }
    }

    /// Adds an agent's wrap-up.
    fn owe(&mut self, task: usize, agent: usize) {
        self.tasks[task].owing.insert(agent);
    }

    /// The owner transfers a task to a queue.
    pub fn hand_to_queue(&mut self, task: usize, queue: usize) {
        if let Some(owner) = self.tasks[task].stand.owner() {
            self.owe(task, owner);
        }
        self.tasks[task].stand = Stand::Queued;
        (self.tasks[task].queue, self.tasks[task].since) = (queue, self.now);
    }

    /// The owner transfers a task to an agent.
    pub fn hand_to_agent(&mut self, task: usize, agent: usize) {
        if let Some(owner) = self.tasks[task].stand.owner() {
            self.owe(task, owner);
        }
        self.offer(task, agent, true);
    }

    /// The owner invites an agent to a conference.
    pub fn ask(&mut self, task: usize, asked: usize) {
        if let Stand::Connected { agent } = self.tasks[task].stand {
            self.tasks[task].stand = Stand::Requested { agent, asked, expires: self.now + OFFER_MILLIS };
            self.take(task, asked);
        }
    }

    /// The owner cancels an invitation.
    pub fn cancel(&mut self, task: usize) {
        if let Stand::Requested { asked, .. } = self.tasks[task].stand {
            self.release(task, asked);
            self.let_be(task);
        }
    }

    /// The joined agent leaves the conference.
    pub fn part(&mut self, task: usize) {
        if let Stand::Conference { agent, joined } = self.tasks[task].stand {
            self.owe(task, joined);
            self.tasks[task].stand = Stand::Connected { agent };
        }
    }

    /// The conversation ends.
    pub fn end(&mut self, task: usize) {
        match self.tasks[task].stand {
            Stand::Queued => self.tasks[task].stand = Stand::Abandoned,
            Stand::Offered { agent, .. } => {
                self.release(task, agent);
                self.tasks[task].stand = Stand::Abandoned;
            }
            Stand::Connected { agent } => {
                self.owe(task, agent);
                self.tasks[task].stand = Stand::WrapUp;
            }
            Stand::Requested { agent, asked, .. } => {
                self.release(task, asked);
                self.owe(task, agent);
                self.tasks[task].stand = Stand::WrapUp;
            }
            Stand::Conference { agent, joined } => {
                self.owe(task, agent);
                self.owe(task, joined);
                self.tasks[task].stand = Stand::WrapUp;
            }
            _ => {}
        }
        self.settle(task);
    }

    /// An agent wraps up.
    pub fn wrap_up(&mut self, task: usize, agent: usize) {
        self.tasks[task].owing.remove(&agent);
        self.release(task, agent);
        self.settle(task);
    }

    /// Finishes a task that has ended and needs no wrap-up.
    fn settle(&mut self, task: usize) {
        let Task { stand, owing, .. } = &mut self.tasks[task];
        if stand.is_over() && owing.is_empty() {
            if *stand == Stand::WrapUp {
                *stand = Stand::Completed;
            }
            self.live.remove(&task);
        }
    }

    /// Returns the assignments as task, agent, phase and joined flag, with positions in the lists.
    pub fn holds(&self) -> impl Iterator<Item = (usize, usize, i16, bool)> {
        self.live.iter().flat_map(|task| {
            let row = &self.tasks[*task];
            let mut holds: Vec<_> = row.owing.iter().map(|agent| (*task, *agent, 3, false)).collect();
            match row.stand {
                Stand::Offered { agent, .. } => holds.push((*task, agent, 1, false)),
                Stand::Connected { agent } => holds.push((*task, agent, 2, false)),
                Stand::Requested { agent, asked, .. } => {
                    holds.extend([(*task, agent, 2, false), (*task, asked, 1, true)]);
                }
                Stand::Conference { agent, joined } => {
                    holds.extend([(*task, agent, 2, false), (*task, joined, 2, true)]);
                }
                _ => {}
            }
            holds
        })
    }
}
