//! Writing entries, in the transaction of the deed, and reading them, newest first.

use entity::{
    api_key, audit_entry,
    id::{AuditEntryId, UserId},
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _};
use serde_json::Value;

use crate::{
    app::{App, Tx},
    auth::{
        context::Origin,
        viewer::{Caller, Proof, Viewer},
    },
    database::sql::Sql,
    error::Result,
    page::{ByAge, Page, Slice},
};

/// Something that was done.
#[derive(Clone, Debug)]
pub struct Act<'a> {
    /// The name of the mutation, or of what was read.
    pub action: &'static str,
    /// The id of what it was done to.
    pub target: Option<String>,
    /// What was asked for, without secrets.
    pub details: Value,
    pub origin: &'a Origin,
}

impl<'a> Act<'a> {
    /// Something that was done to one thing.
    #[must_use]
    pub fn on(action: &'static str, target: &(impl ToString + ?Sized), origin: &'a Origin) -> Self {
        Self { action, target: Some(target.to_string()), details: Value::Object(serde_json::Map::new()), origin }
    }

    /// With what was asked for.
    #[must_use]
    pub fn with(self, details: Value) -> Self {
        Self { details, ..self }
    }
}

/// Writes down what an administrator does in this transaction.
pub async fn record(tx: &Tx<'_>, by: &Viewer, act: Act<'_>) -> Result<()> {
    write(tx, &Caller::Person(*by), act).await
}

/// Writes down what a key of the organisation did, such as an export; what people do in their own name is not written down.
pub async fn record_service(app: &App, by: &Caller, act: Act<'_>) -> Result<()> {
    let Caller::Service(_) = by else { return Ok(()) };
    let act = &act;
    app.transaction(|tx| Box::pin(async move { write(tx, by, act.clone()).await })).await
}

async fn write(tx: &Tx<'_>, by: &Caller, act: Act<'_>) -> Result<()> {
    let (user_id, key_id) = match by {
        Caller::Person(viewer) => match viewer.proof {
            Proof::Key(key) => (Some(viewer.user), Some(key)),
            Proof::Session(_) | Proof::Token => (Some(viewer.user), None),
        },
        Caller::Service(service) => {
            let key = api_key::Entity::find_by_id(service.key).one(tx.db()).await?;
            (key.map(|key| key.owner_id), Some(service.key))
        }
        Caller::Visitor(_) => (None, None),
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

/// Entries, newest first.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// Only what this person did.
    pub user: Option<UserId>,
    pub action: Option<String>,
    /// Only what was done to the thing with this id.
    pub target: Option<String>,
}

impl Entries {
    /// Names list and filter, for the cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("audit {:?} {:?} {:?}", self.user, self.action, self.target)
    }

    /// One page.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<ByAge>,
    ) -> Result<Slice<audit_entry::Model>, DbErr> {
        let mut sql = Sql::new("SELECT a.* FROM audit_entry a WHERE 1 = 1");
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
        page.write(&mut sql, &["a.id"], true);
        Ok(page.slice(sql.models::<audit_entry::Entity>(db).await?))
    }
}
