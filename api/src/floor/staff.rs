//! What agents are: their profile and their skills. Agents come from roles; whoever has one that answers customers is an agent
//! once they turn to a state or an administrator says what they are.

use std::collections::BTreeSet;

use async_graphql::{ID, InputObject};
use entity::{
    agent, agent_skill,
    id::{AgentId, SkillId, UserId},
    multimedia_profile,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, QueryFilter};
use serde_json::{Value, json};

use super::{
    administrators::{self, By},
    names::invalid,
    profiles, skills,
};
use crate::{
    agents::{members, states},
    app::{App, Tx},
    contacts::fields::Field,
    error::{Error, Result, UserErrorCode},
    users::people,
};

/// The most skills of an agent.
const MAX_SKILLS: usize = 100;

const AGENT: Field = &["input", "agentId"];
const USER: Field = &["input", "userId"];
const SKILLS: Field = &["input", "skills"];

/// What an agent is from now on; what is left out stays as it is.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateAgentInput {
    /// The agent; this or `userId`.
    pub agent_id: Option<ID>,
    /// The person, of the role AGENT or a higher one; this or `agentId`. Who is no agent yet becomes one, OFFLINE and with the
    /// default profile.
    pub user_id: Option<ID>,
    /// How much the agent does at once. What they hold beyond it they keep.
    pub profile_id: Option<ID>,
    /// What the agent is good at, in place of what they were, at most 100 skills, none twice.
    pub skills: Option<Vec<AgentSkillInput>>,
}

/// How good an agent is at something.
#[derive(Clone, Debug, InputObject)]
pub struct AgentSkillInput {
    /// The skill.
    pub skill_id: ID,
    /// 1 to 10, the best.
    pub level: i32,
}

/// Says what an agent is; whether anything was different. Queues that ask for the skills are served accordingly at once.
pub async fn update(app: &App, by: By<'_>, input: &UpdateAgentInput) -> Result<(agent::Model, bool)> {
    let (user, field) = whom(input)?;
    let wanted = &input.skills.as_deref().map(levels).transpose()?;
    app.transaction(|tx| {
        Box::pin(async move {
            let answering = administrators::hold(tx, &by, &BTreeSet::from([user])).await?;
            if answering.is_empty() {
                return Err(no_agent(tx, user, field).await?);
            }
            let profile = match &input.profile_id {
                Some(id) => Some(profiles::in_use(tx, id, &["input", "profileId"]).await?),
                None => None,
            };
            if let Some(wanted) = wanted {
                skills::known(tx.db(), &wanted.iter().map(|(skill, _)| *skill).collect(), SKILLS).await?;
            }
            let known = states::find(tx.db(), user).await?;
            let mut agent = states::enrol(tx, user).await?;
            let had = held_skills(tx, user).await?;
            let has = wanted.clone().map_or_else(|| had.clone(), |wanted| wanted.into_iter().collect());
            let was = known.map_or_else(|| json!({}), |known| told(&known, &had));
            let is = told(&agent::Model { profile_id: profile_id(&agent, profile.as_ref()), ..agent.clone() }, &has);
            if !administrators::changed(tx, &by, "updateAgent", &AgentId(user.0), &was, &is).await? {
                return Ok((agent, false));
            }
            if let Some(profile) = &profile {
                profiles::give(tx, &mut agent, profile).await?;
            }
            rate(tx, user, &had, &has).await?;
            Ok((agent, true))
        })
    })
    .await
}

/// Whom an input names, and where.
fn whom(input: &UpdateAgentInput) -> Result<(UserId, Field)> {
    match (&input.agent_id, &input.user_id) {
        (Some(id), None) => {
            let id = AgentId::parse(id).ok_or_else(|| Error::not_found(AGENT))?;
            Ok((UserId(id.0), AGENT))
        }
        (None, Some(id)) => Ok((UserId::parse(id).ok_or_else(|| Error::not_found(USER))?, USER)),
        _ => Err(invalid(USER, "Name an agent or a person.")),
    }
}

/// Why somebody is not made an agent.
async fn no_agent(tx: &Tx<'_>, user: UserId, field: Field) -> Result<Error> {
    Ok(match people::by_id(tx.db(), user).await? {
        Some(_) => Error::refused(UserErrorCode::NotAllowed, field, "Give the person the role AGENT first."),
        None => Error::not_found(field),
    })
}

fn levels(given: &[AgentSkillInput]) -> Result<Vec<(SkillId, i16)>> {
    if given.len() > MAX_SKILLS {
        return Err(invalid(SKILLS, format!("At most {MAX_SKILLS} skills.")));
    }
    skills::levels(given.iter().map(|skill| (&skill.skill_id, skill.level)), SKILLS)
}

fn profile_id(agent: &agent::Model, profile: Option<&multimedia_profile::Model>) -> entity::id::MultimediaProfileId {
    profile.map_or(agent.profile_id, |profile| profile.id)
}

/// What an agent is good at.
async fn held_skills(tx: &Tx<'_>, agent: UserId) -> Result<BTreeSet<(SkillId, i16)>> {
    let rows = agent_skill::Entity::find().filter(agent_skill::Column::AgentId.eq(agent)).all(tx.db()).await?;
    Ok(rows.into_iter().map(|row| (row.skill_id, row.level)).collect())
}

/// Writes what an agent is good at, and works out anew who serves the queues that ask for what is different.
async fn rate(
    tx: &Tx<'_>,
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
    members::refresh_asking(tx, &different).await
}

/// An agent as the audit tells it.
fn told(agent: &agent::Model, skills: &BTreeSet<(SkillId, i16)>) -> Value {
    let skill = |(skill, level): &(SkillId, i16)| json!({ "skillId": skill.to_string(), "level": level });
    json!({
        "profileId": agent.profile_id.to_string(),
        "skills": skills.iter().map(skill).collect::<Vec<_>>(),
    })
}
