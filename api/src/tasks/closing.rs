//! The end of a conversation: by the agent, by the customer, after inactivity, or by a merge of customers. First the
//! conversation is closed. Then each agent in it must submit a wrap-up.

use chrono::Duration;
use entity::{
    announcement::{AnnouncementPerson, AnnouncementTarget},
    assignment::AssignmentPhase,
    conversation::{self, ConversationStatus},
    id::{ConversationId, UserId},
    participant,
    task::{self, EndedBy, TaskStatus},
    thread_item::AnnouncementKind,
    timer::TimerKind,
};

use super::{earlier_calls, offers, task_rows, wrap_ups};
use crate::{
    agents::assignments,
    app::{App, Locked, Tx},
    auth::viewer::{Caller, Viewer},
    contact_center::timers,
    conversations::{
        announcements::{self, NewAnnouncement},
        channel_capabilities, conversation_rows,
        participants::{self, ParticipantRef},
    },
    error::{Error, Result, UserErrorCode},
    queues::queue_rows,
};

/// Ends a conversation for the agent who owns its task, or for its customer. Returns the task, and false if the caller
/// has ended it before. `agreed` is the customer's consent. Locks the conversation. Emits `ItemAdded`, `TaskReleased`,
/// `ParticipantChanged` and `TaskChanged`. Refuses with `NOT_FOUND`, `CONVERSATION_ENDED`, `NOT_A_PARTICIPANT`,
/// `CUSTOMER_CONSENT_REQUIRED`, or `NOT_ALLOWED` during a conference.
pub async fn end(app: &App, by: &Caller, id: &str, agreed: bool) -> Result<(task::Model, bool)> {
    app.transaction(|tx| {
        Box::pin(async move {
            let seen = conversation_rows::find_by_id(tx.db(), by, id, conversation_rows::FIELD).await?;
            let mut conversation = conversation_rows::lock(tx, seen.id).await?;
            let task = task_rows::find_live(tx, &conversation).await?;
            let (Some(task), ConversationStatus::Open) = (task, conversation.status) else {
                let ended = task_rows::find_latest(tx, &conversation).await?;
                return match ended.filter(|task| task.ended_at.is_some()) {
                    Some(task) if is_ended_by_caller(tx, &conversation, &task, by).await? => Ok((task, false)),
                    _ => Err(conversation_rows::conversation_ended(conversation_rows::FIELD)),
                };
            };
            let task = match by {
                Caller::Visitor(visitor) => {
                    let who = participants::find(tx.db(), conversation.id, ParticipantRef::Customer(visitor.customer))
                        .await?;
                    close(tx, &mut conversation, task, Ending::ByCustomer(who), false).await?
                }
                Caller::Person(viewer) => end_by_agent(tx, &mut conversation, task, viewer, agreed).await?,
                Caller::Service(_) => return Err(Error::PersonsOnly),
            };
            Ok((task, true))
        })
    })
    .await
}

/// Returns true if a caller ended a conversation, whose newest task is `task`.
async fn is_ended_by_caller(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    task: &task::Model,
    by: &Caller,
) -> Result<bool> {
    match by {
        Caller::Visitor(_) => Ok(task.ended_by == Some(EndedBy::Customer)),
        Caller::Person(viewer) => is_ended_by(tx, conversation, task, viewer.user).await,
        Caller::Service(_) => Ok(false),
    }
}

/// Returns true if a user ended the conversation of a task.
pub async fn is_ended_by(
    tx: &Tx<'_>,
    conversation: &Locked<conversation::Model>,
    task: &task::Model,
    user: UserId,
) -> Result<bool> {
    let kind = AnnouncementKind::EndedByAgent;
    Ok(earlier_calls::newest(tx, conversation, task, &[kind], user).await?.is_own(kind))
}

async fn end_by_agent(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    by: &Viewer,
    agreed: bool,
) -> Result<task::Model> {
    if task.owner_id != Some(by.user) {
        let why = "Only the agent who owns the task can end the conversation.";
        return Err(Error::refused(UserErrorCode::NotAParticipant, conversation_rows::FIELD, why));
    }
    if task.status == TaskStatus::Conference {
        let why = "Use endConference to end a conference.";
        return Err(Error::refused(UserErrorCode::ConferenceInProgress, conversation_rows::FIELD, why));
    }
    end_by_owner(tx, conversation, task, by.user, agreed).await
}

/// Ends a conversation for all participants, on behalf of the agent who owns its task. Refuses with
/// `CUSTOMER_CONSENT_REQUIRED`.
pub async fn end_by_owner(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    owner: UserId,
    agreed: bool,
) -> Result<task::Model> {
    if channel_capabilities::of(task.channel).end_needs_consent && !agreed {
        let why = "On this channel the customer must agree first.";
        return Err(Error::refused(UserErrorCode::CustomerConsentRequired, &["input", "customerAgreed"], why));
    }
    let who = participants::find(tx.db(), conversation.id, ParticipantRef::User(owner)).await?;
    close(tx, conversation, task, Ending::ByAgent(who), agreed).await
}

/// Ends a conversation whose transfer `agent` did not accept. The task becomes DROPPED.
pub async fn drop_task(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    task: task::Model,
    agent: UserId,
) -> Result<()> {
    close(tx, conversation, task, Ending::TransferNotAccepted(agent), false).await.map(drop)
}

/// Ends a conversation whose customer was merged with another one and continues in that customer's conversation. The
/// live task becomes MERGED, or WRAP_UP if an agent has accepted it. The caller has removed its topic. Emits
/// `ItemAdded`, `TaskReleased`, `ParticipantChanged` and `TaskChanged`.
pub async fn end_merged(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    continued_in: ConversationId,
) -> Result<()> {
    let Some(task) = task_rows::find_live(tx, conversation).await? else {
        return conversation_rows::close(tx, conversation).await;
    };
    close(tx, conversation, task, Ending::Merge(continued_in), false).await.map(drop)
}

/// Ends a conversation that has been inactive for the time of its queue. Locks the conversation. Sets the timer again
/// if an item came meanwhile.
pub async fn end_inactive(tx: &Tx<'_>, id: ConversationId) -> Result<()> {
    let mut conversation = conversation_rows::lock(tx, id).await?;
    timers::clear(tx, TimerKind::Inactivity, id.0).await?;
    let Some(task) = task_rows::find_live(tx, &conversation).await?.filter(|task| task.owner_id.is_some()) else {
        return Ok(());
    };
    let Some(seconds) = queue_rows::require(tx.db(), task.queue_id).await?.inactivity_seconds else { return Ok(()) };
    let until = conversation.last_item_at + Duration::seconds(i64::from(seconds));
    if until > tx.clock().now() {
        return timers::set(tx, TimerKind::Inactivity, id.0, until).await;
    }
    close(tx, &mut conversation, task, Ending::Inactivity, false).await.map(drop)
}

/// Sets the timer of inactivity, if the queue has a time for it. Later items do not move the timer. It is set again
/// when it is due.
pub async fn schedule_inactivity_close(
    tx: &Tx<'_>,
    conversation: &conversation::Model,
    task: &task::Model,
) -> Result<()> {
    let queue = queue_rows::require(tx.db(), task.queue_id).await?;
    let Some(seconds) = queue.inactivity_seconds else { return Ok(()) };
    let until = tx.clock().now() + Duration::seconds(i64::from(seconds));
    timers::set(tx, TimerKind::Inactivity, conversation.id.0, until).await
}

/// The reason why a conversation ends.
enum Ending {
    /// The customer left.
    ByCustomer(Option<participant::Model>),
    /// The agent who owns the task ended it.
    ByAgent(Option<participant::Model>),
    /// The agent did not accept the transfer, and the queue drops such tasks.
    TransferNotAccepted(UserId),
    /// Nobody wrote for the time of the queue.
    Inactivity,
    /// The customer was merged with another one, and continues in this conversation.
    Merge(ConversationId),
}

impl Ending {
    fn ended_by(&self) -> EndedBy {
        match self {
            Self::ByCustomer(_) => EndedBy::Customer,
            Self::ByAgent(_) => EndedBy::Agent,
            Self::TransferNotAccepted(_) | Self::Inactivity => EndedBy::System,
            Self::Merge(_) => EndedBy::Merge,
        }
    }

    /// Returns the status of a task that ends, which had the status `before`.
    fn status(&self, before: TaskStatus) -> TaskStatus {
        match (self, before) {
            (Self::TransferNotAccepted(_), _) => TaskStatus::Dropped,
            (Self::Merge(_), TaskStatus::Queued | TaskStatus::Offered) => TaskStatus::Merged,
            (_, TaskStatus::Queued | TaskStatus::Offered) => TaskStatus::Abandoned,
            _ => TaskStatus::WrapUp,
        }
    }

    fn announcement(&self) -> NewAnnouncement {
        let person = |who: &Option<participant::Model>| who.as_ref().map(|who| AnnouncementPerson::Participant(who.id));
        match self {
            Self::ByCustomer(who) => {
                NewAnnouncement::new(AnnouncementKind::CustomerLeft).by(person(who)).about(person(who))
            }
            Self::ByAgent(who) => NewAnnouncement::new(AnnouncementKind::EndedByAgent).by(person(who)),
            Self::TransferNotAccepted(agent) => {
                NewAnnouncement::new(AnnouncementKind::TransferDropped).asked(AnnouncementTarget::Agent(*agent))
            }
            Self::Inactivity => NewAnnouncement::new(AnnouncementKind::Inactive),
            Self::Merge(_) => NewAnnouncement::new(AnnouncementKind::Merged),
        }
    }
}

/// Closes a conversation and ends its task. Emits `ItemAdded`, `TaskReleased`, `ParticipantChanged` and `TaskChanged`,
/// and `TaskDequeued` if the task was QUEUED.
async fn close(
    tx: &Tx<'_>,
    conversation: &mut Locked<conversation::Model>,
    mut task: task::Model,
    ending: Ending,
    agreed: bool,
) -> Result<task::Model> {
    announcements::announce(tx, conversation, ending.announcement()).await?;
    let before = task.clone();
    offers::cancel(tx, conversation, &task).await?;
    task.ended_at = Some(tx.clock().now());
    task.ended_by = Some(ending.ended_by());
    if let Ending::Merge(conversation) = ending {
        task.continued_in_id = Some(conversation);
    }
    task.customer_agreed = agreed;
    task.status = ending.status(task.status);
    task_rows::save(tx, conversation, &task).await?;
    task_rows::emit_left(tx, &task, &before)?;
    conversation_rows::close(tx, conversation).await?;
    participants::remove_agents(tx, conversation).await?;
    for kind in [TimerKind::Step, TimerKind::Inactivity] {
        let target = if kind == TimerKind::Step { task.id.0 } else { conversation.id.0 };
        timers::clear(tx, kind, target).await?;
    }
    let queue = queue_rows::require(tx.db(), task.queue_id).await?;
    let holders = assignments::for_task(tx.db(), task.id).await?;
    for holder in holders.into_iter().filter(|holder| holder.phase == AssignmentPhase::Active) {
        wrap_ups::start(tx, conversation, holder, &queue).await?;
    }
    task_rows::emit_changed(tx, &task, true).await?;
    Ok(task)
}
