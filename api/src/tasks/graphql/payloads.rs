//! The results of mutations of tasks. Each mutation has a type of its own, so that it can grow without the others.

use async_graphql::SimpleObject;

use super::types::Task;
use crate::{
    conversations::graphql::types::Conversation,
    error::{Result, UserError, into_user_errors},
    outcome::Outcome,
};

/// Defines the payload types of mutations that return a task.
macro_rules! task_payloads {
    ($($name:ident $mutation:literal;)*) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The task after the call. Null when the call was refused.
            task: Option<Task>,
            /// The effect of the call. A call that repeats an earlier one has no effect.
            outcome: Outcome,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }

        impl $name {
            /// Makes the payload of a call that returned a task, and true if it changed it, or that was refused.
            /// Returns the error of any other call.
            pub fn of<T: Into<Task>>(result: Result<(T, bool)>) -> Result<Self> {
                Ok(match into_user_errors(result)? {
                    Ok((task, changed)) => {
                        Self { task: Some(task.into()), outcome: Outcome::of(changed), user_errors: vec![] }
                    }
                    Err(user_errors) => Self { task: None, outcome: Outcome::Refused, user_errors },
                })
            }
        }
    )*};
}

task_payloads! {
    TransferTaskPayload "transferTask";
    MoveTaskPayload "moveTask";
    RequestConferencePayload "requestConference";
    CancelConferencePayload "cancelConference";
    ExitConferencePayload "exitConference";
    RemoveFromConferencePayload "removeFromConference";
    EndConferencePayload "endConference";
    WrapUpTaskPayload "wrapUpTask";
    ExtendWrapUpPayload "extendWrapUp";
}

/// Defines the payload types of mutations by which a supervisor joins or leaves a conversation.
macro_rules! attendance_payloads {
    ($($name:ident $mutation:literal;)*) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        pub struct $name {
            /// The conversation after the call. Null when the call was refused.
            conversation: Option<Conversation>,
            /// The effect of the call.
            outcome: Outcome,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }

        impl From<std::result::Result<(Option<Conversation>, bool), Vec<UserError>>> for $name {
            fn from(result: std::result::Result<(Option<Conversation>, bool), Vec<UserError>>) -> Self {
                match result {
                    Ok((conversation, changed)) => {
                        Self { conversation, outcome: Outcome::of(changed), user_errors: vec![] }
                    }
                    Err(user_errors) => Self { conversation: None, outcome: Outcome::Refused, user_errors },
                }
            }
        }
    )*};
}

attendance_payloads! {
    JoinConversationPayload "joinConversation";
    LeaveConversationPayload "leaveConversation";
}
