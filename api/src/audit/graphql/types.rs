//! The audit log in the API: the entries and their pages.

use std::net::IpAddr;

use async_graphql::{Context, ID, Json, Object, SimpleObject};
use entity::audit_entry;
use serde_json::Value;

use super::loader::UsedKey;
use crate::{
    accounts::graphql::types::ApiKey,
    audit::entries::Entries,
    auth::request_context::ContextExt,
    error::Result,
    instant::Instant,
    pagination::{ByAge, PageInfo, PageSlice},
    users::graphql::types::User,
};

/// An action of an administrator or an organization key.
#[derive(Clone)]
pub struct AuditEntry(pub audit_entry::Model);

/// An action of an administrator or an organization key.
#[Object]
impl AuditEntry {
    /// The entry's id, `audit_…`.
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The administrator; for an organization key, the user who created the key. A deleted user is shown as deleted.
    async fn actor(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        Some(User::referred(ctx, self.0.user_id?).await)
    }

    /// The API key of the action. It is null when none was used. It is also null for a personal key that was deleted
    /// with its owner.
    async fn key(&self, ctx: &Context<'_>) -> Option<Result<ApiKey>> {
        ctx.load(UsedKey(self.0.key_id?)).await.map(|key| key.map(ApiKey)).transpose()
    }

    /// The name of the mutation, or of the data that was read.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// The id of the object of the action. The object may no longer exist.
    async fn target(&self) -> Option<ID> {
        self.0.target.clone().map(ID::from)
    }

    /// The arguments of the action, without secrets. The fields of this object depend on the action.
    async fn details(&self) -> Json<&Value> {
        Json(&self.0.details)
    }

    /// The IP address of the call, if it is known.
    async fn address(&self) -> Option<String> {
        self.0.address.as_ref()?.parse::<IpAddr>().ok().map(|address| address.to_string())
    }

    /// The time of the action.
    async fn occurred_at(&self) -> Instant {
        Instant(self.0.occurred_at)
    }
}

/// A page of audit entries, newest first.
pub struct AuditEntryConnection {
    /// The rows of the page.
    pub slice: PageSlice<audit_entry::Model>,
    /// The list of which the page is a part.
    pub entries: Entries,
}

/// A page of audit entries, newest first.
#[Object]
impl AuditEntryConnection {
    /// The entries with their cursors.
    async fn edges(&self) -> Vec<AuditEntryEdge> {
        let edge = |row: &audit_entry::Model| AuditEntryEdge {
            cursor: self.slice.cursor(&ByAge(row.id.0)),
            node: AuditEntry(row.clone()),
        };
        self.slice.items.iter().map(edge).collect()
    }

    /// The entries of this page.
    async fn nodes(&self) -> Vec<AuditEntry> {
        self.slice.items.iter().cloned().map(AuditEntry).collect()
    }

    /// The position of this page in the list.
    async fn page_info(&self) -> PageInfo {
        self.slice.info(|row| ByAge(row.id.0))
    }

    /// The number of all entries of the list. They are counted when the field is selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(self.entries.count(ctx.app()?.db.read()).await?)
    }
}

/// An entry in a page.
#[derive(SimpleObject)]
pub struct AuditEntryEdge {
    /// The position in the list.
    cursor: String,
    /// The entry itself.
    node: AuditEntry,
}
