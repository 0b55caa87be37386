//! The people and queues that an announcement names, as far as a side may know them, and their names.

use std::collections::HashMap;

use entity::{
    announcement::{AnnouncementPerson, AnnouncementTarget},
    id::{ParticipantId, QueueId, UserId},
    thread_item::{self, AnnouncementKind},
};
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::conversation_rows::ConversationSide;
use crate::database::sql::{Columns, Sql};

/// A person or queue that an announcement names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AnnouncementReference {
    /// A participant of the conversation.
    Participant(ParticipantId),
    /// A user who is named without being a participant.
    User(UserId),
    /// A queue.
    Queue(QueueId),
}

impl From<AnnouncementPerson> for AnnouncementReference {
    fn from(person: AnnouncementPerson) -> Self {
        match person {
            AnnouncementPerson::Participant(id) => Self::Participant(id),
            AnnouncementPerson::User(id) => Self::User(id),
        }
    }
}

/// The people and queues that an announcement names, as far as a side may know them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AnnouncementReferences {
    /// The person who acted. None for the system.
    pub actor: Option<AnnouncementReference>,
    /// The person whom the announcement is about.
    pub subject: Option<AnnouncementReference>,
    /// The agent or queue to whom something goes.
    pub target: Option<AnnouncementReference>,
}

impl AnnouncementReferences {
    /// Returns the references of an announcement as a side may know them. A row without data is about its author.
    #[must_use]
    pub fn of(row: &thread_item::Model, side: ConversationSide) -> Self {
        let author = row.author_id.map(AnnouncementReference::Participant);
        let all = match &row.announcement_data {
            None => Self { actor: author, subject: author, target: None },
            Some(data) => Self {
                actor: author.or(data.actor_id.map(AnnouncementReference::User)),
                subject: data.subject.map(AnnouncementReference::from),
                target: data.target.map(|target| match target {
                    AnnouncementTarget::Agent(id) => AnnouncementReference::User(id),
                    AnnouncementTarget::Queue(id) => AnnouncementReference::Queue(id),
                }),
            },
        };
        match (side, row.announcement) {
            (ConversationSide::Staff, _) => all,
            (ConversationSide::Customer, Some(kind)) if names_people(kind) => all.for_customer(),
            (ConversationSide::Customer, _) => Self::default(),
        }
    }

    /// Leaves out what a customer may not know: everybody who is not in the conversation, targets, and who removed
    /// somebody else.
    fn for_customer(self) -> Self {
        let inside = |person: &AnnouncementReference| matches!(person, AnnouncementReference::Participant(_));
        let subject = self.subject.filter(inside);
        let actor = self.actor.filter(inside).filter(|actor| self.subject.is_none_or(|subject| subject == *actor));
        Self { actor, subject, target: None }
    }

    /// Returns the references as a list.
    #[must_use]
    pub fn list(&self) -> Vec<AnnouncementReference> {
        [self.actor, self.subject, self.target].into_iter().flatten().collect()
    }
}

/// Returns true if an announcement names people also to the customers who see it.
fn names_people(kind: AnnouncementKind) -> bool {
    match kind {
        AnnouncementKind::AgentJoined
        | AnnouncementKind::SupervisorJoined
        | AnnouncementKind::AgentLeft
        | AnnouncementKind::EndedByAgent
        | AnnouncementKind::CustomerLeft
        | AnnouncementKind::FormAnswered => true,
        AnnouncementKind::Transferred
        | AnnouncementKind::Transferring
        | AnnouncementKind::TransferDropped
        | AnnouncementKind::ConferenceRequested
        | AnnouncementKind::ConferenceNotAccepted
        | AnnouncementKind::ConferenceCancelled
        | AnnouncementKind::OutOfHours
        | AnnouncementKind::Inactive
        | AnnouncementKind::Merged => false,
    }
}

/// Returns the kind of an announcement as a side sees it. Customers do not learn who is a supervisor.
#[must_use]
pub fn kind_for(kind: AnnouncementKind, side: ConversationSide) -> AnnouncementKind {
    match (side, kind) {
        (ConversationSide::Customer, AnnouncementKind::SupervisorJoined) => AnnouncementKind::AgentJoined,
        _ => kind,
    }
}

const PARTICIPANTS: &str = "SELECT CAST(1 AS bigint) AS part, p.id, COALESCE(u.display_name, k.display_name, a.name) AS name \
    FROM participant p LEFT JOIN \"user\" u ON u.id = p.user_id LEFT JOIN customer k ON k.id = p.customer_id \
    LEFT JOIN api_key a ON a.id = p.key_id WHERE p.id IN ";
const USERS: &str = "SELECT CAST(2 AS bigint) AS part, u.id, u.display_name AS name FROM \"user\" u WHERE u.id IN ";
const QUEUES: &str = "SELECT CAST(3 AS bigint) AS part, q.id, q.name AS name FROM queue q WHERE q.id IN ";

/// Reads the present names of people and queues in one statement. The caller must be allowed to know them.
pub async fn find(
    db: &impl ConnectionTrait,
    asked: &[AnnouncementReference],
) -> Result<HashMap<AnnouncementReference, String>, DbErr> {
    let [mut participants, mut users, mut queues] = [const { Vec::new() }; 3];
    for one in asked {
        match one {
            AnnouncementReference::Participant(id) => participants.push(id.0),
            AnnouncementReference::User(id) => users.push(id.0),
            AnnouncementReference::Queue(id) => queues.push(id.0),
        }
    }
    let mut sql = Sql::default();
    for (select, ids) in [(PARTICIPANTS, participants), (USERS, users), (QUEUES, queues)] {
        if !ids.is_empty() {
            sql.push(if sql.is_empty() { "" } else { " UNION ALL " });
            sql.push(select);
            sql.bind_list(&ids);
        }
    }
    if sql.is_empty() {
        return Ok(HashMap::new());
    }
    let read = |row: &Columns<'_>| {
        let id: Uuid = row.get(1)?;
        let reference = match row.get::<i64>(0)? {
            1 => AnnouncementReference::Participant(ParticipantId(id)),
            2 => AnnouncementReference::User(UserId(id)),
            _ => AnnouncementReference::Queue(QueueId(id)),
        };
        Ok((reference, row.get::<Option<String>>(2)?.unwrap_or_default()))
    };
    Ok(sql.columns(db, read).await?.into_iter().collect())
}
