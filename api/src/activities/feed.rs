//! Reading activities as one person may see them: of those connected with or followed, in any past, while it is so.
//!
//! The newest of a page are among those of the people whose own newest is newest. So each author is asked for their newest,
//! which is kept for the first page and looked up in the index for a later one; of the first few authors as many are read as
//! the page has room for. What it costs depends on how many people are followed, and not on how much has ever been posted.

use async_graphql::Enum;
use chrono::{DateTime, Utc};
use entity::{activity, contact::List, id::UserId, user::UserStatus};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use crate::{
    database::sql::Sql,
    page::{ByAge, Page, Slice},
};

/// Whose activities are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum FeedScope {
    /// Those of the viewer's connections, of whom the viewer follows, and the viewer's own.
    All,
    /// Those of the viewer's connections.
    Connections,
    /// Those of whom the viewer follows.
    Following,
    /// The viewer's own.
    Me,
}

/// Activities that a person may see at a moment.
#[derive(Clone, Copy, Debug)]
pub enum Whose {
    /// A feed: without those whom the viewer mutes there.
    Feed(FeedScope),
    /// Those of one person.
    Of(UserId),
}

#[derive(Clone, Copy, Debug)]
pub struct Activities {
    pub viewer: UserId,
    pub whose: Whose,
    pub now: DateTime<Utc>,
}

impl Activities {
    /// Names list and filter, for the cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        format!("activities {} {:?}", self.viewer, self.whose)
    }

    /// One page, newest first.
    pub async fn page(&self, db: &impl ConnectionTrait, page: &Page<ByAge>) -> Result<Slice<activity::Model>, DbErr> {
        // Read from the newest, or from the oldest when paging backwards.
        let (direction, from, end) = match page.is_backwards() {
            false => ("DESC", ">=", Uuid::nil()),
            true => ("ASC", "<=", Uuid::max()),
        };
        let most = page.most();
        let mut sql = Sql::new("WITH author AS (");
        self.write_authors(&mut sql);
        sql.push("), newest AS (SELECT * FROM (SELECT author.user_id, author.connected, CASE");
        sql.push(" WHEN w.activity_id IS NULL THEN NULL");
        if !page.is_backwards() {
            // What is kept as somebody's newest is it, unless it may not be seen or stands before the page.
            sql.push(" WHEN 1 = 1");
            self.write_visible(&mut sql, "w", "author", page);
            sql.push(" THEN w.activity_id");
        }
        sql.push(" ELSE (SELECT n.activity_id FROM activity_author n WHERE n.user_id = author.user_id");
        self.write_visible(&mut sql, "n", "author", page);
        sql.push(&format!(" ORDER BY n.activity_id {direction} LIMIT 1) END AS activity_id"));
        sql.push(" FROM author JOIN newest_activity w ON w.user_id = author.user_id) AS each_newest");
        // Two people may have the same newest, so twice as many are looked at as there can be on the page.
        sql.push(&format!(" WHERE activity_id IS NOT NULL ORDER BY activity_id {direction} LIMIT "));
        sql.bind(2 * most);
        sql.push(") SELECT a.* FROM (SELECT DISTINCT n.activity_id FROM newest JOIN activity_author n");
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

    /// Whose activities the viewer may see, each once, with whether the two are connected.
    fn write_authors(&self, sql: &mut Sql) {
        let (connections, following, myself) = match self.whose {
            Whose::Feed(FeedScope::All) | Whose::Of(_) => (true, true, true),
            Whose::Feed(FeedScope::Connections) => (true, false, false),
            // The connections too, to know which of those who are followed are connected.
            Whose::Feed(FeedScope::Following) => (true, true, false),
            Whose::Feed(FeedScope::Me) => (false, false, true),
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
            match self.whose {
                Whose::Of(person) => {
                    sql.push(" AND c.user_id = ");
                    sql.bind(person);
                }
                Whose::Feed(_) => {
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
            if let Whose::Of(person) = self.whose {
                sql.push(" AND u.id = ");
                sql.bind(person);
            }
        }
        sql.push(") AS related GROUP BY user_id");
        if matches!(self.whose, Whose::Feed(FeedScope::Following)) {
            sql.push(" HAVING max(followed) = 1");
        }
    }

    /// Adds the conditions under which the viewer may see a row of `activity_author`, and the range of the page. What is
    /// also about somebody whom the viewer blocks, or who takes no part, is left out. The other way round it is not: who is blocked would learn of
    /// it by what is missing.
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
