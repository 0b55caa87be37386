//! Generates the rows and events of one conversation, as the server would have written them.

use api::{
    app::Tx,
    conversations::{
        addresses::{Address, VisitorId},
        conversation_streams, participants,
        receipts::ReceiptUpdate,
    },
    error::Result,
    events::{
        cursor::{conversation_of, customer_side_of, desk_of, queue_of, requests_of},
        log::NewEvent,
    },
};
use chrono::{DateTime, Duration, Utc};
use entity::{
    announcement::{AnnouncementData, AnnouncementPerson},
    assignment::{self, AssignmentPhase},
    channel::Channel,
    conversation::{self, ConversationKind, ConversationStatus},
    customer_identity,
    event::EventKind,
    id::{
        AssignmentId, ConversationId, CustomerId, EntryPointId, OfferId, ParticipantId, QueueId, RoutingDecisionId,
        TaskId, ThreadItemId, UserId, WrapUpReasonId,
    },
    offer::{self, OfferKind, OfferStatus},
    participant::{self, ParticipantRole},
    receipt::{self, ReceiptState},
    routing_decision::{self, Candidates, RoutingCause},
    task::{self, EndedBy, TaskStatus},
    thread_item::{self, AnnouncementKind, ItemKind, ItemVisibility, TextFormat},
    timer::{self, TimerKind},
    wrap_up::{self, Reasons},
};
use uuid::Uuid;

use super::{ContactCenter, ENTRIES, customers, final_state::FinalState, later, notes, rows::Rows, texts};

/// The seconds between two entries.
const ENTRY_SECONDS: u64 = 20;
/// The entry that announces the agent.
const JOIN_ENTRY: u64 = 1;
/// The number of last entries that the agent has not read yet.
const UNREAD: u64 = 4;
/// The number of entries from one event about receipts to the next.
const READS: u64 = 10;
/// The wrap-up reason that every new database has.
const OTHER: u128 = 0x0193_5000_0000_7000_8000_0000_0000_c001;

/// A generated conversation.
pub struct GeneratedConversation {
    number: usize,
    began: DateTime<Utc>,
    final_state: FinalState,
}

impl GeneratedConversation {
    pub fn of(number: usize, began: DateTime<Utc>, final_state: FinalState) -> Self {
        Self { number, began, final_state }
    }

    /// Returns the number of entries. A waiting customer has written three.
    fn entries(&self) -> u64 {
        if self.final_state == FinalState::Offered { 3 } else { ENTRIES }
    }

    fn ended_at(&self) -> DateTime<Utc> {
        later(self.began, self.entries() * ENTRY_SECONDS)
    }

    fn last_item_at(&self) -> DateTime<Utc> {
        later(self.began, (self.entries() - 1) * ENTRY_SECONDS)
    }

    fn is_closed(&self) -> bool {
        matches!(self.final_state, FinalState::Closed | FinalState::WrapUpPending)
    }

    fn agent<'f>(&self, center: &'f ContactCenter) -> &'f (UserId, String) {
        &center.agents[self.number % center.agents.len()]
    }

    fn entry_point(&self, center: &ContactCenter) -> (EntryPointId, QueueId) {
        center.entry_points[self.number / center.agents.len() % center.entry_points.len()]
    }

    /// Returns an id for a kind of object in this conversation. It contains the time and the kind and is unique.
    fn id(&self, at: DateTime<Utc>, kind: u16) -> Uuid {
        let millis = u64::try_from(at.timestamp_millis()).unwrap_or_default();
        let mut rest = [0; 10];
        rest[..2].copy_from_slice(&kind.to_be_bytes());
        rest[2..].copy_from_slice(&(self.number as u64).to_be_bytes());
        uuid::Builder::from_unix_timestamp_millis(millis, &rest).into_uuid()
    }

    fn conversation_id(&self) -> ConversationId {
        ConversationId(self.id(self.began, 1))
    }

    fn task_id(&self) -> TaskId {
        TaskId(self.id(self.began, 2))
    }

    fn customer_id(&self) -> CustomerId {
        CustomerId(self.id(self.began, 3))
    }

    /// The participants of the customer and of the agent.
    fn customer_participant(&self) -> ParticipantId {
        ParticipantId(self.id(self.began, 4))
    }

    fn agent_participant(&self) -> ParticipantId {
        ParticipantId(self.id(later(self.began, 1), 5))
    }

    fn conversation(&self, center: &ContactCenter) -> conversation::Model {
        let (entry_point, queue) = self.entry_point(center);
        let (last, closed) = (self.entries(), self.is_closed());
        conversation::Model {
            id: self.conversation_id(),
            kind: ConversationKind::Customer,
            channel: Some(Channel::Webchat),
            entry_point_id: Some(entry_point),
            customer_id: Some(self.customer_id()),
            topic: (!closed).then(String::new),
            lo: None,
            hi: None,
            status: if closed { ConversationStatus::Closed } else { ConversationStatus::Open },
            queue_id: Some(queue),
            task_id: Some(self.task_id()),
            last_sequence: number(last),
            last_customer_sequence: number(last - notes::notes(last)),
            last_item_at: self.last_item_at(),
            character_limit: None,
            created_at: self.began,
        }
    }

    fn task(&self, center: &ContactCenter) -> task::Model {
        let (closed, taken) = (self.is_closed(), self.final_state != FinalState::Offered);
        task::Model {
            id: self.task_id(),
            conversation_id: self.conversation_id(),
            queue_id: self.entry_point(center).1,
            channel: Channel::Webchat,
            status: match self.final_state {
                FinalState::Closed => TaskStatus::Completed,
                FinalState::WrapUpPending => TaskStatus::WrapUp,
                FinalState::Connected => TaskStatus::Connected,
                FinalState::Offered => TaskStatus::Offered,
            },
            priority: 10,
            received_at: self.began,
            enqueued_at: self.began,
            step: 0,
            owner_id: taken.then_some(self.agent(center).0),
            conference_agent_id: None,
            accepted_at: taken.then(|| later(self.began, 1)),
            ended_at: closed.then(|| self.ended_at()),
            ended_by: closed.then_some(EndedBy::Agent),
            customer_agreed: false,
            previous_id: None,
            intake: None,
            continued_in_id: None,
        }
    }

    fn participants(&self, center: &ContactCenter) -> Vec<participant::Model> {
        let last = self.entries();
        let (joined_at, closed) = (later(self.began, 1), self.is_closed());
        let customer = participant::Model {
            id: self.customer_participant(),
            conversation_id: self.conversation_id(),
            user_id: None,
            customer_id: Some(self.customer_id()),
            key_id: None,
            role: ParticipantRole::Customer,
            joined_at: self.began,
            left_at: None,
            left_sequence: None,
            read_up_to: if self.final_state == FinalState::Offered { 0 } else { number(last) },
            settled_at: None,
        };
        let agent = participant::Model {
            id: self.agent_participant(),
            user_id: Some(self.agent(center).0),
            customer_id: None,
            role: ParticipantRole::Owner,
            joined_at,
            left_at: closed.then(|| self.ended_at()),
            left_sequence: closed.then(|| number(last)),
            read_up_to: number(if closed { last } else { last - UNREAD.min(last) }),
            settled_at: closed.then(|| self.last_item_at()),
            ..customer.clone()
        };
        if self.final_state == FinalState::Offered { vec![customer] } else { vec![customer, agent] }
    }

    /// Writes the rows and events before the first entry.
    pub fn begin(&self, tx: &Tx<'_>, center: &ContactCenter, rows: &mut Rows) -> Result<()> {
        rows.customers.push(customers::row(self.customer_id(), self.number, self.began));
        let number = self.number.to_string();
        let address = Address::visitor(self.entry_point(center).0, &VisitorId::Signed(&number));
        rows.identities.push(customer_identity::Model {
            channel: Channel::Webchat,
            address: address.to_string(),
            customer_id: self.customer_id(),
            created_at: self.began,
        });
        let (conversation, task) = (self.conversation(center), self.task(center));
        let queued = task::Model {
            status: TaskStatus::Queued,
            owner_id: None,
            accepted_at: None,
            ended_at: None,
            ended_by: None,
            ..task.clone()
        };
        for row in self.participants(center).into_iter().take(1) {
            let seen_by = participants::visibility(&conversation, &row);
            let streams = conversation_streams::of_sides(&conversation, seen_by);
            tx.append(NewEvent::new(EventKind::ParticipantChanged, &row, streams)?);
        }
        let both = vec![conversation_of(conversation.id), customer_side_of(conversation.id)];
        tx.append(NewEvent::new(EventKind::TaskQueued, &queued, vec![queue_of(task.queue_id)])?);
        tx.append(NewEvent::new(EventKind::TaskChanged, &queued, both)?);
        self.offer(tx, center, rows, &queued)?;
        rows.conversations.push(conversation);
        rows.tasks.push(task);
        rows.participants.extend(self.participants(center));
        Ok(())
    }

    /// Writes the offer to the agent. The agent accepts it unless the conversation ends in the offered state.
    fn offer(&self, tx: &Tx<'_>, center: &ContactCenter, rows: &mut Rows, queued: &task::Model) -> Result<()> {
        let agent = self.agent(center).0;
        let pending = self.final_state == FinalState::Offered;
        let made = offer::Model {
            id: OfferId(self.id(self.began, 6)),
            kind: OfferKind::Queue,
            task_id: queued.id,
            queue_id: queued.queue_id,
            agent_id: agent,
            status: OfferStatus::Pending,
            invitation: None,
            due_at: None,
            created_at: self.began,
            expires_at: self.began + Duration::days(7),
            ended_at: None,
        };
        let streams_of_agent = vec![requests_of(agent), desk_of(agent)];
        tx.append(NewEvent::new(EventKind::TaskDequeued, queued, vec![queue_of(queued.queue_id)])?);
        tx.append(NewEvent::new(EventKind::OfferCreated, &made, streams_of_agent.clone())?);
        rows.decisions.push(routing_decision::Model {
            id: RoutingDecisionId(self.id(self.began, 7)),
            task_id: queued.id,
            decided_at: self.began,
            chosen_id: Some(agent),
            cause: RoutingCause::LongestAvailable,
            step: 0,
            candidates: 1,
            first: Candidates(vec![agent]),
        });
        if pending {
            rows.deadlines.push(timer::Model { kind: TimerKind::Offer, target: made.id.0, due_at: made.expires_at });
            rows.offers.push(made);
        } else {
            let ended_at = Some(later(self.began, 1));
            let taken = offer::Model { status: OfferStatus::Accepted, ended_at, ..made };
            tx.append(NewEvent::new(EventKind::OfferEnded, &taken, streams_of_agent)?);
            rows.offers.push(taken);
        }
        Ok(())
    }

    /// Writes one entry, if the conversation has it.
    pub fn entry(&self, tx: &Tx<'_>, center: &ContactCenter, rows: &mut Rows, step: u64) -> Result<()> {
        if step >= self.entries() {
            return Ok(());
        }
        let conversation = self.conversation(center);
        let row = self.item(step);
        let mut streams = conversation_streams::of_sides(&conversation, row.visibility);
        streams.push(desk_of(self.agent(center).0));
        tx.append(NewEvent::new(EventKind::ItemAdded, &row, streams)?);
        let reader = if row.inbound { self.agent_participant() } else { self.customer_participant() };
        let is_read = self.final_state != FinalState::Offered
            && (self.is_closed() || step + UNREAD < self.entries() || !row.inbound);
        if row.kind == ItemKind::Message && is_read {
            let receipt = receipt::Model {
                item_id: row.id,
                participant_id: reader,
                state: ReceiptState::Read,
                at: later(row.created_at, 5),
            };
            if step % READS < 2 {
                let from_customer = row.customer_sequence.unwrap_or_default();
                let advance =
                    ReceiptUpdate { from: row.sequence, from_customer, item: row.clone(), receipt: receipt.clone() };
                let mut streams = conversation_streams::of_sides(&conversation, ItemVisibility::Both);
                streams.push(desk_of(self.agent(center).0));
                tx.append(NewEvent::new(EventKind::ReceiptAdvanced, &advance, streams)?);
            }
            rows.receipts.push(receipt);
        }
        rows.items.push(row);
        Ok(())
    }

    fn item(&self, step: u64) -> thread_item::Model {
        let at = later(self.began, step * ENTRY_SECONDS);
        let from_customer = step.is_multiple_of(2) || self.final_state == FinalState::Offered;
        let (kind, author) = match step {
            JOIN_ENTRY if self.final_state != FinalState::Offered => (ItemKind::Announcement, self.agent_participant()),
            _ if notes::is_note(step) => (ItemKind::Note, self.agent_participant()),
            _ if from_customer => (ItemKind::Message, self.customer_participant()),
            _ => (ItemKind::Message, self.agent_participant()),
        };
        let is_announcement = kind == ItemKind::Announcement;
        let body = texts::of(kind, from_customer, self.number, step);
        thread_item::Model {
            id: ThreadItemId(self.id(at, 100)),
            conversation_id: self.conversation_id(),
            sequence: number(step + 1),
            customer_sequence: (kind != ItemKind::Note).then(|| number(step + 1 - notes::notes(step + 1))),
            kind,
            visibility: if kind == ItemKind::Note { ItemVisibility::Agent } else { ItemVisibility::Both },
            author_id: Some(author),
            inbound: kind == ItemKind::Message && from_customer,
            announcement: is_announcement.then_some(AnnouncementKind::AgentJoined),
            body,
            format: TextFormat::Plain,
            reply_to_id: None,
            task_id: Some(self.task_id()),
            client_message_id: (!is_announcement).then(|| self.id(at, 101).to_string()),
            digest: (!is_announcement).then(|| vec![7; 32]),
            sent_at: None,
            created_at: at,
            edited_at: None,
            deleted_at: None,
            announcement_data: is_announcement.then(|| AnnouncementData {
                subject: Some(AnnouncementPerson::Participant(author)),
                ..AnnouncementData::default()
            }),
        }
    }

    /// Writes the rows and events after the last entry.
    pub fn end(&self, tx: &Tx<'_>, center: &ContactCenter, rows: &mut Rows) -> Result<()> {
        let (agent, task) = (self.agent(center).0, self.task(center));
        let mut task_streams = vec![conversation_of(task.conversation_id), customer_side_of(task.conversation_id)];
        task_streams.push(desk_of(agent));
        if self.final_state != FinalState::Offered {
            tx.append(NewEvent::new(EventKind::TaskChanged, &task, task_streams)?);
        }
        let id = AssignmentId(self.id(self.began, 8));
        let phase = match self.final_state {
            FinalState::Closed => None,
            FinalState::WrapUpPending => Some(AssignmentPhase::WrapUp),
            FinalState::Connected => Some(AssignmentPhase::Active),
            FinalState::Offered => Some(AssignmentPhase::Offered),
        };
        if let Some(phase) = phase {
            let (channel, since) = (Channel::Webchat, self.began);
            let row = assignment::Model { id, task_id: task.id, agent_id: agent, channel, phase, joined: false, since };
            rows.assignments.push(row);
        }
        if self.is_closed() {
            let done = self.final_state == FinalState::Closed;
            rows.wrap_ups.push(wrap_up::Model {
                id,
                task_id: task.id,
                agent_id: agent,
                reasons: if done { Reasons(vec![WrapUpReasonId(Uuid::from_u128(OTHER))]) } else { Reasons::default() },
                note: done.then(|| "Glad to help.".to_owned()),
                began_at: self.ended_at(),
                due_at: None,
                extended: false,
                automatic: false,
                submitted_at: done.then(|| later(self.ended_at(), 30)),
            });
        }
        Ok(())
    }
}

fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
