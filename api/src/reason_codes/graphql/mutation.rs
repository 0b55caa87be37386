//! Mutations of administrators for reason codes.

use std::sync::Arc;

use async_graphql::{Context, ID, InputObject, Object};
use entity::{
    id::{IdleReasonId, WrapUpReasonId},
    idle_reason, wrap_up_reason,
};
use uuid::Uuid;

use super::{
    loader::{IdleReasonById, WrapUpReasonById},
    payloads::{
        ArchiveIdleReasonPayload, ArchiveWrapUpReasonPayload, CreateIdleReasonPayload, CreateWrapUpReasonPayload,
        UpdateIdleReasonPayload, UpdateWrapUpReasonPayload,
    },
};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    contact_center::{admin_change::Created, graphql::payloads::admin_actor},
    error::{Error, Result},
    reason_codes::reasons::{self, NewReason, ReasonChange, ReasonKind},
};

macro_rules! reasons {
    ($($create:ident $update:ident $archive:ident $id:ident $kind:literal;)*) => {$(
        #[doc = concat!("The ", $kind, " to create.")]
        #[derive(InputObject)]
        struct $create {
            /// The reason's name, 1 to 80 characters. Unique among reasons of its kind in use.
            name: String,
            /// True to make it the default reason, which applies when no reason is given. It replaces the earlier
            /// default.
            #[graphql(default)]
            is_default: bool,
            /// A key of the client's choice, 1 to 100 characters. All calls with the same key together create one
            /// reason, without a time limit.
            idempotency_key: Option<String>,
        }

        #[doc = concat!("The changes of the ", $kind, ". A field that is left out stays as it is.")]
        #[derive(InputObject)]
        struct $update {
            /// The id of the reason to change.
            $id: ID,
            /// The new name, 1 to 80 characters. Unique among reasons of its kind in use.
            name: Option<String>,
            /// True to make it the default in place of the earlier one. False is refused for the default reason.
            is_default: Option<bool>,
        }

        #[doc = concat!("The ", $kind, " to archive.")]
        #[derive(InputObject)]
        struct $archive {
            /// The id of the reason to archive.
            $id: ID,
        }

        impl From<$create> for NewReason {
            fn from(input: $create) -> Self {
                let $create { name, is_default, idempotency_key } = input;
                Self { name, is_default, idempotency_key }
            }
        }

        impl From<$update> for ReasonChange {
            fn from(input: $update) -> Self {
                Self { name: input.name, is_default: input.is_default }
            }
        }
    )*};
}

reasons! {
    CreateWrapUpReasonInput UpdateWrapUpReasonInput ArchiveWrapUpReasonInput wrap_up_reason_id "wrap-up reason";
    CreateIdleReasonInput UpdateIdleReasonInput ArchiveIdleReasonInput idle_reason_id "idle reason";
}

/// Root mutations of reason codes.
#[derive(Default)]
pub struct ReasonCodesMutation;

#[Object]
impl ReasonCodesMutation {
    /// Creates a wrap-up reason. For administrators. Refuses with REQUIRED, INVALID, DUPLICATE when a wrap-up reason in
    /// use has the name, LIMIT_REACHED when 200 are in use, or IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_wrap_up_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The wrap-up reason to create.")] input: CreateWrapUpReasonInput,
    ) -> Result<CreateWrapUpReasonPayload> {
        let made = reasons::create(ctx.app()?, admin_actor(ctx)?, ReasonKind::WrapUp, &input.into()).await;
        CreateWrapUpReasonPayload::of(wrap_up(ctx, made.map(Created::into_change)).await)
    }

    /// Changes a wrap-up reason, also in existing wrap-ups. For administrators. Idempotent. Refuses with REQUIRED,
    /// INVALID, DUPLICATE when a wrap-up reason in use has the name, or NOT_FOUND. Refuses with ARCHIVED when the
    /// reason is archived, or IS_DEFAULT when `isDefault` is false for the default reason.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_wrap_up_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The wrap-up reason and its changes.")] input: UpdateWrapUpReasonInput,
    ) -> Result<UpdateWrapUpReasonPayload> {
        let id = input.wrap_up_reason_id.clone();
        let changed = reasons::update(ctx.app()?, admin_actor(ctx)?, ReasonKind::WrapUp, &id, &input.into()).await;
        UpdateWrapUpReasonPayload::of(wrap_up(ctx, changed).await)
    }

    /// Archives a wrap-up reason for ever. It can no longer be given, and existing wrap-ups keep it. For
    /// administrators. Idempotent. Refuses with NOT_FOUND, or IS_DEFAULT for the default reason.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_wrap_up_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The wrap-up reason to archive.")] input: ArchiveWrapUpReasonInput,
    ) -> Result<ArchiveWrapUpReasonPayload> {
        let archived =
            reasons::archive(ctx.app()?, admin_actor(ctx)?, ReasonKind::WrapUp, &input.wrap_up_reason_id).await;
        ArchiveWrapUpReasonPayload::of(wrap_up(ctx, archived).await)
    }

    /// Creates an idle reason. For administrators. Refuses with REQUIRED, INVALID, DUPLICATE when an idle reason in use
    /// has the name, LIMIT_REACHED when 200 are in use, or IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_idle_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The idle reason to create.")] input: CreateIdleReasonInput,
    ) -> Result<CreateIdleReasonPayload> {
        let made = reasons::create(ctx.app()?, admin_actor(ctx)?, ReasonKind::Idle, &input.into()).await;
        CreateIdleReasonPayload::of(idle(ctx, made.map(Created::into_change)).await)
    }

    /// Changes an idle reason, also in existing agent states. For administrators. Idempotent. Refuses with REQUIRED,
    /// INVALID, DUPLICATE when an idle reason in use has the name, or NOT_FOUND. Refuses with ARCHIVED for an archived
    /// reason, NOT_ALLOWED for a reason of the system, or IS_DEFAULT when `isDefault` is false for the default reason.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_idle_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The idle reason and its changes.")] input: UpdateIdleReasonInput,
    ) -> Result<UpdateIdleReasonPayload> {
        let id = input.idle_reason_id.clone();
        let changed = reasons::update(ctx.app()?, admin_actor(ctx)?, ReasonKind::Idle, &id, &input.into()).await;
        UpdateIdleReasonPayload::of(idle(ctx, changed).await)
    }

    /// Archives an idle reason for ever. It can no longer be chosen, and agents who are idle for it stay so. For
    /// administrators. Idempotent. Refuses with NOT_FOUND, IS_DEFAULT for the default reason, or NOT_ALLOWED for a
    /// reason of the system.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_idle_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The idle reason to archive.")] input: ArchiveIdleReasonInput,
    ) -> Result<ArchiveIdleReasonPayload> {
        let archived = reasons::archive(ctx.app()?, admin_actor(ctx)?, ReasonKind::Idle, &input.idle_reason_id).await;
        ArchiveIdleReasonPayload::of(idle(ctx, archived).await)
    }
}

async fn wrap_up(ctx: &Context<'_>, done: Result<(Uuid, bool)>) -> Result<(Arc<wrap_up_reason::Model>, bool)> {
    let (id, changed) = done?;
    Ok((ctx.load(WrapUpReasonById(WrapUpReasonId(id))).await?.ok_or_else(gone)?, changed))
}

async fn idle(ctx: &Context<'_>, done: Result<(Uuid, bool)>) -> Result<(Arc<idle_reason::Model>, bool)> {
    let (id, changed) = done?;
    Ok((ctx.load(IdleReasonById(IdleReasonId(id))).await?.ok_or_else(gone)?, changed))
}

fn gone() -> Error {
    Error::internal(anyhow::anyhow!("a reason is gone"))
}
