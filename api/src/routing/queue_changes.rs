//! Changes of queues that affect waiting tasks. Archiving a queue moves its waiting tasks and entry points to another
//! queue. Without another queue, archiving a queue that has any is refused. Offers and conversations stay with their
//! agents.

use std::collections::BTreeSet;

use async_graphql::ID;
use entity::{entry_point, id::QueueId, queue};
use sea_orm::{
    ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel as _, QueryFilter, QueryOrder as _, sea_query::Expr,
};
use serde_json::json;

use super::requeue;
use crate::{
    agents::eligibility,
    app::{App, Tx},
    contact_center::{
        admin_change::{self, AdminActor, LockedConfiguration},
        locks,
        name_validation::{self, invalid},
    },
    contacts::detail_validation::FieldPath,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    queues::{
        queue_admin::{self, AGENTS, ArchiveQueueInput, QUEUE, UpdateQueueInput},
        queue_rows,
    },
};

const MOVE_TO: FieldPath = &["input", "moveTo"];

/// Changes a queue. Returns false if nothing differs. Changed skill steps apply to waiting tasks at once, under the
/// exclusive routing lock. Locks the configuration and the named people. Refuses with `NOT_FOUND`, `NOT_ALLOWED`,
/// `INVALID` or `DUPLICATE`.
pub async fn update(app: &App, by: AdminActor<'_>, input: &UpdateQueueInput) -> Result<(queue::Model, bool)> {
    let wanted = &input.agent_ids.as_deref().map(queue_admin::agent_ids).transpose()?;
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, wanted.as_ref().unwrap_or(&BTreeSet::new())).await?;
            let before = queue_admin::in_use(tx.db(), config, &input.queue_id, QUEUE).await?;
            let named = queue_admin::assigned_agents(tx.db(), before.id).await?;
            let agents = wanted.as_ref().unwrap_or(&named);
            if agents.iter().any(|agent| !config.has_agent(*agent) && !named.contains(agent)) {
                return Err(Error::not_found(AGENTS));
            }
            let mut row = before.clone();
            queue_admin::apply(tx, config, &mut row, input).await?;
            let (was, is) = (queue_admin::to_audit_value(&before, &named), queue_admin::to_audit_value(&row, agents));
            if !admin_change::record_changed(tx, &by, "updateQueue", &row.id, &was, &is).await? {
                return Ok((row, false));
            }
            let asks_anew = row.skills != before.skills;
            if asks_anew {
                locks::lock_routing_exclusive(tx).await?;
            }
            row.clone().into_active_model().reset_all().update(tx.db()).await.on_unique(name_validation::name_taken)?;
            if asks_anew {
                requeue::recompute_skill_steps(tx, &row).await?;
            }
            if *agents != named {
                queue_admin::assign_agents(tx, config, &row, &queue_admin::sorted(agents)).await?;
            } else if asks_anew {
                eligibility::refresh(tx, config, &row).await?;
            }
            Ok((row, true))
        })
    })
    .await
}

/// Archives a queue. Returns false if it was archived before. Locks the configuration and the queue's entry points, and
/// takes the routing lock in exclusive mode. Emits the events of the moved tasks. Refuses with `NOT_FOUND`, `INVALID`
/// or `NOT_ALLOWED`.
pub async fn archive(app: &App, by: AdminActor<'_>, input: &ArchiveQueueInput) -> Result<(queue::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let id = QueueId::parse(&input.queue_id).ok_or_else(|| Error::not_found(QUEUE))?;
            let row = queue_rows::find(tx.db(), id).await?.ok_or_else(|| Error::not_found(QUEUE))?;
            if row.archived_at.is_some() {
                return Ok((row, false));
            }
            // From here on no task begins to wait in the queue. Entry points are locked first, as customers lock them.
            lock_entry_points(tx, config, row.id).await?;
            locks::lock_routing_exclusive(tx).await?;
            let target = target(tx, config, &row, input.move_to.as_ref()).await?;
            let successor_id = target.as_ref().map(|target| target.id);
            let row = queue::Model { archived_at: Some(tx.clock().now()), successor_id, ..row };
            row.clone().into_active_model().reset_all().update(tx.db()).await?;
            match &target {
                Some(target) => move_to_replacement(tx, &row, target).await?,
                None => check_no_dependents(tx, &row).await?,
            }
            let told = json!({ "moveTo": successor_id.map(|id| id.to_string()) });
            admin_change::record_created(tx, &by, "archiveQueue", &row.id, told).await?;
            Ok((row, true))
        })
    })
    .await
}

/// Locks the entry points that feed a queue. No other begins to feed it, because the configuration is locked.
async fn lock_entry_points(tx: &Tx<'_>, _config: &LockedConfiguration, queue: QueueId) -> Result<()> {
    let feeding = entry_point::Entity::find()
        .filter(entry_point::Column::QueueId.eq(queue))
        .order_by_asc(entry_point::Column::Id);
    tx.lock_all(feeding).await?;
    Ok(())
}

/// Returns the queue that replaces another, if one is named.
async fn target(
    tx: &Tx<'_>,
    config: &LockedConfiguration,
    from: &queue::Model,
    id: Option<&ID>,
) -> Result<Option<queue::Model>> {
    let Some(id) = id else { return Ok(None) };
    let found = queue_admin::in_use(tx.db(), config, id, MOVE_TO).await?;
    if found.id == from.id || found.channel != from.channel {
        return Err(invalid(MOVE_TO, "Name another queue of the same channel."));
    }
    Ok(Some(found))
}

/// Moves the entry points, predecessors and waiting tasks of a queue to another. The routing lock must be taken in
/// exclusive mode.
async fn move_to_replacement(tx: &Tx<'_>, from: &queue::Model, to: &queue::Model) -> Result<()> {
    // Archived entry points and queues are included, because their tasks may still return.
    entry_point::Entity::update_many()
        .col_expr(entry_point::Column::QueueId, Expr::value(to.id))
        .filter(entry_point::Column::QueueId.eq(from.id))
        .exec(tx.db())
        .await?;
    queue::Entity::update_many()
        .col_expr(queue::Column::SuccessorId, Expr::value(to.id))
        .filter(queue::Column::SuccessorId.eq(from.id))
        .exec(tx.db())
        .await?;
    requeue::move_all(tx, from.id, to).await
}

/// Refuses with `NOT_ALLOWED` if tasks wait in the queue or an entry point uses it. The routing lock must be taken in
/// exclusive mode.
async fn check_no_dependents(tx: &Tx<'_>, row: &queue::Model) -> Result<()> {
    let refused = |why: &'static str| Err(Error::refused(UserErrorCode::NotAllowed, MOVE_TO, why));
    let feeding = entry_point::Entity::find()
        .filter(entry_point::Column::QueueId.eq(row.id))
        .filter(entry_point::Column::ArchivedAt.is_null());
    if feeding.one(tx.db()).await?.is_some() {
        return refused("An entry point uses this queue. Name the queue that replaces it.");
    }
    if requeue::count_queued(tx.db(), row.id).await? > 0 {
        return refused("Tasks wait in this queue. Name the queue that replaces it.");
    }
    Ok(())
}
