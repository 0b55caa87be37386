//! Skills, and what queues ask for of them. A skill for which a queue asks is not deleted.

use std::collections::{BTreeSet, HashSet};

use async_graphql::{ID, InputObject};
use entity::{
    agent_skill,
    id::SkillId,
    queue::{self, RequiredSkill, SkillStep, SkillSteps},
    skill,
};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel as _, QueryFilter, QuerySelect as _,
};
use serde_json::{Value, json};

use super::{
    administrators::{self, By, Made},
    names::{self, invalid},
};
use crate::{
    agents::set_up,
    app::{App, Tx},
    auth::once,
    contacts::fields::Field,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    text::Named as _,
};

/// The most steps of a queue, skills of a step, and seconds before a step.
const MAX_STEPS: usize = 10;
const MAX_REQUIRED: usize = 20;
const MAX_AFTER: i32 = 604_800;
/// Levels, from the least to the best.
pub const LEVELS: std::ops::RangeInclusive<i32> = 1..=10;

const SKILL: Field = &["input", "skillId"];
const STEPS: Field = &["input", "skillSteps"];

/// A skill to be made.
#[derive(Clone, Debug, InputObject)]
pub struct CreateSkillInput {
    /// What it is called, 1 to 80 characters. Unique.
    pub name: String,
    /// A key that the client makes up, 1 to 100 characters: a call repeated with it makes one skill, for ever.
    pub idempotency_key: Option<String>,
}

/// What to call a skill.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateSkillInput {
    /// The skill.
    pub skill_id: ID,
    /// What it is called, 1 to 80 characters. Unique.
    pub name: String,
}

/// Which skill to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteSkillInput {
    /// The skill.
    pub skill_id: ID,
}

/// What agents must be good at once a task has waited so long.
#[derive(Clone, Debug, InputObject)]
pub struct SkillStepInput {
    /// After how many seconds of waiting it holds: 0 for the first step, more for each that follows, at most a week.
    pub after_seconds: i32,
    /// All of these, each to its level, at most 20, no skill twice. Nothing: whoever the queue names will do.
    pub required: Vec<RequiredSkillInput>,
}

/// A skill and the least level of it.
#[derive(Clone, Debug, InputObject)]
pub struct RequiredSkillInput {
    /// The skill.
    pub skill_id: ID,
    /// The least level, 1 to 10.
    pub level: i32,
}

/// Makes a skill.
pub async fn create(app: &App, by: By<'_>, input: &CreateSkillInput) -> Result<Made<skill::Model>> {
    let name = &names::check(&input.name)?;
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let id = tx.clock().uuid();
            let asked = format!("createSkill {name}");
            let key = input.idempotency_key.as_deref();
            if let Some(id) = once::claim(tx, by.viewer.user, key, &asked, id).await? {
                return Ok(Made { row: find(tx, SkillId(id)).await?, replayed: true });
            }
            names::one_more(tx.db(), skill::Entity::find()).await?;
            let row = set_up::skill_with(tx, SkillId(id), name).await?;
            administrators::made(tx, &by, "createSkill", &row.id, json!({ "name": name })).await?;
            Ok(Made { row, replayed: false })
        })
    })
    .await
}

/// Calls a skill something else; whether it was called so before.
pub async fn update(app: &App, by: By<'_>, input: &UpdateSkillInput) -> Result<(skill::Model, bool)> {
    let name = &names::check(&input.name)?;
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let before = named(tx, &input.skill_id, SKILL).await?;
            let mut row = skill::Model { name: name.clone(), ..before.clone() };
            row.refresh_keys();
            let told = |row: &skill::Model| json!({ "name": row.name });
            let changed = administrators::changed(tx, &by, "updateSkill", &row.id, &told(&before), &told(&row)).await?;
            if changed {
                let update = row.clone().into_active_model().reset_all().update(tx.db()).await;
                update.on_unique(names::taken)?;
            }
            Ok((row, changed))
        })
    })
    .await
}

/// Deletes a skill; nobody has it any more.
pub async fn delete(app: &App, by: By<'_>, input: &DeleteSkillInput) -> Result<SkillId> {
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let row = named(tx, &input.skill_id, SKILL).await?;
            let queues = queue::Entity::find().filter(queue::Column::ArchivedAt.is_null()).all(tx.db()).await?;
            if let Some(queue) = queues.iter().find(|queue| queue.skills.asks_for(&[row.id])) {
                let why = format!("The queue {} asks for this skill.", queue.name);
                return Err(Error::refused(UserErrorCode::NotAllowed, SKILL, why));
            }
            agent_skill::Entity::delete_many().filter(agent_skill::Column::SkillId.eq(row.id)).exec(tx.db()).await?;
            skill::Entity::delete_by_id(row.id).exec(tx.db()).await?;
            administrators::made(tx, &by, "deleteSkill", &row.id, json!({ "name": row.name })).await?;
            Ok(row.id)
        })
    })
    .await
}

/// What a queue asks for, as it may be. The floor is held.
pub async fn steps(tx: &Tx<'_>, given: &[SkillStepInput]) -> Result<SkillSteps> {
    if given.len() > MAX_STEPS {
        return Err(invalid(STEPS, format!("At most {MAX_STEPS} steps.")));
    }
    let mut steps: Vec<SkillStep> = Vec::new();
    for step in given {
        let in_order = match steps.last() {
            None => step.after_seconds == 0,
            Some(before) => step.after_seconds > before.after_seconds,
        };
        if !in_order || step.after_seconds > MAX_AFTER {
            let why = format!(
                "The first step holds after 0 seconds, each other later than the one before, at most after {MAX_AFTER}."
            );
            return Err(invalid(STEPS, why));
        }
        if step.required.len() > MAX_REQUIRED {
            return Err(invalid(STEPS, format!("At most {MAX_REQUIRED} skills of a step.")));
        }
        let wanted = step.required.iter().map(|required| (&required.skill_id, required.level));
        let required = levels(wanted, STEPS)?;
        let required = required.into_iter().map(|(skill_id, level)| RequiredSkill { skill_id, level }).collect();
        steps.push(SkillStep { after_seconds: step.after_seconds, required });
    }
    let wanted = steps.iter().flat_map(|step| step.required.iter().map(|required| required.skill_id)).collect();
    known(tx.db(), &wanted, STEPS).await?;
    Ok(SkillSteps(steps))
}

/// Skills and their levels, each skill once.
pub fn levels<'a>(given: impl Iterator<Item = (&'a ID, i32)>, field: Field) -> Result<Vec<(SkillId, i16)>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (id, level) in given {
        let id = SkillId::parse(id).ok_or_else(|| Error::not_found(field))?;
        if !seen.insert(id) {
            return Err(invalid(field, "A skill stands here twice."));
        }
        names::within(level, *LEVELS.start(), *LEVELS.end(), field)?;
        found.push((id, i16::try_from(level).unwrap_or_default()));
    }
    Ok(found)
}

/// Refuses skills of which one is not there.
pub async fn known(db: &impl ConnectionTrait, wanted: &BTreeSet<SkillId>, field: Field) -> Result<()> {
    let found: Vec<SkillId> = skill::Entity::find()
        .filter(skill::Column::Id.is_in(wanted.iter().copied()))
        .select_only()
        .column(skill::Column::Id)
        .into_tuple()
        .all(db)
        .await?;
    if found.len() < wanted.len() { Err(Error::not_found(field)) } else { Ok(()) }
}

/// What a queue asks for, as the audit tells it.
#[must_use]
pub fn told(steps: &SkillSteps) -> Value {
    let required =
        |required: &RequiredSkill| json!({ "skillId": required.skill_id.to_string(), "level": required.level });
    let step = |step: &SkillStep| json!({ "afterSeconds": step.after_seconds, "required": step.required.iter().map(required).collect::<Vec<_>>() });
    steps.0.iter().map(step).collect()
}

async fn named(tx: &Tx<'_>, id: &str, field: Field) -> Result<skill::Model> {
    let id = SkillId::parse(id).ok_or_else(|| Error::not_found(field))?;
    skill::Entity::find_by_id(id).one(tx.db()).await?.ok_or_else(|| Error::not_found(field))
}

async fn find(tx: &Tx<'_>, id: SkillId) -> Result<skill::Model> {
    let made = skill::Entity::find_by_id(id).one(tx.db()).await?;
    made.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))
}
