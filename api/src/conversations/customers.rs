//! Customers and their addresses. An address on a channel belongs to one customer. The primary key of the identities
//! guarantees it, however many first messages arrive at once.

use entity::{channel::Channel, customer, customer_identity, id::CustomerId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, TryInsertResult,
};

use super::{
    channel_capabilities::{self, AddressKind},
    conversation_rows,
};
use crate::{
    app::Tx,
    auth::viewer::Caller,
    database::sql::Sql,
    error::{Error, Result},
};

/// Details of a customer. `None` means that a detail is not known.
#[derive(Clone, Debug, Default)]
pub struct CustomerDetails {
    /// The name to show.
    pub name: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// The telephone number.
    pub phone: Option<String>,
}

/// Maximum length of a customer's name, in characters.
pub const MAX_NAME: usize = 200;

/// Returns the customer with an address, or creates one. Saves the details in `about`. Details that are `None` there
/// stay as they are.
pub async fn identify(
    tx: &Tx<'_>,
    channel: Channel,
    address: &str,
    about: &CustomerDetails,
) -> Result<customer::Model> {
    if let Some(known) = find_by_address(tx, channel, address).await? {
        return update_details(tx, known, about).await;
    }
    let now = tx.clock().now();
    // The address may be the e-mail address or telephone number that agents want to see.
    let of_kind = |kind| (channel_capabilities::of(channel).address == kind).then(|| address.to_owned());
    let row = customer::Model {
        id: CustomerId(tx.clock().uuid()),
        display_name: about.name.clone().unwrap_or_else(|| address.to_owned()),
        email: about.email.clone().or_else(|| of_kind(AddressKind::Email)),
        phone: about.phone.clone().or_else(|| of_kind(AddressKind::Phone)),
        created_at: now,
        updated_at: now,
    };
    customer::Entity::insert(row.clone().into_active_model()).exec_without_returning(tx.db()).await?;
    let identity = customer_identity::ActiveModel {
        channel: Set(channel),
        address: Set(address.to_owned()),
        customer_id: Set(row.id),
        created_at: Set(now),
    };
    let insert = customer_identity::Entity::insert(identity).on_conflict_do_nothing();
    match insert.exec_without_returning(tx.db()).await? {
        TryInsertResult::Inserted(1) => Ok(row),
        // Another call was faster. The transaction begins again and finds its customer.
        _ => Err(Error::Again),
    }
}

/// Returns the customer with an address, if there is one.
pub async fn find_by_address(tx: &Tx<'_>, channel: Channel, address: &str) -> Result<Option<customer::Model>> {
    let Some(identity) = customer_identity::Entity::find_by_id((channel, address.to_owned())).one(tx.db()).await?
    else {
        return Ok(None);
    };
    Ok(customer::Entity::find_by_id(identity.customer_id).one(tx.db()).await?)
}

/// Saves the details of a customer. Details that are `None` in `about` stay as they are.
pub async fn update_details(tx: &Tx<'_>, before: customer::Model, about: &CustomerDetails) -> Result<customer::Model> {
    let mut row = before.clone();
    if let Some(name) = &about.name {
        row.display_name.clone_from(name);
    }
    for (kept, said) in [(&mut row.email, &about.email), (&mut row.phone, &about.phone)] {
        if said.is_some() {
            kept.clone_from(said);
        }
    }
    if row != before {
        row.updated_at = tx.clock().now();
        row.clone().into_active_model().reset_all().update(tx.db()).await?;
    }
    Ok(row)
}

/// Returns customers by id, in no particular order.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[CustomerId]) -> Result<Vec<customer::Model>, DbErr> {
    let mut sql = Sql::select::<customer::Entity>("k", "WHERE k.id IN ");
    sql.bind_list(ids);
    sql.models::<customer::Entity>(db).await
}

/// Returns the customers with the given ids, if the caller may see a conversation with them.
pub async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[CustomerId],
) -> Result<Vec<customer::Model>, DbErr> {
    let mut sql = Sql::select::<customer::Entity>("k", "WHERE k.id IN ");
    sql.bind_list(ids);
    sql.push(" AND EXISTS (SELECT 1 FROM conversation c WHERE c.customer_id = k.id AND ");
    conversation_rows::write_visible(&mut sql, caller);
    sql.push(")");
    sql.models::<customer::Entity>(db).await
}

/// Returns the addresses of the given customers, ordered by channel and address.
pub async fn identities(db: &impl ConnectionTrait, ids: &[CustomerId]) -> Result<Vec<customer_identity::Model>, DbErr> {
    let mut sql = Sql::select::<customer_identity::Entity>("n", "WHERE n.customer_id IN ");
    sql.bind_list(ids);
    sql.push(" ORDER BY n.channel, n.address");
    sql.models::<customer_identity::Entity>(db).await
}
