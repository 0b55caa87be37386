//! Reasons of wrap-ups and reasons to be idle. One of each kind is the default at any time, and is in use; those that only the
//! system gives stay as they are. What is archived can no longer be chosen and stays readable where it was given.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::{
    id::{IdleReasonId, WrapUpReasonId},
    idle_reason, wrap_up_reason,
};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    administrators::{self, By, Made},
    names,
};
use crate::{
    app::{App, Tx},
    auth::once,
    contacts::fields::Field,
    database::sql::Sql,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    text::named::keys,
};

/// A reason to be made.
#[derive(Clone, Debug)]
pub struct NewReason {
    pub name: String,
    pub is_default: bool,
    pub idempotency_key: Option<String>,
}

/// What to change of a reason; what is left out stays as it is.
#[derive(Clone, Debug)]
pub struct ReasonChange {
    pub name: Option<String>,
    pub is_default: Option<bool>,
}

const REASON: Field = &["input", "reasonId"];
const IS_DEFAULT: Field = &["input", "isDefault"];

/// Of what a reason is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    WrapUp,
    Idle,
}

/// What the two kinds have in common.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Reason {
    pub id: Uuid,
    name: String,
    is_default: bool,
    system: bool,
    archived_at: Option<DateTime<Utc>>,
}

impl Kind {
    fn table(self) -> &'static str {
        match self {
            Self::WrapUp => "wrap_up_reason",
            Self::Idle => "idle_reason",
        }
    }

    /// What tells that only the system gives it.
    fn system(self) -> &'static str {
        match self {
            Self::WrapUp => "(1 = 0)",
            Self::Idle => "(system IS NOT NULL)",
        }
    }

    /// The names of the mutations: to create, to update, to archive.
    fn actions(self) -> [&'static str; 3] {
        match self {
            Self::WrapUp => ["createWrapUpReason", "updateWrapUpReason", "archiveWrapUpReason"],
            Self::Idle => ["createIdleReason", "updateIdleReason", "archiveIdleReason"],
        }
    }

    fn id(self, text: &str) -> Option<Uuid> {
        match self {
            Self::WrapUp => WrapUpReasonId::parse(text).map(|id| id.0),
            Self::Idle => IdleReasonId::parse(text).map(|id| id.0),
        }
    }

    fn write_id(self, id: Uuid) -> String {
        match self {
            Self::WrapUp => WrapUpReasonId(id).to_string(),
            Self::Idle => IdleReasonId(id).to_string(),
        }
    }

    async fn one_more(self, tx: &Tx<'_>) -> Result<()> {
        match self {
            Self::WrapUp => {
                let in_use = wrap_up_reason::Entity::find().filter(wrap_up_reason::Column::ArchivedAt.is_null());
                names::one_more(tx.db(), in_use).await
            }
            Self::Idle => {
                let in_use = idle_reason::Entity::find().filter(idle_reason::Column::ArchivedAt.is_null());
                names::one_more(tx.db(), in_use).await
            }
        }
    }
}

/// Makes a reason; its id.
pub async fn create(app: &App, by: By<'_>, kind: Kind, input: &NewReason) -> Result<Made<Uuid>> {
    let name = &names::check(&input.name)?;
    let [action, ..] = kind.actions();
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let id = tx.clock().uuid();
            let told = json!({ "name": name, "isDefault": input.is_default });
            let asked = format!("{action} {told}");
            let key = input.idempotency_key.as_deref();
            if let Some(row) = once::claim(tx, by.viewer.user, key, &asked, id).await? {
                return Ok(Made { row, replayed: true });
            }
            kind.one_more(tx).await?;
            if input.is_default {
                no_default(tx, kind).await?;
            }
            let mut sql = Sql::new(&format!(
                "INSERT INTO {} (id, name, name_key, search_text, is_default) VALUES (",
                kind.table()
            ));
            sql.bind(id);
            sql.push(", ");
            sql.bind(name.clone());
            let (name_key, search_text) = keys(name);
            sql.push(", ");
            sql.bind(name_key);
            sql.push(", ");
            sql.bind(search_text);
            sql.push(", ");
            sql.bind(input.is_default);
            sql.push(")");
            sql.run(tx.db()).await.on_unique(names::taken)?;
            administrators::made(tx, &by, action, &kind.write_id(id), told).await?;
            Ok(Made { row: id, replayed: false })
        })
    })
    .await
}

/// Changes a reason; its id, and whether anything was different.
pub async fn update(app: &App, by: By<'_>, kind: Kind, id: &str, input: &ReasonChange) -> Result<(Uuid, bool)> {
    let name = &input.name.as_deref().map(names::check).transpose()?;
    let [_, action, _] = kind.actions();
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let before = changeable(tx, kind, id).await?;
            if before.archived_at.is_some() {
                return Err(names::archived(REASON));
            }
            if before.is_default && input.is_default == Some(false) {
                let why = "One reason is the default: make another one it.";
                return Err(Error::refused(UserErrorCode::NotAllowed, IS_DEFAULT, why));
            }
            let row = Reason {
                name: name.clone().unwrap_or_else(|| before.name.clone()),
                is_default: input.is_default.unwrap_or(before.is_default),
                ..before.clone()
            };
            let told = |row: &Reason| json!({ "name": row.name, "isDefault": row.is_default });
            let id = kind.write_id(row.id);
            if !administrators::changed(tx, &by, action, &id, &told(&before), &told(&row)).await? {
                return Ok((row.id, false));
            }
            if row.is_default && !before.is_default {
                no_default(tx, kind).await?;
            }
            let mut sql = Sql::new(&format!("UPDATE {} SET name = ", kind.table()));
            let (name_key, search_text) = keys(&row.name);
            sql.bind(row.name);
            sql.push(", name_key = ");
            sql.bind(name_key);
            sql.push(", search_text = ");
            sql.bind(search_text);
            sql.push(", is_default = ");
            sql.bind(row.is_default);
            sql.push(" WHERE id = ");
            sql.bind(row.id);
            sql.run(tx.db()).await.on_unique(names::taken)?;
            Ok((row.id, true))
        })
    })
    .await
}

/// Takes a reason out of use; its id, and whether it was in use.
pub async fn archive(app: &App, by: By<'_>, kind: Kind, id: &str) -> Result<(Uuid, bool)> {
    let [.., action] = kind.actions();
    app.transaction(|tx| {
        Box::pin(async move {
            administrators::hold(tx, &by, &BTreeSet::new()).await?;
            let row = changeable(tx, kind, id).await?;
            if row.archived_at.is_some() {
                return Ok((row.id, false));
            }
            if row.is_default {
                let why = "It is the default: make another one it first.";
                return Err(Error::refused(UserErrorCode::NotAllowed, REASON, why));
            }
            let mut sql = Sql::new(&format!("UPDATE {} SET archived_at = ", kind.table()));
            sql.bind(tx.clock().now());
            sql.push(" WHERE id = ");
            sql.bind(row.id);
            sql.run(tx.db()).await?;
            let told: Value = json!({ "name": row.name });
            administrators::made(tx, &by, action, &kind.write_id(row.id), told).await?;
            Ok((row.id, true))
        })
    })
    .await
}

/// Takes the default away from the reason that is it, for another. The floor is held.
async fn no_default(tx: &Tx<'_>, kind: Kind) -> Result<()> {
    let sql = Sql::new(&format!("UPDATE {} SET is_default = FALSE WHERE is_default", kind.table()));
    sql.run(tx.db()).await?;
    Ok(())
}

/// The reason that an id of the API names, if it is not the system's. The floor is held.
async fn changeable(tx: &Tx<'_>, kind: Kind, id: &str) -> Result<Reason> {
    let id = kind.id(id).ok_or_else(|| Error::not_found(REASON))?;
    let columns = format!("id, name, is_default, archived_at, {} AS system", kind.system());
    let mut sql = Sql::new(&format!("SELECT {columns} FROM {} WHERE id = ", kind.table()));
    sql.bind(id);
    let row: Reason = sql.all(tx.db()).await?.pop().ok_or_else(|| Error::not_found(REASON))?;
    if row.system {
        let why = "Only the system gives this reason, and it stays as it is.";
        return Err(Error::refused(UserErrorCode::NotAllowed, REASON, why));
    }
    Ok(row)
}
