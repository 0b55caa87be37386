//! Mutations of administrators for entry points.

use async_graphql::{Context, Object};

use super::payloads::{
    ArchiveEntryPointPayload, CreateEntryPointPayload, RotateIdentitySecretPayload, UpdateEntryPointPayload,
};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    contact_center::{admin_change::Created, graphql::payloads::admin_actor},
    entry_points::{
        entry_point_admin::{self, ArchiveEntryPointInput, RotateIdentitySecretInput},
        entry_point_changes::{CreateEntryPointInput, UpdateEntryPointInput},
    },
    error::Result,
};

/// Root mutations of entry points.
#[derive(Default)]
pub struct EntryPointsMutation;

#[Object]
impl EntryPointsMutation {
    /// Creates an entry point. For administrators. Refuses with REQUIRED, INVALID, OUT_OF_RANGE, DUPLICATE when an
    /// entry point in use has the name or the address, or NOT_FOUND for the queue. Refuses with ARCHIVED for an
    /// archived queue, LIMIT_REACHED when the channel has 200 entry points in use, or IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_entry_point(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entry point to create.")] input: CreateEntryPointInput,
    ) -> Result<CreateEntryPointPayload> {
        CreateEntryPointPayload::of(
            entry_point_admin::create(ctx.app()?, admin_actor(ctx)?, &input).await.map(Created::into_change),
        )
    }

    /// Changes an entry point. Existing conversations continue as they began. For administrators. Idempotent. Refuses
    /// with REQUIRED, INVALID, OUT_OF_RANGE, DUPLICATE when another one in use has the name or the address, or
    /// NOT_FOUND for the entry point or the queue. Refuses with ARCHIVED when one of the two is archived.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_entry_point(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entry point and its changes.")] input: UpdateEntryPointInput,
    ) -> Result<UpdateEntryPointPayload> {
        UpdateEntryPointPayload::of(entry_point_admin::update(ctx.app()?, admin_actor(ctx)?, &input).await)
    }

    /// Archives an entry point for ever. No conversation begins there any more, and existing ones continue. For
    /// administrators. Idempotent. Refuses with NOT_FOUND.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_entry_point(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entry point to archive.")] input: ArchiveEntryPointInput,
    ) -> Result<ArchiveEntryPointPayload> {
        ArchiveEntryPointPayload::of(entry_point_admin::archive(ctx.app()?, admin_actor(ctx)?, &input).await)
    }

    /// Generates a new secret with which a web site signs the identity of its visitors. Only this result shows it. The
    /// earlier secret stops working. Visitors with a token keep it. For administrators. Refuses with NOT_FOUND,
    /// ARCHIVED for an archived entry point, or INVALID for another channel than WEBCHAT.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn rotate_identity_secret(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The entry point that gets the secret.")] input: RotateIdentitySecretInput,
    ) -> Result<RotateIdentitySecretPayload> {
        RotateIdentitySecretPayload::of(entry_point_admin::rotate_secret(ctx.app()?, admin_actor(ctx)?, &input).await)
    }
}
