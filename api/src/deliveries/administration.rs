//! The list of deliveries for administrators, and the command to send one again.

use entity::{
    delivery::{self, DEAD, DeliveryKind, DeliveryStatus},
    id::DeliveryId,
    user::Role,
};
use sea_orm::{ConnectionTrait, DbErr};

use super::delivery_rows;
use crate::{
    app::App,
    audit::entries::{self, AuditedAction},
    auth::{
        request_context::Origin,
        viewer::{Scope, Viewer},
    },
    database::sql::{Sql, columns},
    error::{Error, Result, UserErrorCode},
    pagination::{ByAge, Page, PageSlice},
    users::people,
};

const FIELD: &[&str] = &["input", "deliveryId"];

/// A list of deliveries, newest first.
#[derive(Clone, Debug)]
pub struct DeliveryList {
    /// The states of the listed deliveries, in order and each once.
    pub statuses: Vec<DeliveryStatus>,
    /// The kind of the listed deliveries. `None` lists all kinds.
    pub kind: Option<DeliveryKind>,
}

impl DeliveryList {
    /// Returns a text that identifies the list and its filters, for the cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("deliveries {:?} {:?}", self.statuses, self.kind)
    }

    /// Reads one page of the list. Deliveries that need attention have an index. The others are read by age.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<ByAge>,
    ) -> Result<PageSlice<delivery::Model>, DbErr> {
        let mut sql = Sql::default();
        for (part, status) in self.statuses.iter().enumerate() {
            sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
            sql.push(&format!("SELECT {}", columns::<delivery::Entity>("d")));
            self.write(&mut sql, *status);
            page.write(&mut sql, &["d.id"], true);
            sql.push(&format!(") AS part_{part}"));
        }
        sql.push(if page.is_backwards() { " ORDER BY id LIMIT " } else { " ORDER BY id DESC LIMIT " });
        sql.bind(page.row_limit());
        Ok(page.slice(sql.models::<delivery::Entity>(db).await?))
    }

    /// Counts the deliveries of the list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut sql = Sql::new("SELECT count(*) AS count FROM (");
        for (part, status) in self.statuses.iter().enumerate() {
            sql.push(if part == 0 { "SELECT d.id" } else { " UNION ALL SELECT d.id" });
            self.write(&mut sql, *status);
        }
        sql.push(") AS listed");
        sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
    }

    /// Continues a statement with the deliveries of the list in one state.
    fn write(&self, sql: &mut Sql, status: DeliveryStatus) {
        sql.push(" FROM delivery d WHERE d.status = ");
        sql.bind(status);
        if matches!(status, DeliveryStatus::Unknown | DeliveryStatus::Failed) {
            sql.push(&format!(" AND d.status {DEAD}"));
        }
        if let Some(kind) = self.kind {
            sql.push(" AND d.kind = ");
            sql.bind(kind);
        }
    }
}

/// Queues a failed or unknown delivery again. Returns false when it waits or is being sent already. Locks the caller
/// and the delivery, and audits the action. Refuses with `NotFound`, or with `NotAllowed` for a delivery that was sent
/// or became unnecessary.
pub async fn send_again(app: &App, by: &Viewer, id: &str, origin: &Origin) -> Result<(delivery::Model, bool)> {
    let id = DeliveryId::parse(id).ok_or_else(|| Error::not_found(FIELD))?;
    app.transaction(|tx| {
        Box::pin(async move {
            if people::lock(tx, by.user).await?.is_none_or(|person| person.role != Role::Admin) {
                return Err(Error::Forbidden(Scope::Admin.name()));
            }
            let found = delivery_rows::lock(tx, id).await?.ok_or_else(|| Error::not_found(FIELD))?;
            match found.status {
                DeliveryStatus::Queued | DeliveryStatus::Sending => return Ok((found.into_row(), false)),
                DeliveryStatus::Sent | DeliveryStatus::Canceled => {
                    let why = "Only a delivery that failed or whose outcome is unknown can be sent again.";
                    return Err(Error::refused(UserErrorCode::NotAllowed, FIELD, why));
                }
                DeliveryStatus::Failed | DeliveryStatus::Unknown => {}
            }
            delivery_rows::send_again(tx, id).await?;
            entries::record(tx, by, AuditedAction::on("sendDeliveryAgain", &id, origin)).await?;
            let queued = delivery_rows::lock(tx, id).await?.ok_or_else(|| Error::not_found(FIELD))?;
            Ok((queued.into_row(), true))
        })
    })
    .await
}
