//! How far messages have come to those they are for. A receipt only rises, whatever order reports come in: QUEUED, SENT,
//! FAILED, DELIVERED, READ.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    conversation,
    event::EventKind,
    id::{ConversationId, ParticipantId, ThreadItemId},
    participant::{self, ParticipantRole},
    receipt::{self, ReceiptState},
    thread_item::{self, ItemKind, ItemVisibility},
};
use sea_orm::{ActiveEnum as _, ActiveModelTrait, ConnectionTrait, DbErr, FromQueryResult, IntoActiveModel as _, Set};
use serde::{Deserialize, Serialize};

use super::{
    direct, items,
    participants::{self, Who},
    threads::{self, Side},
};
use crate::{
    app::{App, Tx},
    auth::viewer::Caller,
    database::sql::{Places, Sql},
    error::{Error, Result, UserErrorCode},
    events::log::NewEvent,
};

/// What an event says: that every message of others, from a number up to that of the item, has come so far to somebody.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Advance {
    pub item: thread_item::Model,
    pub receipt: receipt::Model,
    pub from: i64,
    /// The same as the customer counts.
    pub from_customer: i64,
}

/// Takes note of how far a message of a held conversation has come to a participant; whether that was news.
pub async fn advance(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    item: &thread_item::Model,
    to: &participant::Model,
    state: ReceiptState,
) -> Result<bool> {
    let row = receipt::Model { item_id: item.id, participant_id: to.id, state, at: tx.clock().now() };
    let mut sql = Sql::new("INSERT INTO receipt (item_id, participant_id, state, at) VALUES (");
    sql.bind(row.item_id);
    sql.push(", ");
    sql.bind(row.participant_id);
    sql.push(", ");
    sql.bind(row.state);
    sql.push(", ");
    sql.bind(row.at);
    sql.push(")");
    rise(&mut sql);
    if sql.run(tx.db()).await? == 0 {
        return Ok(false);
    }
    let from_customer = item.customer_sequence.unwrap_or(conversation.last_customer_sequence + 1);
    let advance = Advance { from: item.sequence, from_customer, item: item.clone(), receipt: row };
    tell(tx, conversation, to, &advance)?;
    Ok(true)
}

/// Where a row is there already it only rises.
fn rise(sql: &mut Sql) {
    sql.push(
        " ON CONFLICT (item_id, participant_id) DO UPDATE SET state = excluded.state, at = excluded.at \
         WHERE receipt.state < excluded.state",
    );
}

/// Tells those who may see both the message and that the participant is there.
fn tell(tx: &Tx<'_>, conversation: &conversation::Model, of: &participant::Model, advance: &Advance) -> Result<()> {
    let seen_by = match (advance.item.visibility, participants::shown(conversation, of)) {
        (ItemVisibility::Agent, _) | (_, ItemVisibility::Agent) => ItemVisibility::Agent,
        _ => ItemVisibility::Both,
    };
    tx.append(NewEvent::new(EventKind::ReceiptAdvanced, advance, items::streams(conversation, seen_by))?);
    Ok(())
}

/// Takes note that the caller has read everything up to a number, as they count. It only rises. Who takes part now leaves
/// receipts on what others wrote, by one statement and one event however much it is.
pub async fn mark_read(app: &App, by: &Caller, id: &str, up_to: i64) -> Result<(ConversationId, bool)> {
    const NUMBER: &[&str] = &["input", "upToSequence"];
    if up_to < 0 {
        return Err(Error::refused(UserErrorCode::Invalid, NUMBER, "Numbers begin at 1."));
    }
    app.transaction(|tx| {
        Box::pin(async move {
            let id = threads::named(tx.db(), by, id, threads::FIELD).await?.id;
            let conversation = threads::hold(tx, id).await?;
            let me = participants::own(tx.db(), id, by).await?;
            let me = me.ok_or_else(participants::takes_no_part)?;
            let to = staff_number(tx.db(), &conversation, Side::of(by), up_to).await?;
            let to = me.left_sequence.map_or(to, |left| to.min(left));
            if to <= me.read_up_to {
                return Ok((id, false));
            }
            let before = me.read_up_to;
            let mut me = me.into_active_model();
            me.read_up_to = Set(to);
            let me = me.update(tx.db()).await?;
            if me.left_at.is_none() {
                read(tx, &conversation, &me, before).await?;
            }
            direct::settle(tx, &conversation, &me).await?;
            Ok((id, true))
        })
    })
    .await
}

/// Marks a held conversation as read by a participant up to the message that they are about to write. Emits
/// `ReceiptAdvanced` and settles their notification when something before it was unread.
pub async fn read_before_answer(tx: &Tx<'_>, conversation: &conversation::Model, me: participant::Model) -> Result<()> {
    let before = me.read_up_to;
    let mut me = me.into_active_model();
    me.read_up_to = Set(conversation.last_sequence + 1);
    let me = me.update(tx.db()).await?;
    if before < conversation.last_sequence && read(tx, conversation, &me, before).await? {
        direct::settle(tx, conversation, &me).await?;
    }
    Ok(())
}

/// A number as a side counts, as the number of the item in the whole conversation; never beyond the last.
async fn staff_number(
    db: &impl ConnectionTrait,
    conversation: &conversation::Model,
    side: Side,
    number: i64,
) -> Result<i64> {
    match side {
        Side::Staff => Ok(number.min(conversation.last_sequence)),
        Side::Customer if number >= conversation.last_customer_sequence => Ok(conversation.last_sequence),
        Side::Customer => {
            let mut sql = Sql::new("SELECT sequence FROM thread_item WHERE conversation_id = ");
            sql.bind(conversation.id);
            sql.push(" AND customer_sequence = ");
            sql.bind(number);
            match sql.one(db).await? {
                Some(row) => Ok(row.try_get("", "sequence")?),
                None => Ok(0),
            }
        }
    }
}

/// Writes the receipts of somebody who has read on from a number; whether there was anything to read.
async fn read(tx: &Tx<'_>, conversation: &conversation::Model, me: &participant::Model, before: i64) -> Result<bool> {
    let now = tx.clock().now();
    let covered = |sql: &mut Sql| {
        sql.push(" FROM thread_item i WHERE i.conversation_id = ");
        sql.bind(conversation.id);
        sql.push(" AND i.sequence > ");
        sql.bind(before);
        sql.push(" AND i.sequence <= ");
        sql.bind(me.read_up_to);
        sql.push(" AND i.kind = ");
        sql.bind(ItemKind::Message);
        sql.push(" AND i.author_id <> ");
        sql.bind(me.id);
        if me.customer_id.is_some() {
            sql.push(" AND i.customer_sequence IS NOT NULL");
        }
    };
    let mut sql = Sql::new("INSERT INTO receipt (item_id, participant_id, state, at) SELECT i.id, ");
    sql.bind(me.id);
    sql.push(", ");
    sql.bind(ReceiptState::Read);
    sql.push(", ");
    sql.bind(now);
    covered(&mut sql);
    rise(&mut sql);
    if sql.run(tx.db()).await? == 0 {
        return Ok(false);
    }
    let mut sql = Sql::new("SELECT i.*");
    covered(&mut sql);
    sql.push(" ORDER BY i.sequence DESC LIMIT 1");
    let Some(newest) = sql.models::<thread_item::Entity>(tx.db()).await?.pop() else { return Ok(false) };
    let receipt = receipt::Model { item_id: newest.id, participant_id: me.id, state: ReceiptState::Read, at: now };
    let from_customer = customer_number(tx.db(), conversation.id, before).await? + 1;
    let advance = Advance { item: newest, receipt, from: before + 1, from_customer };
    tell(tx, conversation, me, &advance)?;
    Ok(true)
}

/// How many items the customer may see up to an item of the whole conversation.
async fn customer_number(db: &impl ConnectionTrait, conversation: ConversationId, sequence: i64) -> Result<i64, DbErr> {
    Ok(customer_numbers(db, &[(conversation, sequence)]).await?.into_values().next().unwrap_or_default())
}

#[derive(FromQueryResult)]
struct Numbered {
    part: i64,
    number: Option<i64>,
}

/// For numbers of whole conversations: the number of the last item up to there, as the customer counts.
pub async fn customer_numbers(
    db: &impl ConnectionTrait,
    asked: &[(ConversationId, i64)],
) -> Result<HashMap<(ConversationId, i64), i64>, DbErr> {
    let mut sql = Sql::default();
    for (part, (conversation, sequence)) in asked.iter().enumerate() {
        sql.push(if part == 0 { "" } else { " UNION ALL " });
        sql.push(&format!(
            "SELECT CAST({part} AS bigint) AS part, (SELECT customer_sequence FROM thread_item \
             WHERE customer_sequence IS NOT NULL AND conversation_id = "
        ));
        sql.bind(*conversation);
        sql.push(" AND sequence <= ");
        sql.bind(*sequence);
        sql.push(" ORDER BY sequence DESC LIMIT 1) AS number");
    }
    let rows: Vec<Numbered> = sql.all(db).await?;
    let read = |row: Numbered| {
        let asked = usize::try_from(row.part).ok().and_then(|part| asked.get(part))?;
        Some((*asked, row.number.unwrap_or_default()))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// A receipt and of whom it is.
#[derive(Clone, Debug)]
pub struct Told {
    pub item_id: ThreadItemId,
    pub participant_id: ParticipantId,
    pub state: ReceiptState,
    pub at: DateTime<Utc>,
    pub role: ParticipantRole,
    pub channel: Option<Channel>,
}

impl Told {
    /// Whether a side may know of it.
    #[must_use]
    pub fn is_for(&self, side: Side) -> bool {
        side == Side::Staff || participants::shown_as(self.channel, self.role) != ItemVisibility::Agent
    }
}

/// The receipts of some messages, in the order in which their participants came.
/// To who has left and may see no more, none is told that came later.
pub async fn of(db: &impl ConnectionTrait, caller: &Caller, ids: &[ThreadItemId]) -> Result<Vec<Told>, DbErr> {
    let mut sql = Sql::new(
        "SELECT r.item_id, r.participant_id, r.state, r.at, p.role, c.channel FROM receipt r \
         JOIN participant p ON p.id = r.participant_id JOIN conversation c ON c.id = p.conversation_id WHERE r.item_id IN ",
    );
    sql.bind_list(ids);
    sql.push(" AND ");
    threads::reaches_time(&mut sql, caller, "r.at");
    sql.push(" ORDER BY r.participant_id");
    let told = |row: &Places<'_>| {
        let channel: Option<i16> = row.get(5)?;
        Ok(Told {
            item_id: ThreadItemId(row.get(0)?),
            participant_id: ParticipantId(row.get(1)?),
            state: ReceiptState::try_from_value(&row.get(2)?)?,
            at: row.get(3)?,
            role: ParticipantRole::try_from_value(&row.get(4)?)?,
            channel: channel.map(|channel| Channel::try_from_value(&channel)).transpose()?,
        })
    };
    sql.places(db, told).await
}

/// How far a message has come in all: what the customer writes to any agent, everything else to the customer or to the other of
/// two.
#[must_use]
pub fn status(item: &thread_item::Model, told: &[Told], side: Side) -> ReceiptState {
    let counts = |told: &&Told| {
        told.is_for(side) && (item.inbound || matches!(told.role, ParticipantRole::Customer | ParticipantRole::Member))
    };
    told.iter().filter(counts).map(|told| told.state).max().unwrap_or(ReceiptState::Sent)
}

/// How many messages of others somebody has not read, in some conversations; those in which they take no part are left out.
pub async fn unread(
    db: &impl ConnectionTrait,
    who: Who,
    ids: &[ConversationId],
) -> Result<HashMap<ConversationId, i64>, DbErr> {
    let mut sql = Sql::new(
        "SELECT i.conversation_id, count(*) AS count FROM participant p JOIN thread_item i \
         ON i.conversation_id = p.conversation_id AND i.sequence > p.read_up_to \
         AND i.sequence <= COALESCE(p.left_sequence, i.sequence) WHERE ",
    );
    match who {
        Who::User(user) => {
            sql.push("p.user_id = ");
            sql.bind(user);
        }
        Who::Customer(customer) => {
            sql.push("i.customer_sequence IS NOT NULL AND p.customer_id = ");
            sql.bind(customer);
        }
    }
    sql.push(" AND p.conversation_id IN ");
    sql.bind_list(ids);
    sql.push(" AND i.author_id <> p.id AND i.deleted_at IS NULL AND i.kind = ");
    sql.bind(ItemKind::Message);
    sql.push(" GROUP BY i.conversation_id");
    let rows: Vec<Count> = sql.all(db).await?;
    Ok(rows.into_iter().map(|row| (row.conversation_id, row.count)).collect())
}

#[derive(FromQueryResult)]
struct Count {
    conversation_id: ConversationId,
    count: i64,
}
