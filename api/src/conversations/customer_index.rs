//! Sort keys and search texts of customers. Both are stored, and change with the details in the same transaction.

use entity::{customer, customer_bigram, id::CustomerId};
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, DbErr, EntityTrait, QueryFilter, QueryOrder, QuerySelect as _,
};

use crate::{
    app::{Locked, Tx},
    error::Result,
    text,
};

/// Sets the sort key and the search text of a row by its details.
pub fn set_keys(row: &mut customer::Model) {
    row.name_key = text::name_key(&[&row.display_name]);
    let further = [&row.email, &row.phone, &row.external_id].into_iter().flatten().map(String::as_str);
    row.search_text =
        text::search_text(&[&[row.display_name.as_str()], further.collect::<Vec<_>>().as_slice()].concat());
}

/// Replaces the rows of a customer in the search index. A merged customer has none.
pub async fn write(db: &impl ConnectionTrait, row: &Locked<customer::Model>) -> Result<(), DbErr> {
    remove(db, row.id).await?;
    insert(db, row).await
}

/// Adds the rows of a new customer to the search index.
pub async fn insert(db: &impl ConnectionTrait, row: &customer::Model) -> Result<(), DbErr> {
    let row_of = |gram| customer_bigram::ActiveModel {
        gram: Set(gram),
        name_key: Set(row.name_key.clone()),
        customer_id: Set(row.id),
    };
    let grams: Vec<_> = text::grams(&row.search_text).into_iter().map(row_of).collect();
    if !grams.is_empty() {
        customer_bigram::Entity::insert_many(grams).exec_without_returning(db).await?;
    }
    Ok(())
}

/// Removes the rows of a customer from the search index.
pub async fn remove(db: &impl ConnectionTrait, id: CustomerId) -> Result<(), DbErr> {
    customer_bigram::Entity::delete_many().filter(customer_bigram::Column::CustomerId.eq(id)).exec(db).await?;
    Ok(())
}

/// Rebuilds the sort keys and search rows of at most `limit` customers after the id `after`, in the order of their ids.
/// Locks their rows. Returns their number and the last id.
pub async fn rebuild(tx: &Tx<'_>, after: Option<CustomerId>, limit: u64) -> Result<(u64, Option<CustomerId>)> {
    let mut found = customer::Entity::find().order_by_asc(customer::Column::Id).limit(limit);
    if let Some(after) = after {
        found = found.filter(customer::Column::Id.gt(after));
    }
    let customers = tx.lock_all(found).await?;
    let last = customers.last().map(|row| row.id);
    for before in &customers {
        let mut row = before.clone();
        set_keys(&mut row);
        tx.save(&row).await?;
        remove(tx.db(), row.id).await?;
        if row.merged_into_id.is_none() {
            insert(tx.db(), &row).await?;
        }
    }
    Ok((customers.len() as u64, last))
}
