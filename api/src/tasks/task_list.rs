//! Lists of tasks by the time at which their customers began to wait. The tasks that a person may see come from a few
//! sources. A source is a range of an index in that order, or a few rows that an index finds. The sources are merged
//! and cut to the page.

use chrono::{DateTime, Duration, Utc};
use entity::{
    channel::Channel,
    id::{ConversationId, CustomerId, QueueId, UserId},
    offer::PENDING,
    task::{self, LIVE, TaskStatus, WAITING},
    user::{Role, UserStatus},
};
use sea_orm::{ConnectionTrait, DbErr, Iterable as _};

use crate::{
    auth::viewer::Caller,
    conversations::{conversation_rows, list_conditions, listing},
    database::sql::{Sql, columns},
    pagination::{self, Page, PageBound, PageSlice},
};

/// A selection of tasks. A field that is `None` or empty does not narrow the list.
#[derive(Clone, Debug, Default)]
pub struct TaskListFilter {
    /// The states of the tasks.
    pub statuses: Vec<TaskStatus>,
    /// The queues in which the tasks wait or last waited.
    pub queues: Vec<QueueId>,
    /// The agents who have or had a part in the tasks.
    pub agents: Vec<UserId>,
    /// True to list only the tasks in which the caller has or had a part.
    pub handled_by_me: bool,
    /// The channels of the tasks.
    pub channels: Vec<Channel>,
    /// The customer of the tasks.
    pub customer: Option<CustomerId>,
    /// The time at which the customer began to wait: from the first time on, and before the second one.
    pub received_at: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Only tasks that wait, and whose customer has waited longer than this.
    pub waiting_longer_than: Option<Duration>,
}

/// A list of the tasks that a caller may see.
pub struct TaskList {
    /// The caller who reads the list.
    pub caller: Caller,
    /// The person's role now. `None` for callers without a role.
    pub role: Option<Role>,
    /// The selection.
    pub filter: TaskListFilter,
    /// True to begin with the newest task.
    pub descending: bool,
    /// The time to which the waits refer.
    pub now: DateTime<Utc>,
}

/// A source of tasks.
#[derive(Clone, Copy)]
pub(super) enum TaskSource {
    /// All tasks.
    All,
    /// Tasks that have not ended.
    Live,
    /// Tasks of a queue.
    OfQueue(QueueId),
    /// Tasks of a customer.
    OfCustomer(CustomerId),
    /// Tasks in which an agent has or had a part.
    Handled(UserId),
    /// Tasks that are offered to an agent.
    Offered(UserId),
}

impl TaskList {
    /// Returns a text that identifies the list, its filter and its order. Cursors are only valid for the same text.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("tasks {:?} {}", self.filter, self.descending)
    }

    /// Returns the position of a task in the list.
    #[must_use]
    pub fn place(row: &task::Model) -> PageBound {
        PageBound::Since(row.received_at, row.id.0)
    }

    /// Returns the queues that the caller serves, if the sources of the list depend on them.
    pub(super) async fn served(&self, db: &impl ConnectionTrait) -> Result<Vec<QueueId>, DbErr> {
        let TaskListFilter { agents, handled_by_me, customer, channels, .. } = &self.filter;
        match &self.caller {
            Caller::Person(viewer) if self.role >= Some(Role::Agent) && !self.sees_all() => {
                let others = *handled_by_me || !agents.is_empty() || customer.is_some();
                if others { Ok(Vec::new()) } else { listing::queues_of_agent(db, viewer.user, channels).await }
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Returns the sources of the list for a caller who serves these queues.
    pub(super) fn sources(&self, served: &[QueueId]) -> Vec<TaskSource> {
        let TaskListFilter { queues, agents, handled_by_me, customer, .. } = &self.filter;
        let me = match &self.caller {
            Caller::Service(_) if *handled_by_me => return Vec::new(),
            Caller::Service(_) => None,
            Caller::Person(viewer) if self.role >= Some(Role::Agent) => Some(viewer.user),
            Caller::Person(_) | Caller::Visitor(_) => return Vec::new(),
        };
        if let (Some(me), true) = (me, *handled_by_me) {
            return vec![TaskSource::Handled(me)];
        }
        if !agents.is_empty() {
            return agents.iter().copied().map(TaskSource::Handled).collect();
        }
        if let Some(customer) = customer {
            return vec![TaskSource::OfCustomer(*customer)];
        }
        if let (Some(me), false) = (me, self.sees_all()) {
            let wanted = served.iter().filter(|queue| queues.is_empty() || queues.contains(queue));
            let served = wanted.copied().map(TaskSource::OfQueue);
            return served.chain([TaskSource::Handled(me), TaskSource::Offered(me)]).collect();
        }
        match () {
            () if !queues.is_empty() => queues.iter().copied().map(TaskSource::OfQueue).collect(),
            () if self.is_live() => vec![TaskSource::Live],
            () => vec![TaskSource::All],
        }
    }

    /// Returns true if the filter selects only tasks that have not ended. Few tasks have not.
    fn is_live(&self) -> bool {
        let ended = |status: &TaskStatus| *status as i16 >= TaskStatus::WrapUp as i16;
        let live = TaskStatus::iter().filter(|status| !ended(status)).count();
        let statuses = &self.filter.statuses;
        let only_live = !statuses.is_empty() && statuses.len() <= live && !statuses.iter().any(ended);
        only_live || self.filter.waiting_longer_than.is_some()
    }

    /// Reads one page.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<PageBound>,
    ) -> Result<PageSlice<task::Model>, DbErr> {
        let sources = self.sources(&self.served(db).await?);
        if sources.is_empty() {
            return Ok(page.slice(Vec::new()));
        }
        let mut sql =
            Sql::new(&format!("SELECT {} FROM task t WHERE t.id IN (SELECT id FROM (", columns::<task::Entity>("t")));
        self.write_page(&mut sql, &sources, page);
        sql.push(") AS listed)");
        // The outer order is the reading order of the page.
        let order = if self.descending == page.is_backwards() { "ASC" } else { "DESC" };
        sql.push(&format!(" ORDER BY t.received_at {order}, t.id {order}"));
        Ok(page.slice(sql.models::<task::Entity>(db).await?))
    }

    /// Counts the tasks of the list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let sources = self.sources(&self.served(db).await?);
        if sources.is_empty() {
            return Ok(0);
        }
        let mut sql = Sql::new("SELECT count(*) AS count FROM (");
        self.write_ids(&mut sql, &sources);
        sql.push(") AS each_one");
        sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
    }

    /// Continues a statement with the ids and times of the tasks on a page of the sources.
    pub(super) fn write_page(&self, sql: &mut Sql, sources: &[TaskSource], page: &Page<PageBound>) {
        sql.push("SELECT id, received_at FROM (");
        for (part, source) in sources.iter().enumerate() {
            sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION SELECT * FROM (" });
            sql.push("SELECT t.id, t.received_at ");
            self.write(sql, *source);
            page.write(sql, &["t.received_at", "t.id"], self.descending);
            sql.push(&format!(") AS part_{part}"));
        }
        sql.push(") AS each_one WHERE TRUE");
        page.write(sql, &["received_at", "id"], self.descending);
    }

    /// Continues a statement with the ids of all tasks of the sources, each once.
    pub(super) fn write_ids(&self, sql: &mut Sql, sources: &[TaskSource]) {
        for (part, source) in sources.iter().enumerate() {
            sql.push(if part == 0 { "SELECT t.id " } else { " UNION SELECT t.id " });
            self.write(sql, *source);
        }
    }

    /// Returns true if the caller sees all tasks.
    fn sees_all(&self) -> bool {
        match self.caller {
            Caller::Service(_) => true,
            Caller::Person(_) => self.role >= Some(Role::Supervisor),
            Caller::Visitor(_) => false,
        }
    }

    /// Continues a statement with the FROM clause and the condition of the list.
    fn write(&self, sql: &mut Sql, source: TaskSource) {
        sql.push(match (self.sees_all(), self.filter.customer) {
            (true, None) => "FROM task t WHERE ",
            _ => "FROM task t JOIN conversation c ON c.id = t.conversation_id WHERE ",
        });
        source.write(sql);
        let TaskListFilter { statuses, queues, channels, customer, received_at, waiting_longer_than, .. } =
            &self.filter;
        list_conditions::one_of(sql, "t.status", statuses);
        list_conditions::one_of(sql, "t.queue_id", queues);
        list_conditions::one_of(sql, "t.channel", channels);
        if let Some(customer) = customer {
            list_conditions::equals(sql, "c.customer_id = ", *customer);
        }
        if let Some(from) = received_at.0 {
            list_conditions::equals(sql, "t.received_at >= ", from);
        }
        if let Some(before) = received_at.1 {
            list_conditions::equals(sql, "t.received_at < ", before);
        }
        if let Some(wait) = waiting_longer_than {
            sql.push(&format!("t.status {WAITING} AND "));
            list_conditions::equals(sql, "t.received_at < ", self.now - *wait);
        }
        self.write_visible(sql);
    }

    /// Writes the condition that the caller may see a task. The role of a supervisor is checked once for all tasks,
    /// because every task belongs to a conversation with a customer.
    fn write_visible(&self, sql: &mut Sql) {
        match &self.caller {
            Caller::Service(_) => sql.push("TRUE"),
            Caller::Person(viewer) if self.sees_all() => {
                sql.push("EXISTS (SELECT 1 FROM \"user\" me WHERE me.id = ");
                sql.bind(viewer.user);
                sql.push(" AND me.status = ");
                sql.bind(UserStatus::Active);
                sql.push(" AND me.role >= ");
                sql.bind(Role::Supervisor);
                sql.push(")");
            }
            Caller::Person(_) | Caller::Visitor(_) => conversation_rows::write_visible(sql, &self.caller),
        }
    }
}

impl TaskSource {
    /// Continues a statement with the condition of the source and the AND before the next condition.
    fn write(self, sql: &mut Sql) {
        match self {
            // The bound holds for all tasks. It makes a list a range of the index.
            Self::All => list_conditions::equals(sql, "t.received_at >= ", DateTime::<Utc>::UNIX_EPOCH),
            // The status is a literal, so that the partial index on live tasks applies.
            Self::Live => {
                sql.push(&format!("t.status {LIVE} AND "));
                list_conditions::equals(sql, "t.received_at >= ", DateTime::<Utc>::UNIX_EPOCH);
            }
            Self::OfQueue(queue) => list_conditions::equals(sql, "t.queue_id = ", queue),
            Self::OfCustomer(customer) => {
                sql.push("t.conversation_id IN (SELECT o.id FROM conversation o WHERE o.customer_id = ");
                sql.bind(customer);
                sql.push(") AND ");
            }
            Self::Handled(agent) => {
                sql.push("t.id IN (SELECT w.task_id FROM wrap_up w WHERE w.agent_id = ");
                sql.bind(agent);
                sql.push(" UNION ALL SELECT h.task_id FROM assignment h WHERE h.agent_id = ");
                sql.bind(agent);
                sql.push(") AND ");
            }
            Self::Offered(agent) => {
                sql.push(&format!("t.id IN (SELECT o.task_id FROM offer o WHERE o.status {PENDING} AND o.agent_id = "));
                sql.bind(agent);
                sql.push(") AND ");
            }
        }
    }
}

/// Reads a page of each conversation's tasks that the caller may see, the oldest first. The pages come in the order of
/// `wanted`.
pub async fn pages_of_conversations(
    db: &impl ConnectionTrait,
    caller: &Caller,
    wanted: &[(ConversationId, Page<PageBound>)],
) -> Result<Vec<PageSlice<task::Model>>, DbErr> {
    let mut sql = Sql::new(&format!("SELECT {}, few.part FROM (", columns::<task::Entity>("t")));
    for (part, (conversation, page)) in wanted.iter().enumerate() {
        sql.push(if part == 0 { "SELECT id, part FROM (" } else { " UNION ALL SELECT id, part FROM (" });
        sql.push(&format!(
            "SELECT t.id, CAST({part} AS bigint) AS part FROM task t JOIN conversation c ON c.id = t.conversation_id \
             WHERE t.conversation_id = "
        ));
        sql.bind(*conversation);
        sql.push(" AND ");
        conversation_rows::write_visible(&mut sql, caller);
        page.write(&mut sql, &["t.received_at", "t.id"], false);
        sql.push(&format!(") AS part_{part}"));
    }
    sql.push(") AS few JOIN task t ON t.id = few.id");
    let pages = wanted.iter().map(|(_, page)| page);
    Ok(pagination::slices(pages, sql.all(db).await?, false, |row: &task::Model| (row.received_at, row.id)))
}
