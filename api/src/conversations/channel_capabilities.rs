//! The capabilities of each channel, as data. Rules ask for a capability and never for a certain channel.

use entity::{
    channel::Channel,
    thread_item::{AnnouncementKind, ItemVisibility},
};

/// Channels that share one capacity of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CapacityGroup {
    /// Web chat.
    Chat,
    /// E-mail.
    Email,
    /// SMS, Messenger and WhatsApp.
    Social,
}

/// A kind of target for transfers and conferences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
pub enum TargetKind {
    /// One agent.
    Agent,
    /// The eligible agents of a queue.
    Queue,
}

/// The form of an entry point's address on a channel. A customer's address has a kind of its own, whatever the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryPointAddress {
    /// An id of the provider or of the organization, without a meaning for people.
    Opaque,
    /// A telephone number or a short code.
    Number,
    /// A mailbox.
    Mailbox,
}

/// The capabilities of a channel, and the rules for its conversations.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// The capacity that the channel's tasks use.
    pub media: CapacityGroup,
    /// The form of the addresses of entry points.
    pub entry_point_address: EntryPointAddress,
    /// Maximum length of a message if its entry point sets none, in Unicode scalar values. `None` if there is no limit.
    pub character_limit: Option<usize>,
    /// The highest limit that an entry point can set.
    pub highest_character_limit: i32,
    /// True if messages may be Markdown.
    pub rich_text: bool,
    /// True if a composer should offer emoji.
    pub emoji: bool,
    /// True if users can answer a message with an emoji alone.
    pub emoji_reactions: bool,
    /// True if the thread shows announcements.
    pub announcements: bool,
    /// True if prepared texts can be used.
    pub templates: bool,
    /// True if prepared texts can bring files.
    pub template_attachments: bool,
    /// True if an agent can start actions of the organization in a conversation.
    pub workflows: bool,
    /// The kinds of targets to which a task can be transferred.
    pub transfer_targets: &'static [TargetKind],
    /// The kinds of targets that can be asked to join a task.
    pub conference_targets: &'static [TargetKind],
    /// True if supervisors who work as agents can receive a transfer and can be asked to join.
    pub supervisors_are_targets: bool,
    /// True if only agents who are free now are shown as conference targets.
    pub conference_shows_free_only: bool,
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
    /// True if the customer's next message reopens a closed conversation.
    pub reopens: bool,
    /// The sides that see agents and the announcements that an agent joined, left or ended the conversation.
    pub agents_shown: ItemVisibility,
    /// Time limit for accepting an offer, in seconds, if the queue sets none.
    pub offer_seconds: i32,
}

const BOTH: &[TargetKind] = &[TargetKind::Agent, TargetKind::Queue];
const AGENT: &[TargetKind] = &[TargetKind::Agent];
const QUEUE: &[TargetKind] = &[TargetKind::Queue];

/// The values that the channels for short messages share. Other channels override some of them.
const SOCIAL: Capabilities = Capabilities {
    media: CapacityGroup::Social,
    entry_point_address: EntryPointAddress::Opaque,
    character_limit: Some(1_000),
    highest_character_limit: 4_096,
    rich_text: false,
    emoji: false,
    announcements: true,
    // No channel has this yet.
    emoji_reactions: false,
    templates: true,
    template_attachments: false,
    workflows: false,
    transfer_targets: BOTH,
    conference_targets: AGENT,
    supervisors_are_targets: false,
    conference_shows_free_only: false,
    several_wrap_up_reasons: false,
    delivery_receipts: true,
    read_receipts: false,
    edits: false,
    end_needs_consent: true,
    reopens: true,
    agents_shown: ItemVisibility::Agent,
    offer_seconds: 30,
};

/// Returns the capabilities of a channel.
#[must_use]
pub const fn of(channel: Channel) -> Capabilities {
    match channel {
        // Sources: the Messenger Platform, and Twilio for SMS.
        Channel::Messenger => Capabilities { rich_text: true, highest_character_limit: 1_999, ..SOCIAL },
        Channel::Sms => {
            Capabilities { entry_point_address: EntryPointAddress::Number, highest_character_limit: 1_600, ..SOCIAL }
        }
        Channel::Webchat => Capabilities {
            media: CapacityGroup::Chat,
            supervisors_are_targets: true,
            several_wrap_up_reasons: true,
            delivery_receipts: false,
            read_receipts: true,
            edits: true,
            end_needs_consent: false,
            reopens: false,
            agents_shown: ItemVisibility::Both,
            ..SOCIAL
        },
        Channel::Email => Capabilities {
            media: CapacityGroup::Email,
            entry_point_address: EntryPointAddress::Mailbox,
            character_limit: None,
            highest_character_limit: 32_768,
            rich_text: true,
            transfer_targets: QUEUE,
            conference_targets: &[],
            end_needs_consent: false,
            ..SOCIAL
        },
        Channel::Whatsapp => Capabilities {
            entry_point_address: EntryPointAddress::Number,
            character_limit: Some(4_096),
            rich_text: true,
            emoji: true,
            conference_targets: BOTH,
            conference_shows_free_only: true,
            several_wrap_up_reasons: true,
            read_receipts: true,
            end_needs_consent: false,
            agents_shown: ItemVisibility::Both,
            ..SOCIAL
        },
    }
}

/// Maximum length of a message in a direct conversation, in Unicode scalar values.
pub const DIRECT_LIMIT: usize = 4_096;

/// Returns the sides that see an announcement on a channel.
#[must_use]
pub fn audience(channel: Channel, kind: AnnouncementKind) -> ItemVisibility {
    match kind {
        AnnouncementKind::AgentJoined
        | AnnouncementKind::SupervisorJoined
        | AnnouncementKind::AgentLeft
        | AnnouncementKind::EndedByAgent => of(channel).agents_shown,
        AnnouncementKind::CustomerLeft
        | AnnouncementKind::Transferring
        | AnnouncementKind::OutOfHours
        | AnnouncementKind::Inactive
        | AnnouncementKind::TransferDropped => ItemVisibility::Both,
        AnnouncementKind::Transferred
        | AnnouncementKind::ConferenceRequested
        | AnnouncementKind::ConferenceNotAccepted
        | AnnouncementKind::ConferenceCancelled
        | AnnouncementKind::FormAnswered
        | AnnouncementKind::Merged => ItemVisibility::Agent,
    }
}
