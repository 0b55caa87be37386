//! Recognizes a call that repeats one whose answer was lost. The announcements of a conversation say who did what, so
//! a repeated call is answered as the first one, and not refused for what the first one did.

use entity::{
    announcement::{AnnouncementData, AnnouncementPerson, AnnouncementTarget},
    conversation,
    id::UserId,
    task,
    thread_item::{self, AnnouncementKind},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder};

use crate::{
    app::{Locked, Tx},
    conversations::participants::{self, ParticipantRef},
    error::Result,
};

/// The newest announcement about a task among some kinds, with the user who may have caused it.
pub struct NewestAnnouncement {
    row: Option<thread_item::Model>,
    by: UserId,
    participant: Option<AnnouncementPerson>,
}

/// Finds the newest announcement about a task among some kinds, to compare it with a call of the user `by`. Those about
/// earlier tasks of the conversation do not count.
pub async fn newest(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    task: &task::Model,
    kinds: &[AnnouncementKind],
    by: UserId,
) -> Result<NewestAnnouncement> {
    let row = thread_item::Entity::find()
        .filter(thread_item::Column::ConversationId.eq(conversation.id))
        .filter(thread_item::Column::TaskId.eq(task.id))
        .filter(thread_item::Column::Announcement.is_in(kinds.iter().copied()))
        .order_by_desc(thread_item::Column::Sequence)
        .one(tx.db())
        .await?;
    let participant = participants::find(tx.db(), conversation.id, ParticipantRef::User(by)).await?;
    Ok(NewestAnnouncement { row, by, participant: participant.map(|found| AnnouncementPerson::Participant(found.id)) })
}

impl NewestAnnouncement {
    /// Returns true if the announcement has this kind and says that the user did it.
    #[must_use]
    pub fn is_own(&self, kind: AnnouncementKind) -> bool {
        let Some(row) = self.row.as_ref().filter(|row| row.announcement == Some(kind)) else { return false };
        let author = row.author_id.map(AnnouncementPerson::Participant);
        let actor = self.data().and_then(|data| data.actor_id);
        (author.is_some() && author == self.participant) || actor == Some(self.by)
    }

    /// Returns true if the announcement has this kind and says that the user did it to `target`.
    #[must_use]
    pub fn is_own_for(&self, kind: AnnouncementKind, target: AnnouncementTarget) -> bool {
        self.is_own(kind) && self.data().is_some_and(|data| data.target == Some(target))
    }

    /// Returns true if the announcement is about the user.
    #[must_use]
    pub fn is_about_user(&self) -> bool {
        self.data().is_some_and(|data| data.subject.is_some() && data.subject == self.participant)
    }

    fn data(&self) -> Option<&AnnouncementData> {
        self.row.as_ref()?.announcement_data.as_ref()
    }
}
