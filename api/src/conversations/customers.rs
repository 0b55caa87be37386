//! Customers and what they are reached by. An address of a channel is one customer's; the primary key of the identities
//! says so, however many first messages arrive at once.

use entity::{channel::Channel, customer, customer_identity, id::CustomerId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, TryInsertResult,
};

use super::{
    channels::{self, AddressKind},
    threads,
};
use crate::{
    app::Tx,
    auth::viewer::Caller,
    database::sql::Sql,
    error::{Error, Result},
};

/// What is known of somebody who writes in.
#[derive(Clone, Debug, Default)]
pub struct About {
    pub name: Option<String>,
    pub email: Option<String>,
    pub phone: Option<String>,
}

/// The longest name that is kept, in characters.
pub const MAX_NAME: usize = 200;

/// The customer with an address; made if there is none. What is said of them now is kept, what is left out stays.
pub async fn identify(tx: &Tx<'_>, channel: Channel, address: &str, about: &About) -> Result<customer::Model> {
    if let Some(known) = known(tx, channel, address).await? {
        return learn(tx, known, about).await;
    }
    let now = tx.clock().now();
    // The address may be what an agent would want to know them by.
    let of_kind = |kind| (channels::of(channel).address == kind).then(|| address.to_owned());
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
        // Another call was quicker; the transaction begins anew and finds its customer.
        _ => Err(Error::Again),
    }
}

/// The customer with an address, if there is one.
pub async fn known(tx: &Tx<'_>, channel: Channel, address: &str) -> Result<Option<customer::Model>> {
    let Some(identity) = customer_identity::Entity::find_by_id((channel, address.to_owned())).one(tx.db()).await?
    else {
        return Ok(None);
    };
    Ok(customer::Entity::find_by_id(identity.customer_id).one(tx.db()).await?)
}

/// Keeps what is said of a customer now; what is left out stays.
pub async fn learn(tx: &Tx<'_>, before: customer::Model, about: &About) -> Result<customer::Model> {
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

/// Customers by id, in no order.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[CustomerId]) -> Result<Vec<customer::Model>, DbErr> {
    let mut sql = Sql::new("SELECT k.* FROM customer k WHERE k.id IN ");
    sql.bind_list(ids);
    sql.models::<customer::Entity>(db).await
}

/// The customers with some ids with whom there is a conversation that a caller may see.
pub async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[CustomerId],
) -> Result<Vec<customer::Model>, DbErr> {
    let mut sql = Sql::new("SELECT k.* FROM customer k WHERE k.id IN ");
    sql.bind_list(ids);
    sql.push(" AND EXISTS (SELECT 1 FROM conversation c WHERE c.customer_id = k.id AND ");
    threads::visible(&mut sql, caller);
    sql.push(")");
    sql.models::<customer::Entity>(db).await
}

/// What some customers are reached by, in the order of channels and addresses.
pub async fn identities(db: &impl ConnectionTrait, ids: &[CustomerId]) -> Result<Vec<customer_identity::Model>, DbErr> {
    let mut sql = Sql::new("SELECT n.* FROM customer_identity n WHERE n.customer_id IN ");
    sql.bind_list(ids);
    sql.push(" ORDER BY n.channel, n.address");
    sql.models::<customer_identity::Entity>(db).await
}
