//! Shared parts of the results of administrators' mutations.

use async_graphql::Context;

use crate::{auth::request_context::ContextExt as _, contact_center::admin_change::AdminActor, error::Result};

/// Defines the payload types of mutations that return one object.
macro_rules! admin_payloads {
    ($($name:ident $mutation:literal $field:ident: $kind:ty, $what:literal;)*) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(async_graphql::SimpleObject)]
        pub struct $name {
            #[doc = concat!($what, " after the call. Null when the call was refused.")]
            $field: Option<$kind>,
            /// The effect of the call.
            #[graphql(flatten)]
            effect: $crate::events::graphql::effect::Effect,
        }

        impl $name {
            /// Makes the payload of a call that returned a row, and true if it changed it, or that was refused. Returns
            /// the error of any other call.
            pub fn of<T>(result: $crate::error::Result<(T, bool)>) -> $crate::error::Result<Self>
            where
                T: $crate::contact_center::graphql::payloads::IntoNode<Node = $kind>,
            {
                let (row, effect) = $crate::events::graphql::effect::Effect::split(result)?;
                Ok(Self { $field: row.map(T::into_node), effect })
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

/// Returns the administrator who makes the call, with the call's origin. Fails when the caller is not a person.
pub fn admin_actor<'a>(ctx: &'a Context<'_>) -> Result<AdminActor<'a>> {
    Ok(AdminActor::Administrator { viewer: ctx.viewer()?, origin: ctx.origin()? })
}
