//! The rows of templates, their versions, and the messages that were written with them.

use std::collections::HashMap;

use entity::{
    channel::Channel,
    id::{TemplateId, ThreadItemId},
    template, template_use, template_version,
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _};

use crate::{app::Tx, database::sql::Sql};

/// A template with one of its texts.
#[derive(Clone, Debug)]
pub struct VersionedTemplate {
    /// The template.
    pub row: template::Model,
    /// The text.
    pub text: template_version::Model,
}

impl VersionedTemplate {
    /// Returns true if the template can be used on a channel.
    #[must_use]
    pub fn is_for(&self, channel: Option<Channel>) -> bool {
        let channels = &self.row.channels.0;
        channels.is_empty() || channel.is_some_and(|channel| channels.contains(&channel))
    }
}

/// Returns a template with its present text, also an archived one.
pub async fn find(db: &impl ConnectionTrait, id: TemplateId) -> Result<Option<VersionedTemplate>, DbErr> {
    let Some(row) = template::Entity::find_by_id(id).one(db).await? else { return Ok(None) };
    let text = template_version::Entity::find_by_id((id, row.version)).one(db).await?;
    Ok(text.map(|text| VersionedTemplate { row, text }))
}

/// Returns the texts with the given templates and version numbers.
pub async fn texts(
    db: &impl ConnectionTrait,
    keys: &[(TemplateId, i32)],
) -> Result<HashMap<(TemplateId, i32), template_version::Model>, DbErr> {
    let mut sql = Sql::select::<template_version::Entity>("v", "WHERE ");
    for (part, (template, version)) in keys.iter().enumerate() {
        sql.push(if part == 0 { "(v.template_id = " } else { " OR (v.template_id = " });
        sql.bind(*template);
        sql.push(" AND v.version = ");
        sql.bind(*version);
        sql.push(")");
    }
    let rows = if keys.is_empty() { Vec::new() } else { sql.models::<template_version::Entity>(db).await? };
    Ok(rows.into_iter().map(|row| ((row.template_id, row.version), row)).collect())
}

/// Returns templates by id, also archived ones.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[TemplateId]) -> Result<Vec<template::Model>, DbErr> {
    let mut sql = Sql::select::<template::Entity>("t", "WHERE t.id IN ");
    sql.bind_list(ids);
    sql.models::<template::Entity>(db).await
}

/// Records that a message was written with a template.
pub async fn record_use(tx: &Tx<'_>, used: template_use::Model) -> Result<(), DbErr> {
    template_use::Entity::insert(used.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(())
}

/// Records that the text of a message was changed after it was sent.
pub async fn record_edit(tx: &Tx<'_>, item: ThreadItemId) -> Result<(), DbErr> {
    let mut sql = Sql::new("UPDATE template_use SET edited = TRUE WHERE item_id = ");
    sql.bind(item);
    sql.run(tx.db()).await.map(drop)
}

/// Returns the templates that messages were written with.
pub async fn uses(
    db: &impl ConnectionTrait,
    items: &[ThreadItemId],
) -> Result<HashMap<ThreadItemId, template_use::Model>, DbErr> {
    let mut sql = Sql::select::<template_use::Entity>("u", "WHERE u.item_id IN ");
    sql.bind_list(items);
    let rows = sql.models::<template_use::Entity>(db).await?;
    Ok(rows.into_iter().map(|row| (row.item_id, row)).collect())
}
