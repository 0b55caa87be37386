//! What each channel can do, as data. No rule asks which channel it is: it asks for a capability.

use entity::{
    channel::Channel,
    thread_item::{AnnouncementKind, ItemVisibility},
};

/// Kinds of channel that share a number of an agent's profile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Media {
    Chat,
    Email,
    Social,
}

/// To whom a task may be handed, or who may be asked to join.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, async_graphql::Enum)]
pub enum TargetKind {
    /// One agent.
    Agent,
    /// Whoever serves a queue.
    Queue,
}

/// What customers are reached by on a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressKind {
    /// A name of the provider's, which says nothing.
    Opaque,
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
}

/// What a channel can do, and by which rules its conversations go.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    pub media: Media,
    pub address: AddressKind,
    /// The longest message, in Unicode scalar values.
    pub character_limit: Option<usize>,
    pub rich_text: bool,
    pub emoji: bool,
    pub attachments: bool,
    pub templates: bool,
    pub transfer_targets: &'static [TargetKind],
    pub conference_targets: &'static [TargetKind],
    /// Supervisors who are at work as agents can be handed a task, and be asked to join.
    pub supervisors_are_targets: bool,
    /// Of those who can be asked to join only who is free now is shown.
    pub conference_shows_free_only: bool,
    pub several_wrap_up_reasons: bool,
    pub delivery_receipts: bool,
    pub read_receipts: bool,
    /// A message can be changed and taken back by its author.
    pub edits: bool,
    /// Ending takes the customer's consent.
    pub end_needs_consent: bool,
    /// A closed conversation is opened again by the customer's next message.
    pub reopens: bool,
    /// Who is told that an agent has joined or left.
    pub agents_shown: ItemVisibility,
    /// How long an agent may take to accept, in seconds, where the queue does not say.
    pub offer_seconds: i32,
}

const BOTH: &[TargetKind] = &[TargetKind::Agent, TargetKind::Queue];
const AGENT: &[TargetKind] = &[TargetKind::Agent];
const QUEUE: &[TargetKind] = &[TargetKind::Queue];

/// What the channels of short messages have in common.
const SOCIAL: Capabilities = Capabilities {
    media: Media::Social,
    address: AddressKind::Opaque,
    character_limit: Some(1_000),
    rich_text: false,
    emoji: false,
    attachments: true,
    templates: true,
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

/// What a channel can do.
#[must_use]
pub const fn of(channel: Channel) -> Capabilities {
    match channel {
        Channel::Messenger => Capabilities { rich_text: true, ..SOCIAL },
        Channel::Sms => Capabilities { address: AddressKind::Phone, attachments: false, ..SOCIAL },
        Channel::Webchat => Capabilities {
            media: Media::Chat,
            supervisors_are_targets: true,
            several_wrap_up_reasons: true,
            delivery_receipts: false,
            edits: true,
            end_needs_consent: false,
            reopens: false,
            agents_shown: ItemVisibility::Both,
            ..SOCIAL
        },
        Channel::Email => Capabilities {
            media: Media::Email,
            address: AddressKind::Email,
            character_limit: None,
            rich_text: true,
            templates: false,
            transfer_targets: QUEUE,
            conference_targets: &[],
            end_needs_consent: false,
            ..SOCIAL
        },
        Channel::Whatsapp => Capabilities {
            address: AddressKind::Phone,
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

/// The longest message of a direct conversation, in Unicode scalar values.
pub const DIRECT_LIMIT: usize = 4_096;

/// Who sees an announcement on a channel.
#[must_use]
pub fn audience(channel: Channel, kind: AnnouncementKind) -> ItemVisibility {
    match kind {
        AnnouncementKind::AgentJoined | AnnouncementKind::AgentLeft => of(channel).agents_shown,
        AnnouncementKind::CustomerLeft
        | AnnouncementKind::OutOfHours
        | AnnouncementKind::Inactive
        | AnnouncementKind::Reconnected
        | AnnouncementKind::EndedBySystem
        | AnnouncementKind::Queued
        | AnnouncementKind::TransferDropped => ItemVisibility::Both,
        AnnouncementKind::Transferred
        | AnnouncementKind::ConferenceRequested
        | AnnouncementKind::ConferenceNotAccepted
        | AnnouncementKind::WorkflowResult
        | AnnouncementKind::AttachmentDropped
        | AnnouncementKind::FormAnswered => ItemVisibility::Agent,
    }
}
