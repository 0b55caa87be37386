//! What the system tells in a thread. Who sees it is said by the channel's capabilities.

use entity::{
    conversation,
    id::UserId,
    participant, thread_item,
    thread_item::{AnnouncementKind, ItemKind, ItemVisibility, TextFormat},
};

use super::{
    channels,
    items::{self, NewItem},
};
use crate::{app::Tx, database::sql::Sql, error::Result};

/// Tells in a conversation that is held what happened, of whom, by the channel's rule of who sees it.
pub async fn announce(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    kind: AnnouncementKind,
    of: Option<&participant::Model>,
    name: &str,
) -> Result<thread_item::Model> {
    let text = text(kind, name);
    tell(tx, conversation, kind, of, text).await
}

/// The same with a text of its own.
pub async fn tell(
    tx: &Tx<'_>,
    conversation: &mut conversation::Model,
    kind: AnnouncementKind,
    of: Option<&participant::Model>,
    text: String,
) -> Result<thread_item::Model> {
    let visibility = conversation.channel.map_or(ItemVisibility::Both, |channel| channels::audience(channel, kind));
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
    items::append(tx, conversation, new).await
}

/// Calls somebody who is deleted by another name in all that was told of them.
pub async fn forget(tx: &Tx<'_>, user: UserId, name: &str) -> Result<()> {
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
