//! Lists of conversations, the one with the newest item first. The conversations that a person may see come from a
//! few sources. A source is a range of an index in that order, or a few rows that an index finds. The sources are
//! merged and cut to the page.

use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    conversation::{ConversationKind, ConversationStatus},
    id::{CustomerId, QueueId, UserId},
    offer::PENDING,
    participant::NO_MEMBER,
    task::{IN_SERVICE, LIVE, WAITING},
    user::Role,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::{
    conversation_rows::{self, VisibleConversation},
    list_conditions::{equals, has_unread, one_of},
};
use crate::{
    auth::viewer::Caller,
    contacts::search::{Search, SearchIndex},
    database::sql::Sql,
    pagination::{Page, PageBound, PageSlice},
};

/// A selection of conversations. A field that is `None` or empty does not narrow the list.
#[derive(Clone, Debug, Default)]
pub struct ConversationListFilter {
    /// The kind of the conversations.
    pub kind: Option<ConversationKind>,
    /// The state of the conversations.
    pub status: Option<ConversationStatus>,
    /// The channels on which the customer writes.
    pub channels: Vec<Channel>,
    /// The queues of the conversations.
    pub queues: Vec<QueueId>,
    /// The users who take or took part in the conversations.
    pub users: Vec<UserId>,
    /// The customer of the conversations.
    pub customer: Option<CustomerId>,
    /// True to list only the conversations in which the caller takes part now.
    pub mine: bool,
    /// True to list only the conversations with customers in which the caller takes or took part.
    pub handled_by_me: bool,
    /// True to list only the conversations in which the caller takes part and has unread messages.
    pub unread: bool,
    /// The time of the newest item: from the first time on, and before the second one.
    pub last_item_at: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// The search over the customer, or over the other user of a direct conversation.
    pub search: Option<Search>,
}

/// A list of the conversations that a caller may see.
pub struct Conversations {
    /// The caller who reads the list.
    pub caller: Caller,
    /// The person's role now. `None` for callers without a role.
    pub role: Option<Role>,
    /// The selection.
    pub filter: ConversationListFilter,
}

/// A source of conversations.
#[derive(Clone, Copy)]
enum ConversationSource {
    /// Conversations with a certain customer.
    OfCustomer(CustomerId),
    /// All conversations with customers.
    Customers,
    /// Conversations with customers who may match the search.
    Found,
    /// Open conversations with customers.
    Open,
    /// Direct conversations in which the caller is the first of the two users.
    First(UserId),
    /// Direct conversations in which the caller is the second of the two users.
    Second(UserId),
    /// Conversations in which the caller takes part now.
    Joined(UserId),
    /// Open conversations with customers in which the caller takes or took part.
    Attended(UserId),
    /// Closed conversations with customers in which the caller took part.
    Settled(UserId),
    /// Conversations of a queue that the caller serves.
    Served(QueueId),
    /// Open conversations of all queues that the caller serves.
    ServedOpen(UserId),
    /// Conversations that are offered to the caller.
    Offered(UserId),
}

impl Conversations {
    /// Returns a text that identifies the list, its filter and its order. Cursors are only valid for the same text.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let whose = match &self.caller {
            Caller::Person(viewer) => viewer.user.to_string(),
            Caller::Service(service) => service.key.to_string(),
            Caller::Visitor(visitor) => visitor.customer.to_string(),
        };
        format!("conversations {whose} {:?}", self.filter)
    }

    async fn sources(&self, db: &impl ConnectionTrait) -> Result<Vec<ConversationSource>, DbErr> {
        let me = match &self.caller {
            Caller::Person(viewer) => viewer.user,
            _ if self.filter.kind == Some(ConversationKind::Direct) => return Ok(Vec::new()),
            // The filters of agents' parts are for the organization's side.
            Caller::Visitor(_) if !self.filter.users.is_empty() || self.filter.handled_by_me => return Ok(Vec::new()),
            Caller::Visitor(visitor) => return Ok(vec![ConversationSource::OfCustomer(visitor.customer)]),
            // The filters of the caller's own part are for users.
            Caller::Service(_) if self.filter.mine || self.filter.unread || self.filter.handled_by_me => {
                return Ok(Vec::new());
            }
            Caller::Service(_) if !self.filter.users.is_empty() => return Ok(of_users(&self.filter.users)),
            Caller::Service(_) => return Ok(self.customers()),
        };
        let ConversationListFilter { kind, status, customer, .. } = self.filter;
        let staff = matches!(self.role, Some(Role::Agent | Role::Supervisor | Role::Admin));
        if self.filter.mine || self.filter.unread {
            return Ok(vec![ConversationSource::Joined(me)]);
        }
        if self.filter.handled_by_me || !self.filter.users.is_empty() {
            let users = if self.filter.handled_by_me { &vec![me] } else { &self.filter.users };
            return Ok(if staff { of_users(users) } else { Vec::new() });
        }
        let of_customers_only =
            !self.filter.channels.is_empty() || !self.filter.queues.is_empty() || customer.is_some();
        let mut sources = Vec::new();
        if kind != Some(ConversationKind::Customer) && !of_customers_only {
            sources.extend([ConversationSource::First(me), ConversationSource::Second(me)]);
        }
        match (self.role, customer) {
            _ if kind == Some(ConversationKind::Direct) => {}
            (Some(Role::Supervisor | Role::Admin), _) => sources.extend(self.customers()),
            (Some(Role::Agent), Some(customer)) => sources.push(ConversationSource::OfCustomer(customer)),
            (Some(Role::Agent), None) => {
                if status != Some(ConversationStatus::Closed) {
                    sources.extend([ConversationSource::Attended(me), ConversationSource::Offered(me)]);
                }
                if status != Some(ConversationStatus::Open) {
                    sources.push(ConversationSource::Settled(me));
                }
                if status == Some(ConversationStatus::Open) {
                    sources.push(ConversationSource::ServedOpen(me));
                } else {
                    // Each queue is a source of its own, and so a range of an index. All queues together would need a
                    // sort.
                    sources.extend(self.queues_in_filter(db, me).await?.into_iter().map(ConversationSource::Served));
                }
            }
            (Some(Role::Member) | None, _) => {}
        }
        Ok(sources)
    }

    /// Returns the sources of conversations with customers for a caller who may see all of them.
    fn customers(&self) -> Vec<ConversationSource> {
        let ConversationListFilter { customer, status, queues, search, .. } = &self.filter;
        match (customer, search) {
            (Some(customer), _) => vec![ConversationSource::OfCustomer(*customer)],
            // Few conversations are open. Their live tasks lead to them.
            _ if *status == Some(ConversationStatus::Open) => vec![ConversationSource::Open],
            (None, Some(_)) => vec![ConversationSource::Found],
            (None, None) if !queues.is_empty() => queues.iter().copied().map(ConversationSource::Served).collect(),
            (None, None) => vec![ConversationSource::Customers],
        }
    }

    /// Returns the queues that an agent serves, as far as the filter selects them.
    async fn queues_in_filter(&self, db: &impl ConnectionTrait, agent: UserId) -> Result<Vec<QueueId>, DbErr> {
        let mut queues = queues_of_agent(db, agent, &self.filter.channels).await?;
        queues.retain(|queue| self.filter.queues.is_empty() || self.filter.queues.contains(queue));
        Ok(queues)
    }

    /// Reads one page.
    pub async fn page(
        &self,
        db: &impl ConnectionTrait,
        page: &Page<PageBound>,
    ) -> Result<PageSlice<VisibleConversation>, DbErr> {
        let sources = self.sources(db).await?;
        if sources.is_empty() {
            return Ok(page.slice(Vec::new()));
        }
        let gram = self.gram(db, &sources).await?;
        let mut sql = Sql::new("SELECT * FROM (");
        for (part, source) in sources.iter().enumerate() {
            sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION SELECT * FROM (" });
            conversation_rows::select_visible(&mut sql, &self.caller);
            self.write(&mut sql, *source, &gram);
            page.write(&mut sql, source.order(), true);
            sql.push(&format!(") AS part_{part}"));
        }
        sql.push(") AS each_one WHERE TRUE");
        page.write(&mut sql, &["last_item_at", "id"], true);
        Ok(page.slice(sql.all(db).await?))
    }

    /// Counts the conversations of the list.
    pub async fn count(&self, db: &impl ConnectionTrait) -> Result<i64, DbErr> {
        let sources = self.sources(db).await?;
        if sources.is_empty() {
            return Ok(0);
        }
        let gram = self.gram(db, &sources).await?;
        let mut sql = Sql::new("SELECT count(*) AS count FROM (");
        for (part, source) in sources.iter().enumerate() {
            sql.push(if part == 0 { "SELECT c.id " } else { " UNION SELECT c.id " });
            self.write(&mut sql, *source, &gram);
        }
        sql.push(") AS each_one");
        sql.one(db).await?.map_or(Ok(0), |row| row.try_get("", "count"))
    }

    /// Returns the pair of characters by which the search reads its index. Empty for sources without that index.
    async fn gram(&self, db: &impl ConnectionTrait, sources: &[ConversationSource]) -> Result<String, DbErr> {
        match &self.filter.search {
            Some(search) if sources.iter().any(|source| matches!(source, ConversationSource::Found)) => {
                search.rarest_gram(db, SearchIndex::Customers).await
            }
            _ => Ok(String::new()),
        }
    }

    fn write(&self, sql: &mut Sql, source: ConversationSource, gram: &str) {
        source.write(sql, gram);
        let ConversationListFilter { kind, status, customer, channels, queues, unread, last_item_at, search, .. } =
            &self.filter;
        if let Some(kind) = kind {
            conversation_rows::of_kind(sql, *kind);
            sql.push(" AND ");
        }
        if let Some(status) = status {
            equals(sql, "c.status = ", *status);
        }
        if let Some(customer) = customer {
            equals(sql, "c.customer_id = ", *customer);
        }
        one_of(sql, "c.channel", channels);
        one_of(sql, "c.queue_id", queues);
        if let Some(from) = last_item_at.0 {
            equals(sql, "c.last_item_at >= ", from);
        }
        if let Some(before) = last_item_at.1 {
            equals(sql, "c.last_item_at < ", before);
        }
        if let (true, Caller::Person(viewer)) = (unread, &self.caller) {
            has_unread(sql, viewer.user);
        }
        let own = self.filter.mine || *unread;
        if own && self.filter.handled_by_me {
            equals(sql, "c.kind = ", ConversationKind::Customer);
        }
        if own && !self.filter.users.is_empty() {
            sql.push("EXISTS (SELECT 1 FROM participant h WHERE h.conversation_id = c.id AND h.user_id IN ");
            sql.bind_list(&self.filter.users);
            sql.push(&format!(" AND h.role {NO_MEMBER}) AND "));
        }
        if let Some(search) = search {
            self.matches(sql, search);
        }
        conversation_rows::write_visible(sql, &self.caller);
    }

    /// Writes the condition that the customer or the other user of a conversation matches a search.
    fn matches(&self, sql: &mut Sql, search: &Search) {
        sql.push("(EXISTS (SELECT 1 FROM customer k WHERE k.id = c.customer_id AND ");
        search.write_words(sql, "k.search_text");
        sql.push(")");
        if let Caller::Person(viewer) = &self.caller {
            sql.push(
                " OR (c.lo IS NOT NULL AND EXISTS (SELECT 1 FROM user_search s WHERE s.user_id = CASE WHEN c.lo = ",
            );
            sql.bind(viewer.user);
            sql.push(" THEN c.hi ELSE c.lo END AND ");
            search.write_words(sql, "s.text");
            sql.push("))");
        }
        sql.push(") AND ");
    }
}

/// Returns the sources of the conversations in which some users take or took part.
fn of_users(users: &[UserId]) -> Vec<ConversationSource> {
    let both = |user: &UserId| [ConversationSource::Attended(*user), ConversationSource::Settled(*user)];
    users.iter().flat_map(both).collect()
}

impl ConversationSource {
    /// Returns the columns of the list's order, as the index of this source has them.
    fn order(self) -> &'static [&'static str] {
        match self {
            Self::Settled(_) => &["j.settled_at", "j.conversation_id"],
            _ => &["c.last_item_at", "c.id"],
        }
    }

    /// Continues a statement with the FROM clause and the condition, including the AND before the next condition. The
    /// status of tasks and offers is a literal, because the database uses a partial index only then.
    fn write(self, sql: &mut Sql, gram: &str) {
        sql.push(match self {
            Self::Settled(_) => "FROM participant j JOIN conversation c ON c.id = j.conversation_id WHERE ",
            _ => "FROM conversation c WHERE ",
        });
        match self {
            Self::OfCustomer(customer) => equals(sql, "c.customer_id = ", customer),
            Self::Customers => equals(sql, "c.kind = ", ConversationKind::Customer),
            Self::Found => {
                sql.push("c.customer_id IN (SELECT g.customer_id FROM customer_bigram g WHERE g.gram = ");
                sql.bind(gram);
                sql.push(") AND ");
            }
            Self::Open => {
                sql.push(&format!("c.id IN (SELECT t.conversation_id FROM task t WHERE t.status {LIVE}) AND "));
            }
            Self::First(me) => equals(sql, "c.lo = ", me),
            Self::Second(me) => equals(sql, "c.hi = ", me),
            Self::Joined(me) => {
                let joined = "SELECT j.conversation_id FROM participant j WHERE j.left_at IS NULL AND j.user_id = ";
                among(sql, &[joined], me);
            }
            Self::Attended(me) => {
                // Members of a direct conversation are left out, because those have sources of their own.
                let open = format!(
                    "SELECT j.conversation_id FROM participant j WHERE j.settled_at IS NULL AND j.role {NO_MEMBER} \
                     AND j.user_id = "
                );
                among(sql, &[&open], me);
            }
            Self::Settled(me) => equals(sql, "j.settled_at IS NOT NULL AND j.user_id = ", me),
            Self::Served(queue) => equals(sql, "c.queue_id = ", queue),
            Self::ServedOpen(me) => {
                // Every priority is above 0. The condition leads SQLite to the index of waiting tasks.
                let of_queues = "SELECT t.conversation_id FROM queue_member m JOIN task t ON t.queue_id = m.queue_id";
                let waiting = format!("{of_queues} WHERE t.status {WAITING} AND t.priority > 0 AND m.agent_id = ");
                let in_service = format!("{of_queues} WHERE t.status {IN_SERVICE} AND m.agent_id = ");
                among(sql, &[&waiting, &in_service], me);
            }
            Self::Offered(me) => {
                // The join goes through the task, because no index finds a conversation by its `task_id`.
                let offered = format!(
                    "SELECT t.conversation_id FROM offer o JOIN task t ON t.id = o.task_id \
                     WHERE o.status {PENDING} AND o.agent_id = "
                );
                among(sql, &[&offered], me);
            }
        }
    }
}

/// Adds the condition that the conversation is among the results of some statements. Each statement ends with the
/// value `of`.
fn among(sql: &mut Sql, found: &[&str], of: impl Into<sea_orm::Value> + Copy) {
    for (number, statement) in found.iter().enumerate() {
        sql.push(if number == 0 { "c.id IN (" } else { " UNION ALL " });
        sql.push(statement);
        sql.bind(of);
    }
    sql.push(") AND ");
}

#[derive(FromQueryResult)]
struct ServedQueue {
    queue_id: QueueId,
}

/// Returns the queues that an agent serves, on some channels or, if none are given, on all of them.
pub async fn queues_of_agent(
    db: &impl ConnectionTrait,
    agent: UserId,
    channels: &[Channel],
) -> Result<Vec<QueueId>, DbErr> {
    let mut sql =
        Sql::new("SELECT m.queue_id FROM queue_member m JOIN queue q ON q.id = m.queue_id WHERE m.agent_id = ");
    sql.bind(agent);
    if !channels.is_empty() {
        sql.push(" AND q.channel IN ");
        sql.bind_list(channels);
    }
    sql.push(" ORDER BY m.queue_id");
    let queues: Vec<ServedQueue> = sql.all(db).await?;
    Ok(queues.into_iter().map(|served| served.queue_id).collect())
}
