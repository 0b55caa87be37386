//! The common part of all payloads: the outcome of the call, the events that it wrote, and its refusals.

use async_graphql::{Context, Enum, ID, Object, SimpleObject};
use entity::{
    id::{ConversationId, QueueId},
    stream::StreamKind,
};

use crate::{
    app::Commits,
    auth::{
        request_context::ContextExt as _,
        viewer::{Caller, Scope},
    },
    conversations::graphql::types::Conversation,
    error::{Result, UserError, into_user_errors},
    events::{cursor::Cursor, log::Growth},
    outcome::Outcome,
    pagination::list_size,
    tasks::graphql::supervision::may_supervise,
};

/// The effect of a call. Every payload has its fields, by `#[graphql(flatten)]`.
pub struct Effect {
    outcome: Outcome,
    growths: Vec<Growth>,
    user_errors: Vec<UserError>,
}

impl Effect {
    /// Makes the effect of a call that was not refused. It takes the events that the operation has written since the
    /// last effect, so make it right after the call.
    #[must_use]
    pub fn of(outcome: impl Into<Outcome>) -> Self {
        Self { outcome: outcome.into(), growths: Commits::take_growths(), user_errors: vec![] }
    }

    /// Makes the effect of a refused call.
    #[must_use]
    pub fn refused(user_errors: Vec<UserError>) -> Self {
        Self { outcome: Outcome::Refused, growths: Commits::take_growths(), user_errors }
    }

    /// Splits the result of a call into its value and its effect. The value is none when the call was refused. Returns
    /// the error of any other call.
    pub fn split<T>(result: Result<(T, impl Into<Outcome>)>) -> Result<(Option<T>, Self)> {
        // The events of a failed call must not count for the next one.
        let result = into_user_errors(result).inspect_err(|_| drop(Commits::take_growths()))?;
        Ok(match result {
            Ok((value, outcome)) => (Some(value), Self::of(outcome)),
            Err(user_errors) => (None, Self::refused(user_errors)),
        })
    }

    /// Makes the effect of a call with an effect on each of several objects. It is `Applied` if one was changed, and
    /// `Refused` if all were refused.
    #[must_use]
    pub fn of_all<'a>(each: impl Iterator<Item = &'a Self> + Clone) -> Self {
        let outcome = Outcome::of_all(each.clone().map(|effect| effect.outcome));
        Self { outcome, growths: each.flat_map(|effect| effect.growths.clone()).collect(), user_errors: vec![] }
    }

    /// Returns true if an earlier call had the effect.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        self.outcome == Outcome::NoChange
    }
}

/// The effect of a call, as a part of its payload.
#[Object]
impl Effect {
    /// The outcome of the call.
    async fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// The events that the call added to streams that the caller may follow. The answer shows their effect, so a client
    /// that follows such a stream can ignore them there. Empty when the call added none.
    #[graphql(directive = list_size::apply(4))]
    async fn changes(&self, ctx: &Context<'_>) -> Result<Vec<StreamChange>> {
        let changes = self.growths.iter().map(|growth| StreamChange::visible(ctx, growth));
        Ok(futures_util::future::try_join_all(changes).await?.into_iter().flatten().collect())
    }

    /// The refusals of the call. Empty when it succeeded.
    #[graphql(directive = list_size::apply(1))]
    async fn user_errors(&self) -> &[UserError] {
        &self.user_errors
    }
}

/// A stream of events, named by the subscription that delivers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum StreamName {
    /// The stream of `incomingRequests`.
    IncomingRequests,
    /// The stream of `contacts`.
    Contacts,
    /// The stream of `notifications`.
    Notifications,
    /// The viewer's own activities in `activityFeed`.
    ActivityFeed,
    /// The stream of `agentDesktop`.
    AgentDesktop,
    /// The stream of `conversationEvents`.
    ConversationEvents,
    /// The viewer's direct conversations in `inbox`.
    Inbox,
    /// The stream of `queueEvents`.
    QueueEvents,
    /// The stream of `agentStates`.
    AgentStates,
}

impl StreamName {
    /// Returns the name of a stream that clients can follow.
    fn of(kind: StreamKind) -> Option<Self> {
        match kind {
            StreamKind::Requests => Some(Self::IncomingRequests),
            StreamKind::Contacts => Some(Self::Contacts),
            StreamKind::Notifications => Some(Self::Notifications),
            StreamKind::Activities => Some(Self::ActivityFeed),
            StreamKind::AgentDesktop => Some(Self::AgentDesktop),
            StreamKind::Conversation | StreamKind::CustomerSide | StreamKind::DirectConversation => {
                Some(Self::ConversationEvents)
            }
            StreamKind::DirectInbox => Some(Self::Inbox),
            StreamKind::Queue => Some(Self::QueueEvents),
            StreamKind::Agents => Some(Self::AgentStates),
            StreamKind::Rights | StreamKind::Customer | StreamKind::Profile => None,
        }
    }
}

/// The events that a call added to one stream.
#[derive(SimpleObject)]
pub struct StreamChange {
    /// The stream.
    pub stream: StreamName,
    /// The conversation or queue whose stream it is. Null for a stream of the viewer, and for the states of all agents.
    pub subject_id: Option<ID>,
    /// The `sequence` of the first added event.
    pub first_sequence: i64,
    /// The `sequence` of the last added event. All numbers in between belong to the call.
    pub last_sequence: i64,
    /// The cursor to resume after the last added event. Null for ACTIVITY_FEED and INBOX, which mix several
    /// streams.
    pub cursor: Option<Cursor>,
}

impl StreamChange {
    /// Returns the change of a stream, if the caller may follow the stream.
    async fn visible(ctx: &Context<'_>, growth: &Growth) -> Result<Option<Self>> {
        let Ok(caller) = ctx.caller() else { return Ok(None) };
        let Growth { stream, first, last } = *growth;
        let subject_id = match stream.kind {
            StreamKind::Requests
            | StreamKind::Contacts
            | StreamKind::Notifications
            | StreamKind::Activities
            | StreamKind::AgentDesktop
            | StreamKind::DirectInbox => match caller {
                Caller::Person(viewer) if viewer.user.0 == stream.owner && viewer.scopes.has(reads(stream.kind)) => {
                    None
                }
                _ => return Ok(None),
            },
            StreamKind::Conversation | StreamKind::CustomerSide | StreamKind::DirectConversation => {
                let of_customers = stream.kind == StreamKind::CustomerSide;
                let id = ConversationId(stream.owner);
                if matches!(caller, Caller::Visitor(_)) != of_customers || Conversation::find(ctx, id).await?.is_none()
                {
                    return Ok(None);
                }
                Some(ID::from(id))
            }
            StreamKind::Queue | StreamKind::Agents => {
                if !caller.scopes().has(reads(stream.kind)) || !may_supervise(ctx).await? {
                    return Ok(None);
                }
                (stream.kind == StreamKind::Queue).then(|| ID::from(QueueId(stream.owner)))
            }
            StreamKind::Rights | StreamKind::Customer | StreamKind::Profile => return Ok(None),
        };
        let Some(name) = StreamName::of(stream.kind) else { return Ok(None) };
        let mixed = matches!(stream.kind, StreamKind::Activities | StreamKind::DirectInbox);
        let cursor = (!mixed).then(|| Cursor::in_stream(stream, last));
        Ok(Some(Self { stream: name, subject_id, first_sequence: first, last_sequence: last, cursor }))
    }
}

/// Returns the scope that the subscription to a stream needs.
#[must_use]
pub fn reads(kind: StreamKind) -> Scope {
    match kind {
        StreamKind::Requests | StreamKind::Contacts => Scope::ContactsRead,
        StreamKind::Notifications => Scope::NotificationsRead,
        StreamKind::Activities => Scope::ActivityRead,
        StreamKind::AgentDesktop | StreamKind::Queue | StreamKind::Agents => Scope::AgentsRead,
        StreamKind::Conversation
        | StreamKind::CustomerSide
        | StreamKind::DirectConversation
        | StreamKind::DirectInbox
        | StreamKind::Customer => Scope::ConversationsRead,
        StreamKind::Profile => Scope::ProfileRead,
        StreamKind::Rights => Scope::Admin,
    }
}
