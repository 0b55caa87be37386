//! Multimedia profiles and skills as the API shows them to those who answer customers.

use std::sync::Arc;

use async_graphql::{ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    multimedia_profile::{self, ProfileMode},
    skill,
};

/// How much an agent does at once.
#[derive(Clone)]
pub struct MultimediaProfile(pub Arc<multimedia_profile::Model>);

/// How much an agent does at once.
#[Object]
impl MultimediaProfile {
    /// The profile's id, `profile_…`.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }

    /// How tasks of several kinds of channel go together.
    async fn mode(&self) -> ProfileMode {
        self.0.mode
    }

    /// How many chats of web sites at once, 0 to 5. With EXCLUSIVE any number but 0 means that there may be one.
    async fn chat(&self) -> i32 {
        self.0.chat.into()
    }

    /// How many tasks of e-mail at once, 0 to 5. With EXCLUSIVE any number but 0 means that there may be one.
    async fn email(&self) -> i32 {
        self.0.email.into()
    }

    /// How many tasks of Messenger, SMS and WhatsApp together at once, 0 to 5. With EXCLUSIVE any number but 0 means that there
    /// may be one.
    async fn social(&self) -> i32 {
        self.0.social.into()
    }

    /// Whether agents have it to whom no other was given. One is.
    async fn is_default(&self) -> bool {
        self.0.is_default
    }

    /// Since when it can no longer be given to agents; null while it can.
    async fn archived_at(&self) -> Option<DateTime<Utc>> {
        self.0.archived_at
    }
}

/// Something that agents are good at.
#[derive(Clone)]
pub struct Skill(pub Arc<skill::Model>);

/// Something that agents are good at.
#[Object]
impl Skill {
    /// The skill's id, `skill_…`.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// What it is called.
    async fn name(&self) -> &str {
        &self.0.name
    }
}

/// How good an agent is at something.
#[derive(SimpleObject)]
pub struct AgentSkill {
    /// The skill.
    skill: Skill,
    /// 1 to 10, the best.
    level: i32,
}

impl AgentSkill {
    /// A skill to a level.
    #[must_use]
    pub fn of(skill: &Arc<skill::Model>, level: i16) -> Self {
        Self { skill: Skill(Arc::clone(skill)), level: level.into() }
    }
}
