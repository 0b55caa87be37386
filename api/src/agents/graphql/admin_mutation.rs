//! Mutations of administrators for multimedia profiles, skills and agents. Each is idempotent or takes an idempotency
//! key.

use async_graphql::{Context, Object};

use super::payloads::{
    ArchiveMultimediaProfilePayload, CreateMultimediaProfilePayload, CreateSkillPayload, DeleteSkillPayload,
    UpdateAgentPayload, UpdateMultimediaProfilePayload, UpdateSkillPayload,
};
use crate::{
    agents::{
        agent_admin::{self, UpdateAgentInput},
        profiles::{self, ArchiveMultimediaProfileInput, CreateMultimediaProfileInput, UpdateMultimediaProfileInput},
        skills::{self, CreateSkillInput, DeleteSkillInput, UpdateSkillInput},
    },
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    contact_center::{admin_change::Created, graphql::payloads::admin_actor},
    error::Result,
};

/// Root mutations of agent administration.
#[derive(Default)]
pub struct AgentAdminMutation;

#[Object]
impl AgentAdminMutation {
    /// Creates a multimedia profile. For administrators. At most 200 profiles are in use at once. Refuses with
    /// REQUIRED, INVALID, OUT_OF_RANGE, DUPLICATE when a profile in use has the name, LIMIT_REACHED when 200 are in
    /// use, or IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_multimedia_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile to create.")] input: CreateMultimediaProfileInput,
    ) -> Result<CreateMultimediaProfilePayload> {
        CreateMultimediaProfilePayload::of(
            profiles::create(ctx.app()?, admin_actor(ctx)?, &input).await.map(Created::into_change),
        )
    }

    /// Changes a multimedia profile and applies it at once to all agents with the profile. They keep tasks beyond new
    /// limits. For administrators. Idempotent. Refuses with REQUIRED, INVALID, OUT_OF_RANGE, DUPLICATE when a profile
    /// in use has the name, or NOT_FOUND. Refuses with ARCHIVED when the profile is archived, or IS_DEFAULT when
    /// `isDefault` is false for the default profile.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_multimedia_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile and its changes.")] input: UpdateMultimediaProfileInput,
    ) -> Result<UpdateMultimediaProfilePayload> {
        UpdateMultimediaProfilePayload::of(profiles::update(ctx.app()?, admin_actor(ctx)?, &input).await)
    }

    /// Archives a multimedia profile for ever. For administrators. Idempotent. Refuses with NOT_FOUND, IS_DEFAULT for
    /// the default profile, or NOT_ALLOWED for a profile that an agent has.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn archive_multimedia_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The profile to archive.")] input: ArchiveMultimediaProfileInput,
    ) -> Result<ArchiveMultimediaProfilePayload> {
        ArchiveMultimediaProfilePayload::of(profiles::archive(ctx.app()?, admin_actor(ctx)?, &input).await)
    }

    /// Creates a skill. For administrators. Refuses with REQUIRED, INVALID, DUPLICATE, LIMIT_REACHED when there are 200
    /// skills, or IDEMPOTENCY_KEY_REUSED.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn create_skill(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The skill to create.")] input: CreateSkillInput,
    ) -> Result<CreateSkillPayload> {
        CreateSkillPayload::of(skills::create(ctx.app()?, admin_actor(ctx)?, &input).await.map(Created::into_change))
    }

    /// Renames a skill. For administrators. Idempotent. Refuses with REQUIRED, INVALID, DUPLICATE or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_skill(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The skill and its new name.")] input: UpdateSkillInput,
    ) -> Result<UpdateSkillPayload> {
        UpdateSkillPayload::of(skills::update(ctx.app()?, admin_actor(ctx)?, &input).await)
    }

    /// Deletes a skill and removes it from all agents. For administrators. Refuses with NOT_FOUND, or with NOT_ALLOWED
    /// while a queue in use requires the skill.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn delete_skill(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The skill to delete.")] input: DeleteSkillInput,
    ) -> Result<DeleteSkillPayload> {
        DeleteSkillPayload::of(skills::delete(ctx.app()?, admin_actor(ctx)?, &input).await)
    }

    /// Changes an agent's multimedia profile and skills. The change takes effect at once. The agent keeps offers and
    /// conversations. A person with the role AGENT or a higher one becomes an agent by this call. For administrators.
    /// Idempotent. Refuses with INVALID, OUT_OF_RANGE, or NOT_FOUND for the agent, the profile or a skill. Refuses with
    /// NOT_ALLOWED for a person of a lower role, or ARCHIVED for an archived profile.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn update_agent(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The agent and the changes.")] input: UpdateAgentInput,
    ) -> Result<UpdateAgentPayload> {
        UpdateAgentPayload::of(agent_admin::update(ctx.app()?, admin_actor(ctx)?, &input).await)
    }
}
