//! `createQueue`, `updateQueue`, `archiveQueue`, `createEntryPoint`, `updateEntryPoint`, `archiveEntryPoint`,
//! `rotateIdentitySecret`.

use async_graphql::{Context, Object};

use super::{
    administrators::By,
    entry_points::{
        self, ArchiveEntryPointInput, CreateEntryPointInput, RotateIdentitySecretInput, UpdateEntryPointInput,
    },
    payloads::{
        ArchiveEntryPointPayload, ArchiveQueuePayload, CreateEntryPointPayload, CreateQueuePayload,
        RotateIdentitySecretPayload, UpdateEntryPointPayload, UpdateQueuePayload, changed, made,
    },
    queues::{self, ArchiveQueueInput, CreateQueueInput, UpdateQueueInput},
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Result, settle},
};

/// Who calls, and from where.
pub fn by<'a>(ctx: &'a Context<'_>) -> Result<By<'a>> {
    Ok(By { viewer: ctx.viewer()?, origin: ctx.origin()? })
}

#[derive(Default)]
pub struct FloorMutation;

#[Object]
impl FloorMutation {
    /// Makes a queue. For administrators. Refused with INVALID, DUPLICATE for the name of a queue in use, NOT_FOUND for a skill
    /// or an agent who answers no customers, IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is like.")] input: CreateQueueInput,
    ) -> Result<CreateQueuePayload> {
        Ok(made(settle(queues::create(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Changes a queue. Offers and talks stay with whoever has them; what waits is looked at anew at once; times and hours are
    /// those of what begins later. For administrators. Idempotent. Refused with INVALID, DUPLICATE for the name of a queue in
    /// use, NOT_FOUND for the queue, a skill or an agent who answers no customers, NOT_ALLOWED for one that is archived.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what to change.")] input: UpdateQueueInput,
    ) -> Result<UpdateQueuePayload> {
        Ok(changed(settle(queues::update(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Takes a queue out of use, for ever. What waits in it moves with `moveTo` to another, at its place by priority and by how
    /// long it has waited; entry points feed that one from then on. Offers stay valid and talks go on by the rules of the queue
    /// that is archived; what comes back of them later waits where its tasks went. For administrators. Idempotent. Refused with
    /// NOT_FOUND, INVALID for a `moveTo` of another channel, and NOT_ALLOWED without `moveTo` while tasks wait or are held
    /// out to agents, or an entry point in use feeds it, and for a `moveTo` that is archived.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what takes its place.")] input: ArchiveQueueInput,
    ) -> Result<ArchiveQueuePayload> {
        Ok(changed(settle(queues::archive(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Makes an entry point. For administrators. Refused with INVALID, DUPLICATE for a name or an address of one in use,
    /// NOT_FOUND for the queue, NOT_ALLOWED for a queue that is archived and beyond 200 of a channel, IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_entry_point(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is like.")] input: CreateEntryPointInput,
    ) -> Result<CreateEntryPointPayload> {
        Ok(made(settle(entry_points::create(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Changes an entry point. What has begun goes on as it began. For administrators. Idempotent. Refused with INVALID,
    /// DUPLICATE for a name or an address of one in use, NOT_FOUND for the entry point or the queue, NOT_ALLOWED for one of
    /// them that is archived.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_entry_point(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what to change.")] input: UpdateEntryPointInput,
    ) -> Result<UpdateEntryPointPayload> {
        Ok(changed(settle(entry_points::update(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Takes an entry point out of use, for ever: nothing is begun there any more, and conversations of before go on. For
    /// administrators. Idempotent. Refused with NOT_FOUND.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_entry_point(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ArchiveEntryPointInput,
    ) -> Result<ArchiveEntryPointPayload> {
        Ok(changed(settle(entry_points::archive(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Makes a new secret with which a web site signs who its visitors are, shown in this answer and never again. The one of
    /// before counts no more; visitors who are known by a token stay so. For administrators. Refused with NOT_FOUND, NOT_ALLOWED
    /// for one that is archived, INVALID for another channel than WEBCHAT.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn rotate_identity_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Of which entry point.")] input: RotateIdentitySecretInput,
    ) -> Result<RotateIdentitySecretPayload> {
        Ok(settle(entry_points::rotate_secret(ctx.app()?, by(ctx)?, &input).await)?.into())
    }
}
