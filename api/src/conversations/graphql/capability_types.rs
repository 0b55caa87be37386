//! GraphQL types of what a channel supports, and of what may be sent in a conversation now.

use async_graphql::{Object, SimpleObject};
use entity::{channel::Channel, thread_item::TextFormat};

use crate::{
    conversations::channel_capabilities::{self, TargetKind},
    error::UserErrorCode,
    instant::Instant,
};

/// The messages that the viewer may send in a conversation now.
pub struct ReplyCapability {
    /// The code with which `sendMessage` would refuse. None if it would not.
    pub reason: Option<UserErrorCode>,
    /// The maximum length of a message. None if the channel has no limit of its own.
    pub character_limit: Option<i32>,
    /// The formats in which a message may be written.
    pub formats: Vec<TextFormat>,
}

/// The messages that the viewer may send in a conversation now.
#[Object]
impl ReplyCapability {
    /// True if the viewer can send a message.
    async fn open(&self) -> bool {
        self.reason.is_none()
    }

    /// The time at which sending ends. Null if no time is set.
    async fn closes_at(&self) -> Option<Instant> {
        None
    }

    /// The maximum length of a message, in Unicode scalar values. Null if the channel has no limit of its own.
    async fn character_limit(&self) -> Option<i32> {
        self.character_limit
    }

    /// The formats in which a message may be written.
    async fn formats(&self) -> &[TextFormat] {
        &self.formats
    }

    /// True if the viewer can send only a prepared text.
    async fn template_required(&self) -> bool {
        false
    }

    /// The code with which `sendMessage` would refuse. Null if `open` is true.
    async fn reason(&self) -> Option<UserErrorCode> {
        self.reason
    }
}

/// The capabilities of a channel, for composers.
#[derive(SimpleObject)]
pub struct ChannelCapabilities {
    /// The channel with these capabilities.
    pub channel: Channel,
    /// The maximum length of a message, in Unicode scalar values. Null if there is no limit.
    pub character_limit: Option<i32>,
    /// True if messages may be Markdown.
    pub rich_text: bool,
    /// True if a composer should offer emoji.
    pub emoji: bool,
    /// True if messages can carry files.
    pub attachments: bool,
    /// True if prepared texts can be used.
    pub templates: bool,
    /// The kinds of targets that can be asked to join a conversation.
    pub conference_targets: Vec<TargetKind>,
    /// The kinds of targets to which a conversation can be transferred.
    pub transfer_targets: Vec<TargetKind>,
    /// True if a wrap-up may have more than one reason.
    pub several_wrap_up_reasons: bool,
    /// True if the channel reports that messages were delivered.
    pub delivery_receipts: bool,
    /// True if the channel reports that messages were read.
    pub read_receipts: bool,
    /// True if authors can edit and delete their messages.
    pub edits: bool,
    /// True if ending a conversation needs the customer's consent.
    pub end_needs_consent: bool,
}

impl ChannelCapabilities {
    /// Returns the capabilities of a channel.
    #[must_use]
    pub fn of(channel: Channel) -> Self {
        let can = channel_capabilities::of(channel);
        Self {
            channel,
            character_limit: can.character_limit.and_then(|limit| i32::try_from(limit).ok()),
            rich_text: can.rich_text,
            emoji: can.emoji,
            attachments: can.attachments,
            templates: can.templates,
            conference_targets: can.conference_targets.to_vec(),
            transfer_targets: can.transfer_targets.to_vec(),
            several_wrap_up_reasons: can.several_wrap_up_reasons,
            delivery_receipts: can.delivery_receipts,
            read_receipts: can.read_receipts,
            edits: can.edits,
            end_needs_consent: can.end_needs_consent,
        }
    }
}
