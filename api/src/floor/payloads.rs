//! What the mutations of the floor answer.

use std::sync::Arc;

use async_graphql::{ID, SimpleObject};
use entity::{entry_point, id::SkillId, multimedia_profile, queue, skill};

use super::administrators::Made;
use crate::{
    agents::{
        profile_types::{MultimediaProfile, Skill},
        queue_types::{EntryPoint, Queue},
        types::{Agent, IdleReason, WrapUpReason},
    },
    error::UserError,
    relationships::deeds::Outcome,
};

/// What came of a call: a thing as it is now and whether the call changed anything, or why it was refused.
pub type Settled<T> = Result<(T, bool), Vec<UserError>>;

macro_rules! payloads {
    ($($name:ident $mutation:literal $field:ident: $kind:ty, $what:literal;)*) => {$(
        #[doc = concat!("The answer to `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            #[doc = concat!($what, " as it is now; null when refused.")]
            $field: Option<$kind>,
            /// What the call did: NO_CHANGE where it was so already, and where an earlier call with the same key had done it.
            outcome: Outcome,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }

        impl From<Settled<$kind>> for $name {
            fn from(settled: Settled<$kind>) -> Self {
                match settled {
                    Ok((thing, changed)) => {
                        Self { $field: Some(thing), outcome: Outcome::of(changed), user_errors: vec![] }
                    }
                    Err(user_errors) => Self { $field: None, outcome: Outcome::Refused, user_errors },
                }
            }
        }
    )*};
}

payloads! {
    CreateQueuePayload "createQueue" queue: Queue, "The queue";
    UpdateQueuePayload "updateQueue" queue: Queue, "The queue";
    ArchiveQueuePayload "archiveQueue" queue: Queue, "The queue";
    CreateEntryPointPayload "createEntryPoint" entry_point: EntryPoint, "The entry point";
    UpdateEntryPointPayload "updateEntryPoint" entry_point: EntryPoint, "The entry point";
    ArchiveEntryPointPayload "archiveEntryPoint" entry_point: EntryPoint, "The entry point";
    CreateMultimediaProfilePayload "createMultimediaProfile" profile: MultimediaProfile, "The profile";
    UpdateMultimediaProfilePayload "updateMultimediaProfile" profile: MultimediaProfile, "The profile";
    ArchiveMultimediaProfilePayload "archiveMultimediaProfile" profile: MultimediaProfile, "The profile";
    CreateSkillPayload "createSkill" skill: Skill, "The skill";
    UpdateSkillPayload "updateSkill" skill: Skill, "The skill";
    CreateWrapUpReasonPayload "createWrapUpReason" reason: WrapUpReason, "The reason";
    UpdateWrapUpReasonPayload "updateWrapUpReason" reason: WrapUpReason, "The reason";
    ArchiveWrapUpReasonPayload "archiveWrapUpReason" reason: WrapUpReason, "The reason";
    CreateIdleReasonPayload "createIdleReason" reason: IdleReason, "The reason";
    UpdateIdleReasonPayload "updateIdleReason" reason: IdleReason, "The reason";
    ArchiveIdleReasonPayload "archiveIdleReason" reason: IdleReason, "The reason";
    UpdateAgentPayload "updateAgent" agent: Agent, "The agent";
}

/// The answer to `deleteSkill`.
#[derive(SimpleObject)]
pub struct DeleteSkillPayload {
    /// The id of the skill that is gone; null when refused.
    deleted_skill_id: Option<ID>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

impl From<Result<SkillId, Vec<UserError>>> for DeleteSkillPayload {
    fn from(settled: Result<SkillId, Vec<UserError>>) -> Self {
        match settled {
            Ok(id) => Self { deleted_skill_id: Some(id.into()), user_errors: vec![] },
            Err(user_errors) => Self { deleted_skill_id: None, user_errors },
        }
    }
}

/// The answer to `rotateIdentitySecret`.
#[derive(SimpleObject)]
pub struct RotateIdentitySecretPayload {
    /// The entry point as it is now; null when refused.
    entry_point: Option<EntryPoint>,
    /// The secret, which nothing shows again: keep it on the site's server. Null when refused.
    identity_secret: Option<String>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

impl From<Result<(entry_point::Model, String), Vec<UserError>>> for RotateIdentitySecretPayload {
    fn from(settled: Result<(entry_point::Model, String), Vec<UserError>>) -> Self {
        match settled {
            Ok((row, text)) => {
                let entry_point = Some(EntryPoint(Arc::new(row)));
                Self { entry_point, identity_secret: Some(text), user_errors: vec![] }
            }
            Err(user_errors) => Self { entry_point: None, identity_secret: None, user_errors },
        }
    }
}

/// A row as the API shows it.
pub trait Shown: Sized {
    type As;
    fn show(self) -> Self::As;
}

macro_rules! shown {
    ($($row:ty => $kind:ident),* $(,)?) => {$(
        impl Shown for $row {
            type As = $kind;
            fn show(self) -> $kind {
                $kind(Arc::new(self))
            }
        }
    )*};
}

shown!(
    queue::Model => Queue,
    entry_point::Model => EntryPoint,
    multimedia_profile::Model => MultimediaProfile,
    skill::Model => Skill,
    entity::agent::Model => Agent,
);

/// What was made, as the payloads take it.
pub fn made<T: Shown>(settled: Result<Made<T>, Vec<UserError>>) -> Settled<T::As> {
    settled.map(|made| (made.row.show(), !made.replayed))
}

/// What was changed, as the payloads take it.
pub fn changed<T: Shown>(settled: Result<(T, bool), Vec<UserError>>) -> Settled<T::As> {
    settled.map(|(row, changed)| (row.show(), changed))
}
