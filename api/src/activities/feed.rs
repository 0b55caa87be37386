//! Pages of activities as one person may see them. A page has activities of connections and followed people, of any
//! age, while the relationship lasts.
//!
//! The newest activities of a page belong to the authors whose own newest activity is newest. So the query first finds
//! each author's newest activity. It is stored for the first page, and looked up in the index for a later page. From
//! the first few authors, the query then reads as many activities as the page has room for. Its cost depends on the
//! number of followed people, not on the number of activities ever posted.

use async_graphql::Enum;
use chrono::{DateTime, Utc};
use entity::{activity, contact::List, id::UserId, user::UserStatus};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::{
    database::sql::{Sql, columns},
    error::Result,
    pagination::{ByAge, Page, PageArguments, PageSlice},
};

/// The authors whose activities are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum FeedScope {
    /// The viewer, the viewer's connections, and the people whom the viewer follows.
    All,
    /// The viewer's connections.
    Connections,
    /// The people whom the viewer follows.
    Following,
    /// The viewer alone.
    Me,
}

/// The authors of a list of activities.
#[derive(Clone, Copy, Debug)]
pub enum FeedAuthors {
    /// The authors of a feed, without people whom the viewer mutes there.
    Feed(FeedScope),
    /// One person.
    Of(UserId),
}

/// A list of activities as one person may see it at a moment.
#[derive(Clone, Copy, Debug)]
pub struct Activities {
    /// The person who reads the list.
    pub viewer: UserId,
    /// The authors of the list.
    pub authors: FeedAuthors,
    /// The moment that decides which mutes still count.
    pub now: DateTime<Utc>,
}

impl Activities {
    /// Returns a text that identifies list and filter, for cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("activities {} {:?}", self.viewer, self.authors)
    }

    /// Reads one page, newest first.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<ByAge>,
    ) -> Result<PageSlice<activity::Model>, DbErr> {
        // Rows are read from the newest, or from the oldest when paging backwards.
        let (direction, from, end) = match page.is_backwards() {
            false => ("DESC", ">=", Uuid::nil()),
            true => ("ASC", "<=", Uuid::max()),
        };
        let most = page.row_limit();
        let mut sql = Sql::new("WITH author AS (");
        self.write_authors(&mut sql);
        sql.push("), newest AS (SELECT * FROM (SELECT author.user_id, author.connected, CASE");
        sql.push(" WHEN w.activity_id IS NULL THEN NULL");
        if !page.is_backwards() {
            // The stored newest activity is right, unless the viewer may not see it or it lies before the page.
            sql.push(" WHEN 1 = 1");
            self.write_visible(&mut sql, "w", "author", page);
            sql.push(" THEN w.activity_id");
        }
        sql.push(" ELSE (SELECT n.activity_id FROM activity_author n WHERE n.user_id = author.user_id");
        self.write_visible(&mut sql, "n", "author", page);
        sql.push(&format!(" ORDER BY n.activity_id {direction} LIMIT 1) END AS activity_id"));
        sql.push(" FROM author JOIN latest_activity w ON w.user_id = author.user_id) AS each_newest");
        // Two people can share a newest activity, so twice as many authors are read as a page has items.
        sql.push(&format!(" WHERE activity_id IS NOT NULL ORDER BY activity_id {direction} LIMIT "));
        sql.bind(2 * most);
        sql.push(&format!(") SELECT {} FROM (SELECT DISTINCT n.activity_id", columns::<activity::Entity>("a")));
        sql.push(" FROM newest JOIN activity_author n");
        sql.push(&format!(" ON n.user_id = newest.user_id AND n.activity_id {from} COALESCE((SELECT m.activity_id"));
        sql.push(" FROM activity_author m WHERE m.user_id = newest.user_id");
        self.write_visible(&mut sql, "m", "newest", page);
        sql.push(&format!(" ORDER BY m.activity_id {direction} LIMIT 1 OFFSET "));
        sql.bind(most - 1);
        sql.push("), ");
        sql.bind(end);
        sql.push(") WHERE 1 = 1");
        self.write_visible(&mut sql, "n", "newest", page);
        sql.push(&format!(" ORDER BY n.activity_id {direction} LIMIT "));
        sql.bind(most);
        sql.push(&format!(") AS shown JOIN activity a ON a.id = shown.activity_id ORDER BY a.id {direction}"));
        Ok(page.slice(sql.models::<activity::Entity>(db).await?))
    }

    /// Counts the activities of the list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64> {
        let whole = Page::new(PageArguments::default(), &self.fingerprint())?;
        let mut sql = Sql::new("WITH author AS (");
        self.write_authors(&mut sql);
        sql.push(") SELECT count(DISTINCT n.activity_id) AS count FROM author JOIN activity_author n");
        sql.push(" ON n.user_id = author.user_id WHERE 1 = 1");
        self.write_visible(&mut sql, "n", "author", &whole);
        Ok(sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))?)
    }

    /// Adds a query of the authors whose activities the viewer may see, each once, with a flag for a connection.
    fn write_authors(&self, sql: &mut Sql) {
        let (connections, following, myself) = match self.authors {
            FeedAuthors::Feed(FeedScope::All) | FeedAuthors::Of(_) => (true, true, true),
            FeedAuthors::Feed(FeedScope::Connections) => (true, false, false),
            // Connections are read too, to know which of the followed people are connected.
            FeedAuthors::Feed(FeedScope::Following) => (true, true, false),
            FeedAuthors::Feed(FeedScope::Me) => (false, false, true),
        };
        sql.push("SELECT user_id, max(connected) AS connected FROM (");
        let mut first = true;
        for (list, wanted, columns) in [
            (List::Connections, connections, "1 AS connected, 0 AS followed"),
            (List::Following, following, "0 AS connected, 1 AS followed"),
        ] {
            if !wanted {
                continue;
            }
            sql.push(if first { "" } else { " UNION ALL " });
            sql.push(&format!("SELECT c.user_id, {columns} FROM contact c WHERE c.owner_id = "));
            sql.bind(self.viewer);
            sql.push(" AND c.list = ");
            sql.bind(list);
            match self.authors {
                FeedAuthors::Of(person) => {
                    sql.push(" AND c.user_id = ");
                    sql.bind(person);
                }
                FeedAuthors::Feed(_) => {
                    sql.push(" AND c.user_id NOT IN (SELECT q.user_id FROM contact q WHERE q.owner_id = ");
                    sql.bind(self.viewer);
                    sql.push(" AND q.list = ");
                    sql.bind(List::MutedInFeed);
                    sql.push(" AND (q.until IS NULL OR q.until > ");
                    sql.bind(self.now);
                    sql.push("))");
                }
            }
            first = false;
        }
        if myself {
            sql.push(if first { "" } else { " UNION ALL " });
            sql.push("SELECT u.id AS user_id, 1 AS connected, 1 AS followed FROM \"user\" u WHERE u.id = ");
            sql.bind(self.viewer);
            if let FeedAuthors::Of(person) = self.authors {
                sql.push(" AND u.id = ");
                sql.bind(person);
            }
        }
        sql.push(") AS related GROUP BY user_id");
        if matches!(self.authors, FeedAuthors::Feed(FeedScope::Following)) {
            sql.push(" HAVING max(followed) = 1");
        }
    }

    /// Adds the range of the page and the conditions under which the viewer may see a row of `activity_author`. A row
    /// about another person is left out when the viewer blocks that person or when that account is not active. A block
    /// by the other person hides nothing here, because the gap would reveal it.
    fn write_visible(&self, sql: &mut Sql, row: &str, author: &str, page: &Page<ByAge>) {
        let column = format!("{row}.activity_id");
        page.write_range(sql, &[&column], true);
        sql.push(&format!(" AND (NOT {row}.connections_only OR {author}.connected = 1)"));
        sql.push(&format!(" AND ({row}.other_id IS NULL OR NOT EXISTS (SELECT 1 FROM contact b WHERE b.list = "));
        sql.bind(List::Blocked);
        sql.push(&format!(" AND b.user_id = {row}.other_id AND b.owner_id = "));
        sql.bind(self.viewer);
        sql.push(&format!(") AND EXISTS (SELECT 1 FROM \"user\" o WHERE o.id = {row}.other_id AND o.status = "));
        sql.bind(UserStatus::Active);
        sql.push("))");
    }
}
