//! Pages of tasks.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, InputObject, Object, SimpleObject};
use chrono::Duration;
use entity::{
    channel::Channel,
    id::{AgentId, ConversationId, CustomerId, QueueId, UserId},
    task::{self, TaskStatus},
};

use super::{
    loader::{OwnedTaskCount, OwnedTaskPage, TaskCountOf, TasksOf},
    types::Task,
};
use crate::{
    auth::{request_context::ContextExt as _, viewer::Scope},
    conversations::graphql::query::{TimeRange, ids_in},
    error::{Error, Result},
    pagination::{Page, PageArguments, PageInfo, PageSlice},
    tasks::{
        task_list::{TaskList, TaskListFilter},
        task_pages::{OwnedTasks, TaskOwner},
    },
    users::graphql::types::needs,
};

/// Maximum wait in a filter, in seconds: a year.
const LONGEST_WAIT: i32 = 31_536_000;

/// A selection of tasks. A field that is left out does not narrow the list.
#[derive(InputObject, Default)]
pub struct TaskFilter {
    /// The states of the tasks.
    statuses: Option<Vec<TaskStatus>>,
    /// The queues in which the tasks wait or last waited, at most 50.
    queue_ids: Option<Vec<ID>>,
    /// The agents who have or had a part in the tasks, at most 20.
    agent_ids: Option<Vec<ID>>,
    /// The channels of the tasks, at most 5.
    channels: Option<Vec<Channel>>,
    /// The customer of the tasks.
    customer_id: Option<ID>,
    /// The time at which the customer began to wait.
    received_at: Option<TimeRange>,
    /// True to list only the tasks in which the viewer has or had a part.
    #[graphql(default = false)]
    handled_by_me: bool,
    /// Only tasks that wait or are offered, and whose customer has waited longer than this, 0 to 31,536,000 seconds.
    waiting_longer_than_seconds: Option<i32>,
}

/// The order of a list of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum TaskOrder {
    /// The task whose customer began to wait first comes first.
    OldestFirst,
    /// The task whose customer began to wait last comes first.
    NewestFirst,
}

impl TaskFilter {
    /// Checks the selection. Refuses lists that are too long and ids of other kinds with `BAD_USER_INPUT`.
    pub fn read(self) -> Result<TaskListFilter> {
        let agent = |id: &str| AgentId::parse(id).map(|id| UserId(id.0));
        let agents = ids_in(self.agent_ids.as_deref(), "agentIds", 20, agent)?;
        if self.handled_by_me && !agents.is_empty() {
            return Err(Error::invalid("handledByMe", "Give either agentIds or handledByMe."));
        }
        let wait = self.waiting_longer_than_seconds;
        if wait.is_some_and(|wait| !(0..=LONGEST_WAIT).contains(&wait)) {
            return Err(Error::invalid("waitingLongerThanSeconds", format!("0 to {LONGEST_WAIT} seconds.")));
        }
        let (statuses, channels) = (self.statuses.unwrap_or_default(), self.channels.unwrap_or_default());
        check_statuses(&statuses)?;
        if channels.len() > Channel::ALL.len() {
            return Err(Error::invalid("channels", "Each channel once."));
        }
        Ok(TaskListFilter {
            statuses,
            queues: ids_in(self.queue_ids.as_deref(), "queueIds", 50, QueueId::parse)?,
            agents,
            handled_by_me: self.handled_by_me,
            channels,
            customer: ids_in(Some(self.customer_id.as_slice()), "customerId", 1, CustomerId::parse)?.pop(),
            received_at: TimeRange::ends(self.received_at),
            waiting_longer_than: wait.map(|wait| Duration::seconds(wait.into())),
        })
    }
}

fn check_statuses(statuses: &[TaskStatus]) -> Result<()> {
    if statuses.len() > 20 {
        return Err(Error::invalid("statuses", "Each state once."));
    }
    Ok(())
}

/// The list of which a page is a part.
enum ListedTasks {
    /// A list with a filter.
    Filtered(Box<TaskList>),
    /// The tasks of a conversation.
    Conversation(ConversationId),
    /// The tasks of a queue, an agent or a customer.
    Owned(OwnedTasks),
}

/// A page of tasks, in the order in which their customers began to wait.
pub struct TaskConnection {
    list: ListedTasks,
    slice: PageSlice<task::Model>,
}

impl TaskConnection {
    /// Reads a page of a list.
    pub async fn read(ctx: &Context<'_>, list: TaskList, arguments: PageArguments) -> Result<Self> {
        let page = Page::new(arguments, &list.fingerprint())?;
        let slice = list.page(ctx.app()?.db.read(), &page).await?;
        Ok(Self { list: ListedTasks::Filtered(Box::new(list)), slice })
    }

    /// Reads a page of the tasks of a queue, an agent or a customer, in one batch with the pages of others. Fails when
    /// the caller lacks the scope CONVERSATIONS_READ.
    pub async fn of_owner(
        ctx: &Context<'_>,
        owner: TaskOwner,
        statuses: Option<Vec<TaskStatus>>,
        order: TaskOrder,
        arguments: PageArguments,
    ) -> Result<Self> {
        needs(ctx, Scope::ConversationsRead)?;
        let statuses = statuses.unwrap_or_default();
        check_statuses(&statuses)?;
        let tasks = OwnedTasks { owner, statuses, descending: order == TaskOrder::NewestFirst };
        let page = Page::new(arguments, &tasks.fingerprint())?;
        let empty = page.clone();
        let slice = ctx.load(OwnedTaskPage { tasks: tasks.clone(), page }).await?;
        Ok(Self { list: ListedTasks::Owned(tasks), slice: slice.unwrap_or_else(|| empty.slice(Vec::new())) })
    }

    /// Reads a page of a conversation's tasks, in one batch with the pages of other conversations.
    pub async fn of_conversation(ctx: &Context<'_>, id: ConversationId, arguments: PageArguments) -> Result<Self> {
        let page = Page::new(arguments, &format!("tasks of {id}"))?;
        let empty = page.clone();
        let slice = ctx.load(TasksOf { conversation: id, page }).await?;
        Ok(Self { list: ListedTasks::Conversation(id), slice: slice.unwrap_or_else(|| empty.slice(Vec::new())) })
    }
}

/// A page of tasks, in the order in which their customers began to wait.
#[Object]
impl TaskConnection {
    /// The tasks with their cursors.
    async fn edges(&self) -> Vec<TaskEdge> {
        let edge = |row: &task::Model| TaskEdge {
            cursor: self.slice.cursor(&TaskList::place(row)),
            node: Task(Arc::new(row.clone())),
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The tasks without their cursors.
    async fn nodes(&self) -> Vec<Task> {
        self.slice.items.iter().map(|row| Task(Arc::new(row.clone()))).collect()
    }

    /// The position of the page in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(TaskList::place)
    }

    /// The number of all tasks in the list. They are counted when the field is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        match &self.list {
            ListedTasks::Filtered(list) => Ok(list.count(ctx.app()?.db.read()).await?),
            ListedTasks::Owned(tasks) => Ok(ctx.load(OwnedTaskCount(tasks.clone())).await?.unwrap_or_default()),
            ListedTasks::Conversation(id) => Ok(ctx.load(TaskCountOf(*id)).await?.unwrap_or_default()),
        }
    }
}

/// A task in a page.
#[derive(SimpleObject)]
pub struct TaskEdge {
    /// The task's position in the list.
    pub cursor: String,
    /// The task at this position.
    pub node: Task,
}
