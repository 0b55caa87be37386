//! The conversations of several customers, each with a page of its own, read in one statement.

use entity::id::CustomerId;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::conversation_rows::{self, VisibleConversation};
use crate::{
    auth::viewer::Caller,
    database::sql::Sql,
    pagination::{self, Page, PageBound, PageSlice},
};

/// Reads a page of each customer's conversations that the caller may see, the one with the newest item first. The pages
/// come in the order of `wanted`.
pub async fn pages(
    db: &impl ConnectionTrait,
    caller: &Caller,
    wanted: &[(CustomerId, Page<PageBound>)],
) -> Result<Vec<PageSlice<VisibleConversation>>, DbErr> {
    let mut sql = Sql::default();
    for (part, (customer, page)) in wanted.iter().enumerate() {
        sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        conversation_rows::select_visible(&mut sql, caller);
        sql.push(&format!(", CAST({part} AS bigint) AS part FROM conversation c WHERE c.customer_id = "));
        sql.bind(*customer);
        sql.push(" AND ");
        conversation_rows::write_visible(&mut sql, caller);
        page.write(&mut sql, &["c.last_item_at", "c.id"], true);
        sql.push(&format!(") AS part_{part}"));
    }
    let pages = wanted.iter().map(|(_, page)| page);
    let place = |seen: &VisibleConversation| (seen.row.last_item_at, seen.row.id);
    Ok(pagination::slices(pages, sql.all(db).await?, true, place))
}

#[derive(FromQueryResult)]
struct CustomerCount {
    customer_id: CustomerId,
    count: i64,
}

/// Counts the conversations of several customers that the caller may see. Customers without any are left out.
pub async fn counts(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[CustomerId],
) -> Result<Vec<(CustomerId, i64)>, DbErr> {
    let mut sql = Sql::new("SELECT c.customer_id, count(*) AS count FROM conversation c WHERE c.customer_id IN ");
    sql.bind_list(ids);
    sql.push(" AND ");
    conversation_rows::write_visible(&mut sql, caller);
    sql.push(" GROUP BY c.customer_id");
    let counts: Vec<CustomerCount> = sql.all(db).await?;
    Ok(counts.into_iter().map(|row| (row.customer_id, row.count)).collect())
}
