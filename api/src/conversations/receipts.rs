//! Receipts: the delivery state of messages for their recipients. A receipt only rises, in whatever order reports
//! arrive: QUEUED, SENT, FAILED, DELIVERED, READ.

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
use serde_json::Value;

use super::{
    conversation_rows::{self, ConversationSide},
    conversation_streams, direct_messages, participants,
};
use crate::{
    app::{App, Locked, Tx},
    auth::viewer::Caller,
    database::sql::{Columns, Sql, columns},
    error::{Error, Result, UserErrorCode},
    events::{
        log::NewEvent,
        payloads::{self, Logged},
    },
};

/// The subject of the event `ReceiptAdvanced`: a participant has reached a receipt state for all messages of others,
/// from a number up to the item's.
#[derive(Clone, Debug)]
pub struct ReceiptUpdate {
    /// The newest of these messages.
    pub item: thread_item::Model,
    /// The participant, the state and its time.
    pub receipt: receipt::Model,
    /// The number of the first of these messages, as the organization's side counts.
    pub from: i64,
    /// The number of the first of these messages, as the customer counts.
    pub from_customer: i64,
}

#[derive(Serialize, Deserialize)]
struct ReceiptUpdatePayload {
    item: Value,
    receipt: Value,
    from: i64,
    from_customer: i64,
}

impl Logged for ReceiptUpdate {
    const VERSION: u16 = 1;

    fn to_payload(&self) -> std::result::Result<Value, serde_json::Error> {
        let Self { item, receipt, from, from_customer } = self;
        let (item, receipt) = (item.to_payload()?, receipt.to_payload()?);
        payloads::write(
            &ReceiptUpdatePayload { item, receipt, from: *from, from_customer: *from_customer },
            Self::VERSION,
        )
    }

    fn from_payload(payload: &Value) -> std::result::Result<Self, serde_json::Error> {
        let ReceiptUpdatePayload { item, receipt, from, from_customer } = payloads::read(payload)?;
        let (item, receipt) = (Logged::from_payload(&item)?, Logged::from_payload(&receipt)?);
        Ok(Self { item, receipt, from, from_customer })
    }
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
    raise_watermark(&mut sql);
    if sql.run(tx.db()).await? == 0 {
        return Ok(false);
    }
    let from_customer = item.customer_sequence.unwrap_or(conversation.last_customer_sequence + 1);
    let advance = ReceiptUpdate { from: item.sequence, from_customer, item: item.clone(), receipt: row };
    emit_advanced(tx, conversation, to, &advance).await?;
    Ok(true)
}

/// Adds the clause by which an existing receipt only rises.
fn raise_watermark(sql: &mut Sql) {
    sql.push(
        " ON CONFLICT (item_id, participant_id) DO UPDATE SET state = excluded.state, at = excluded.at \
         WHERE receipt.state < excluded.state",
    );
}

/// Emits `ReceiptAdvanced` to the streams whose readers may see both the message and the participant.
async fn emit_advanced(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    of: &participant::Model,
    advance: &ReceiptUpdate,
) -> Result<()> {
    let seen_by = match (advance.item.visibility, participants::visibility(conversation, of)) {
        (ItemVisibility::Agent, _) | (_, ItemVisibility::Agent) => ItemVisibility::Agent,
        _ => ItemVisibility::Both,
    };
    let streams = conversation_streams::for_event(tx, conversation, seen_by, of.user_id).await?;
    tx.append(NewEvent::new(EventKind::ReceiptAdvanced, advance, streams)?);
    Ok(())
}

/// Marks a conversation as read by the caller up to a number, as they count. The read position only rises. Returns
/// the conversation's id, and true if the position rose. Locks the conversation. A current participant writes READ
/// receipts for the messages of others, with one statement and one event for all of them. Emits `ReceiptAdvanced` if
/// a receipt rose, and else `ParticipantChanged`. Refuses with `NOT_FOUND`, `NOT_A_PARTICIPANT` or `OUT_OF_RANGE`.
pub async fn mark_read(app: &App, by: &Caller, id: &str, up_to: i64) -> Result<(ConversationId, bool)> {
    const NUMBER: &[&str] = &["input", "upToSequence"];
    if up_to < 0 {
        let refused = Error::refused(UserErrorCode::OutOfRange, NUMBER, "The sequence number cannot be negative.");
        return Err(refused.with_excess(0, up_to));
    }
    app.transaction(|tx| {
        Box::pin(async move {
            let id = conversation_rows::find_by_id(tx.db(), by, id, conversation_rows::FIELD).await?.id;
            let conversation = conversation_rows::lock(tx, id).await?;
            let me = participants::find_caller(tx.db(), id, by).await?;
            let me = me.ok_or_else(participants::not_a_participant)?;
            let to = staff_number(tx.db(), &conversation, ConversationSide::of(by), up_to).await?;
            let to = me.left_sequence.map_or(to, |left| to.min(left));
            if to <= me.read_up_to {
                return Ok((id, false));
            }
            let before = me.read_up_to;
            let mut me = me.into_active_model();
            me.read_up_to = Set(to);
            let me = me.update(tx.db()).await?;
            // The organization's side sees the read position, also where it passes no message of others.
            if me.left_at.is_some() || !write_read_receipts(tx, &conversation, &me, before).await? {
                participants::emit_read_position(tx, &conversation, &me).await?;
            }
            direct_messages::settle_notification(tx, &conversation, &me).await?;
            Ok((id, true))
        })
    })
    .await
}

/// Marks a conversation as read by a participant up to the message that they are about to write. If an earlier message
/// was unread, emits `ReceiptAdvanced` and settles the participant's notification.
pub async fn read_before_answer(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    me: participant::Model,
) -> Result<()> {
    let before = me.read_up_to;
    let mut me = me.into_active_model();
    me.read_up_to = Set(conversation.last_sequence + 1);
    let me = me.update(tx.db()).await?;
    if before < conversation.last_sequence && write_read_receipts(tx, conversation, &me, before).await? {
        direct_messages::settle_notification(tx, conversation, &me).await?;
    }
    Ok(())
}

/// Converts a number as a side counts to the number in the whole conversation. The result does not exceed the last
/// number.
async fn staff_number(
    db: &impl ConnectionTrait,
    conversation: &conversation::Model,
    side: ConversationSide,
    number: i64,
) -> Result<i64> {
    match side {
        ConversationSide::Staff => Ok(number.min(conversation.last_sequence)),
        ConversationSide::Customer if number >= conversation.last_customer_sequence => Ok(conversation.last_sequence),
        ConversationSide::Customer => {
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

/// Writes the READ receipts of a participant whose read position was `before`. Returns true if a receipt rose, and
/// then emits `ReceiptAdvanced`.
async fn write_read_receipts(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    me: &participant::Model,
    before: i64,
) -> Result<bool> {
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
    raise_watermark(&mut sql);
    if sql.run(tx.db()).await? == 0 {
        return Ok(false);
    }
    let mut sql = Sql::new(&format!("SELECT {}", columns::<thread_item::Entity>("i")));
    covered(&mut sql);
    sql.push(" ORDER BY i.sequence DESC LIMIT 1");
    let Some(newest) = sql.models::<thread_item::Entity>(tx.db()).await?.pop() else { return Ok(false) };
    let receipt = receipt::Model { item_id: newest.id, participant_id: me.id, state: ReceiptState::Read, at: now };
    let from_customer = customer_number(tx.db(), conversation.id, before).await? + 1;
    let advance = ReceiptUpdate { item: newest, receipt, from: before + 1, from_customer };
    emit_advanced(tx, conversation, me, &advance).await?;
    Ok(true)
}

/// Returns the number of items up to `sequence` that the customer may see.
async fn customer_number(db: &impl ConnectionTrait, conversation: ConversationId, sequence: i64) -> Result<i64, DbErr> {
    Ok(customer_numbers(db, &[(conversation, sequence)]).await?.into_values().next().unwrap_or_default())
}

#[derive(FromQueryResult)]
struct NumberedItem {
    part: i64,
    number: Option<i64>,
}

/// Returns the customer's number of the last item up to each of the given numbers of whole conversations.
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
    let rows: Vec<NumberedItem> = sql.all(db).await?;
    let read = |row: NumberedItem| {
        let asked = usize::try_from(row.part).ok().and_then(|part| asked.get(part))?;
        Some((*asked, row.number.unwrap_or_default()))
    };
    Ok(rows.into_iter().filter_map(read).collect())
}

/// A receipt, with the participant's role and the conversation's channel.
#[derive(Clone, Debug)]
pub struct VisibleReceipt {
    /// The message that was delivered or read.
    pub item_id: ThreadItemId,
    /// The participant to whom the message went.
    pub participant_id: ParticipantId,
    /// The state that the message reached.
    pub state: ReceiptState,
    /// The time at which it reached the state.
    pub at: DateTime<Utc>,
    /// The role of the participant.
    pub role: ParticipantRole,
    /// The channel of the conversation. `None` for a direct conversation.
    pub channel: Option<Channel>,
}

impl VisibleReceipt {
    /// Returns true if a side may see the receipt.
    #[must_use]
    pub fn is_for(&self, side: ConversationSide) -> bool {
        side == ConversationSide::Staff
            || participants::visibility_for_role(self.channel, self.role) != ItemVisibility::Agent
    }
}

/// Returns the receipts of the given messages, in the order in which their participants first joined. A caller who
/// has left and sees no more gets no receipts from after that time.
pub async fn for_messages(
    db: &impl ConnectionTrait,
    caller: &Caller,
    ids: &[ThreadItemId],
) -> Result<Vec<VisibleReceipt>, DbErr> {
    let mut sql = Sql::new(
        "SELECT r.item_id, r.participant_id, r.state, r.at, p.role, c.channel FROM receipt r \
         JOIN participant p ON p.id = r.participant_id JOIN conversation c ON c.id = p.conversation_id WHERE r.item_id IN ",
    );
    sql.bind_list(ids);
    sql.push(" AND ");
    conversation_rows::reaches_time(&mut sql, caller, "r.at");
    sql.push(" ORDER BY r.participant_id");
    let told = |row: &Columns<'_>| {
        let channel: Option<i16> = row.get(5)?;
        Ok(VisibleReceipt {
            item_id: ThreadItemId(row.get(0)?),
            participant_id: ParticipantId(row.get(1)?),
            state: ReceiptState::try_from_value(&row.get(2)?)?,
            at: row.get(3)?,
            role: ParticipantRole::try_from_value(&row.get(4)?)?,
            channel: channel.map(|channel| Channel::try_from_value(&channel)).transpose()?,
        })
    };
    sql.columns(db, told).await
}

/// Returns the overall delivery state of a message. A customer's message counts the receipts of all agents. Any other
/// message counts the receipts of the customer, or of the other user in a direct conversation.
#[must_use]
pub fn status(item: &thread_item::Model, told: &[VisibleReceipt], side: ConversationSide) -> ReceiptState {
    let counts = |told: &&VisibleReceipt| {
        told.is_for(side) && (item.inbound || matches!(told.role, ParticipantRole::Customer | ParticipantRole::Member))
    };
    told.iter().filter(counts).map(|told| told.state).max().unwrap_or(ReceiptState::Sent)
}
