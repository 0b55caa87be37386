//! Mutations of administrators for reason codes.

use async_graphql::{Context, ID, InputObject, Object};
use entity::id::{IdleReasonId, WrapUpReasonId};
use uuid::Uuid;

use super::{
    loader::{IdleReasonById, WrapUpReasonById},
    payloads::{
        ArchiveIdleReasonPayload, ArchiveWrapUpReasonPayload, CreateIdleReasonPayload, CreateWrapUpReasonPayload,
        UpdateIdleReasonPayload, UpdateWrapUpReasonPayload,
    },
    types::{IdleReason, WrapUpReason},
};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    contact_center::graphql::payloads::{MutationResult, admin_actor},
    error::{Error, Result, UserError, into_user_errors},
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
    /// Creates a wrap-up reason. For administrators. Refuses with INVALID, DUPLICATE when a wrap-up reason in use has
    /// the name, NOT_ALLOWED when 200 are in use, or IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_wrap_up_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The wrap-up reason to create.")] input: CreateWrapUpReasonInput,
    ) -> Result<CreateWrapUpReasonPayload> {
        let made = reasons::create(ctx.app()?, admin_actor(ctx)?, ReasonKind::WrapUp, &input.into()).await;
        let changed = into_user_errors(made)?.map(|made| (made.row, !made.replayed));
        Ok(wrap_up(ctx, changed).await?.into())
    }

    /// Changes a wrap-up reason, also in existing wrap-ups. For administrators. Idempotent. Refuses with INVALID,
    /// DUPLICATE when a wrap-up reason in use has the name, or NOT_FOUND. Refuses with NOT_ALLOWED when the reason is
    /// archived, or when `isDefault` is false for the default reason.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_wrap_up_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The wrap-up reason and its changes.")] input: UpdateWrapUpReasonInput,
    ) -> Result<UpdateWrapUpReasonPayload> {
        let id = input.wrap_up_reason_id.clone();
        let changed = reasons::update(ctx.app()?, admin_actor(ctx)?, ReasonKind::WrapUp, &id, &input.into()).await;
        Ok(wrap_up(ctx, into_user_errors(changed)?).await?.into())
    }

    /// Archives a wrap-up reason for ever. It can no longer be given, and existing wrap-ups keep it. For
    /// administrators. Idempotent. Refuses with NOT_FOUND, or NOT_ALLOWED for the default reason.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_wrap_up_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The wrap-up reason to archive.")] input: ArchiveWrapUpReasonInput,
    ) -> Result<ArchiveWrapUpReasonPayload> {
        let archived =
            reasons::archive(ctx.app()?, admin_actor(ctx)?, ReasonKind::WrapUp, &input.wrap_up_reason_id).await;
        Ok(wrap_up(ctx, into_user_errors(archived)?).await?.into())
    }

    /// Creates an idle reason. For administrators. Refuses with INVALID, DUPLICATE when an idle reason in use has the
    /// name, NOT_ALLOWED when 200 are in use, or IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_idle_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The idle reason to create.")] input: CreateIdleReasonInput,
    ) -> Result<CreateIdleReasonPayload> {
        let made = reasons::create(ctx.app()?, admin_actor(ctx)?, ReasonKind::Idle, &input.into()).await;
        let changed = into_user_errors(made)?.map(|made| (made.row, !made.replayed));
        Ok(idle(ctx, changed).await?.into())
    }

    /// Changes an idle reason, also in existing agent states. For administrators. Idempotent. Refuses with INVALID,
    /// DUPLICATE when an idle reason in use has the name, or NOT_FOUND. Refuses with NOT_ALLOWED for an archived reason
    /// and a reason of the system. Also refuses with NOT_ALLOWED when `isDefault` is false for the default reason.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_idle_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The idle reason and its changes.")] input: UpdateIdleReasonInput,
    ) -> Result<UpdateIdleReasonPayload> {
        let id = input.idle_reason_id.clone();
        let changed = reasons::update(ctx.app()?, admin_actor(ctx)?, ReasonKind::Idle, &id, &input.into()).await;
        Ok(idle(ctx, into_user_errors(changed)?).await?.into())
    }

    /// Archives an idle reason for ever. It can no longer be chosen, and agents who are idle for it stay so. For
    /// administrators. Idempotent. Refuses with NOT_FOUND, or NOT_ALLOWED for the default reason and for a reason of
    /// the system.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_idle_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The idle reason to archive.")] input: ArchiveIdleReasonInput,
    ) -> Result<ArchiveIdleReasonPayload> {
        let archived = reasons::archive(ctx.app()?, admin_actor(ctx)?, ReasonKind::Idle, &input.idle_reason_id).await;
        Ok(idle(ctx, into_user_errors(archived)?).await?.into())
    }
}

type ChangedReason = std::result::Result<(Uuid, bool), Vec<UserError>>;

async fn wrap_up(ctx: &Context<'_>, changed: ChangedReason) -> Result<MutationResult<WrapUpReason>> {
    let (id, changed) = match changed {
        Ok(done) => done,
        Err(refused) => return Ok(Err(refused)),
    };
    let row = ctx.load(WrapUpReasonById(WrapUpReasonId(id))).await?.ok_or_else(gone)?;
    Ok(Ok((WrapUpReason(row), changed)))
}

async fn idle(ctx: &Context<'_>, changed: ChangedReason) -> Result<MutationResult<IdleReason>> {
    let (id, changed) = match changed {
        Ok(done) => done,
        Err(refused) => return Ok(Err(refused)),
    };
    let row = ctx.load(IdleReasonById(IdleReasonId(id))).await?.ok_or_else(gone)?;
    Ok(Ok((IdleReason(row), changed)))
}

fn gone() -> Error {
    Error::internal(anyhow::anyhow!("a reason is gone"))
}
