//! Announcements that the system adds to conversations, as data. The channel's capabilities decide which side sees
//! them. `announcement_text` writes their sentences when somebody reads them.

use chrono::{DateTime, Utc};
use entity::{
    announcement::{AnnouncementData, AnnouncementParameters, AnnouncementPerson, AnnouncementTarget},
    conversation,
    id::ParticipantId,
    participant, thread_item,
    thread_item::{AnnouncementKind, ItemKind, ItemVisibility, TextFormat},
};

use super::{
    channel_capabilities,
    participants::{self, ParticipantRef},
    thread_items::{self, NewItem},
};
use crate::{
    app::{Locked, Tx},
    error::Result,
};

/// An announcement to be added.
#[derive(Clone, Debug)]
pub struct NewAnnouncement {
    kind: AnnouncementKind,
    author: Option<ParticipantId>,
    data: AnnouncementData,
}

impl NewAnnouncement {
    /// Returns an announcement of something that the system did.
    #[must_use]
    pub fn new(kind: AnnouncementKind) -> Self {
        Self { kind, author: None, data: AnnouncementData::default() }
    }

    /// Returns an announcement of something that a participant did, and that is about this participant.
    #[must_use]
    pub fn own(kind: AnnouncementKind, participant: &participant::Model) -> Self {
        let person = AnnouncementPerson::Participant(participant.id);
        Self::new(kind).by(person).about(person)
    }

    /// Names the person who acted.
    #[must_use]
    pub fn by(mut self, actor: impl Into<Option<AnnouncementPerson>>) -> Self {
        (self.author, self.data.actor_id) = match actor.into() {
            Some(AnnouncementPerson::Participant(id)) => (Some(id), None),
            Some(AnnouncementPerson::User(id)) => (None, Some(id)),
            None => (None, None),
        };
        self
    }

    /// Names the person whom the announcement is about.
    #[must_use]
    pub fn about(mut self, subject: impl Into<Option<AnnouncementPerson>>) -> Self {
        self.data.subject = subject.into();
        self
    }

    /// Names the agent or queue to whom something goes.
    #[must_use]
    pub fn to(mut self, target: AnnouncementTarget) -> Self {
        self.data.target = Some(target);
        self
    }

    /// Names an agent or queue that was asked for something. An agent is also whom the announcement is about.
    #[must_use]
    pub fn asked(self, target: AnnouncementTarget) -> Self {
        let subject = match target {
            AnnouncementTarget::Agent(user) => Some(AnnouncementPerson::User(user)),
            AnnouncementTarget::Queue(_) => None,
        };
        self.about(subject).to(target)
    }

    /// Sets the end of the announced state.
    #[must_use]
    pub fn until(mut self, until: Option<DateTime<Utc>>) -> Self {
        self.data.until = until;
        self
    }

    /// Sets the texts that people wrote.
    #[must_use]
    pub fn with(mut self, parameters: AnnouncementParameters) -> Self {
        self.data.parameters = parameters;
        self
    }
}

/// Adds the announcement that an agent has left. `by` is the person who acted, or `None` for the system.
/// Emits `ItemAdded`.
pub async fn announce_departure(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    agent: &participant::Model,
    by: Option<AnnouncementPerson>,
) -> Result<thread_item::Model> {
    let subject = AnnouncementPerson::Participant(agent.id);
    announce(tx, conversation, NewAnnouncement::new(AnnouncementKind::AgentLeft).by(by).about(subject)).await
}

/// Adds an announcement to a conversation. The channel's capabilities decide its visibility. A user who acted and has a
/// participant in the conversation is named by it. Emits `ItemAdded`.
pub async fn announce(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    mut new: NewAnnouncement,
) -> Result<thread_item::Model> {
    if let Some(user) = new.data.actor_id {
        let actor = participants::find(tx.db(), conversation.id, ParticipantRef::User(user)).await?;
        new = new.by(actor.map_or(AnnouncementPerson::User(user), |actor| AnnouncementPerson::Participant(actor.id)));
    }
    let new = item(conversation, new);
    thread_items::append(tx, conversation, new).await
}

/// Returns an announcement as an item to add to the conversation.
#[must_use]
pub fn item(conversation: &conversation::Model, new: NewAnnouncement) -> NewItem {
    let visibility =
        conversation.channel.map_or(ItemVisibility::Both, |channel| channel_capabilities::audience(channel, new.kind));
    NewItem {
        kind: ItemKind::Announcement,
        visibility,
        author: new.author,
        inbound: false,
        announcement: Some((new.kind, new.data)),
        body: String::new(),
        format: TextFormat::Plain,
        reply_to: None,
        task: None,
        client_message_id: None,
        digest: None,
        sent_at: None,
    }
}
