//! `viewer`, `node`, `nodes`, `user`.

use async_graphql::{Context, ID, Object};
use entity::id::{
    ActivityId, AgentId, ConnectionRequestId, ConversationId, CustomerId, NotificationId, OfferId, PersonalContactId,
    QueueId, TaskId, ThreadItemId, UserId,
};

use super::{
    people,
    types::{Node, User},
    viewer::types::Viewer,
};
use crate::{
    activities::types::Activity,
    agents::{offer_types::Offer, queue_types::Queue, task_types::Task, types::Agent},
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    conversations::{items::types::ThreadItem, participants::types::Customer, types::Conversation},
    error::{Error, Result},
    notifications::types::Notification,
    personal::types::PersonalContact,
    relationships::types::ConnectionRequest,
};

/// The most ids of one `nodes`.
const MAX_NODES: usize = 100;

#[derive(Default)]
pub struct UsersQuery;

#[Object]
impl UsersQuery {
    /// Whoever calls.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Ok(Viewer(*ctx.caller()?))
    }

    /// The thing with an id. Null when there is none, or none that the viewer may see.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The id.")] id: ID) -> Option<Result<Node>> {
        find(ctx, &id).await.transpose()
    }

    /// The things with some ids, in the same order, null where there is none to see.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn nodes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The ids, at most 100.")] ids: Vec<ID>,
    ) -> Result<Vec<Option<Node>>> {
        if ids.len() > MAX_NODES {
            return Err(Error::invalid("ids", format!("At most {MAX_NODES} ids.")));
        }
        futures_util::future::try_join_all(ids.iter().map(|id| find(ctx, id))).await
    }

    /// A person by id or by handle; exactly one of them must be given. Null when there is no such person to see.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person's id.")] id: Option<ID>,
        #[graphql(desc = "The person's handle, in any case of letters.")] handle: Option<String>,
    ) -> Option<Result<User>> {
        by_id_or_handle(ctx, id, handle).await.transpose()
    }
}

async fn by_id_or_handle(ctx: &Context<'_>, id: Option<ID>, handle: Option<String>) -> Result<Option<User>> {
    match (id, handle) {
        (Some(id), None) => match UserId::parse(&id) {
            Some(id) => User::find(ctx, id).await,
            None => Ok(None),
        },
        (None, Some(handle)) if handle.contains('\0') => Ok(None),
        (None, Some(handle)) => {
            let person = people::by_handle(ctx.app()?.db.read(), &handle).await?;
            Ok(person.map(User::from))
        }
        _ => Err(Error::invalid("id", "Give either id or handle.")),
    }
}

async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    if let Some(id) = UserId::parse(id) {
        return Ok(User::find(ctx, id).await?.map(Node::User));
    }
    if let Some(id) = ConnectionRequestId::parse(id) {
        return Ok(ConnectionRequest::find(ctx, id).await?.map(Node::ConnectionRequest));
    }
    if let Some(id) = ActivityId::parse(id) {
        return Ok(reader(ctx, Scope::ActivityRead, Activity::find(ctx, id)).await?.map(Node::Activity));
    }
    if let Some(id) = NotificationId::parse(id) {
        return Ok(reader(ctx, Scope::NotificationsRead, Notification::find(ctx, id)).await?.map(Node::Notification));
    }
    if let Some(id) = PersonalContactId::parse(id) {
        return Ok(reader(ctx, Scope::ContactsRead, PersonalContact::find(ctx, id)).await?.map(Node::PersonalContact));
    }
    if let Some(AgentId(id)) = AgentId::parse(id) {
        return Ok(Agent::find(ctx, UserId(id)).await?.map(Node::Agent));
    }
    if let Some(id) = QueueId::parse(id) {
        return Ok(Queue::find(ctx, id).await?.map(Node::Queue));
    }
    if let Some(id) = TaskId::parse(id) {
        return Ok(Task::find(ctx, id).await?.map(Node::Task));
    }
    if let Some(id) = OfferId::parse(id) {
        return Ok(Offer::find(ctx, id).await?.map(Node::Offer));
    }
    let reads = Scope::ConversationsRead;
    if let Some(id) = ConversationId::parse(id) {
        return Ok(reader(ctx, reads, Conversation::find(ctx, id)).await?.map(Node::Conversation));
    }
    if let Some(id) = ThreadItemId::parse(id) {
        return Ok(reader(ctx, reads, ThreadItem::find(ctx, id)).await?.map(Node::from));
    }
    if let Some(id) = CustomerId::parse(id) {
        return Ok(reader(ctx, reads, Customer::find(ctx, id)).await?.map(Node::Customer));
    }
    Ok(None)
}

/// What was found, for who has the scope; to others it is not there.
async fn reader<T>(
    ctx: &Context<'_>,
    scope: Scope,
    find: impl Future<Output = Result<Option<T>>>,
) -> Result<Option<T>> {
    if ctx.caller()?.scopes().has(scope) { find.await } else { Ok(None) }
}
