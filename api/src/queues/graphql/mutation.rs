//! Mutations of administrators for queues.

use async_graphql::{Context, Object};

use super::payloads::{ArchiveQueuePayload, CreateQueuePayload, UpdateQueuePayload};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    contact_center::{admin_change::Created, graphql::payloads::admin_actor},
    error::Result,
    queues::queue_admin::{self, ArchiveQueueInput, CreateQueueInput, UpdateQueueInput},
    routing::queue_changes,
};

/// Root mutations of queues.
#[derive(Default)]
pub struct QueuesMutation;

#[Object]
impl QueuesMutation {
    /// Creates a queue. For administrators. Refuses with REQUIRED, INVALID, OUT_OF_RANGE, DUPLICATE when a queue in use
    /// has the name, NOT_FOUND for a skill or for a person who is not an agent, LIMIT_REACHED when 200 are in use, or
    /// IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue to create.")] input: CreateQueueInput,
    ) -> Result<CreateQueuePayload> {
        CreateQueuePayload::of(
            queue_admin::create(ctx.app()?, admin_actor(ctx)?, &input).await.map(Created::into_change),
        )
    }

    /// Changes a queue. Agents keep their offers and conversations. Waiting tasks are routed again at once. New times
    /// and hours apply to later offers, tasks and messages. For administrators. Idempotent. Refuses with REQUIRED,
    /// INVALID, OUT_OF_RANGE or DUPLICATE when a queue in use has the name. Refuses with NOT_FOUND for the queue, a
    /// skill or a person who is not an agent, or ARCHIVED for an archived queue.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue and its changes.")] input: UpdateQueueInput,
    ) -> Result<UpdateQueuePayload> {
        UpdateQueuePayload::of(queue_changes::update(ctx.app()?, admin_actor(ctx)?, &input).await)
    }

    /// Archives a queue for ever. Its waiting tasks move to `moveTo`, in the order of priority and waiting time, and
    /// its entry points feed that queue. Offers stay valid, and conversations continue by the rules of the archived
    /// queue. Tasks that return later wait in the queue to which the others moved. For administrators. Idempotent.
    /// Refuses with NOT_FOUND, or INVALID for a `moveTo` of another channel. Refuses with ARCHIVED for an archived
    /// `moveTo`, or NOT_ALLOWED without `moveTo` while tasks wait or are offered, or while an entry point in use feeds
    /// the queue.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The queue to archive and its successor.")] input: ArchiveQueueInput,
    ) -> Result<ArchiveQueuePayload> {
        ArchiveQueuePayload::of(queue_changes::archive(ctx.app()?, admin_actor(ctx)?, &input).await)
    }
}
