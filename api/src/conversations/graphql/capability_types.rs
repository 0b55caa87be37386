//! GraphQL types of what a channel supports, and of what may be sent in a conversation now.

use async_graphql::{Object, SimpleObject};
use entity::{channel::Channel, thread_item::TextFormat};

use crate::{
    attachments::{
        file_rules::{self, FileRules},
        graphql::types::AttachmentRules,
    },
    conversations::{
        channel_capabilities::{self, TargetKind},
        message_content::MessageRules,
    },
    error::UserErrorCode,
    instant::Instant,
    memory_budget::LongText,
};

/// The messages that the viewer may send in a conversation now.
pub struct ReplyCapability {
    /// The code with which `sendMessage` would refuse. None if it would not.
    pub reason: Option<UserErrorCode>,
    /// The maximum length of a message. None if the channel has no limit of its own.
    pub character_limit: Option<i32>,
    /// The formats in which a message may be written.
    pub formats: Vec<TextFormat>,
    /// The rules for the files of a message.
    pub files: FileRules,
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

    /// The maximum length of a message, in Unicode scalar values: the limit of the entry point when the latest task
    /// began, or the channel's. Null if neither has one. 4,096 in a direct conversation.
    async fn character_limit(&self) -> Option<i32> {
        self.character_limit
    }

    /// The formats in which a message may be written.
    async fn formats(&self) -> &[TextFormat] {
        &self.formats
    }

    /// The files that a message may carry: the rules of the channel with the changes of the entry point.
    async fn attachments(&self) -> AttachmentRules {
        self.files.clone().into()
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

/// A Markdown text as a message would show it.
#[derive(SimpleObject)]
pub struct RenderedMarkdown {
    /// The HTML that `Message.html` would have.
    pub html: LongText<String>,
    /// The length that counts towards `characterLimit`, in Unicode scalar values.
    pub characters: usize,
}

/// The capabilities of a channel, for composers.
#[derive(SimpleObject)]
pub struct ChannelCapabilities {
    /// The channel with these capabilities.
    pub channel: Channel,
    /// The maximum length of a message where the entry point sets none, in Unicode scalar values. Null if there is no
    /// limit.
    pub character_limit: Option<i32>,
    /// The highest limit that an entry point can set, in Unicode scalar values.
    pub highest_character_limit: i32,
    /// True if messages may be Markdown.
    pub rich_text: bool,
    /// True if a composer should offer emoji.
    pub emoji: bool,
    /// True if users can answer a message with an emoji alone.
    pub emoji_reactions: bool,
    /// True if the thread shows announcements, such as that an agent joined.
    pub announcements: bool,
    /// True if messages can carry files.
    pub attachments: bool,
    /// The files that a message may carry where the entry point sets no rules.
    pub attachment_rules: AttachmentRules,
    /// True if prepared texts can be used.
    pub templates: bool,
    /// True if prepared texts can bring files.
    pub template_attachments: bool,
    /// True if an agent can start actions of the organization in a conversation.
    pub workflows: bool,
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
            character_limit: MessageRules::on_channel(channel, None).shown_limit(),
            highest_character_limit: can.highest_character_limit,
            rich_text: can.rich_text,
            emoji: can.emoji,
            emoji_reactions: can.emoji_reactions,
            announcements: can.announcements,
            attachments: file_rules::has_files(channel),
            attachment_rules: FileRules::of(Some(channel), None).into(),
            templates: can.templates,
            template_attachments: can.template_attachments,
            workflows: can.workflows,
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
