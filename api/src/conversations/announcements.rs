//! Announcements that the system adds to conversations. The channel's capabilities decide which side sees them.

use entity::{
    conversation,
    id::UserId,
    participant, thread_item,
    thread_item::{AnnouncementKind, ItemKind, ItemVisibility, TextFormat},
};

use super::{
    channel_capabilities,
    thread_items::{self, NewItem},
};
use crate::{app::Tx, database::sql::Sql, error::Result};

/// Adds an announcement about a participant to a conversation. The conversation must be locked. The channel's
/// capabilities decide its visibility. Emits `ItemAdded`.
pub async fn announce(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    kind: AnnouncementKind,
    of: Option<&participant::Model>,
    name: &str,
) -> Result<thread_item::Model> {
    let text = text(kind, name);
    announce_text(tx, conversation, kind, of, text).await
}

/// Adds an announcement with the given text instead of the standard one. The conversation must be locked. The
/// channel's capabilities decide its visibility. Emits `ItemAdded`.
pub async fn announce_text(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    kind: AnnouncementKind,
    of: Option<&participant::Model>,
    text: String,
) -> Result<thread_item::Model> {
    let visibility =
        conversation.channel.map_or(ItemVisibility::Both, |channel| channel_capabilities::audience(channel, kind));
    let new = NewItem {
        kind: ItemKind::Announcement,
        visibility,
        author: of.map(|participant| participant.id),
        inbound: false,
        announcement: Some(kind),
        body: text,
        format: TextFormat::Plain,
        reply_to: None,
        task: None,
        client_message_id: None,
        digest: None,
        sent_at: None,
    };
    thread_items::append(tx, conversation, new).await
}

/// Replaces a deleted user's name by `name` in every announcement that they joined or left.
pub async fn anonymize(tx: &Tx<'_>, user: UserId, name: &str) -> Result<()> {
    for kind in [AnnouncementKind::AgentJoined, AnnouncementKind::AgentLeft] {
        let mut sql = Sql::new("UPDATE thread_item SET body = ");
        sql.bind(text(kind, name));
        sql.push(" WHERE announcement = ");
        sql.bind(kind);
        sql.push(" AND author_id IN (SELECT id FROM participant WHERE user_id = ");
        sql.bind(user);
        sql.push(")");
        sql.run(tx.db()).await?;
    }
    Ok(())
}

fn text(kind: AnnouncementKind, name: &str) -> String {
    match kind {
        AnnouncementKind::AgentJoined => format!("{name} has joined."),
        AnnouncementKind::AgentLeft => format!("{name} has left."),
        AnnouncementKind::CustomerLeft => format!("{name} has left."),
        AnnouncementKind::Transferred => format!("Handed over to {name}."),
        AnnouncementKind::TransferDropped => "Nobody took the conversation over; it has ended.".to_owned(),
        AnnouncementKind::ConferenceRequested => format!("{name} was asked to join."),
        AnnouncementKind::ConferenceNotAccepted => format!("{name} did not join."),
        AnnouncementKind::Queued => "Please wait; an agent will be with you.".to_owned(),
        AnnouncementKind::WorkflowResult => name.to_owned(),
        AnnouncementKind::AttachmentDropped => format!("The attachment {name} was not taken."),
        AnnouncementKind::Reconnected => format!("{name} is back."),
        AnnouncementKind::OutOfHours => "Nobody is here at this time. Your message is kept.".to_owned(),
        AnnouncementKind::Inactive => "The conversation has ended because nobody wrote.".to_owned(),
        AnnouncementKind::EndedBySystem => "The conversation has ended.".to_owned(),
        AnnouncementKind::FormAnswered => name.to_owned(),
    }
}
