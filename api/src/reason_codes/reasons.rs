//! Wrap-up reasons and idle reasons. One of each kind is in use and is the default at any time. Reasons of the system
//! never change. An archived reason can no longer be chosen, and stays readable where it was given.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use entity::{
    id::{IdleReasonId, WrapUpReasonId},
    idle_reason, wrap_up_reason,
};
use sea_orm::{ColumnTrait, EntityTrait, FromQueryResult, QueryFilter};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    app::{App, Tx},
    contact_center::{
        admin_change::{self, AdminActor, Created, LockedConfiguration},
        name_validation,
    },
    contacts::detail_validation::FieldPath,
    database::sql::Sql,
    error::{Error, OnConstraint as _, Result, UserErrorCode},
    text::named::keys,
};

/// A reason to create.
#[derive(Clone, Debug)]
pub struct NewReason {
    /// The reason's name.
    pub name: String,
    /// True to make it the default of its kind.
    pub is_default: bool,
    /// The idempotency key of the call.
    pub idempotency_key: Option<String>,
}

/// The changes of a reason. None leaves a field as it is.
#[derive(Clone, Debug)]
pub struct ReasonChange {
    /// The new name.
    pub name: Option<String>,
    /// True to make it the default. False is refused for the default reason.
    pub is_default: Option<bool>,
}

const IS_DEFAULT: FieldPath = &["input", "isDefault"];

/// The two kinds of reason codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReasonKind {
    /// A reason of a wrap-up.
    WrapUp,
    /// A reason why an agent is idle.
    Idle,
}

/// The columns that the two kinds of reasons share.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Reason {
    /// The id, without the prefix of its kind.
    pub id: Uuid,
    name: String,
    is_default: bool,
    system: bool,
    archived_at: Option<DateTime<Utc>>,
}

impl ReasonKind {
    fn table(self) -> &'static str {
        match self {
            Self::WrapUp => "wrap_up_reason",
            Self::Idle => "idle_reason",
        }
    }

    /// Returns the condition that selects the reasons of the system.
    fn system(self) -> &'static str {
        match self {
            Self::WrapUp => "(1 = 0)",
            Self::Idle => "(system IS NOT NULL)",
        }
    }

    /// Returns the names of the mutations that create, update and archive.
    fn actions(self) -> [&'static str; 3] {
        match self {
            Self::WrapUp => ["createWrapUpReason", "updateWrapUpReason", "archiveWrapUpReason"],
            Self::Idle => ["createIdleReason", "updateIdleReason", "archiveIdleReason"],
        }
    }

    /// Returns the input field that names a reason.
    fn field(self) -> FieldPath {
        match self {
            Self::WrapUp => &["input", "wrapUpReasonId"],
            Self::Idle => &["input", "idleReasonId"],
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

    async fn one_more(self, tx: &Tx<'_>, config: &LockedConfiguration) -> Result<()> {
        match self {
            Self::WrapUp => {
                let in_use = wrap_up_reason::Entity::find().filter(wrap_up_reason::Column::ArchivedAt.is_null());
                name_validation::check_count(tx.db(), config, in_use).await
            }
            Self::Idle => {
                let in_use = idle_reason::Entity::find().filter(idle_reason::Column::ArchivedAt.is_null());
                name_validation::check_count(tx.db(), config, in_use).await
            }
        }
    }
}

/// Creates a reason and returns its id. Locks the configuration. Refuses with `INVALID`, `DUPLICATE`, `NOT_ALLOWED` or
/// `IDEMPOTENCY_KEY_REUSED`.
pub async fn create(app: &App, by: AdminActor<'_>, kind: ReasonKind, input: &NewReason) -> Result<Created<Uuid>> {
    let name = &name_validation::check_name(&input.name)?;
    let [action, ..] = kind.actions();
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let id = tx.clock().uuid();
            let told = json!({ "name": name, "isDefault": input.is_default });
            let asked = format!("{action} {told}");
            let key = input.idempotency_key.as_deref();
            if let Some(row) = admin_change::claim_key(tx, &by, key, &asked, id).await? {
                return Ok(Created { row, replayed: true });
            }
            kind.one_more(tx, config).await?;
            if input.is_default {
                clear_default(tx, config, kind).await?;
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
            sql.run(tx.db()).await.on_unique(name_validation::name_taken)?;
            admin_change::record_created(tx, &by, action, &kind.write_id(id), told).await?;
            Ok(Created { row: id, replayed: false })
        })
    })
    .await
}

/// Changes a reason. Returns its id, and true if anything changed. Locks the configuration. Refuses with `INVALID`,
/// `DUPLICATE`, `NOT_FOUND` or `NOT_ALLOWED`.
pub async fn update(
    app: &App,
    by: AdminActor<'_>,
    kind: ReasonKind,
    id: &str,
    input: &ReasonChange,
) -> Result<(Uuid, bool)> {
    let name = &input.name.as_deref().map(name_validation::check_name).transpose()?;
    let [_, action, _] = kind.actions();
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let before = find_changeable(tx, config, kind, id).await?;
            if before.archived_at.is_some() {
                return Err(name_validation::is_archived(kind.field()));
            }
            if before.is_default && input.is_default == Some(false) {
                let why = "One reason must be the default. Make another reason the default instead.";
                return Err(Error::refused(UserErrorCode::IsDefault, IS_DEFAULT, why));
            }
            let row = Reason {
                name: name.clone().unwrap_or_else(|| before.name.clone()),
                is_default: input.is_default.unwrap_or(before.is_default),
                ..before.clone()
            };
            let told = |row: &Reason| json!({ "name": row.name, "isDefault": row.is_default });
            let id = kind.write_id(row.id);
            if !admin_change::record_changed(tx, &by, action, &id, &told(&before), &told(&row)).await? {
                return Ok((row.id, false));
            }
            if row.is_default && !before.is_default {
                clear_default(tx, config, kind).await?;
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
            sql.run(tx.db()).await.on_unique(name_validation::name_taken)?;
            Ok((row.id, true))
        })
    })
    .await
}

/// Archives a reason. Returns its id, and true if it was in use. Locks the configuration. Refuses with `NOT_FOUND` or
/// `NOT_ALLOWED`.
pub async fn archive(app: &App, by: AdminActor<'_>, kind: ReasonKind, id: &str) -> Result<(Uuid, bool)> {
    let [.., action] = kind.actions();
    app.transaction(|tx| {
        Box::pin(async move {
            let config = &admin_change::lock_config(tx, &by, &BTreeSet::new()).await?;
            let row = find_changeable(tx, config, kind, id).await?;
            if row.archived_at.is_some() {
                return Ok((row.id, false));
            }
            if row.is_default {
                let why = "This is the default reason. Make another reason the default first.";
                return Err(Error::refused(UserErrorCode::IsDefault, kind.field(), why));
            }
            let mut sql = Sql::new(&format!("UPDATE {} SET archived_at = ", kind.table()));
            sql.bind(tx.clock().now());
            sql.push(" WHERE id = ");
            sql.bind(row.id);
            sql.run(tx.db()).await?;
            let told: Value = json!({ "name": row.name });
            admin_change::record_created(tx, &by, action, &kind.write_id(row.id), told).await?;
            Ok((row.id, true))
        })
    })
    .await
}

/// Clears the mark of the default reason, before another reason gets it.
async fn clear_default(tx: &Tx<'_>, _config: &LockedConfiguration, kind: ReasonKind) -> Result<()> {
    let sql = Sql::new(&format!("UPDATE {} SET is_default = FALSE WHERE is_default", kind.table()));
    sql.run(tx.db()).await?;
    Ok(())
}

/// Returns the reason with an id of the API. Refuses with `NOT_FOUND`, or with
/// `NOT_ALLOWED` for a reason of the system.
async fn find_changeable(tx: &Tx<'_>, _config: &LockedConfiguration, kind: ReasonKind, id: &str) -> Result<Reason> {
    let id = kind.id(id).ok_or_else(|| Error::not_found(kind.field()))?;
    let columns = format!("id, name, is_default, archived_at, {} AS system", kind.system());
    let mut sql = Sql::new(&format!("SELECT {columns} FROM {} WHERE id = ", kind.table()));
    sql.bind(id);
    let row: Reason = sql.all(tx.db()).await?.pop().ok_or_else(|| Error::not_found(kind.field()))?;
    if row.system {
        let why = "Only the system gives this reason, and it cannot be changed.";
        return Err(Error::refused(UserErrorCode::NotAllowed, kind.field(), why));
    }
    Ok(row)
}
