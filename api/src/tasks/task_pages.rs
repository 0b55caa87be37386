//! Pages of the tasks of several queues, agents or customers, all of them in one statement.

use chrono::{DateTime, Utc};
use entity::{
    id::{CustomerId, QueueId, UserId},
    task::{self, TaskStatus},
    user::Role,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::task_list::{TaskList, TaskListFilter};
use crate::{
    auth::viewer::Caller,
    database::sql::{Sql, columns},
    pagination::{self, Page, PageBound, PageSlice},
};

/// The owner of a list of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskOwner {
    /// The queue in which the tasks wait or last waited.
    Queue(QueueId),
    /// The agent who has or had a part in the tasks.
    Agent(UserId),
    /// The customer of the tasks.
    Customer(CustomerId),
}

/// The tasks of one owner.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct OwnedTasks {
    /// The owner.
    pub owner: TaskOwner,
    /// The states of the tasks. Empty for all states.
    pub statuses: Vec<TaskStatus>,
    /// True to begin with the newest task.
    pub descending: bool,
}

/// The caller who reads lists, at a moment.
#[derive(Clone, Copy)]
pub struct TaskReader {
    /// The caller.
    pub caller: Caller,
    /// The person's role now. `None` for callers without a role.
    pub role: Option<Role>,
    /// The time to which waits refer.
    pub now: DateTime<Utc>,
}

#[derive(FromQueryResult)]
struct PartCount {
    part: i64,
    count: i64,
}

impl OwnedTasks {
    /// Returns a text that identifies the list and its order.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("tasks {self:?}")
    }

    fn list(&self, reader: TaskReader) -> TaskList {
        let mut filter = TaskListFilter { statuses: self.statuses.clone(), ..TaskListFilter::default() };
        match self.owner {
            TaskOwner::Queue(queue) => filter.queues.push(queue),
            TaskOwner::Agent(agent) => filter.agents.push(agent),
            TaskOwner::Customer(customer) => filter.customer = Some(customer),
        }
        let TaskReader { caller, role, now } = reader;
        TaskList { caller, role, filter, descending: self.descending, now }
    }
}

/// Returns the lists of the owners, and the queues that the reader serves if a list depends on them.
async fn lists(
    db: &impl ConnectionTrait,
    reader: TaskReader,
    owned: impl Iterator<Item = &OwnedTasks>,
) -> Result<(Vec<TaskList>, Vec<QueueId>), DbErr> {
    let lists: Vec<TaskList> = owned.map(|owned| owned.list(reader)).collect();
    let of_queue = lists.iter().find(|list| !list.filter.queues.is_empty());
    let served = match of_queue {
        Some(list) => list.served(db).await?,
        None => Vec::new(),
    };
    Ok((lists, served))
}

/// Reads a page of each list. The pages come in the order of `wanted`. All lists have the same order.
pub async fn pages(
    db: &impl ConnectionTrait,
    reader: TaskReader,
    wanted: &[(OwnedTasks, Page<PageBound>)],
) -> Result<Vec<PageSlice<task::Model>>, DbErr> {
    let (lists, served) = lists(db, reader, wanted.iter().map(|(owned, _)| owned)).await?;
    let mut sql = Sql::new(&format!("SELECT {}, few.part FROM (", columns::<task::Entity>("t")));
    let mut parts = 0;
    for (part, (list, (_, page))) in lists.iter().zip(wanted).enumerate() {
        let sources = list.sources(&served);
        if sources.is_empty() {
            continue;
        }
        sql.push(if parts == 0 { "" } else { " UNION ALL " });
        sql.push(&format!("SELECT id, CAST({part} AS bigint) AS part FROM ("));
        list.write_page(&mut sql, &sources, page);
        sql.push(&format!(") AS part_{part}"));
        parts += 1;
    }
    sql.push(") AS few JOIN task t ON t.id = few.id");
    let rows = if parts == 0 { Vec::new() } else { sql.all(db).await? };
    let descending = lists.first().is_some_and(|list| list.descending);
    let pages = wanted.iter().map(|(_, page)| page);
    Ok(pagination::slices(pages, rows, descending, |row: &task::Model| (row.received_at, row.id)))
}

/// Counts the tasks of each list. The counts come in the order of `wanted`.
pub async fn counts(db: &impl ConnectionTrait, reader: TaskReader, wanted: &[OwnedTasks]) -> Result<Vec<i64>, DbErr> {
    let (lists, served) = lists(db, reader, wanted.iter()).await?;
    let mut sql = Sql::default();
    for (part, list) in lists.iter().enumerate() {
        let sources = list.sources(&served);
        if sources.is_empty() {
            continue;
        }
        sql.push(if sql.is_empty() { "" } else { " UNION ALL " });
        sql.push(&format!("SELECT CAST({part} AS bigint) AS part, count(*) AS count FROM ("));
        list.write_ids(&mut sql, &sources);
        sql.push(&format!(") AS part_{part}"));
    }
    let mut counts = vec![0; wanted.len()];
    if !sql.is_empty() {
        let rows: Vec<PartCount> = sql.all(db).await?;
        for PartCount { part, count } in rows {
            if let Some(at) = usize::try_from(part).ok().and_then(|part| counts.get_mut(part)) {
                *at = count;
            }
        }
    }
    Ok(counts)
}
