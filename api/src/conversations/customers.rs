//! Customers and their addresses. An address on a channel belongs to one customer. The primary key of the identities
//! guarantees it, however many first messages arrive at once. A message locks the row of its customer first, so that
//! two customers become one between messages and never within one.

use entity::{channel::Channel, customer, customer_identity, event::EventKind, id::CustomerId};
use sea_orm::{
    ActiveModelTrait, ActiveValue::Set, ConnectionTrait, DbErr, EntityTrait, IntoActiveModel as _, SqlErr,
    TryInsertResult,
};

use super::{addresses::Address, conversation_rows, customer_index};
use crate::{
    app::{Locked, Tx},
    auth::viewer::Caller,
    database::sql::Sql,
    error::{Error, Result},
    events::{cursor::customer_of, log::NewEvent},
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

/// Locks a customer, or creates the one with a new address. Emits `CustomerChanged` for a new or changed customer.
/// Saves the details in `about`. Details that are `None` there stay as they are. Refuses with `UNAUTHENTICATED` if a
/// token's customer was merged into another.
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
    let mut row = customer::Model {
        id: CustomerId(tx.clock().uuid()),
        display_name: about.name.clone().unwrap_or_else(|| address.default_name().to_owned()),
        email: about.email.clone().or_else(|| address.email_address().map(str::to_owned)),
        phone: about.phone.clone().or_else(|| address.phone_number().map(str::to_owned)),
        external_id: None,
        name_key: Vec::new(),
        search_text: String::new(),
        merged_into_id: None,
        created_at: now,
        updated_at: now,
    };
    customer_index::set_keys(&mut row);
    let row = tx.insert_locked(row).await?.ok_or(Error::Again)?;
    customer_index::insert(tx.db(), &row).await?;
    emit_changed(tx, &row)?;
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
    let kept = update_details(tx, kept, &details).await?;
    // An external id names one customer, and it names the kept one from now on, if that had none.
    let external_id = merged.external_id.clone();
    let row = customer::Model { merged_into_id: Some(into), external_id: None, updated_at: now, ..merged.into_row() };
    customer_index::remove(tx.db(), row.id).await?;
    emit_changed(tx, &row)?;
    row.into_active_model().reset_all().update(tx.db()).await?;
    if kept.external_id.is_none() && external_id.is_some() {
        let mut row = kept.clone();
        row.external_id = external_id;
        save(tx, kept, row).await?;
    }
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
    save(tx, before, row).await
}

/// Saves a customer that has changed, with its keys. Returns it. Emits `CustomerChanged` if anything changed.
pub async fn save(
    tx: &Tx<'_>,
    before: Locked<customer::Model>,
    mut row: Locked<customer::Model>,
) -> Result<Locked<customer::Model>> {
    if row == before {
        return Ok(row);
    }
    row.updated_at = tx.clock().now();
    customer_index::set_keys(&mut row);
    // Another call may have given the external id to another customer. The transaction begins again and finds it.
    tx.save(&row).await.map_err(|error| match error.sql_err() {
        Some(SqlErr::UniqueConstraintViolation(_)) => Error::Again,
        _ => error.into(),
    })?;
    if (&row.name_key, &row.search_text) != (&before.name_key, &before.search_text) {
        customer_index::write(tx.db(), &row).await?;
    }
    emit_changed(tx, &row)?;
    Ok(row)
}

/// Emits `CustomerChanged` in the customer's stream.
fn emit_changed(tx: &Tx<'_>, row: &customer::Model) -> Result<()> {
    tx.append(NewEvent::new(EventKind::CustomerChanged, row, vec![customer_of(row.id)])?);
    Ok(())
}

/// Returns customers by id, in no particular order.
pub async fn by_ids(db: &impl ConnectionTrait, ids: &[CustomerId]) -> Result<Vec<customer::Model>, DbErr> {
    let mut sql = Sql::select::<customer::Entity>("k", "WHERE k.id IN ");
    sql.bind_list(ids);
    sql.models::<customer::Entity>(db).await
}

/// Returns the customers with the given ids whom the caller may see.
pub async fn find(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[CustomerId],
) -> Result<Vec<customer::Model>, DbErr> {
    let mut sql = Sql::select::<customer::Entity>("k", "WHERE k.id IN ");
    sql.bind_list(ids);
    write_visible(&mut sql, caller);
    sql.models::<customer::Entity>(db).await
}

/// Adds the condition that the caller may see the customer `k`. Organization keys see all customers. Others see those
/// with whom they may see a conversation.
pub fn write_visible(sql: &mut Sql, caller: &Caller) {
    if let Caller::Service(_) = caller {
        return;
    }
    sql.push(" AND EXISTS (SELECT 1 FROM conversation c WHERE c.customer_id = k.id AND ");
    conversation_rows::write_visible(sql, caller);
    sql.push(")");
}

/// Returns the addresses of the given customers, ordered by channel and address.
pub async fn identities(db: &impl ConnectionTrait, ids: &[CustomerId]) -> Result<Vec<customer_identity::Model>, DbErr> {
    let mut sql = Sql::select::<customer_identity::Entity>("n", "WHERE n.customer_id IN ");
    sql.bind_list(ids);
    sql.push(" ORDER BY n.channel, n.address");
    sql.models::<customer_identity::Entity>(db).await
}
