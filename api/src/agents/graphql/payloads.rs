//! The results of the mutations of agents, profiles and skills.

use async_graphql::{ID, SimpleObject};
use entity::{id::SkillId, multimedia_profile, skill};

use super::{
    profile_types::{MultimediaProfile, Skill},
    types::Agent,
};
use crate::{
    contact_center::graphql::payloads::{admin_payloads, row_nodes},
    error::UserError,
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
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

impl From<Result<SkillId, Vec<UserError>>> for DeleteSkillPayload {
    fn from(settled: Result<SkillId, Vec<UserError>>) -> Self {
        match settled {
            Ok(id) => Self { deleted_id: Some(id.into()), user_errors: vec![] },
            Err(user_errors) => Self { deleted_id: None, user_errors },
        }
    }
}
