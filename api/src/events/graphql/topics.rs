//! Topics of the log: what a caller may read with `events`.

use async_graphql::{Context, Enum};
use entity::stream::StreamKind;
use uuid::Uuid;

use crate::{
    auth::{
        request_context::ContextExt as _,
        viewer::{Caller, Scope},
    },
    error::{Error, Result},
    events::selection::Selection,
    tasks::graphql::supervision::may_supervise,
};

/// A topic of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum EventTopic {
    /// Requests and offers to the viewer, as `incomingRequests` delivers them. For users. Needs the scope
    /// CONTACTS_READ.
    Requests,
    /// Additions to the viewer's contact lists and removals from them, as `contacts` delivers them. For users. Needs
    /// the scope CONTACTS_READ.
    Contacts,
    /// Notifications of the viewer, as `notifications` delivers them. For users. Needs the scope NOTIFICATIONS_READ.
    Notifications,
    /// Activities of the viewer. For users. Needs the scope ACTIVITY_READ.
    Activities,
    /// Changes of the viewer's offers, tasks and agent state, as `agentDesktop` delivers them. An organization key
    /// gets the offers, tasks, states and loads of all agents. Needs the scope AGENTS_READ.
    AgentDesktop,
    /// Items, receipts and participants of the viewer's direct conversations. An organization key gets those of all
    /// conversations with customers instead, and their tasks. Needs the scope CONVERSATIONS_READ.
    Conversations,
    /// New customers and changes of their details. For supervisors and organization keys. Needs the scope
    /// CONVERSATIONS_READ.
    Customers,
    /// New users, and changes of the profiles and account states of all users. Needs the scope PROFILE_READ.
    Users,
    /// Tasks that enter a queue, are accepted, or leave it, as `queueEvents` delivers them, of all queues. For
    /// supervisors and organization keys. Needs the scope AGENTS_READ.
    Queues,
    /// Changes of the states of all agents, as `agentStates` delivers them. For supervisors and organization keys.
    /// Needs the scope AGENTS_READ.
    Agents,
}

/// The part of the streams of a kind that a caller may read.
enum Reach {
    Own(StreamKind),
    All(StreamKind),
}

impl EventTopic {
    const ALL: [Self; 10] = [
        Self::Requests,
        Self::Contacts,
        Self::Notifications,
        Self::Activities,
        Self::AgentDesktop,
        Self::Conversations,
        Self::Customers,
        Self::Users,
        Self::Queues,
        Self::Agents,
    ];

    fn scope(self) -> Scope {
        match self {
            Self::Requests | Self::Contacts => Scope::ContactsRead,
            Self::Notifications => Scope::NotificationsRead,
            Self::Activities => Scope::ActivityRead,
            Self::AgentDesktop | Self::Queues | Self::Agents => Scope::AgentsRead,
            Self::Conversations | Self::Customers => Scope::ConversationsRead,
            Self::Users => Scope::ProfileRead,
        }
    }

    /// Returns the streams of the topic that a caller may read. Refuses with FORBIDDEN.
    fn reach(self, caller: &Caller, supervises: bool) -> Result<Reach> {
        if !caller.scopes().has(self.scope()) {
            return Err(Error::Forbidden(self.scope().name()));
        }
        let service = matches!(caller, Caller::Service(_));
        Ok(match self {
            Self::Requests | Self::Contacts | Self::Notifications | Self::Activities if service => {
                return Err(Error::PersonsOnly);
            }
            Self::Queues | Self::Agents | Self::Customers if !service && !supervises => {
                return Err(Error::SupervisorsOnly);
            }
            Self::Requests => Reach::Own(StreamKind::Requests),
            Self::Contacts => Reach::Own(StreamKind::Contacts),
            Self::Notifications => Reach::Own(StreamKind::Notifications),
            Self::Activities => Reach::Own(StreamKind::Activities),
            Self::AgentDesktop if service => Reach::All(StreamKind::AgentDesktop),
            Self::AgentDesktop => Reach::Own(StreamKind::AgentDesktop),
            Self::Conversations if service => Reach::All(StreamKind::Conversation),
            Self::Conversations => Reach::Own(StreamKind::DirectInbox),
            Self::Customers => Reach::All(StreamKind::Customer),
            Self::Users => Reach::All(StreamKind::Profile),
            Self::Queues => Reach::All(StreamKind::Queue),
            Self::Agents => Reach::All(StreamKind::Agents),
        })
    }
}

/// The streams that a caller reads together, and the owner of the positions in them.
pub struct ReaderSelection {
    /// The streams.
    pub selection: Selection,
    /// The owner of the reader's cursors.
    pub owner: Uuid,
}

/// Returns the streams of some topics for the caller, or those of all topics that the caller may read. Refuses with
/// FORBIDDEN a topic that the caller may not read.
pub async fn select(ctx: &Context<'_>, topics: Option<Vec<EventTopic>>) -> Result<ReaderSelection> {
    let caller = ctx.caller()?;
    let owner = caller.cursor_owner();
    let of_supervisors = |topics: &Vec<EventTopic>| {
        topics.iter().any(|topic| matches!(topic, EventTopic::Queues | EventTopic::Agents | EventTopic::Customers))
    };
    let supervises = topics.as_ref().is_none_or(of_supervisors) && may_supervise(ctx).await?;
    let reaches: Vec<Reach> = match topics {
        Some(topics) => topics.into_iter().map(|topic| topic.reach(caller, supervises)).collect::<Result<_>>()?,
        None => EventTopic::ALL.into_iter().filter_map(|topic| topic.reach(caller, supervises).ok()).collect(),
    };
    let mut selection = Selection::default();
    let mut owned = Vec::new();
    for reach in reaches {
        match reach {
            Reach::Own(kind) if !owned.contains(&kind) => owned.push(kind),
            Reach::All(kind) if !selection.everywhere.contains(&kind) => selection.everywhere.push(kind),
            Reach::Own(_) | Reach::All(_) => {}
        }
    }
    if !owned.is_empty() {
        selection.owned.push((owner, owned));
    }
    Ok(ReaderSelection { selection, owner })
}
