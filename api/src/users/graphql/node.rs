//! Finds an object of any kind by its id. Each kind has its own rules of who may see it, and needs its own scope. An
//! object that the caller may not see does not exist for them.

use async_graphql::{Context, ID};
use entity::id::{
    ActivityId, AgentId, ApiKeyId, AttachmentId, ConnectionRequestId, ConversationId, CustomerId, EntryPointId,
    IdleReasonId, MultimediaProfileId, NotificationId, OfferId, ParticipantId, PersonalContactId, QueueId,
    RepresentativeId, ServiceAccountId, SkillId, TaskId, TemplateId, ThreadItemId, UserId, WebChatId, WrapUpReasonId,
};

use super::{interfaces::Node, types::User, viewer_types::ServiceAccount};
use crate::{
    accounts::graphql::types::ApiKey,
    activities::graphql::types::Activity,
    address_book::graphql::types::PersonalContact,
    agents::graphql::{
        loader::{ProfileById, SkillById},
        profile_types::{MultimediaProfile, Skill},
        types::Agent,
    },
    attachments::graphql::types::Attachment,
    auth::{
        request_context::ContextExt as _,
        viewer::{Caller, Scope},
    },
    contact_center::graphql::loading::may_see_agents,
    conversations::graphql::{
        item_types::ThreadItem,
        participant_types::{Customer, Participant, Representative},
        types::Conversation,
    },
    entry_points::graphql::types::EntryPoint,
    error::Result,
    notifications::graphql::types::Notification,
    queues::graphql::types::Queue,
    reason_codes::graphql::{
        loader::{IdleReasonById, WrapUpReasonById},
        types::{IdleReason, WrapUpReason},
    },
    relationships::graphql::types::ConnectionRequest,
    tasks::graphql::{offer_types::Offer, types::Task},
    template_library::graphql::types::Template,
    visitors::graphql::types::WebChat,
};

/// Finds the object with an id. None when the caller may see no such object.
pub async fn find(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    if let Some(found) = find_in_conversations(ctx, id).await? {
        return Ok(Some(found));
    }
    // A visitor sees their conversations and nothing else.
    if let Caller::Visitor(_) = ctx.caller()? {
        return Ok(None);
    }
    match find_of_people(ctx, id).await? {
        Some(found) => Ok(Some(found)),
        None => find_of_contact_center(ctx, id).await,
    }
}

/// Finds an object of a conversation, or a web chat.
async fn find_in_conversations(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    if let Some(id) = WebChatId::parse(id) {
        return Ok(WebChat::find(ctx, EntryPointId(id.0)).await?.map(Node::WebChat));
    }
    if let Some(id) = TaskId::parse(id) {
        return Ok(Task::find(ctx, id).await?.map(Node::Task));
    }
    let reads = Scope::ConversationsRead;
    if let Some(id) = ConversationId::parse(id) {
        return Ok(reader(ctx, reads, Conversation::find(ctx, id)).await?.map(Node::Conversation));
    }
    if let Some(id) = ThreadItemId::parse(id) {
        return Ok(reader(ctx, reads, ThreadItem::find(ctx, id)).await?.map(Node::from));
    }
    if let Some(id) = AttachmentId::parse(id) {
        return Ok(reader(ctx, reads, Attachment::find(ctx, id)).await?.map(Node::Attachment));
    }
    if let Some(id) = CustomerId::parse(id) {
        return Ok(reader(ctx, reads, Customer::find(ctx, id)).await?.map(Node::Customer));
    }
    if let Some(id) = ParticipantId::parse(id) {
        return Ok(reader(ctx, reads, Participant::find(ctx, id)).await?.map(Node::Participant));
    }
    if let Some(id) = RepresentativeId::parse(id) {
        return Ok(reader(ctx, reads, Representative::find(ctx, id)).await?.map(Node::Representative));
    }
    Ok(None)
}

async fn find_of_people(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
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
    if let Some(id) = ApiKeyId::parse(id) {
        return Ok(ApiKey::find(ctx, id).await?.map(Node::ApiKey));
    }
    if let Some(id) = ServiceAccountId::parse(id) {
        return Ok(ServiceAccount::find(ctx, id).await?.map(Node::ServiceAccount));
    }
    Ok(None)
}

async fn find_of_contact_center(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    if let Some(AgentId(id)) = AgentId::parse(id) {
        return Ok(Agent::find(ctx, UserId(id)).await?.map(Node::Agent));
    }
    if let Some(id) = QueueId::parse(id) {
        return Ok(Queue::find(ctx, id).await?.map(Node::Queue));
    }
    if let Some(id) = OfferId::parse(id) {
        return Ok(Offer::find(ctx, id).await?.map(Node::Offer));
    }
    if ctx.caller()?.scopes().has(Scope::AgentsRead) && may_see_agents(ctx).await? {
        return find_configuration(ctx, id).await;
    }
    Ok(None)
}

/// Finds an object of the configuration for a caller who may see it.
async fn find_configuration(ctx: &Context<'_>, id: &ID) -> Result<Option<Node>> {
    if let Some(id) = TemplateId::parse(id) {
        return Ok(Template::find(ctx, id).await?.map(Node::Template));
    }
    if let Some(id) = EntryPointId::parse(id) {
        return Ok(EntryPoint::named(ctx, id).await?.map(Node::EntryPoint));
    }
    if let Some(id) = IdleReasonId::parse(id) {
        return Ok(ctx.load(IdleReasonById(id)).await?.map(|row| Node::IdleReason(IdleReason(row))));
    }
    if let Some(id) = WrapUpReasonId::parse(id) {
        return Ok(ctx.load(WrapUpReasonById(id)).await?.map(|row| Node::WrapUpReason(WrapUpReason(row))));
    }
    if let Some(id) = MultimediaProfileId::parse(id) {
        let row = ctx.load(ProfileById(id)).await?;
        return Ok(row.map(|row| Node::MultimediaProfile(MultimediaProfile(row))));
    }
    if let Some(id) = SkillId::parse(id) {
        return Ok(ctx.load(SkillById(id)).await?.map(|row| Node::Skill(Skill(row))));
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
