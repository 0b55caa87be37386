//! GraphQL types of multimedia profiles and skills. Agents can see them.

use std::sync::Arc;

use crate::instant::Instant;
use async_graphql::{ID, Object, SimpleObject};
use entity::{
    multimedia_profile::{self, ProfileMode},
    skill,
};

/// A named set of capacities, given to agents.
#[derive(Clone)]
pub struct MultimediaProfile(pub Arc<multimedia_profile::Model>);

/// A named set of capacities, given to agents.
#[Object]
impl MultimediaProfile {
    /// The profile's id, `profile_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The profile's name.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// The rule that combines tasks of several capacity groups.
    async fn mode(&self) -> ProfileMode {
        self.0.mode
    }

    /// The maximum number of web chats at once, 0 to 5. With EXCLUSIVE any number above 0 means one.
    async fn chat(&self) -> i32 {
        self.0.chat.into()
    }

    /// The maximum number of e-mail tasks at once, 0 to 5. With EXCLUSIVE any number above 0 means one.
    async fn email(&self) -> i32 {
        self.0.email.into()
    }

    /// The maximum number of Messenger, SMS and WhatsApp tasks together at once, 0 to 5. With EXCLUSIVE any number
    /// above 0 means one.
    async fn social(&self) -> i32 {
        self.0.social.into()
    }

    /// True for the profile of agents without another one. Exactly one profile is the default.
    async fn is_default(&self) -> bool {
        self.0.is_default
    }

    /// The time since which the profile can no longer be given to agents. Null while it can.
    async fn archived_at(&self) -> Option<Instant> {
        self.0.archived_at.map(Instant)
    }
}

/// An ability of agents that queues can require.
#[derive(Clone)]
pub struct Skill(pub Arc<skill::Model>);

/// An ability of agents that queues can require.
#[Object]
impl Skill {
    /// The skill's id, `skill_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The skill's name.
    async fn name(&self) -> &str {
        &self.0.name
    }
}

/// A skill of an agent, with its level.
#[derive(SimpleObject)]
pub struct AgentSkill {
    /// The agent's skill.
    skill: Skill,
    /// The level, from 1 to 10, the best.
    level: i32,
}

impl AgentSkill {
    /// Combines a skill with its level.
    #[must_use]
    pub fn of(skill: &Arc<skill::Model>, level: i16) -> Self {
        Self { skill: Skill(Arc::clone(skill)), level: level.into() }
    }
}
