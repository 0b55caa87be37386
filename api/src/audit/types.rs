//! The audit as the API shows it.

use std::net::IpAddr;

use async_graphql::{Context, ID, Json, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::audit_entry;
use serde_json::Value;

use super::loader::UsedKey;
use crate::{
    accounts::types::ApiKey,
    auth::context::ContextExt,
    error::Result,
    page::{ByAge, PageInfo, Slice},
    users::types::User,
};

/// Something that an administrator or a key of the organisation did.
#[derive(Clone)]
pub struct AuditEntry(pub audit_entry::Model);

/// Something that an administrator or a key of the organisation did.
#[Object]
impl AuditEntry {
    /// The entry's id, `audit_…`.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The administrator; for a key of the organisation, who made it. Somebody who was deleted since is shown as that.
    async fn actor(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        Some(User::referred(ctx, self.0.user_id?).await)
    }

    /// The key that was used; null when none was, and for a personal key that is gone with its owner.
    async fn key(&self, ctx: &Context<'_>) -> Option<Result<ApiKey>> {
        ctx.load(UsedKey(self.0.key_id?)).await.map(|key| key.map(ApiKey)).transpose()
    }

    /// The name of the mutation, or of what was read.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// The id of what it was done to, which may be gone.
    async fn target(&self) -> Option<ID> {
        self.0.target.clone().map(ID::from)
    }

    /// What was asked for, without secrets: an object whose fields depend on the action.
    async fn details(&self) -> Json<&Value> {
        Json(&self.0.details)
    }

    /// The address it came from, where that is known.
    async fn address(&self) -> Option<String> {
        self.0.address.as_ref()?.parse::<IpAddr>().ok().map(|address| address.to_string())
    }

    /// When it was done.
    async fn occurred_at(&self) -> DateTime<Utc> {
        self.0.occurred_at
    }
}

/// A page of the audit, newest first.
pub struct AuditEntryConnection(pub Slice<audit_entry::Model>);

/// A page of the audit, newest first.
#[Object]
impl AuditEntryConnection {
    /// The entries with their cursors.
    async fn edges(&self) -> Vec<AuditEntryEdge> {
        let edge = |row: &audit_entry::Model| AuditEntryEdge {
            cursor: self.0.cursor(&ByAge(row.id.0)),
            node: AuditEntry(row.clone()),
        };
        self.0.items.iter().map(edge).collect()
    }

    /// The entries.
    async fn nodes(&self) -> Vec<AuditEntry> {
        self.0.items.iter().cloned().map(AuditEntry).collect()
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> PageInfo {
        self.0.info(|row| ByAge(row.id.0))
    }
}

/// An entry in a page.
#[derive(SimpleObject)]
pub struct AuditEntryEdge {
    /// The place in the list.
    cursor: String,
    /// The entry.
    node: AuditEntry,
}
