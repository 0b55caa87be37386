//! The results of mutations of tasks. Each mutation has a type of its own, so that it can grow without the others.

use async_graphql::{Context, SimpleObject};
use entity::id::ConversationId;

use super::types::Task;
use crate::{
    conversations::graphql::{payloads::conversation_payloads, types::Conversation},
    error::Result,
    events::graphql::effect::Effect,
};

/// Defines the payload types of mutations that return a task.
macro_rules! task_payloads {
    ($($name:ident $mutation:literal;)*) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The task after the call. Null when the call was refused.
            task: Option<Task>,
            /// The effect of the call.
            #[graphql(flatten)]
            effect: Effect,
        }

        impl $name {
            /// Makes the payload of a call that returned a task, and true if it changed it, or that was refused.
            /// Returns the error of any other call.
            pub fn of<T: Into<Task>>(result: Result<(T, bool)>) -> Result<Self> {
                let (task, effect) = Effect::split(result)?;
                Ok(Self { task: task.map(Into::into), effect })
            }
        }
    )*};
}

task_payloads! {
    TransferTaskPayload "transferTask";
    AssignTaskPayload "assignTask";
    SetTaskPriorityPayload "setTaskPriority";
    RequestConferencePayload "requestConference";
    CancelConferencePayload "cancelConference";
    ExitConferencePayload "exitConference";
    RemoveFromConferencePayload "removeFromConference";
    EndConferencePayload "endConference";
    WrapUpTaskPayload "wrapUpTask";
    ExtendWrapUpPayload "extendWrapUp";
}

conversation_payloads! {
    JoinConversationPayload "joinConversation",
    LeaveConversationPayload "leaveConversation",
}
