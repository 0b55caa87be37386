//! Pages and counts of the lists. A page is one range of one index, joined with the people's rows; a count reads the
//! index by the same predicate as its list.

use std::{collections::HashMap, sync::Arc};

use async_graphql::Enum;
use chrono::{DateTime, Utc};
use entity::{contact::List, id::UserId, personal_contact, user::UserStatus};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use uuid::Uuid;

use super::{
    book,
    people::{Extent, Person},
    search::Search,
};
use crate::{
    database::sql::{Places, Sql},
    page::{Page, Place, Slice},
};

/// A person of a page, the number of people in the whole list, and which of several pages it is.
struct Counted {
    person: Person,
    total: i64,
    part: i64,
}

/// Which people a list holds.
#[derive(Clone, Debug)]
pub enum Source {
    /// Everyone in the organisation.
    Everyone,
    /// One list of one person.
    Of(UserId, List),
    /// The connections that two people share.
    Mutual(UserId, UserId),
    /// The address book of one person.
    Book(UserId),
    /// Everyone and the address book of one person, in one order.
    All(UserId),
}

/// In which order a list is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum ContactOrder {
    /// By family name, then given name.
    Name,
    /// Who came into the list last first: of the connections those who were connected last, of everyone the newest accounts.
    RecentlyAdded,
    /// Who did last what the viewer may see first. For CONNECTIONS and FOLLOWING.
    RecentlyActive,
}

impl ContactOrder {
    /// Whether the largest places stand first.
    #[must_use]
    pub fn is_descending(self) -> bool {
        self != Self::Name
    }
}

/// Somebody in a list.
#[derive(Clone, Debug)]
pub enum Entry {
    Person(Person),
    Personal(Arc<personal_contact::Model>),
}

/// Somebody in a list, and where they stand in it.
#[derive(Clone, Debug)]
pub struct Listed {
    pub entry: Entry,
    pub place: Place,
}

impl Listed {
    fn by_name(person: Person) -> Self {
        let place = Place::Name(person.name_key().to_vec(), person.id().0);
        Self { entry: Entry::Person(person), place }
    }
}

/// People in an order, at one moment.
#[derive(Clone, Debug)]
pub struct People {
    pub source: Source,
    pub search: Option<Search>,
    pub order: ContactOrder,
    pub now: DateTime<Utc>,
    /// How much of each is read.
    pub extent: Extent,
}

impl People {
    /// Names list, filter and order, for the cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let (order, search) = (self.order, self.search.as_ref().map(Search::fingerprint).unwrap_or_default());
        match &self.source {
            Source::Everyone => format!("everyone {order:?}|{search}"),
            Source::Of(owner, list) => format!("{owner} {list:?} {order:?}|{search}"),
            Source::Mutual(one, other) => format!("{one} {other} {order:?}|{search}"),
            Source::Book(owner) => format!("book of {owner} {order:?}|{search}"),
            Source::All(owner) => format!("everyone and book of {owner} {order:?}|{search}"),
        }
    }

    /// One page and, if it is asked for, how many there are in all: in one statement where the list is of one person.
    pub async fn page(&self, db: &impl ConnectionTrait, page: &Page<Place>, counting: bool) -> Result<ReadPage, DbErr> {
        if let (Source::Of(owner, list), None, ContactOrder::Name) = (&self.source, &self.search, self.order) {
            let one = PageOf { owner: *owner, list: *list, page: page.clone(), counting, extent: self.extent };
            return Ok(pages(db, &[one], self.now).await?.pop().unwrap_or_else(|| (page.slice(Vec::new()), None)));
        }
        let slice = match self.source {
            Source::Book(owner) => page.slice(book::read(db, owner, self, page).await?),
            Source::All(owner) => {
                let everyone = Self { source: Source::Everyone, ..self.clone() };
                let (people, own) = (everyone.read(db, page).await?, book::read(db, owner, self, page).await?);
                page.slice(book::merge(people, own, self.order.is_descending() != page.is_backwards()))
            }
            _ => page.slice(self.read(db, page).await?),
        };
        Ok((slice, None))
    }

    /// The rows of a page, in the order in which it is read.
    async fn read(&self, db: &impl ConnectionTrait, page: &Page<Place>) -> Result<Vec<Listed>, DbErr> {
        let mut sql = Sql::new(&format!("SELECT {}, ", self.extent.columns()));
        let at = match (&self.source, self.order) {
            (_, ContactOrder::Name) => "1",
            (Source::Everyone, ContactOrder::RecentlyAdded) => "u.created_at",
            (_, ContactOrder::RecentlyAdded) => "c.since",
            (_, ContactOrder::RecentlyActive) => "c.activity_id",
        };
        sql.push(&format!("{at} AS place"));
        let [name, id] = self.from(db, &mut sql).await?;
        let key = if self.order == ContactOrder::Name { [name, id] } else { [at, id] };
        page.write(&mut sql, &key, self.order.is_descending());
        let listed = |row: &Places<'_>| {
            let person = self.extent.read(row)?;
            let id = person.id().0;
            Ok(match self.order {
                ContactOrder::Name => Listed::by_name(person),
                ContactOrder::RecentlyAdded => {
                    Listed { entry: Entry::Person(person), place: Place::Since(row.get(self.extent.width())?, id) }
                }
                ContactOrder::RecentlyActive => {
                    Listed { entry: Entry::Person(person), place: Place::Newest(row.get(self.extent.width())?, id) }
                }
            })
        };
        sql.places(db, listed).await
    }

    /// How many there are in all. The whole of one person's list is counted by [`sizes`], many at once.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let mut sql = Sql::new("SELECT count(*) AS count");
        match (&self.source, &self.search) {
            // Kept, because counting everyone would read them all.
            (Source::Everyone, None) => sql = Sql::new("SELECT people AS count FROM directory WHERE id = 1"),
            (Source::Book(owner), search) => return book::count(db, *owner, search.as_ref()).await,
            (Source::All(owner), search) => {
                let everyone = Self { source: Source::Everyone, ..self.clone() };
                let own = book::count(db, *owner, search.as_ref()).await?;
                return Ok(Box::pin(everyone.count(db)).await? + own);
            }
            _ => drop(self.from(db, &mut sql).await?),
        }
        let Some(row) = sql.one(db).await? else { return Ok(0) };
        row.try_get("", "count")
    }

    /// Adds `FROM` and an open `WHERE`; the columns of name and id, as the index that is read has them.
    async fn from(&self, db: &impl ConnectionTrait, sql: &mut Sql) -> Result<[&'static str; 2], DbErr> {
        let search = self.search.as_ref();
        let (columns, id) = match &self.source {
            Source::Everyone => match search {
                None => {
                    sql.push(" FROM \"user\" u WHERE u.status = ");
                    sql.bind(UserStatus::Active);
                    (["u.name_key", "u.id"], "u.id")
                }
                Some(search) => {
                    let gram = search.rarest_gram(db).await?;
                    sql.push(" FROM user_gram g JOIN \"user\" u ON u.id = g.user_id WHERE g.gram = ");
                    sql.bind(gram);
                    sql.push(" AND u.status = ");
                    sql.bind(UserStatus::Active);
                    (["g.name_key", "g.user_id"], "g.user_id")
                }
            },
            Source::Of(owner, list) if self.order == ContactOrder::RecentlyActive => {
                // Who has done nothing stands last.
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
            Source::Of(owner, list) => {
                sql.push(" FROM contact c JOIN \"user\" u ON u.id = c.user_id");
                in_list(sql, *owner, *list, self.now);
                (["c.name_key", "c.user_id"], "c.user_id")
            }
            Source::Book(_) | Source::All(_) => return Err(DbErr::Custom("a book is read on its own".to_owned())),
            Source::Mutual(one, other) => {
                sql.push(" FROM contact c JOIN contact m ON m.list = c.list AND m.name_key = c.name_key");
                sql.push(" AND m.user_id = c.user_id AND m.owner_id = ");
                sql.bind(*other);
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

/// Adds the condition that makes the entries `c` those of a list at a moment.
fn in_list(sql: &mut Sql, owner: UserId, list: List, now: DateTime<Utc>) {
    sql.push(" WHERE c.owner_id = ");
    sql.bind(owner);
    sql.push(" AND c.list = ");
    sql.bind(list);
    sql.push(" AND (c.until IS NULL OR c.until > ");
    sql.bind(now);
    sql.push(")");
}

/// A page of one list of one person.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PageOf {
    pub owner: UserId,
    pub list: List,
    pub page: Page<Place>,
    /// Whether the whole list is to be counted too.
    pub counting: bool,
    pub extent: Extent,
}

/// What a page held, and how many the whole list holds where that was counted with it.
pub type ReadPage = (Slice<Listed>, Option<i64>);

/// Pages of several lists in one statement, in the order in which they were asked for.
pub async fn pages(db: &impl ConnectionTrait, asked: &[PageOf], now: DateTime<Utc>) -> Result<Vec<ReadPage>, DbErr> {
    // The parts of a union have the same columns.
    let extent = if asked.iter().all(|one| one.extent == Extent::Line) { Extent::Line } else { Extent::Whole };
    let mut sql = Sql::default();
    for (part, one) in asked.iter().enumerate() {
        if asked.len() > 1 {
            sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION ALL SELECT * FROM (" });
        }
        sql.push(&format!("SELECT {}, ", extent.columns()));
        if one.counting {
            sql.push("(SELECT count(*) FROM contact c");
            in_list(&mut sql, one.owner, one.list, now);
            sql.push(")");
        } else {
            sql.push("CAST(-1 AS bigint)");
        }
        sql.push(&format!(
            " AS total, CAST({part} AS bigint) AS part FROM contact c JOIN \"user\" u ON u.id = c.user_id"
        ));
        in_list(&mut sql, one.owner, one.list, now);
        one.page.write(&mut sql, &["c.name_key", "c.user_id"], false);
        if asked.len() > 1 {
            sql.push(&format!(") AS part_{part}"));
        }
    }
    let mut parts: Vec<Vec<Counted>> = asked.iter().map(|_| Vec::new()).collect();
    let counted = |row: &Places<'_>| {
        let (total, part) = (row.get(extent.width())?, row.get(extent.width() + 1)?);
        Ok(Counted { person: extent.read(row)?, total, part })
    };
    for row in sql.places(db, counted).await? {
        if let Some(part) = usize::try_from(row.part).ok().and_then(|part| parts.get_mut(part)) {
            part.push(row);
        }
    }
    let read = asked.iter().zip(parts).map(|(one, mut rows)| {
        // The parts of a union promise no order.
        if asked.len() > 1 {
            rows.sort_by(|a, b| key(&a.person).cmp(&key(&b.person)));
            if one.page.is_backwards() {
                rows.reverse();
            }
        }
        // Without rows nothing is known, but that a list is empty whose first page is.
        let total = match rows.first() {
            _ if !one.counting => None,
            Some(row) => Some(row.total),
            None => one.page.is_open().then_some(0),
        };
        (one.page.slice(rows.into_iter().map(|row| Listed::by_name(row.person)).collect()), total)
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

/// The sizes of all lists of some people; a list without entries is left out.
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
