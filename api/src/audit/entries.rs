//! Audit entries: written in the transaction of their action, and read with the newest first.

use entity::{
    api_key, audit_entry,
    id::{AuditEntryId, UserId},
};
use sea_orm::{ColumnTrait as _, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, QueryFilter as _};
use serde_json::Value;

use crate::{
    app::{App, Tx},
    auth::{
        request_context::Origin,
        viewer::{Caller, Credential, Viewer},
    },
    database::sql::Sql,
    error::Result,
    pagination::{ByAge, Page, PageSlice},
};

/// An action that is written to the audit log.
#[derive(Clone, Debug)]
pub struct AuditedAction<'a> {
    /// The name of the mutation, or of the data that was read.
    pub action: &'static str,
    /// The id of the object of the action.
    pub target: Option<String>,
    /// The arguments of the action, without secrets.
    pub details: Value,
    /// The origin of the call.
    pub origin: &'a Origin,
}

impl<'a> AuditedAction<'a> {
    /// Creates an action on one object, without details.
    #[must_use]
    pub fn on(action: &'static str, target: &(impl ToString + ?Sized), origin: &'a Origin) -> Self {
        Self { action, target: Some(target.to_string()), details: Value::Object(serde_json::Map::new()), origin }
    }

    /// Adds the arguments of the action, without secrets.
    #[must_use]
    pub fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }
}

/// Writes an administrator's action to the audit log, in this transaction.
pub async fn record(tx: &Tx<'_>, by: &Viewer, act: AuditedAction<'_>) -> Result<()> {
    write(tx, Some(&Caller::Person(*by)), act).await
}

/// Records what Rapport itself changes in this transaction.
pub async fn record_system(tx: &Tx<'_>, act: AuditedAction<'_>) -> Result<()> {
    write(tx, None, act).await
}

/// Writes an action of an organization key to the audit log, such as an export. Does nothing for other callers.
pub async fn record_service(app: &App, by: &Caller, act: AuditedAction<'_>) -> Result<()> {
    let Caller::Service(_) = by else { return Ok(()) };
    let act = &act;
    app.transaction(|tx| Box::pin(async move { write(tx, Some(by), act.clone()).await })).await
}

/// Returns true if an action on an object was recorded.
pub async fn was_recorded(tx: &Tx<'_>, action: &str, target: &(impl ToString + ?Sized)) -> Result<bool> {
    let entries = audit_entry::Entity::find()
        .filter(audit_entry::Column::Target.eq(target.to_string()))
        .filter(audit_entry::Column::Action.eq(action));
    Ok(entries.one(tx.db()).await?.is_some())
}

async fn write(tx: &Tx<'_>, by: Option<&Caller>, act: AuditedAction<'_>) -> Result<()> {
    let (user_id, key_id) = match by {
        Some(Caller::Person(viewer)) => match viewer.proof {
            Credential::Key(key) => (Some(viewer.user), Some(key)),
            Credential::Session(_) | Credential::Token => (Some(viewer.user), None),
        },
        Some(Caller::Service(service)) => {
            let key = api_key::Entity::find_by_id(service.key).one(tx.db()).await?;
            (key.map(|key| key.owner_id), Some(service.key))
        }
        Some(Caller::Visitor(_)) | None => (None, None),
    };
    let row = audit_entry::Model {
        id: AuditEntryId(tx.clock().uuid()),
        user_id,
        key_id,
        action: act.action.to_owned(),
        target: act.target,
        details: act.details,
        address: act.origin.address.map(|address| address.to_string()),
        occurred_at: tx.clock().now(),
    };
    audit_entry::Entity::insert(row.into_active_model()).exec_without_returning(tx.db()).await?;
    Ok(())
}

/// A list of entries, newest first. A filter that is none selects everything.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// The person whose actions are listed.
    pub user: Option<UserId>,
    /// The name of the listed actions.
    pub action: Option<String>,
    /// The id of the object whose actions are listed.
    pub target: Option<String>,
}

impl Entries {
    /// Returns a text that identifies the list and its filters, for the cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("audit {:?} {:?} {:?}", self.user, self.action, self.target)
    }

    /// Reads one page of the list.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<ByAge>,
    ) -> Result<PageSlice<audit_entry::Model>, DbErr> {
        let mut sql = Sql::select::<audit_entry::Entity>("a", "WHERE 1 = 1");
        self.write(&mut sql);
        page.write(&mut sql, &["a.id"], true);
        Ok(page.slice(sql.models::<audit_entry::Entity>(db).await?))
    }

    /// Counts the entries of the list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut sql = Sql::new("SELECT count(*) AS count FROM audit_entry a WHERE 1 = 1");
        self.write(&mut sql);
        sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
    }

    /// Continues a statement with the conditions of the list.
    fn write(&self, sql: &mut Sql) {
        if let Some(user) = self.user {
            sql.push(" AND a.user_id = ");
            sql.bind(user);
        }
        for (column, wanted) in [("a.action", &self.action), ("a.target", &self.target)] {
            if let Some(wanted) = wanted {
                sql.push(&format!(" AND {column} = "));
                sql.bind(wanted.clone());
            }
        }
    }
}
