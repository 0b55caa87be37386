//! The interfaces over objects of many features: everything with an id, and everyone who acts.

use async_graphql::{ID, Interface};

use super::{types::User, viewer_types::ServiceAccount};
use crate::{
    accounts::graphql::types::ApiKey,
    activities::graphql::types::Activity,
    address_book::graphql::types::PersonalContact,
    agents::graphql::{
        profile_types::{MultimediaProfile, Skill},
        types::Agent,
    },
    attachments::graphql::types::Attachment,
    conversations::graphql::{
        announcement_types::Announcement,
        item_types::{Message, Note, ThreadItem},
        participant_types::{Customer, Participant, Representative},
        types::Conversation,
    },
    entry_points::graphql::types::EntryPoint,
    error::Result,
    memory_budget::LongText,
    notifications::graphql::types::Notification,
    queues::graphql::types::Queue,
    reason_codes::graphql::types::{IdleReason, WrapUpReason},
    relationships::graphql::types::ConnectionRequest,
    tasks::graphql::{offer_types::Offer, types::Task},
    template_library::graphql::types::Template,
    visitors::graphql::types::WebChat,
};

/// An object with an id. Ids are opaque, stable and never used twice.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The id. Its prefix shows the kind of object."))]
pub enum Node {
    /// A person with an account.
    User(User),
    /// A user's request to connect with another user.
    ConnectionRequest(ConnectionRequest),
    /// An act that related people may see.
    Activity(Activity),
    /// A message of the product to one user.
    Notification(Notification),
    /// An entry of the viewer's address book.
    PersonalContact(PersonalContact),
    /// A user who answers customers.
    Agent(Agent),
    /// A list of tasks of one channel.
    Queue(Queue),
    /// The work that a conversation causes.
    Task(Task),
    /// A question to one agent to accept a task.
    Offer(Offer),
    /// An exchange of messages.
    Conversation(Conversation),
    /// A text from a participant to the other side.
    Message(Message),
    /// A line that the system adds to a conversation.
    Announcement(Announcement),
    /// A text that only the organization's side can read.
    Note(Note),
    /// A prepared text for messages.
    Template(Template),
    /// A file that a message carries.
    Attachment(Attachment),
    /// A person outside the organization.
    Customer(Customer),
    /// An agent as customers see them.
    Representative(Representative),
    /// A user or customer in a conversation.
    Participant(Participant),
    /// An organization key as an actor.
    ServiceAccount(ServiceAccount),
    /// A secret with which programs call the API.
    ApiKey(ApiKey),
    /// An address of the organization on a channel.
    EntryPoint(EntryPoint),
    /// A web site's entry point, as everyone may see it.
    WebChat(WebChat),
    /// A reason why an agent is idle.
    IdleReason(IdleReason),
    /// A reason that a wrap-up gives.
    WrapUpReason(WrapUpReason),
    /// A named set of capacities.
    MultimediaProfile(MultimediaProfile),
    /// A skill that agents can have.
    Skill(Skill),
}

impl From<ThreadItem> for Node {
    fn from(item: ThreadItem) -> Self {
        match item {
            ThreadItem::Message(item) => Self::Message(item),
            ThreadItem::Announcement(item) => Self::Announcement(item),
            ThreadItem::Note(item) => Self::Note(item),
        }
    }
}

/// A person or program that acts. A reference to an actor gives no permission to see more than the name.
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "The actor's id."),
    field(name = "display_name", ty = "LongText<&str>", desc = "The name to show."),
    field(name = "initials", ty = "String", desc = "The initials to show where there is no picture."),
    field(
        name = "avatar_url",
        ty = "Option<Result<LongText<String>>>",
        desc = "The address of the actor's picture, if there is one: a path on this server or an `https://` address.",
        arg(
            name = "size",
            ty = "i32",
            default = 128,
            desc = "The width in pixels at which the picture will be shown. An uploaded picture is a square of 64, 128, \
                    256 or 512 pixels, and the smallest one that is wide enough is given. A picture on another server \
                    has one size."
        )
    )
)]
pub enum Actor {
    /// A person with an account.
    User(User),
    /// An API key of the organization.
    ServiceAccount(ServiceAccount),
    /// A person outside the organization.
    Customer(Customer),
    /// An agent as customers see them.
    Representative(Representative),
}
