//! Skills of agents, and the skill requirements of queues. A skill cannot be deleted while a queue in use requires it.

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

use crate::{
    app::{App, Tx},
    audit::entries,
    contact_center::{
        admin_change::{self, AdminActor, Created, LockedConfiguration},
        name_validation::{self, invalid},
    },
    contacts::detail_validation::FieldPath,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    text::named::{Named as _, keys},
};

/// Maximum number of skill steps of a queue.
const MAX_STEPS: usize = 10;
/// Maximum number of skills in one step.
const MAX_REQUIRED: usize = 20;
/// Maximum time before a step, in seconds. It is one week.
const MAX_AFTER: i32 = 604_800;
/// The allowed skill levels, from the lowest to the best.
pub const LEVELS: std::ops::RangeInclusive<i32> = 1..=10;

const SKILL: FieldPath = &["input", "skillId"];
const STEPS: FieldPath = &["input", "skillRelaxation"];

/// The skill to create.
#[derive(Clone, Debug, InputObject)]
pub struct CreateSkillInput {
    /// The skill's name, 1 to 80 characters. Unique among all skills.
    pub name: String,
    /// A key of the client's choice, 1 to 100 characters. All calls with the same key together create one skill,
    /// without a time limit.
    pub idempotency_key: Option<String>,
}

/// The skill to rename, and its new name.
#[derive(Clone, Debug, InputObject)]
pub struct UpdateSkillInput {
    /// The id of the skill to rename.
    pub skill_id: ID,
    /// The new name, 1 to 80 characters. Unique among all skills.
    pub name: String,
}

/// The skill to delete.
#[derive(Clone, Debug, InputObject)]
pub struct DeleteSkillInput {
    /// The id of the skill to delete.
    pub skill_id: ID,
}

/// The skills that agents need once a task has waited for a time.
#[derive(Clone, Debug, InputObject)]
pub struct SkillStepInput {
    /// The wait in seconds after which the step applies. It is 0 for the first step and rises with each step, up to
    /// 604,800, which is one week.
    pub after_seconds: i32,
    /// The required skills, at most 20, each once. An agent needs all of them. An empty list accepts every agent that
    /// the queue names.
    pub required: Vec<RequiredSkillInput>,
}

/// A skill that agents need, with its minimum level.
#[derive(Clone, Debug, InputObject)]
pub struct RequiredSkillInput {
    /// The id of the required skill.
    pub skill_id: ID,
    /// The minimum level, 1 to 10.
    pub level: i32,
}

/// Creates a skill. Locks the configuration. Refuses with `INVALID`, `DUPLICATE`, `NOT_ALLOWED` or
/// `IDEMPOTENCY_KEY_REUSED`.
pub async fn create(app: &App, by: AdminActor<'_>, input: &CreateSkillInput) -> Result<Created<skill::Model>> {
    let name = &name_validation::check_name(&input.name)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let id = tx.clock().uuid();
            let asked = format!("createSkill {name}");
            let key = input.idempotency_key.as_deref();
            if let Some(id) = admin_change::claim_key(tx, &by, key, &asked, id).await? {
                return Ok(Created { row: find(tx, SkillId(id)).await?, replayed: true });
            }
            name_validation::check_count(tx.db(), config, skill::Entity::find()).await?;
            let row = insert(tx, SkillId(id), name).await?;
            admin_change::record_created(tx, &by, "createSkill", &row.id, json!({ "name": name })).await?;
            Ok(Created { row, replayed: false })
        })
    })
    .await
}

/// Renames a skill. Returns the skill, and true if the name changed. Locks the configuration. Refuses with `INVALID`,
/// `DUPLICATE` or `NOT_FOUND`.
pub async fn update(app: &App, by: AdminActor<'_>, input: &UpdateSkillInput) -> Result<(skill::Model, bool)> {
    let name = &name_validation::check_name(&input.name)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let _config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let before = find_by_id(tx, &input.skill_id, SKILL).await?;
            let mut row = skill::Model { name: name.clone(), ..before.clone() };
            row.refresh_keys();
            let told = |row: &skill::Model| json!({ "name": row.name });
            let changed =
                admin_change::record_changed(tx, &by, "updateSkill", &row.id, &told(&before), &told(&row)).await?;
            if changed {
                let update = row.clone().into_active_model().reset_all().update(tx.db()).await;
                update.on_unique(name_validation::name_taken)?;
            }
            Ok((row, changed))
        })
    })
    .await
}

/// Deletes a skill and removes it from all agents. Returns false if it was deleted before. Locks the configuration.
/// Refuses with `NOT_FOUND`, or with `NOT_ALLOWED` while a queue in use requires it.
pub async fn delete(app: &App, by: AdminActor<'_>, input: &DeleteSkillInput) -> Result<(SkillId, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let _config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let id = SkillId::parse(&input.skill_id).ok_or_else(|| Error::not_found(SKILL))?;
            let Some(row) = skill::Entity::find_by_id(id).one(tx.db()).await? else {
                let repeated = entries::was_recorded(tx, "deleteSkill", &id).await?;
                return if repeated { Ok((id, false)) } else { Err(Error::not_found(SKILL)) };
            };
            let queues = queue::Entity::find().filter(queue::Column::ArchivedAt.is_null()).all(tx.db()).await?;
            if let Some(queue) = queues.iter().find(|queue| queue.skills.asks_for(&[row.id])) {
                let why = format!("The queue {} requires this skill.", queue.name);
                return Err(Error::refused(UserErrorCode::NotAllowed, SKILL, why));
            }
            agent_skill::Entity::delete_many().filter(agent_skill::Column::SkillId.eq(row.id)).exec(tx.db()).await?;
            skill::Entity::delete_by_id(row.id).exec(tx.db()).await?;
            admin_change::record_created(tx, &by, "deleteSkill", &row.id, json!({ "name": row.name })).await?;
            Ok((row.id, true))
        })
    })
    .await
}

/// Checks the skill steps of a queue. Refuses with `INVALID`, or with `NOT_FOUND` for
/// a missing skill.
pub async fn steps(tx: &Tx<'_>, _config: &LockedConfiguration, given: &[SkillStepInput]) -> Result<SkillSteps> {
    if given.len() > MAX_STEPS {
        return Err(invalid(STEPS, format!("A queue has at most {MAX_STEPS} skill steps.")));
    }
    let mut steps: Vec<SkillStep> = Vec::new();
    for step in given {
        let in_order = match steps.last() {
            None => step.after_seconds == 0,
            Some(before) => step.after_seconds > before.after_seconds,
        };
        name_validation::check_range(step.after_seconds, 0, MAX_AFTER, STEPS)?;
        if !in_order {
            return Err(invalid(STEPS, "The first step is after 0 seconds. Each next step is later."));
        }
        if step.required.len() > MAX_REQUIRED {
            return Err(invalid(STEPS, format!("A step has at most {MAX_REQUIRED} skills.")));
        }
        let wanted = step.required.iter().map(|required| (&required.skill_id, required.level));
        let required = levels(wanted, STEPS)?;
        let required = required.into_iter().map(|(skill_id, level)| RequiredSkill { skill_id, level }).collect();
        steps.push(SkillStep { after_seconds: step.after_seconds, required });
    }
    let wanted = steps.iter().flat_map(|step| step.required.iter().map(|required| required.skill_id)).collect();
    check_exist(tx.db(), &wanted, STEPS).await?;
    Ok(SkillSteps(steps))
}

/// Checks skills with their levels. Refuses with `INVALID` for a repeated skill, `OUT_OF_RANGE` for a wrong
/// level, or `NOT_FOUND`.
pub fn levels<'a>(given: impl Iterator<Item = (&'a ID, i32)>, field: FieldPath) -> Result<Vec<(SkillId, i16)>> {
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for (id, level) in given {
        let id = SkillId::parse(id).ok_or_else(|| Error::not_found(field))?;
        if !seen.insert(id) {
            return Err(invalid(field, "A skill is listed twice."));
        }
        name_validation::check_range(level, *LEVELS.start(), *LEVELS.end(), field)?;
        found.push((id, i16::try_from(level).unwrap_or_default()));
    }
    Ok(found)
}

/// Refuses with `NOT_FOUND` if one of the skills does not exist.
pub async fn check_exist(db: &impl ConnectionTrait, wanted: &BTreeSet<SkillId>, field: FieldPath) -> Result<()> {
    if wanted.is_empty() {
        return Ok(());
    }
    let found: Vec<SkillId> = skill::Entity::find()
        .filter(skill::Column::Id.is_in(wanted.iter().copied()))
        .select_only()
        .column(skill::Column::Id)
        .into_tuple()
        .all(db)
        .await?;
    if found.len() < wanted.len() { Err(Error::not_found(field)) } else { Ok(()) }
}

/// Returns the skill steps of a queue in the form of the audit log.
#[must_use]
pub fn to_audit_value(steps: &SkillSteps) -> Value {
    let required =
        |required: &RequiredSkill| json!({ "skillId": required.skill_id.to_string(), "level": required.level });
    let step = |step: &SkillStep| json!({ "afterSeconds": step.after_seconds, "required": step.required.iter().map(required).collect::<Vec<_>>() });
    steps.0.iter().map(step).collect()
}

async fn find_by_id(tx: &Tx<'_>, id: &str, field: FieldPath) -> Result<skill::Model> {
    let id = SkillId::parse(id).ok_or_else(|| Error::not_found(field))?;
    skill::Entity::find_by_id(id).one(tx.db()).await?.ok_or_else(|| Error::not_found(field))
}

async fn find(tx: &Tx<'_>, id: SkillId) -> Result<skill::Model> {
    let made = skill::Entity::find_by_id(id).one(tx.db()).await?;
    made.ok_or_else(|| Error::not_found(&["input", "idempotencyKey"]))
}

/// Inserts a skill with its id.
async fn insert(tx: &Tx<'_>, id: SkillId, name: &str) -> Result<skill::Model> {
    let (name_key, search_text) = keys(name);
    let row = skill::Model { id, name: name.to_owned(), name_key, search_text };
    let insert = skill::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await;
    insert
        .on_unique(|| Error::refused(UserErrorCode::Duplicate, &["input", "name"], "Another skill has this name."))?;
    Ok(row)
}
