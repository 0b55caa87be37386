//! The mutations `postStatus` and `deleteStatus`. They change only the viewer's own statuses.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::types::{Activity, StatusAudience};
use crate::activities::publish::{self, NewStatus};
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::graphql::effect::Effect,
};

/// The status to post.
#[derive(InputObject)]
struct PostStatusInput {
    /// The text, 1 to 1,000 characters.
    text: String,
    /// The people who may see the status.
    #[graphql(default_with = "StatusAudience::Everyone")]
    audience: StatusAudience,
    /// A key that the client makes up, 1 to 100 characters. A client that is unsure of a first call repeats it with the
    /// same key, and the status is posted once. Keys are stored forever.
    idempotency_key: Option<String>,
}

/// The status to delete.
#[derive(InputObject)]
struct DeleteStatusInput {
    /// The id of the status.
    activity_id: ID,
}

/// Root mutations of activities.
#[derive(Default)]
pub struct ActivitiesMutation;

#[Object]
impl ActivitiesMutation {
    /// Posts a status of the viewer. Refuses with INVALID, TOO_LONG or IDEMPOTENCY_KEY_REUSED, and with NOT_FOUND when
    /// the status of the key was deleted since.
    #[graphql(guard = "Needs(Scope::ActivityWrite)")]
    async fn post_status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The status to post.")] input: PostStatusInput,
    ) -> Result<PostStatusPayload> {
        let connections_only = input.audience == StatusAudience::Connections;
        let PostStatusInput { text, idempotency_key, .. } = input;
        let new = NewStatus { text, connections_only, idempotency_key };
        let posted = publish::post(ctx.app()?, ctx.viewer()?, &new).await;
        let (row, effect) = Effect::split(posted.map(|(row, replayed)| (row, !replayed)))?;
        let replayed = effect.is_repeated();
        Ok(PostStatusPayload { activity: row.map(Activity), replayed, effect })
    }

    /// Deletes a status of the viewer, which leaves every feed. A repeated call changes nothing. Refuses with
    /// NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ActivityWrite)")]
    async fn delete_status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The status to delete.")] input: DeleteStatusInput,
    ) -> Result<DeleteStatusPayload> {
        let (id, effect) = Effect::split(publish::delete(ctx.app()?, ctx.viewer()?, &input.activity_id).await)?;
        Ok(DeleteStatusPayload { deleted_id: id.map(ID::from), effect })
    }
}

/// The result of `postStatus`.
#[derive(SimpleObject)]
struct PostStatusPayload {
    /// The posted status. Null when the call was refused.
    activity: Option<Activity>,
    /// True when an earlier call with the same key posted the status. The outcome is then NO_CHANGE.
    replayed: bool,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `deleteStatus`.
#[derive(SimpleObject)]
struct DeleteStatusPayload {
    /// The id of the deleted status. Null when the call was refused.
    deleted_id: Option<ID>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
