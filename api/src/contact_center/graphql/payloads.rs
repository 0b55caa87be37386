//! Shared parts of the results of administrators' mutations.

use async_graphql::Context;

use crate::{
    auth::request_context::ContextExt as _,
    contact_center::admin_change::{AdminActor, Created},
    error::{Result, UserError},
};

/// The object after a call and whether the call changed it, or the refusals of the call.
pub type MutationResult<T> = std::result::Result<(T, bool), Vec<UserError>>;

/// Defines the payload types of mutations that return one object.
macro_rules! admin_payloads {
    ($($name:ident $mutation:literal $field:ident: $kind:ty, $what:literal;)*) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(async_graphql::SimpleObject)]
        pub struct $name {
            #[doc = concat!($what, " after the call. Null when the call was refused.")]
            $field: Option<$kind>,
            /// The effect of the call. NO_CHANGE when the object had these values already, or when an earlier call with
            /// the same idempotency key had the effect.
            outcome: $crate::outcome::Outcome,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<$crate::error::UserError>,
        }

        impl From<$crate::contact_center::graphql::payloads::MutationResult<$kind>> for $name {
            fn from(result: $crate::contact_center::graphql::payloads::MutationResult<$kind>) -> Self {
                use $crate::outcome::Outcome;
                match result {
                    Ok((object, changed)) => {
                        Self { $field: Some(object), outcome: Outcome::of(changed), user_errors: vec![] }
                    }
                    Err(user_errors) => Self { $field: None, outcome: Outcome::Refused, user_errors },
                }
            }
        }
    )*};
}

pub(crate) use admin_payloads;

/// A database row that becomes an object of the schema.
pub trait IntoNode: Sized {
    /// The type of the object in the schema.
    type Node;
    /// Wraps the row as an object of the schema.
    fn into_node(self) -> Self::Node;
}

/// Implements `IntoNode` for rows that an object wraps in an `Arc`.
macro_rules! row_nodes {
    ($($row:ty => $kind:ident),* $(,)?) => {$(
        impl $crate::contact_center::graphql::payloads::IntoNode for $row {
            type Node = $kind;
            fn into_node(self) -> $kind {
                $kind(std::sync::Arc::new(self))
            }
        }
    )*};
}

pub(crate) use row_nodes;

/// Converts the result of a creation into the input of its payload.
pub fn created_payload<T: IntoNode>(
    result: std::result::Result<Created<T>, Vec<UserError>>,
) -> MutationResult<T::Node> {
    result.map(|created| (created.row.into_node(), !created.replayed))
}

/// Converts the result of a change into the input of its payload.
pub fn changed_payload<T: IntoNode>(result: std::result::Result<(T, bool), Vec<UserError>>) -> MutationResult<T::Node> {
    result.map(|(row, changed)| (row.into_node(), changed))
}

/// Returns the administrator who makes the call, with the call's origin. Fails when the caller is not a person.
pub fn admin_actor<'a>(ctx: &'a Context<'_>) -> Result<AdminActor<'a>> {
    Ok(AdminActor::Administrator { viewer: ctx.viewer()?, origin: ctx.origin()? })
}
