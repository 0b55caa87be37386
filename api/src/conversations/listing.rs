//! Lists of conversations, the one with the newest item first. What a person may see comes from few places, each a range
//! of an index; they are joined and cut to the page.

use entity::{
    channel::Channel,
    conversation::{ConversationKind, ConversationStatus},
    id::{CustomerId, QueueId, UserId},
    user::Role,
};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};

use super::threads::{self, Seen, Side};
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
    /// The visitor's own.
    Own(CustomerId),
    /// All that are with customers.
    Customers,
    /// Those in which the caller is the first of two, or the second.
    First(UserId),
    Second(UserId),
    /// Those in which the caller takes part, or took part too.
    Joined(UserId),
    Left(UserId),
    /// Those of a queue that the caller serves.
    Served(QueueId),
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
            Caller::Visitor(visitor) => return Ok(vec![Source::Own(visitor.customer)]),
            Caller::Service(_) => return Ok(vec![Source::Customers]),
        };
        if self.filter.mine {
            return Ok(vec![Source::Joined(me)]);
        }
        let asks = |kind| self.filter.kind.is_none_or(|asked| asked == kind);
        let mut sources = Vec::new();
        if asks(ConversationKind::Direct) && self.filter.channel.is_none() && self.filter.customer.is_none() {
            sources.extend([Source::First(me), Source::Second(me)]);
        }
        if asks(ConversationKind::Customer) {
            match self.role {
                Some(Role::Supervisor | Role::Admin) => sources.push(Source::Customers),
                Some(Role::Agent) => {
                    sources.extend([Source::Left(me), Source::Offered(me)]);
                    // Each queue by itself, so that each is a range of an index: together they would have to be sorted.
                    sources.extend(served(db, me).await?.into_iter().map(Source::Served));
                }
                Some(Role::Member) | None => {}
            }
        }
        Ok(sources)
    }

    /// One page.
    pub async fn page(&self, db: &impl ConnectionTrait, page: &Page<Place>) -> Result<Slice<Seen>, DbErr> {
        let sources = self.sources(db).await?;
        if sources.is_empty() {
            return Ok(page.slice(Vec::new()));
        }
        let mut sql = Sql::new("SELECT * FROM (");
        let begin = threads::seen_by(Side::of(&self.caller));
        for (part, source) in sources.iter().enumerate() {
            sql.push(if part == 0 { "SELECT * FROM (" } else { " UNION SELECT * FROM (" });
            sql.push(begin.text());
            self.write(&mut sql, *source);
            page.write(&mut sql, &["c.last_item_at", "c.id"], true);
            sql.push(&format!(") AS part_{part}"));
        }
        sql.push(") AS each_one WHERE TRUE");
        page.write(&mut sql, &["last_item_at", "id"], true);
        Ok(page.slice(sql.all(db).await?))
    }

    fn write(&self, sql: &mut Sql, source: Source) {
        match source {
            Source::Own(customer) => equals(sql, "c.customer_id = ", customer),
            Source::Customers => equals(sql, "c.kind = ", ConversationKind::Customer),
            Source::First(me) => equals(sql, "c.lo = ", me),
            Source::Second(me) => equals(sql, "c.hi = ", me),
            Source::Joined(me) => {
                sql.push(
                    "c.id IN (SELECT j.conversation_id FROM participant j WHERE j.left_at IS NULL AND j.user_id = ",
                );
                sql.bind(me);
                sql.push(") AND ");
            }
            Source::Left(me) => {
                sql.push("c.id IN (SELECT j.conversation_id FROM participant j WHERE j.user_id = ");
                sql.bind(me);
                sql.push(") AND ");
            }
            Source::Served(queue) => equals(sql, "c.queue_id = ", queue),
            Source::Offered(me) => {
                // Through the task, because no index leads from one to its conversation by what this one says.
                sql.push(
                    "c.id IN (SELECT t.conversation_id FROM offer o JOIN task t ON t.id = o.task_id \
                     WHERE o.status = 1 AND o.agent_id = ",
                );
                sql.bind(me);
                sql.push(") AND ");
            }
        }
        let Filter { kind, status, channel, customer, .. } = self.filter;
        if let Some(kind) = kind {
            equals(sql, "c.kind = ", kind);
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

#[derive(FromQueryResult)]
struct Served {
    queue_id: QueueId,
}

/// The queues that somebody serves.
async fn served(db: &impl ConnectionTrait, agent: UserId) -> Result<Vec<QueueId>, DbErr> {
    let mut sql = Sql::new("SELECT queue_id FROM queue_member WHERE agent_id = ");
    sql.bind(agent);
    sql.push(" ORDER BY queue_id");
    let queues: Vec<Served> = sql.all(db).await?;
    Ok(queues.into_iter().map(|served| served.queue_id).collect())
}

fn equals(sql: &mut Sql, what: &str, value: impl Into<sea_orm::Value>) {
    sql.push(what);
    sql.bind(value);
    sql.push(" AND ");
}
