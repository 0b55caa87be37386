//! Lists of conversations, the one with the newest item first. The conversations that a person may see come from a
//! few sources. A source is a range of an index in that order, or a few rows that an index finds. The sources are
//! merged and cut to the page.

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

use super::conversation_rows::{self, VisibleConversation};
use crate::{
    auth::viewer::Caller,
    database::sql::Sql,
    pagination::{Page, PageBound, PageSlice},
};

/// A selection of conversations. A field that is `None` does not narrow the list.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConversationListFilter {
    /// The kind of the conversations.
    pub kind: Option<ConversationKind>,
    /// The state of the conversations.
    pub status: Option<ConversationStatus>,
    /// The channel on which the customer writes.
    pub channel: Option<Channel>,
    /// The customer of the conversations.
    pub customer: Option<CustomerId>,
    /// True to list only the conversations in which the caller takes part now.
    pub mine: bool,
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
            Caller::Visitor(visitor) => return Ok(vec![ConversationSource::OfCustomer(visitor.customer)]),
            // An organization key never takes part.
            Caller::Service(_) if self.filter.mine => return Ok(Vec::new()),
            Caller::Service(_) => return Ok(vec![self.customers()]),
        };
        let ConversationListFilter { kind, status, channel, customer, mine } = self.filter;
        if mine {
            return Ok(vec![ConversationSource::Joined(me)]);
        }
        let mut sources = Vec::new();
        if kind != Some(ConversationKind::Customer) && channel.is_none() && customer.is_none() {
            sources.extend([ConversationSource::First(me), ConversationSource::Second(me)]);
        }
        match (self.role, customer) {
            _ if kind == Some(ConversationKind::Direct) => {}
            (Some(Role::Supervisor | Role::Admin), _) => sources.push(self.customers()),
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
                    sources.extend(queues_of_agent(db, me, channel).await?.into_iter().map(ConversationSource::Served));
                }
            }
            (Some(Role::Member) | None, _) => {}
        }
        Ok(sources)
    }

    /// Returns the source of conversations with customers for a caller who may see all of them.
    fn customers(&self) -> ConversationSource {
        match self.filter {
            ConversationListFilter { customer: Some(customer), .. } => ConversationSource::OfCustomer(customer),
            // Few conversations are open. Their live tasks lead to them.
            ConversationListFilter { status: Some(ConversationStatus::Open), .. } => ConversationSource::Open,
            _ => ConversationSource::Customers,
        }
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
        let mut sql = Sql::new("SELECT * FROM (");
        for (part, source) in sources.iter().enumerate() {
            sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION SELECT * FROM (" });
            conversation_rows::select_visible(&mut sql, &self.caller);
            self.write(&mut sql, *source);
            page.write(&mut sql, source.order(), true);
            sql.push(&format!(") AS part_{part}"));
        }
        sql.push(") AS each_one WHERE TRUE");
        page.write(&mut sql, &["last_item_at", "id"], true);
        Ok(page.slice(sql.all(db).await?))
    }

    fn write(&self, sql: &mut Sql, source: ConversationSource) {
        source.write(sql);
        let ConversationListFilter { kind, status, channel, customer, .. } = self.filter;
        if let Some(kind) = kind {
            conversation_rows::of_kind(sql, kind);
            sql.push(" AND ");
        }
        if let Some(status) = status {
            equals(sql, "c.status = ", status);
        }
        if let Some(channel) = channel {
            equals(sql, "c.channel = ", channel);
        }
        if let Some(customer) = customer {
            equals(sql, "c.customer_id = ", customer);
        }
        conversation_rows::write_visible(sql, &self.caller);
    }
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
    fn write(self, sql: &mut Sql) {
        sql.push(match self {
            Self::Settled(_) => "FROM participant j JOIN conversation c ON c.id = j.conversation_id WHERE ",
            _ => "FROM conversation c WHERE ",
        });
        match self {
            Self::OfCustomer(customer) => equals(sql, "c.customer_id = ", customer),
            Self::Customers => equals(sql, "c.kind = ", ConversationKind::Customer),
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

/// Returns the queues that an agent serves, on one channel or on all of them.
pub async fn queues_of_agent(
    db: &impl ConnectionTrait,
    agent: UserId,
    channel: Option<Channel>,
) -> Result<Vec<QueueId>, DbErr> {
    let mut sql =
        Sql::new("SELECT m.queue_id FROM queue_member m JOIN queue q ON q.id = m.queue_id WHERE m.agent_id = ");
    sql.bind(agent);
    if let Some(channel) = channel {
        sql.push(" AND q.channel = ");
        sql.bind(channel);
    }
    sql.push(" ORDER BY m.queue_id");
    let queues: Vec<ServedQueue> = sql.all(db).await?;
    Ok(queues.into_iter().map(|served| served.queue_id).collect())
}

fn equals(sql: &mut Sql, what: &str, value: impl Into<sea_orm::Value>) {
    sql.push(what);
    sql.bind(value);
    sql.push(" AND ");
}
