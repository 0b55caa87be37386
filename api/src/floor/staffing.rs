//! `createMultimediaProfile`, `updateMultimediaProfile`, `archiveMultimediaProfile`, `createSkill`, `updateSkill`,
//! `deleteSkill`, `createWrapUpReason`, `updateWrapUpReason`, `archiveWrapUpReason`, `createIdleReason`, `updateIdleReason`,
//! `archiveIdleReason`, `updateAgent`.

use async_graphql::{Context, ID, InputObject, Object};
use entity::id::{IdleReasonId, WrapUpReasonId};
use uuid::Uuid;

use super::{
    mutation::by,
    payloads::{
        ArchiveIdleReasonPayload, ArchiveMultimediaProfilePayload, ArchiveWrapUpReasonPayload, CreateIdleReasonPayload,
        CreateMultimediaProfilePayload, CreateSkillPayload, CreateWrapUpReasonPayload, DeleteSkillPayload, Settled,
        UpdateAgentPayload, UpdateIdleReasonPayload, UpdateMultimediaProfilePayload, UpdateSkillPayload,
        UpdateWrapUpReasonPayload, changed, made,
    },
    profiles::{self, ArchiveMultimediaProfileInput, CreateMultimediaProfileInput, UpdateMultimediaProfileInput},
    reasons::{self, Kind, NewReason, ReasonChange},
    skills::{self, CreateSkillInput, DeleteSkillInput, UpdateSkillInput},
    staff::{self, UpdateAgentInput},
};
use crate::{
    agents::{
        loader::{IdleReasonById, WrapUpReasonById},
        types::{IdleReason, WrapUpReason},
    },
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Error, Result, UserError, settle},
};

macro_rules! reasons {
    ($($create:ident $update:ident $archive:ident $kind:literal;)*) => {$(
        #[doc = concat!("A reason ", $kind, " to be made.")]
        #[derive(InputObject)]
        struct $create {
            /// What it is called, 1 to 80 characters. Unique among those of its kind in use.
            name: String,
            /// Whether it is given where nobody gives one; the default of before is none then.
            #[graphql(default)]
            is_default: bool,
            /// A key that the client makes up, 1 to 100 characters: a call repeated with it makes one reason, for ever.
            idempotency_key: Option<String>,
        }

        #[doc = concat!("What to change of a reason ", $kind, "; what is left out stays as it is.")]
        #[derive(InputObject)]
        struct $update {
            /// The reason.
            reason_id: ID,
            /// What it is called, 1 to 80 characters. Unique among those of its kind in use.
            name: Option<String>,
            /// True makes it the default in place of the one that was. The default is not made none: make another one it.
            is_default: Option<bool>,
        }

        #[doc = concat!("Which reason ", $kind, " to take out of use.")]
        #[derive(InputObject)]
        struct $archive {
            /// The reason.
            reason_id: ID,
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
    CreateWrapUpReasonInput UpdateWrapUpReasonInput ArchiveWrapUpReasonInput "of wrap-ups";
    CreateIdleReasonInput UpdateIdleReasonInput ArchiveIdleReasonInput "to be idle";
}

#[derive(Default)]
pub struct StaffingMutation;

#[Object]
impl StaffingMutation {
    /// Makes a multimedia profile. For administrators. Refused with INVALID, DUPLICATE for the name of one in use, NOT_ALLOWED
    /// beyond 200, IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_multimedia_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is like.")] input: CreateMultimediaProfileInput,
    ) -> Result<CreateMultimediaProfilePayload> {
        Ok(made(settle(profiles::create(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Changes a multimedia profile, and at once what those agents may be offered who have it; what they hold beyond it they
    /// keep. For administrators. Idempotent. Refused with INVALID, DUPLICATE for the name of one in use, NOT_FOUND, NOT_ALLOWED
    /// for one that is archived and for making the default none.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_multimedia_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what to change.")] input: UpdateMultimediaProfileInput,
    ) -> Result<UpdateMultimediaProfilePayload> {
        Ok(changed(settle(profiles::update(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Takes a multimedia profile out of use, for ever. For administrators. Idempotent. Refused with NOT_FOUND, and with
    /// NOT_ALLOWED for the default and while anybody who answers customers has it.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_multimedia_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ArchiveMultimediaProfileInput,
    ) -> Result<ArchiveMultimediaProfilePayload> {
        Ok(changed(settle(profiles::archive(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Makes a skill. For administrators. Refused with INVALID, DUPLICATE, NOT_ALLOWED beyond 200, IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_skill(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is called.")] input: CreateSkillInput,
    ) -> Result<CreateSkillPayload> {
        Ok(made(settle(skills::create(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Calls a skill something else. For administrators. Idempotent. Refused with INVALID, DUPLICATE, NOT_FOUND.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_skill(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what to call it.")] input: UpdateSkillInput,
    ) -> Result<UpdateSkillPayload> {
        Ok(changed(settle(skills::update(ctx.app()?, by(ctx)?, &input).await)?).into())
    }

    /// Deletes a skill: no agent has it any more. For administrators. Refused with NOT_FOUND, and with NOT_ALLOWED while a queue
    /// in use asks for it.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn delete_skill(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteSkillInput,
    ) -> Result<DeleteSkillPayload> {
        Ok(settle(skills::delete(ctx.app()?, by(ctx)?, &input).await)?.into())
    }

    /// Makes a reason of wrap-ups. For administrators. Refused with INVALID, DUPLICATE for the name of one in use, NOT_ALLOWED
    /// beyond 200, IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_wrap_up_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is like.")] input: CreateWrapUpReasonInput,
    ) -> Result<CreateWrapUpReasonPayload> {
        let made = reasons::create(ctx.app()?, by(ctx)?, Kind::WrapUp, &input.into()).await;
        let changed = settle(made)?.map(|made| (made.row, !made.replayed));
        Ok(wrap_up(ctx, changed).await?.into())
    }

    /// Changes a reason of wrap-ups, also where it was given already. For administrators. Idempotent. Refused with INVALID,
    /// DUPLICATE for the name of one in use, NOT_FOUND, NOT_ALLOWED for one that is archived and for making the default none.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_wrap_up_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what to change.")] input: UpdateWrapUpReasonInput,
    ) -> Result<UpdateWrapUpReasonPayload> {
        let id = input.reason_id.clone();
        let changed = reasons::update(ctx.app()?, by(ctx)?, Kind::WrapUp, &id, &input.into()).await;
        Ok(wrap_up(ctx, settle(changed)?).await?.into())
    }

    /// Takes a reason of wrap-ups out of use, for ever: it can no longer be given, and stays where it was. For administrators.
    /// Idempotent. Refused with NOT_FOUND, and with NOT_ALLOWED for the default.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_wrap_up_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ArchiveWrapUpReasonInput,
    ) -> Result<ArchiveWrapUpReasonPayload> {
        let archived = reasons::archive(ctx.app()?, by(ctx)?, Kind::WrapUp, &input.reason_id).await;
        Ok(wrap_up(ctx, settle(archived)?).await?.into())
    }

    /// Makes a reason to be idle. For administrators. Refused with INVALID, DUPLICATE for the name of one in use, NOT_ALLOWED
    /// beyond 200, IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_idle_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What it is like.")] input: CreateIdleReasonInput,
    ) -> Result<CreateIdleReasonPayload> {
        let made = reasons::create(ctx.app()?, by(ctx)?, Kind::Idle, &input.into()).await;
        let changed = settle(made)?.map(|made| (made.row, !made.replayed));
        Ok(idle(ctx, changed).await?.into())
    }

    /// Changes a reason to be idle, also where it was given already. For administrators. Idempotent. Refused with INVALID,
    /// DUPLICATE for the name of one in use, NOT_FOUND, NOT_ALLOWED for one of the system's, for one that is archived and for
    /// making the default none.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_idle_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which, and what to change.")] input: UpdateIdleReasonInput,
    ) -> Result<UpdateIdleReasonPayload> {
        let id = input.reason_id.clone();
        let changed = reasons::update(ctx.app()?, by(ctx)?, Kind::Idle, &id, &input.into()).await;
        Ok(idle(ctx, settle(changed)?).await?.into())
    }

    /// Takes a reason to be idle out of use, for ever: it can no longer be chosen; whoever is idle for it stays so. For
    /// administrators. Idempotent. Refused with NOT_FOUND, and with NOT_ALLOWED for the default and for one of the system's.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_idle_reason(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: ArchiveIdleReasonInput,
    ) -> Result<ArchiveIdleReasonPayload> {
        let archived = reasons::archive(ctx.app()?, by(ctx)?, Kind::Idle, &input.reason_id).await;
        Ok(idle(ctx, settle(archived)?).await?.into())
    }

    /// Says what an agent is: their profile, and what they are good at. It counts at once; offers and talks stay with them. A
    /// person of the role AGENT or a higher one who is no agent yet becomes one. For administrators. Idempotent. Refused with
    /// INVALID, NOT_FOUND for the agent, the profile or a skill, NOT_ALLOWED for a person of a lower role and for a profile that
    /// is archived.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_agent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and what.")] input: UpdateAgentInput,
    ) -> Result<UpdateAgentPayload> {
        Ok(changed(settle(staff::update(ctx.app()?, by(ctx)?, &input).await)?).into())
    }
}

type Changed = std::result::Result<(Uuid, bool), Vec<UserError>>;

async fn wrap_up(ctx: &Context<'_>, changed: Changed) -> Result<Settled<WrapUpReason>> {
    let (id, changed) = match changed {
        Ok(done) => done,
        Err(refused) => return Ok(Err(refused)),
    };
    let row = ctx.load(WrapUpReasonById(WrapUpReasonId(id))).await?.ok_or_else(gone)?;
    Ok(Ok((WrapUpReason(row), changed)))
}

async fn idle(ctx: &Context<'_>, changed: Changed) -> Result<Settled<IdleReason>> {
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
