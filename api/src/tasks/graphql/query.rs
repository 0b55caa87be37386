//! The query `tasks`.

use async_graphql::{Context, Object};

use super::list_types::{TaskConnection, TaskFilter, TaskOrder};
use crate::{
    auth::{guard::Needs, request_context::ContextExt as _, viewer::Scope},
    error::Result,
    pagination::PageArguments,
    tasks::task_list::TaskList,
    users::people,
};

/// Root of the queries of tasks.
#[derive(Default)]
pub struct TasksQuery;

#[Object]
impl TasksQuery {
    /// The tasks that the viewer may see, in the order in which their customers began to wait. Agents see the tasks of
    /// the queues that they serve, those in which they have or had a part, and those that are offered to them. With
    /// `agentIds` or `customerId` they see all tasks of the conversations that they see. Supervisors and organization
    /// keys see all. Empty for others.
    #[graphql(guard = "Needs(Scope::ConversationsRead)")]
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The selection. Without it, all are listed.")] filter: Option<TaskFilter>,
        #[graphql(desc = "The order.", default_with = "TaskOrder::OldestFirst")] order_by: TaskOrder,
        #[graphql(desc = "The number of tasks from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of tasks from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Result<TaskConnection> {
        let (app, caller) = (ctx.app()?, *ctx.caller()?);
        let role = people::role_of_caller(app.db.read(), &caller).await?;
        let filter = filter.unwrap_or_default().read()?;
        let descending = order_by == TaskOrder::NewestFirst;
        let list = TaskList { caller, role, filter, descending, now: app.clock.now() };
        TaskConnection::read(ctx, list, PageArguments { first, after, last, before }).await
    }
}
