//! Changes of queues that touch what waits in them. Archiving a queue leaves nothing behind: what waits in it, and the entry points
//! that feed it, move to another queue; without one the change is refused. Offers and conversations stay with their agents.

use std::collections::BTreeSet;

use async_graphql::ID;
use entity::{entry_point, id::QueueId, queue};
use sea_orm::{ActiveModelTrait, ColumnTrait, EntityTrait, IntoActiveModel as _, QueryFilter, sea_query::Expr};
use serde_json::json;

use super::requeue;
use crate::{
    agents::eligibility,
    app::{App, Tx},
    contact_center::{
        admin_change::{self, AdminActor},
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

/// Changes a queue; whether anything was different. What waits in it is looked at anew at once.
pub async fn update(app: &App, by: AdminActor<'_>, input: &UpdateQueueInput) -> Result<(queue::Model, bool)> {
    let wanted = &input.agent_ids.as_deref().map(queue_admin::agent_ids).transpose()?;
    app.transaction(|tx| {
        Box::pin(async move {
            let answering = admin_change::lock_config(tx, &by, wanted.as_ref().unwrap_or(&BTreeSet::new())).await?;
            let before = queue_admin::in_use(tx.db(), &input.queue_id, QUEUE).await?;
            let named = queue_admin::assigned_agents(tx.db(), before.id).await?;
            let agents = wanted.as_ref().unwrap_or(&named);
            if agents.iter().any(|agent| !answering.contains(agent) && !named.contains(agent)) {
                return Err(Error::not_found(AGENTS));
            }
            let mut row = before.clone();
            queue_admin::apply(tx, &mut row, input).await?;
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
                queue_admin::assign_agents(tx, &row, &queue_admin::sorted(agents)).await?;
            } else if asks_anew {
                eligibility::refresh(tx, &row).await?;
            }
            Ok((row, true))
        })
    })
    .await
}

/// Takes a queue out of use; whether it was in use.
pub async fn archive(app: &App, by: AdminActor<'_>, input: &ArchiveQueueInput) -> Result<(queue::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let id = QueueId::parse(&input.queue_id).ok_or_else(|| Error::not_found(QUEUE))?;
            let row = queue_rows::find(tx.db(), id).await?.ok_or_else(|| Error::not_found(QUEUE))?;
            if row.archived_at.is_some() {
                return Ok((row, false));
            }
            // From here on nothing begins to wait in it.
            locks::lock_routing_exclusive(tx).await?;
            let target = target(tx, &row, input.move_to.as_ref()).await?;
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

/// The queue that takes the place of another.
async fn target(tx: &Tx<'_>, from: &queue::Model, id: Option<&ID>) -> Result<Option<queue::Model>> {
    let Some(id) = id else { return Ok(None) };
    let found = queue_admin::in_use(tx.db(), id, MOVE_TO).await?;
    if found.id == from.id || found.channel != from.channel {
        return Err(invalid(MOVE_TO, "Name another queue of the same channel."));
    }
    Ok(Some(found))
}

/// Moves all that belongs to a queue to another. Routers are stopped.
async fn move_to_replacement(tx: &Tx<'_>, from: &queue::Model, to: &queue::Model) -> Result<()> {
    // Those of entry points and queues that are archived too: something of theirs may still come back.
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

/// Refuses to archive without a successor what tasks wait in or an entry point feeds. Routers are stopped.
async fn check_no_dependents(tx: &Tx<'_>, row: &queue::Model) -> Result<()> {
    let refused = |why: &'static str| Err(Error::refused(UserErrorCode::NotAllowed, MOVE_TO, why));
    let feeding = entry_point::Entity::find()
        .filter(entry_point::Column::QueueId.eq(row.id))
        .filter(entry_point::Column::ArchivedAt.is_null());
    if feeding.one(tx.db()).await?.is_some() {
        return refused("An entry point feeds this queue: say which takes its place.");
    }
    if requeue::count_queued(tx.db(), row.id).await? > 0 {
        return refused("Tasks wait in this queue: say where they go.");
    }
    Ok(())
}
