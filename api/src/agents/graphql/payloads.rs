//! The results of the mutations of agents, profiles and skills.

use async_graphql::{ID, SimpleObject};
use entity::{id::SkillId, multimedia_profile, skill};

use super::{
    profile_types::{MultimediaProfile, Skill},
    types::Agent,
};
use crate::{
    contact_center::graphql::payloads::{admin_payloads, row_nodes},
    error::Result,
    events::graphql::effect::Effect,
};

admin_payloads! {
    CreateMultimediaProfilePayload "createMultimediaProfile" profile: MultimediaProfile, "The profile";
    UpdateMultimediaProfilePayload "updateMultimediaProfile" profile: MultimediaProfile, "The profile";
    ArchiveMultimediaProfilePayload "archiveMultimediaProfile" profile: MultimediaProfile, "The profile";
    CreateSkillPayload "createSkill" skill: Skill, "The skill";
    UpdateSkillPayload "updateSkill" skill: Skill, "The skill";
    UpdateAgentPayload "updateAgent" agent: Agent, "The agent";
}

row_nodes!(
    multimedia_profile::Model => MultimediaProfile,
    skill::Model => Skill,
    entity::agent::Model => Agent,
);

/// The result of `deleteSkill`.
#[derive(SimpleObject)]
pub struct DeleteSkillPayload {
    /// The id of the deleted skill. Null when the call was refused.
    deleted_id: Option<ID>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

impl DeleteSkillPayload {
    /// Makes the payload of a call that was accepted or refused. Returns the error of any other call.
    pub fn of(result: Result<(SkillId, bool)>) -> Result<Self> {
        let (id, effect) = Effect::split(result)?;
        Ok(Self { deleted_id: id.map(ID::from), effect })
    }
}
