//! The queries `viewer`, `node`, `nodes` and `user`. An object that the viewer may not see is null.

use async_graphql::{Context, ID, Object};
use entity::id::{
    ActivityId, AgentId, ConnectionRequestId, ConversationId, CustomerId, NotificationId, OfferId, PersonalContactId,
    QueueId, TaskId, ThreadItemId, UserId,
};

use super::{
    types::{Node, User},
    viewer_types::Viewer,
};
use crate::{
    activities::graphql::types::Activity,
    address_book::graphql::types::PersonalContact,
    agents::graphql::types::Agent,
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    conversations::graphql::{item_types::ThreadItem, participant_types::Customer, types::Conversation},
    error::{Error, Result},
    notifications::graphql::types::Notification,
    queues::graphql::types::Queue,
    relationships::graphql::types::ConnectionRequest,
    tasks::graphql::{offer_types::Offer, types::Task},
    users::people,
};

/// Maximum number of ids in one call of `nodes`.
const MAX_NODES: usize = 100;

/// Root queries of the viewer, of people and of objects by id.
#[derive(Default)]
pub struct UsersQuery;

#[Object]
impl UsersQuery {
    /// The person or service account that makes the call.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn viewer(&self, ctx: &Context<'_>) -> Result<Viewer> {
        Ok(Viewer(*ctx.caller()?))
    }

    /// Finds the object with an id. Null when the viewer may see no such object.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn node(&self, ctx: &Context<'_>, #[graphql(desc = "The object's id.")] id: ID) -> Option<Result<Node>> {
        find(ctx, &id).await.transpose()
    }

    /// Finds the objects with some ids, in the order of the ids. An entry is null when the viewer may see no such
    /// object.
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

    /// Finds a person by id or by handle. Exactly one of the two must be given. Null when the viewer may see no such
    /// person.
    #[graphql(guard = "Needs(Scope::ProfileRead)")]
    async fn user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person's id.")] id: Option<ID>,
        #[graphql(desc = "The person's handle, in upper or lower case.")] handle: Option<String>,
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

/// Runs `find` if the caller has `scope`. Without the scope the object does not exist for the caller.
async fn reader<T>(
    ctx: &Context<'_>,
    scope: Scope,
    find: impl Future<Output = Result<Option<T>>>,
) -> Result<Option<T>> {
    if ctx.caller()?.scopes().has(scope) { find.await } else { Ok(None) }
}
