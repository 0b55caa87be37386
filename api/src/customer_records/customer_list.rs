//! Lists of customers, in the order of their names. A merged customer is in no list.

use entity::{customer, user::Role};
use sea_orm::{ConnectionTrait, DbErr};

use crate::{
    auth::viewer::Caller,
    contacts::search::{Search, SearchIndex},
    conversations::customers,
    database::sql::Sql,
    pagination::{Page, PageBound, PageSlice},
};

/// A list of the customers that a caller may see.
pub struct CustomerList {
    /// The caller who reads the list.
    pub caller: Caller,
    /// The person's role now. `None` for callers without a role.
    pub role: Option<Role>,
    /// The search, if there is one.
    pub search: Option<Search>,
}

impl CustomerList {
    /// Returns a text that identifies the list and its search. Cursors are only valid for the same text.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("customers {}", self.search.as_ref().map(Search::fingerprint).unwrap_or_default())
    }

    /// Returns the position of a customer in the list.
    #[must_use]
    pub fn place(row: &customer::Model) -> PageBound {
        PageBound::Name(row.name_key.clone(), row.id.0)
    }

    /// Reads one page.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<PageBound>,
    ) -> Result<PageSlice<customer::Model>, DbErr> {
        let (rest, columns) = self.source();
        let mut sql = Sql::select::<customer::Entity>("k", rest);
        if !self.write(db, &mut sql).await? {
            return Ok(page.slice(Vec::new()));
        }
        page.write(&mut sql, columns, false);
        Ok(page.slice(sql.models::<customer::Entity>(db).await?))
    }

    /// Counts the customers of the list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut sql = Sql::new(&format!("SELECT count(*) AS count FROM customer k {}", self.source().0));
        if !self.write(db, &mut sql).await? {
            return Ok(0);
        }
        sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
    }

    /// Returns the join of the list, and the columns of its order as the index of the source has them.
    fn source(&self) -> (&'static str, &'static [&'static str]) {
        match self.search {
            Some(_) => {
                ("JOIN customer_bigram g ON g.customer_id = k.id WHERE g.gram = ", &["g.name_key", "g.customer_id"])
            }
            None => ("WHERE ", &["k.name_key", "k.id"]),
        }
    }

    /// Writes the condition of the list. Returns false if the caller sees no customers.
    async fn write(&self, db: &impl ConnectionTrait, sql: &mut Sql) -> Result<bool, DbErr> {
        let all = match (&self.caller, self.role) {
            (Caller::Service(_), _) | (Caller::Person(_), Some(Role::Supervisor | Role::Admin)) => true,
            (Caller::Person(_), Some(Role::Agent)) => false,
            (Caller::Person(_) | Caller::Visitor(_), _) => return Ok(false),
        };
        if let Some(search) = &self.search {
            sql.bind(search.rarest_gram(db, SearchIndex::Customers).await?);
            sql.push(" AND ");
            search.write_words(sql, "k.search_text");
            sql.push(" AND ");
        }
        // The bound holds for all customers. It makes a list a range of the index.
        sql.push("k.merged_into_id IS NULL AND k.name_key >= ");
        sql.bind(Vec::<u8>::new());
        if !all {
            customers::write_visible(sql, &self.caller);
        }
        Ok(true)
    }
}

/// Returns the customer with an id of another system, if the caller may see them.
pub async fn find_by_external_id(
    db: &impl ConnectionTrait,
    caller: &Caller,
    external_id: &str,
) -> Result<Option<customer::Model>, DbErr> {
    let mut sql = Sql::select::<customer::Entity>("k", "WHERE k.external_id = ");
    sql.bind(external_id);
    customers::write_visible(&mut sql, caller);
    Ok(sql.models::<customer::Entity>(db).await?.pop())
}
