//! `postStatus`, `deleteStatus`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::{
    records::{self, NewStatus},
    types::{Activity, StatusAudience},
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Result, UserError, settle},
};

/// What to post.
#[derive(InputObject)]
struct PostStatusInput {
    /// The text, 1 to 1,000 characters.
    text: String,
    /// Who may see it.
    #[graphql(default_with = "StatusAudience::Everyone")]
    audience: StatusAudience,
    /// Whoever is not sure that a first try arrived sends the same key again: the status is posted once. 1 to 100 characters
    /// that the client makes up; kept for ever.
    idempotency_key: Option<String>,
}

/// What to take back.
#[derive(InputObject)]
struct DeleteStatusInput {
    /// The status.
    activity_id: ID,
}

#[derive(Default)]
pub struct ActivitiesMutation;

#[Object]
impl ActivitiesMutation {
    /// Posts a status of the viewer. Refused with INVALID, TOO_LONG, IDEMPOTENCY_KEY_REUSED, or NOT_FOUND when what the key
    /// made was taken back since.
    #[graphql(guard = "Needs(Scope::ActivityWrite)")]
    async fn post_status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to post.")] input: PostStatusInput,
    ) -> Result<PostStatusPayload> {
        let connections_only = input.audience == StatusAudience::Connections;
        let PostStatusInput { text, idempotency_key, .. } = input;
        let new = NewStatus { text, connections_only, idempotency_key };
        Ok(match settle(records::post(ctx.app()?, ctx.viewer()?, &new).await)? {
            Ok((row, replayed)) => PostStatusPayload { activity: Some(Activity(row)), replayed, user_errors: vec![] },
            Err(user_errors) => PostStatusPayload { activity: None, replayed: false, user_errors },
        })
    }

    /// Takes a status of the viewer back: it leaves every feed. Refused with NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ActivityWrite)")]
    async fn delete_status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to take back.")] input: DeleteStatusInput,
    ) -> Result<DeleteStatusPayload> {
        Ok(match settle(records::delete(ctx.app()?, ctx.viewer()?, &input.activity_id).await)? {
            Ok(id) => DeleteStatusPayload { deleted_activity_id: Some(id.into()), user_errors: vec![] },
            Err(user_errors) => DeleteStatusPayload { deleted_activity_id: None, user_errors },
        })
    }
}

/// The answer to `postStatus`.
#[derive(SimpleObject)]
struct PostStatusPayload {
    /// The status; null when refused.
    activity: Option<Activity>,
    /// Whether an earlier call with the same key had posted it.
    replayed: bool,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `deleteStatus`.
#[derive(SimpleObject)]
struct DeleteStatusPayload {
    /// The id of what is gone; null when refused.
    deleted_activity_id: Option<ID>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
