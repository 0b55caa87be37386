//! Updates of agents by administrators: their profile and their skills. A person needs the role AGENT or a higher one
//! to be an agent. The agent's row is created when the person sets a state, when an administrator updates the agent, or
//! when a queue names them.

use std::collections::BTreeSet;

use async_graphql::{ID, InputObject};
use entity::{
    agent, agent_skill,
    id::{AgentId, SkillId, UserId},
    multimedia_profile,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::{agent_state, eligibility, profiles, skills};
use crate::{
    app::{App, Tx},
    contact_center::{
        admin_change::{self, AdminActor, LockedConfiguration},
        name_validation::invalid,
    },
    contacts::detail_validation::FieldPath,
    error::{Error, Result, UserErrorCode},
    users::people,
};

/// Maximum number of skills of one agent.
const MAX_SKILLS: usize = 100;

const AGENT: FieldPath = &["input", "agentId"];
const USER: FieldPath = &["input", "userId"];
const SKILLS: FieldPath = &["input", "skills"];

/// The changes of an agent. A field that is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateAgentInput {
    /// The agent to update. Exactly one of `agentId` and `userId` is given.
    pub agent_id: Option<ID>,
    /// The person to update, with the role AGENT or a higher one. Exactly one of `agentId` and `userId` is given. A
    /// person who is not an agent yet becomes one, in the state OFFLINE and with the default profile.
    pub user_id: Option<ID>,
    /// The agent's new multimedia profile. The agent keeps tasks beyond its limits.
    pub profile_id: Option<ID>,
    /// The agent's new skills, which replace all earlier ones. At most 100, each once.
    pub skills: Option<Vec<AgentSkillInput>>,
}

/// A skill of an agent, with its level.
#[derive(Clone, Debug, InputObject)]
pub struct AgentSkillInput {
    /// The id of the skill.
    pub skill_id: ID,
    /// The level, from 1 to 10, the best.
    pub level: i32,
}

/// Updates an agent's profile and skills. Returns the agent, and true if anything changed. The eligible agents of all
/// queues that require a changed skill are computed again. Locks the person and the configuration.
pub async fn update(app: &App, by: AdminActor<'_>, input: &UpdateAgentInput) -> Result<(agent::Model, bool)> {
    let (user, field) = resolve_person(input)?;
    let wanted = &input.skills.as_deref().map(levels).transpose()?;
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, &BTreeSet::from([user])).await?;
            let [person] = config.agents.as_slice() else {
                return Err(not_an_agent(tx, user, field).await?);
            };
            let profile = match &input.profile_id {
                Some(id) => Some(profiles::in_use(tx, config, id, &["input", "profileId"]).await?),
                None => None,
            };
            if let Some(wanted) = wanted {
                skills::check_exist(tx.db(), &wanted.iter().map(|(skill, _)| *skill).collect(), SKILLS).await?;
            }
            let known = agent_state::find(tx.db(), user).await?;
            let mut agent = agent_state::create_agent(tx, person).await?;
            let had = current_skills(tx, user).await?;
            let has = wanted.clone().map_or_else(|| had.clone(), |wanted| wanted.into_iter().collect());
            let was = known.map_or_else(|| json!({}), |known| to_audit_value(&known, &had));
            let is = to_audit_value(
                &agent::Model { profile_id: profile_id(&agent, profile.as_ref()), ..agent.clone().into_row() },
                &has,
            );
            if !admin_change::record_changed(tx, &by, "updateAgent", &AgentId(user.0), &was, &is).await? {
                return Ok((agent.into_row(), false));
            }
            if let Some(profile) = &profile {
                profiles::assign(tx, &mut agent, profile).await?;
            }
            set_skills(tx, config, user, &had, &has).await?;
            Ok((agent.into_row(), true))
        })
    })
    .await
}

/// Returns the person that an input names, and the field that names them.
fn resolve_person(input: &UpdateAgentInput) -> Result<(UserId, FieldPath)> {
    match (&input.agent_id, &input.user_id) {
        (Some(id), None) => {
            let id = AgentId::parse(id).ok_or_else(|| Error::not_found(AGENT))?;
            Ok((UserId(id.0), AGENT))
        }
        (None, Some(id)) => Ok((UserId::parse(id).ok_or_else(|| Error::not_found(USER))?, USER)),
        _ => Err(invalid(USER, "Name either an agent or a person.")),
    }
}

/// Returns the refusal for a person who cannot be an agent.
async fn not_an_agent(tx: &Tx<'_>, user: UserId, field: FieldPath) -> Result<Error> {
    Ok(match people::by_id(tx.db(), user).await? {
        Some(_) => Error::refused(UserErrorCode::NotAllowed, field, "The person needs the role AGENT first."),
        None => Error::not_found(field),
    })
}

fn levels(given: &[AgentSkillInput]) -> Result<Vec<(SkillId, i16)>> {
    if given.len() > MAX_SKILLS {
        return Err(invalid(SKILLS, format!("An agent has at most {MAX_SKILLS} skills.")));
    }
    skills::levels(given.iter().map(|skill| (&skill.skill_id, skill.level)), SKILLS)
}

fn profile_id(agent: &agent::Model, profile: Option<&multimedia_profile::Model>) -> entity::id::MultimediaProfileId {
    profile.map_or(agent.profile_id, |profile| profile.id)
}

/// Returns an agent's skills with their levels.
async fn current_skills(tx: &Tx<'_>, agent: UserId) -> Result<BTreeSet<(SkillId, i16)>> {
    let rows = agent_skill::Entity::find().filter(agent_skill::Column::AgentId.eq(agent)).all(tx.db()).await?;
    Ok(rows.into_iter().map(|row| (row.skill_id, row.level)).collect())
}

/// Replaces an agent's skills. Recomputes the eligible agents of the queues that require a changed skill.
async fn set_skills(
    tx: &Tx<'_>,
    config: &LockedConfiguration,
    agent: UserId,
    had: &BTreeSet<(SkillId, i16)>,
    has: &BTreeSet<(SkillId, i16)>,
) -> Result<()> {
    let different: Vec<SkillId> = had.symmetric_difference(has).map(|(skill, _)| *skill).collect();
    if different.is_empty() {
        return Ok(());
    }
    agent_skill::Entity::delete_many().filter(agent_skill::Column::AgentId.eq(agent)).exec(tx.db()).await?;
    let row = |(skill, level): &(SkillId, i16)| agent_skill::ActiveModel {
        agent_id: Set(agent),
        skill_id: Set(*skill),
        level: Set(*level),
    };
    if !has.is_empty() {
        agent_skill::Entity::insert_many(has.iter().map(row)).exec_without_returning(tx.db()).await?;
    }
    eligibility::refresh_requiring(tx, config, &different).await
}

/// Returns an agent in the form of the audit log.
fn to_audit_value(agent: &agent::Model, skills: &BTreeSet<(SkillId, i16)>) -> Value {
    let skill = |(skill, level): &(SkillId, i16)| json!({ "skillId": skill.to_string(), "level": level });
    json!({
        "profileId": agent.profile_id.to_string(),
        "skills": skills.iter().map(skill).collect::<Vec<_>>(),
    })
}
