//! Customers and their addresses. An address on a channel belongs to one customer. The primary key of the identities
//! guarantees it, however many first messages arrive at once. A message locks the row of its customer first, so that
//! two customers become one between messages and never within one.

use entity::{channel::Channel, customer, customer_identity, id::CustomerId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, TryInsertResult,
};

use super::{addresses::Address, conversation_rows};
use crate::{
    app::{Locked, Tx},
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

/// A customer, as a channel or a token names them.
#[derive(Clone, Debug)]
pub enum CustomerReference {
    /// The customer with an address, who may be new.
    Address(Address),
    /// A customer whom a token names.
    Known(CustomerId),
}

/// Locks a customer, or creates the one with a new address. Saves the details in `about`. Details that are `None` there
/// stay as they are. Refuses with `UNAUTHENTICATED` if a token's customer was merged into another.
pub async fn identify(
    tx: &Tx<'_>,
    channel: Channel,
    who: &CustomerReference,
    about: &CustomerDetails,
) -> Result<Locked<customer::Model>> {
    match who {
        CustomerReference::Address(address) => find_or_create_by_address(tx, channel, address, about).await,
        CustomerReference::Known(id) => {
            let known = lock(tx, *id).await?.ok_or(Error::Unauthenticated)?;
            update_details(tx, known, about).await
        }
    }
}

async fn find_or_create_by_address(
    tx: &Tx<'_>,
    channel: Channel,
    address: &Address,
    about: &CustomerDetails,
) -> Result<Locked<customer::Model>> {
    let form = address.to_string();
    if let Some(known) = customer_identity::Entity::find_by_id((channel, form.clone())).one(tx.db()).await? {
        // A merge may have moved the address meanwhile. The transaction begins again and finds its customer.
        let known = lock(tx, known.customer_id).await?.ok_or(Error::Again)?;
        return update_details(tx, known, about).await;
    }
    let now = tx.clock().now();
    // The address may be the e-mail address or telephone number that agents want to see.
    let row = customer::Model {
        id: CustomerId(tx.clock().uuid()),
        display_name: about.name.clone().unwrap_or_else(|| address.default_name().to_owned()),
        email: about.email.clone().or_else(|| address.email_address().map(str::to_owned)),
        phone: about.phone.clone().or_else(|| address.phone_number().map(str::to_owned)),
        merged_into_id: None,
        created_at: now,
        updated_at: now,
    };
    let row = tx.insert_locked(row).await?.ok_or(Error::Again)?;
    let identity = customer_identity::ActiveModel {
        channel: Set(channel),
        address: Set(form),
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

/// Locks a customer until the transaction ends, and returns the row. Returns `None` if there is no such customer, or if
/// it was merged into another.
pub async fn lock(tx: &Tx<'_>, id: CustomerId) -> Result<Option<Locked<customer::Model>>> {
    let row = tx.lock_one(customer::Entity::find_by_id(id)).await?;
    Ok(row.filter(|row| row.merged_into_id.is_none()))
}

/// Returns the customer that a customer is by now: itself, or the one into which it was merged. Locks nothing. Fails if
/// there is no such customer.
pub async fn current_id(tx: &Tx<'_>, mut id: CustomerId) -> Result<CustomerId> {
    loop {
        let row = customer::Entity::find_by_id(id).one(tx.db()).await?;
        match row.ok_or_else(|| Error::internal(anyhow::anyhow!("{id} does not exist")))?.merged_into_id {
            Some(other) => id = other,
            None => return Ok(id),
        }
    }
}

/// Marks a customer as merged into another, who gets the details that only the merged one has.
pub async fn mark_merged(tx: &Tx<'_>, kept: Locked<customer::Model>, merged: Locked<customer::Model>) -> Result<()> {
    let mut sql = Sql::new("UPDATE customer SET merged_into_id = ");
    sql.bind(kept.id);
    sql.push(" WHERE merged_into_id = ");
    sql.bind(merged.id);
    sql.run(tx.db()).await?;
    let details = CustomerDetails {
        name: None,
        email: kept.email.is_none().then(|| merged.email.clone()).flatten(),
        phone: kept.phone.is_none().then(|| merged.phone.clone()).flatten(),
    };
    let (into, now) = (kept.id, tx.clock().now());
    update_details(tx, kept, &details).await?;
    let row = customer::Model { merged_into_id: Some(into), updated_at: now, ..merged.into_row() };
    row.into_active_model().reset_all().update(tx.db()).await?;
    Ok(())
}

/// Moves all addresses of a customer to another.
pub async fn move_identities(tx: &Tx<'_>, from: &Locked<customer::Model>, to: &Locked<customer::Model>) -> Result<()> {
    let mut sql = Sql::new("UPDATE customer_identity SET customer_id = ");
    sql.bind(to.id);
    sql.push(" WHERE customer_id = ");
    sql.bind(from.id);
    sql.run(tx.db()).await?;
    Ok(())
}

/// Saves the details of a customer. Details that are `None` in `about` stay as they are.
pub async fn update_details(
    tx: &Tx<'_>,
    before: Locked<customer::Model>,
    about: &CustomerDetails,
) -> Result<Locked<customer::Model>> {
    let mut row = before.clone();
    if let Some(name) = &about.name {
        row.display_name.clone_from(name);
    }
    let known = &mut *row;
    for (kept, said) in [(&mut known.email, &about.email), (&mut known.phone, &about.phone)] {
        if said.is_some() {
            kept.clone_from(said);
        }
    }
    if row != before {
        row.updated_at = tx.clock().now();
        tx.save(&row).await?;
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
