//! Pages and counts of contact lists. A page is one range of one index, joined with the rows of its people. A count
//! always uses the predicate of its list.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{contact::List, id::UserId, user::UserStatus};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use uuid::Uuid;

use super::{
    address_book_rows,
    list_members::{ContactOrder, ListMember, ListSource, ListedMember, People},
    search::{Search, SearchIndex},
    user_rows::{Person, RowDetail},
};
use crate::{
    database::sql::{Columns, Sql},
    pagination::{Page, PageBound, PageSlice},
};

/// A row of a page, with the size of its list, and the number of its page when several are read together.
struct CountedRow {
    person: Person,
    total: i64,
    part: i64,
}

/// A page of one list of one person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ContactPage {
    /// The owner of the list.
    pub owner: UserId,
    /// The list of the owner.
    pub list: List,
    /// Limits the list to the people who are in the same list of this person too.
    pub shared_with: Option<UserId>,
    /// The part of the list to read.
    pub page: Page<PageBound>,
    /// True to count the whole list too.
    pub counting: bool,
    /// The amount of each row that is read.
    pub extent: RowDetail,
}

/// The members of a page, and the size of the whole list if it was counted.
pub type ReadPage = (PageSlice<ListedMember>, Option<i64>);

/// Reads pages of several lists in one statement, in the order of `asked`.
pub async fn pages(
    db: &impl ConnectionTrait,
    asked: &[ContactPage],
    now: DateTime<Utc>,
) -> Result<Vec<ReadPage>, DbErr> {
    // All parts of a union need the same columns.
    let extent = if asked.iter().all(|one| one.extent == RowDetail::Line) { RowDetail::Line } else { RowDetail::Whole };
    let mut sql = Sql::default();
    for (part, one) in asked.iter().enumerate() {
        if asked.len() > 1 {
            sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        }
        sql.push(&format!("SELECT {}, ", extent.columns()));
        if one.counting {
            sql.push("(SELECT count(*) FROM contact c");
            join_shared(&mut sql, one.shared_with);
            in_list(&mut sql, one.owner, one.list, now);
            sql.push(")");
        } else {
            sql.push("CAST(-1 AS bigint)");
        }
        sql.push(&format!(
            " AS total, CAST({part} AS bigint) AS part FROM contact c JOIN \"user\" u ON u.id = c.user_id"
        ));
        join_shared(&mut sql, one.shared_with);
        in_list(&mut sql, one.owner, one.list, now);
        one.page.write(&mut sql, &["c.name_key", "c.user_id"], false);
        if asked.len() > 1 {
            sql.push(&format!(") AS part_{part}"));
        }
    }
    let mut parts: Vec<Vec<CountedRow>> = asked.iter().map(|_| Vec::new()).collect();
    let counted = |row: &Columns<'_>| {
        let (total, part) = (row.get(extent.width())?, row.get(extent.width() + 1)?);
        Ok(CountedRow { person: extent.read(row)?, total, part })
    };
    for row in sql.columns(db, counted).await? {
        if let Some(part) = usize::try_from(row.part).ok().and_then(|part| parts.get_mut(part)) {
            part.push(row);
        }
    }
    let read = asked.iter().zip(parts).map(|(one, mut rows)| {
        // The parts of a union have no guaranteed order.
        if asked.len() > 1 {
            rows.sort_by(|a, b| key(&a.person).cmp(&key(&b.person)));
            if one.page.is_backwards() {
                rows.reverse();
            }
        }
        // The size comes with the rows. Without rows only an empty first page gives it, as zero.
        let total = match rows.first() {
            _ if !one.counting => None,
            Some(row) => Some(row.total),
            None => one.page.is_open().then_some(0),
        };
        (one.page.slice(rows.into_iter().map(|row| ListedMember::by_name(row.person)).collect()), total)
    });
    Ok(read.collect())
}

fn key(person: &Person) -> (&[u8], UserId) {
    (person.name_key(), person.id())
}

#[derive(FromQueryResult)]
struct ListSize {
    owner_id: UserId,
    list: List,
    count: i64,
}

/// Returns the sizes of all lists of several people. Lists without members are left out.
pub async fn sizes(
    db: &impl ConnectionTrait,
    owners: &[UserId],
    now: DateTime<Utc>,
) -> Result<HashMap<(UserId, List), i64>, DbErr> {
    let mut sql = Sql::new("SELECT owner_id, list, count(*) AS count FROM contact WHERE owner_id IN ");
    sql.bind_list(owners);
    sql.push(" AND list > 0 AND (until IS NULL OR until > ");
    sql.bind(now);
    sql.push(") GROUP BY owner_id, list");
    let counted: Vec<ListSize> = sql.all(db).await?;
    Ok(counted.into_iter().map(|row| ((row.owner_id, row.list), row.count)).collect())
}

impl People {
    /// Returns a text that identifies list, filter and order, for cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let (order, search) = (self.order, self.search.as_ref().map(Search::fingerprint).unwrap_or_default());
        match &self.source {
            ListSource::Everyone => format!("everyone {order:?}|{search}"),
            ListSource::Of(owner, list) => format!("{owner} {list:?} {order:?}|{search}"),
            ListSource::Mutual(one, other) => format!("{one} {other} {order:?}|{search}"),
            ListSource::Book(owner) => format!("book of {owner} {order:?}|{search}"),
            ListSource::All(owner) => format!("everyone and book of {owner} {order:?}|{search}"),
        }
    }

    /// Reads one page. With `counting` it also returns the size of the list, if one statement can give both. That is so
    /// for a list of one person in name order without a search.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<PageBound>,
        counting: bool,
    ) -> Result<ReadPage, DbErr> {
        if let (ListSource::Of(owner, list), None, ContactOrder::Name) = (&self.source, &self.search, self.order) {
            let (page, extent) = (page.clone(), self.extent);
            let one = ContactPage { owner: *owner, list: *list, shared_with: None, page, counting, extent };
            let read = pages(db, std::slice::from_ref(&one), self.now).await?.pop();
            return Ok(read.unwrap_or_else(|| (one.page.slice(Vec::new()), None)));
        }
        let slice = match self.source {
            ListSource::Book(owner) => page.slice(address_book_rows::read(db, owner, self, page).await?),
            ListSource::All(owner) => {
                let everyone = Self { source: ListSource::Everyone, ..self.clone() };
                let (people, own) =
                    (everyone.read(db, page).await?, address_book_rows::read(db, owner, self, page).await?);
                page.slice(address_book_rows::merge(people, own, self.order.is_descending() != page.is_backwards()))
            }
            _ => page.slice(self.read(db, page).await?),
        };
        Ok((slice, None))
    }

    /// Reads the rows of a page, in reading order.
    async fn read(&self, db: &impl ConnectionTrait, page: &Page<PageBound>) -> Result<Vec<ListedMember>, DbErr> {
        let mut sql = Sql::new(&format!("SELECT {}, ", self.extent.columns()));
        let at = match (&self.source, self.order) {
            (_, ContactOrder::Name) => "1",
            (ListSource::Everyone, ContactOrder::RecentlyAdded) => "u.created_at",
            (_, ContactOrder::RecentlyAdded) => "c.since",
            (_, ContactOrder::RecentlyActive) => "c.activity_id",
        };
        sql.push(&format!("{at} AS place"));
        let [name, id] = self.from(db, &mut sql).await?;
        let key = if self.order == ContactOrder::Name { [name, id] } else { [at, id] };
        page.write(&mut sql, &key, self.order.is_descending());
        let listed = |row: &Columns<'_>| {
            let person = self.extent.read(row)?;
            let id = person.id().0;
            Ok(match self.order {
                ContactOrder::Name => ListedMember::by_name(person),
                ContactOrder::RecentlyAdded => ListedMember {
                    entry: ListMember::Person(person),
                    place: PageBound::Since(row.get(self.extent.width())?, id),
                },
                ContactOrder::RecentlyActive => ListedMember {
                    entry: ListMember::Person(person),
                    place: PageBound::Newest(row.get(self.extent.width())?, id),
                },
            })
        };
        sql.columns(db, listed).await
    }

    /// Counts the members of the list. [`sizes`] counts the whole lists of many people in one statement.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut sql = Sql::new("SELECT count(*) AS count");
        match (&self.source, &self.search) {
            // The number is stored, because a count of everyone would read every row.
            (ListSource::Everyone, None) => sql = Sql::new("SELECT people AS count FROM directory_count WHERE id = 1"),
            (ListSource::Book(owner), search) => return address_book_rows::count(db, *owner, search.as_ref()).await,
            (ListSource::All(owner), search) => {
                let everyone = Self { source: ListSource::Everyone, ..self.clone() };
                let own = address_book_rows::count(db, *owner, search.as_ref()).await?;
                return Ok(Box::pin(everyone.count(db)).await? + own);
            }
            _ => drop(self.from(db, &mut sql).await?),
        }
        let Some(row) = sql.one(db).await? else { return Ok(0) };
        row.try_get("", "count")
    }

    /// Adds `FROM` and an open `WHERE`. Returns the columns of name and id in the index that is read.
    async fn from(&self, db: &impl ConnectionTrait, sql: &mut Sql) -> Result<[&'static str; 2], DbErr> {
        let search = self.search.as_ref();
        let (columns, id) = match &self.source {
            ListSource::Everyone => match search {
                None => {
                    sql.push(" FROM \"user\" u WHERE u.status = ");
                    sql.bind(UserStatus::Active);
                    (["u.name_key", "u.id"], "u.id")
                }
                Some(search) => {
                    let gram = search.rarest_gram(db, SearchIndex::Users).await?;
                    sql.push(" FROM user_bigram g JOIN \"user\" u ON u.id = g.user_id WHERE g.gram = ");
                    sql.bind(gram);
                    sql.push(" AND u.status = ");
                    sql.bind(UserStatus::Active);
                    (["g.name_key", "g.user_id"], "g.user_id")
                }
            },
            ListSource::Of(owner, list) if self.order == ContactOrder::RecentlyActive => {
                // People without activity come last.
                sql.push(" FROM (SELECT c.user_id, COALESCE((SELECT n.activity_id FROM activity_author n WHERE");
                sql.push(" n.user_id = c.user_id");
                if *list != List::Connections {
                    sql.push(" AND NOT n.connections_only");
                }
                sql.push(" ORDER BY n.activity_id DESC LIMIT 1), ");
                sql.bind(Uuid::nil());
                sql.push(") AS activity_id FROM contact c");
                in_list(sql, *owner, *list, self.now);
                sql.push(") AS c JOIN \"user\" u ON u.id = c.user_id WHERE 1 = 1");
                (["u.name_key", "c.user_id"], "c.user_id")
            }
            ListSource::Of(owner, list) => {
                sql.push(" FROM contact c JOIN \"user\" u ON u.id = c.user_id");
                in_list(sql, *owner, *list, self.now);
                (["c.name_key", "c.user_id"], "c.user_id")
            }
            ListSource::Book(_) | ListSource::All(_) => {
                return Err(DbErr::Custom("an address book is read separately".to_owned()));
            }
            ListSource::Mutual(one, other) => {
                sql.push(" FROM contact c");
                join_shared(sql, Some(*other));
                sql.push(" JOIN \"user\" u ON u.id = c.user_id");
                in_list(sql, *one, List::Connections, self.now);
                (["c.name_key", "c.user_id"], "c.user_id")
            }
        };
        if let Some(search) = search {
            search.write(sql, id);
        }
        Ok(columns)
    }
}

/// Joins the entries `c` with the entries of the same people in the same list of another person.
fn join_shared(sql: &mut Sql, other: Option<UserId>) {
    let Some(other) = other else { return };
    sql.push(" JOIN contact m ON m.list = c.list AND m.name_key = c.name_key AND m.user_id = c.user_id");
    sql.push(" AND m.owner_id = ");
    sql.bind(other);
}

/// Adds the condition that selects the entries `c` of a list at a moment.
fn in_list(sql: &mut Sql, owner: UserId, list: List, now: DateTime<Utc>) {
    sql.push(" WHERE c.owner_id = ");
    sql.bind(owner);
    sql.push(" AND c.list = ");
    sql.bind(list);
    sql.push(" AND (c.until IS NULL OR c.until > ");
    sql.bind(now);
    sql.push(")");
}
