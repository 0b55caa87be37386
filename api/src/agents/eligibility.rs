//! The eligible agents of each queue. They are computed again when the queue's agents, its skills or an agent's levels
//! change. A queue that names agents takes those of them with the required skills. A queue that names no agents takes
//! every agent with the required skills, or no agent when it requires none. An agent who is eligible at one step is
//! eligible at all later steps.

use std::collections::{BTreeMap, BTreeSet};

use entity::{
    agent_skill,
    id::{QueueId, SkillId, UserId},
    queue::{self, SkillStep},
    queue_agent, queue_member,
    task::{IN_SERVICE, WAITING},
};
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    app::Tx,
    auth::revocation,
    contact_center::admin_change::LockedConfiguration,
    database::sql::{Sql, columns},
    error::Result,
};

type SkillLevels = BTreeMap<SkillId, i16>;

/// Computes the eligible agents of a queue again and wakes the router. Emits
/// `RightsEnded` for agents who are no longer eligible.
pub async fn refresh(tx: &Tx<'_>, _config: &LockedConfiguration, queue: &queue::Model) -> Result<()> {
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
    let mut levels: BTreeMap<UserId, SkillLevels> = BTreeMap::new();
    if !wanted.is_empty() {
        let skilled = agent_skill::Entity::find().filter(agent_skill::Column::SkillId.is_in(wanted));
        for row in skilled.all(tx.db()).await? {
            levels.entry(row.agent_id).or_default().insert(row.skill_id, row.level);
        }
    }
    let none = SkillLevels::new();
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
    // Those who come in are told too: their lists have other conversations now.
    let before: BTreeSet<UserId> = before.into_iter().collect();
    revocation::change(tx, before.symmetric_difference(&stay).copied().collect())?;
    queue_member::Entity::delete_many().filter(queue_member::Column::QueueId.eq(queue.id)).exec(tx.db()).await?;
    for together in members.chunks(500) {
        queue_member::Entity::insert_many(together.to_vec()).exec_without_returning(tx.db()).await?;
    }
    tx.wake_router_on_commit();
    Ok(())
}

/// Computes the eligible agents again of every queue that requires one of `skills`. Archived queues with live tasks are
/// included. A task that returns to an archived queue without a successor waits there.
pub async fn refresh_requiring(tx: &Tx<'_>, config: &LockedConfiguration, skills: &[SkillId]) -> Result<()> {
    let live = format!(
        "WHERE q.archived_at IS NULL \
         OR EXISTS (SELECT 1 FROM task t WHERE t.queue_id = q.id AND t.status {WAITING}) \
         OR EXISTS (SELECT 1 FROM task t WHERE t.queue_id = q.id AND t.status {IN_SERVICE})",
    );
    let sql = Sql::select::<queue::Entity>("q", &live);
    for queue in sql.models::<queue::Entity>(tx.db()).await? {
        if queue.skills.asks_for(skills) {
            refresh(tx, config, &queue).await?;
        }
    }
    Ok(())
}

/// Maximum number of agents that are shown for one queue.
const SHOWN: u64 = 500;

/// Returns the eligible agents of several queues, at most 500 for each queue.
pub async fn for_queues(db: &impl ConnectionTrait, queues: &[QueueId]) -> Result<Vec<queue_member::Model>, DbErr> {
    let mut sql = Sql::default();
    for (part, queue) in queues.iter().enumerate() {
        sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        sql.push(&format!("SELECT {} FROM queue_member m WHERE m.queue_id = ", columns::<queue_member::Entity>("m")));
        sql.bind(*queue);
        sql.push(&format!(" ORDER BY m.agent_id LIMIT {SHOWN}) AS part_{part}"));
    }
    sql.models::<queue_member::Entity>(db).await
}

/// Returns the first step whose requirements the levels meet.
fn first_step(steps: &[SkillStep], levels: &SkillLevels) -> Option<i16> {
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

    use super::{SkillId, SkillLevels, SkillStep, first_step};

    #[test]
    fn who_is_not_good_enough_at_first_may_be_so_later() {
        let skill = SkillId(Uuid::from_u128(1));
        let step = |after_seconds, level| SkillStep {
            after_seconds,
            required: vec![RequiredSkill { skill_id: skill, level }],
        };
        let steps = [step(0, 8), step(60, 5), SkillStep { after_seconds: 120, required: vec![] }];
        let at = |level| first_step(&steps, &SkillLevels::from([(skill, level)]));
        assert_eq!((at(9), at(8), at(7), at(5), at(4)), (Some(0), Some(0), Some(1), Some(1), Some(2)));
        assert_eq!(first_step(&steps, &SkillLevels::new()), Some(2));
        assert_eq!(first_step(&steps[..2], &SkillLevels::new()), None);
        assert_eq!(first_step(&[], &SkillLevels::new()), Some(0));
    }
}
