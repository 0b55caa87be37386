//! Whom a queue may offer its tasks to, worked out whenever its agents, its skills or somebody's levels change. A queue that
//! names agents takes those of them who have the skills; one that names none takes whoever has them, and where none are asked for
//! either, nobody. Who may be offered a task at one step may be offered it at all later ones.

use std::collections::{BTreeMap, BTreeSet};

use entity::{
    agent_skill,
    id::{QueueId, SkillId, UserId},
    queue::{self, SkillStep},
    queue_agent, queue_member,
};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use crate::{app::Tx, auth::rights, database::sql::Sql, error::Result};

type Levels = BTreeMap<SkillId, i16>;

/// Works out who serves a queue. The floor is held.
pub async fn refresh(tx: &Tx<'_>, queue: &queue::Model) -> Result<()> {
    let named: BTreeSet<UserId> = queue_agent::Entity::find()
        .filter(queue_agent::Column::QueueId.eq(queue.id))
        .select_only()
        .column(queue_agent::Column::AgentId)
        .into_tuple()
        .all(tx.db())
        .await?
        .into_iter()
        .collect();
    let wanted: BTreeSet<SkillId> =
        queue.skills.0.iter().flat_map(|step| step.required.iter().map(|required| required.skill_id)).collect();
    let mut levels: BTreeMap<UserId, Levels> = BTreeMap::new();
    if !wanted.is_empty() {
        let skilled = agent_skill::Entity::find().filter(agent_skill::Column::SkillId.is_in(wanted));
        for row in skilled.all(tx.db()).await? {
            levels.entry(row.agent_id).or_default().insert(row.skill_id, row.level);
        }
    }
    let none = Levels::new();
    let candidates: BTreeSet<UserId> = if named.is_empty() { levels.keys().copied().collect() } else { named };
    let members: Vec<_> = candidates
        .into_iter()
        .filter_map(|agent| {
            let from_step = first_step(&queue.skills.0, levels.get(&agent).unwrap_or(&none))?;
            Some(queue_member::ActiveModel { queue_id: Set(queue.id), agent_id: Set(agent), from_step: Set(from_step) })
        })
        .collect();
    let before: Vec<UserId> = queue_member::Entity::find()
        .filter(queue_member::Column::QueueId.eq(queue.id))
        .select_only()
        .column(queue_member::Column::AgentId)
        .into_tuple()
        .all(tx.db())
        .await?;
    let stay: BTreeSet<UserId> = members.iter().filter_map(|member| member.agent_id.try_as_ref().copied()).collect();
    rights::narrow(tx, before.into_iter().filter(|agent| !stay.contains(agent)).collect())?;
    queue_member::Entity::delete_many().filter(queue_member::Column::QueueId.eq(queue.id)).exec(tx.db()).await?;
    for together in members.chunks(500) {
        queue_member::Entity::insert_many(together.to_vec()).exec_without_returning(tx.db()).await?;
    }
    tx.may_route();
    Ok(())
}

/// Does so for every queue that asks for one of some skills, those included that are archived while something of theirs goes
/// on: what comes back to one that has no successor waits there.
pub async fn refresh_asking(tx: &Tx<'_>, skills: &[SkillId]) -> Result<()> {
    let sql = Sql::new(
        "SELECT q.* FROM queue q WHERE q.archived_at IS NULL \
         OR EXISTS (SELECT 1 FROM task t WHERE t.queue_id = q.id AND t.status < 3) \
         OR EXISTS (SELECT 1 FROM task t WHERE t.queue_id = q.id AND t.status IN (3, 4, 5))",
    );
    for queue in sql.models::<queue::Entity>(tx.db()).await? {
        if queue.skills.asks_for(skills) {
            refresh(tx, &queue).await?;
        }
    }
    Ok(())
}

/// How many agents of a queue are shown.
const SHOWN: u64 = 500;

/// Those who serve some queues.
pub async fn of(db: &impl ConnectionTrait, queues: &[QueueId]) -> Result<Vec<queue_member::Model>, DbErr> {
    let mut sql = Sql::default();
    for (part, queue) in queues.iter().enumerate() {
        sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        sql.push("SELECT m.* FROM queue_member m WHERE m.queue_id = ");
        sql.bind(*queue);
        sql.push(&format!(" ORDER BY m.agent_id LIMIT {SHOWN}) AS part_{part}"));
    }
    sql.models::<queue_member::Entity>(db).await
}

/// The first step for which somebody is good enough.
fn first_step(steps: &[SkillStep], levels: &Levels) -> Option<i16> {
    if steps.is_empty() {
        return Some(0);
    }
    let has = |step: &SkillStep| {
        step.required
            .iter()
            .all(|required| levels.get(&required.skill_id).is_some_and(|level| *level >= required.level))
    };
    steps.iter().position(has).and_then(|step| i16::try_from(step).ok())
}

#[cfg(test)]
mod tests {
    use entity::queue::RequiredSkill;
    use uuid::Uuid;

    use super::{Levels, SkillId, SkillStep, first_step};

    #[test]
    fn who_is_not_good_enough_at_first_may_be_so_later() {
        let skill = SkillId(Uuid::from_u128(1));
        let step = |after_seconds, level| SkillStep {
            after_seconds,
            required: vec![RequiredSkill { skill_id: skill, level }],
        };
        let steps = [step(0, 8), step(60, 5), SkillStep { after_seconds: 120, required: vec![] }];
        let at = |level| first_step(&steps, &Levels::from([(skill, level)]));
        assert_eq!((at(9), at(8), at(7), at(5), at(4)), (Some(0), Some(0), Some(1), Some(1), Some(2)));
        assert_eq!(first_step(&steps, &Levels::new()), Some(2));
        assert_eq!(first_step(&steps[..2], &Levels::new()), None);
        assert_eq!(first_step(&[], &Levels::new()), Some(0));
    }
}
