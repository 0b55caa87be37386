//! Lists of conversations, the one with the newest item first. What a person may see comes from few places, each a range of
//! an index in that order, or few rows that are found by one; they are joined and cut to the page.

use entity::{
    channel::Channel,
    conversation::{ConversationKind, ConversationStatus},
    id::{CustomerId, QueueId, UserId},
    user::Role,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::threads::{self, Seen};
use crate::{
    auth::viewer::Caller,
    database::sql::Sql,
    page::{Page, Place, Slice},
};

/// Which conversations to list.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    pub kind: Option<ConversationKind>,
    pub status: Option<ConversationStatus>,
    pub channel: Option<Channel>,
    pub customer: Option<CustomerId>,
    /// Only those in which the caller takes part now.
    pub mine: bool,
}

/// Conversations that a caller may see.
pub struct Conversations {
    pub caller: Caller,
    /// What a person is in the organisation now.
    pub role: Option<Role>,
    pub filter: Filter,
}

/// From where conversations come.
#[derive(Clone, Copy)]
enum Source {
    /// Those with a customer.
    OfCustomer(CustomerId),
    /// All that are with customers.
    Customers,
    /// Those with customers that are open.
    Open,
    /// Those in which the caller is the first of two, or the second.
    First(UserId),
    Second(UserId),
    /// Those in which the caller takes part now.
    Joined(UserId),
    /// Those with customers in which the caller takes or took part, that are open.
    Attended(UserId),
    /// Those with customers in which the caller took part, that are closed.
    Settled(UserId),
    /// Those of a queue that the caller serves.
    Served(QueueId),
    /// Those of all queues that the caller serves, that are open.
    ServedOpen(UserId),
    /// The one that is held out to the caller.
    Offered(UserId),
}

impl Conversations {
    /// Names list, filter and order, for the cursors.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let whose = match &self.caller {
            Caller::Person(viewer) => viewer.user.to_string(),
            Caller::Service(service) => service.key.to_string(),
            Caller::Visitor(visitor) => visitor.customer.to_string(),
        };
        format!("conversations {whose} {:?}", self.filter)
    }

    async fn sources(&self, db: &impl ConnectionTrait) -> Result<Vec<Source>, DbErr> {
        let me = match &self.caller {
            Caller::Person(viewer) => viewer.user,
            _ if self.filter.kind == Some(ConversationKind::Direct) => return Ok(Vec::new()),
            Caller::Visitor(visitor) => return Ok(vec![Source::OfCustomer(visitor.customer)]),
            // A key takes part in nothing.
            Caller::Service(_) if self.filter.mine => return Ok(Vec::new()),
            Caller::Service(_) => return Ok(vec![self.customers()]),
        };
        let Filter { kind, status, channel, customer, mine } = self.filter;
        if mine {
            return Ok(vec![Source::Joined(me)]);
        }
        let mut sources = Vec::new();
        if kind != Some(ConversationKind::Customer) && channel.is_none() && customer.is_none() {
            sources.extend([Source::First(me), Source::Second(me)]);
        }
        match (self.role, customer) {
            _ if kind == Some(ConversationKind::Direct) => {}
            (Some(Role::Supervisor | Role::Admin), _) => sources.push(self.customers()),
            (Some(Role::Agent), Some(customer)) => sources.push(Source::OfCustomer(customer)),
            (Some(Role::Agent), None) => {
                if status != Some(ConversationStatus::Closed) {
                    sources.extend([Source::Attended(me), Source::Offered(me)]);
                }
                if status != Some(ConversationStatus::Open) {
                    sources.push(Source::Settled(me));
                }
                if status == Some(ConversationStatus::Open) {
                    sources.push(Source::ServedOpen(me));
                } else {
                    // Each queue by itself, so that each is a range of an index: together they would have to be sorted.
                    sources.extend(served(db, me, channel).await?.into_iter().map(Source::Served));
                }
            }
            (Some(Role::Member) | None, _) => {}
        }
        Ok(sources)
    }

    /// From where those with customers come to whoever may see them all.
    fn customers(&self) -> Source {
        match self.filter {
            Filter { customer: Some(customer), .. } => Source::OfCustomer(customer),
            // Few are open; they are found by their live tasks.
            Filter { status: Some(ConversationStatus::Open), .. } => Source::Open,
            _ => Source::Customers,
        }
    }

    /// One page.
    pub async fn page(&self, db: &impl ConnectionTrait, page: &Page<Place>) -> Result<Slice<Seen>, DbErr> {
        let sources = self.sources(db).await?;
        if sources.is_empty() {
            return Ok(page.slice(Vec::new()));
        }
        let mut sql = Sql::new("SELECT * FROM (");
        for (part, source) in sources.iter().enumerate() {
            sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION SELECT * FROM (" });
            threads::seen_by(&mut sql, &self.caller);
            self.write(&mut sql, *source);
            page.write(&mut sql, source.order(), true);
            sql.push(&format!(") AS part_{part}"));
        }
        sql.push(") AS each_one WHERE TRUE");
        page.write(&mut sql, &["last_item_at", "id"], true);
        Ok(page.slice(sql.all(db).await?))
    }

    fn write(&self, sql: &mut Sql, source: Source) {
        source.write(sql);
        let Filter { kind, status, channel, customer, .. } = self.filter;
        if let Some(kind) = kind {
            threads::of_kind(sql, kind);
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
        threads::visible(sql, &self.caller);
    }
}

impl Source {
    /// The columns of the list's order, as the index of this source has them.
    fn order(self) -> &'static [&'static str] {
        match self {
            Self::Settled(_) => &["j.settled_at", "j.conversation_id"],
            _ => &["c.last_item_at", "c.id"],
        }
    }

    /// Continues a statement: from where, and the condition, with what leads to the next. The status of tasks and offers is
    /// written as a literal, because only then is an index of a part of them used.
    fn write(self, sql: &mut Sql) {
        sql.push(match self {
            Self::Settled(_) => "FROM participant j JOIN conversation c ON c.id = j.conversation_id WHERE ",
            _ => "FROM conversation c WHERE ",
        });
        match self {
            Self::OfCustomer(customer) => equals(sql, "c.customer_id = ", customer),
            Self::Customers => equals(sql, "c.kind = ", ConversationKind::Customer),
            Self::Open => sql.push("c.id IN (SELECT t.conversation_id FROM task t WHERE t.status < 6) AND "),
            Self::First(me) => equals(sql, "c.lo = ", me),
            Self::Second(me) => equals(sql, "c.hi = ", me),
            Self::Joined(me) => {
                let joined = "SELECT j.conversation_id FROM participant j WHERE j.left_at IS NULL AND j.user_id = ";
                among(sql, &[joined], me);
            }
            Self::Attended(me) => {
                // Not as one of two, who have their own source.
                let open = "SELECT j.conversation_id FROM participant j WHERE j.settled_at IS NULL AND j.role <> 4 \
                     AND j.user_id = ";
                among(sql, &[open], me);
            }
            Self::Settled(me) => equals(sql, "j.settled_at IS NOT NULL AND j.user_id = ", me),
            Self::Served(queue) => equals(sql, "c.queue_id = ", queue),
            Self::ServedOpen(me) => {
                // Every priority is above 0; to say so leads SQLite to the index of those that wait.
                let waiting = "SELECT t.conversation_id FROM queue_member m JOIN task t ON t.queue_id = m.queue_id \
                     WHERE t.status < 3 AND t.priority > 0 AND m.agent_id = ";
                let talking = "SELECT t.conversation_id FROM queue_member m JOIN task t ON t.queue_id = m.queue_id \
                     WHERE t.status IN (3, 4, 5) AND m.agent_id = ";
                among(sql, &[waiting, talking], me);
            }
            Self::Offered(me) => {
                // Through the task, because no index leads from one to its conversation by what this one says.
                let offered = "SELECT t.conversation_id FROM offer o JOIN task t ON t.id = o.task_id \
                     WHERE o.status = 1 AND o.agent_id = ";
                among(sql, &[offered], me);
            }
        }
    }
}

/// The condition that a conversation is among those that statements find of somebody or something.
fn among(sql: &mut Sql, found: &[&str], of: impl Into<sea_orm::Value> + Copy) {
    for (number, statement) in found.iter().enumerate() {
        sql.push(if number == 0 { "c.id IN (" } else { " UNION ALL " });
        sql.push(statement);
        sql.bind(of);
    }
    sql.push(") AND ");
}

#[derive(FromQueryResult)]
struct Served {
    queue_id: QueueId,
}

/// The queues that somebody serves, of all channels or of one.
async fn served(db: &impl ConnectionTrait, agent: UserId, channel: Option<Channel>) -> Result<Vec<QueueId>, DbErr> {
    let mut sql =
        Sql::new("SELECT m.queue_id FROM queue_member m JOIN queue q ON q.id = m.queue_id WHERE m.agent_id = ");
    sql.bind(agent);
    if let Some(channel) = channel {
        sql.push(" AND q.channel = ");
        sql.bind(channel);
    }
    sql.push(" ORDER BY m.queue_id");
    let queues: Vec<Served> = sql.all(db).await?;
    Ok(queues.into_iter().map(|served| served.queue_id).collect())
}

fn equals(sql: &mut Sql, what: &str, value: impl Into<sea_orm::Value>) {
    sql.push(what);
    sql.bind(value);
    sql.push(" AND ");
}
