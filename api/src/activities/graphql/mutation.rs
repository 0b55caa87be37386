//! The mutations `postStatus`, `recordActivity` and `deleteActivity`. They change only the viewer's own activities.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::types::{Activity, ActivityAudience};
use crate::activities::publish::{self, NewPost, Source};
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
    #[graphql(default_with = "ActivityAudience::Everyone")]
    audience: ActivityAudience,
    /// A key that the client makes up, 1 to 100 characters. A client that is unsure of a first call repeats it with the
    /// same key, and the status is posted once. Keys are stored forever.
    idempotency_key: Option<String>,
}

/// The act to record.
#[derive(InputObject)]
struct RecordActivityInput {
    /// A sentence about the act, such as "published the price list for spring", 1 to 1,000 characters.
    text: String,
    /// The name of the application in which the viewer acted, 1 to 80 characters.
    application: String,
    /// The address of a page that shows the act, `https` or `http`, at most 2,000 characters.
    url: Option<String>,
    /// The people who may see the activity.
    #[graphql(default_with = "ActivityAudience::Everyone")]
    audience: ActivityAudience,
    /// A key that the client makes up, 1 to 100 characters. A client that is unsure of a first call repeats it with the
    /// same key, and the act is recorded once. Keys are stored forever.
    idempotency_key: Option<String>,
}

/// The activity to delete.
#[derive(InputObject)]
struct DeleteActivityInput {
    /// The id of the status or of the recorded act.
    activity_id: ID,
}

/// Root mutations of activities.
#[derive(Default)]
pub struct ActivitiesMutation;

#[Object]
impl ActivitiesMutation {
    /// Posts a status of the viewer. Refuses with REQUIRED, INVALID, TOO_LONG or IDEMPOTENCY_KEY_REUSED, and with
    /// NOT_FOUND when the status of the key was deleted since.
    #[graphql(guard = "Needs(Scope::ActivityWrite)")]
    async fn post_status(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The status to post.")] input: PostStatusInput,
    ) -> Result<PostStatusPayload> {
        let connections_only = input.audience == ActivityAudience::Connections;
        let PostStatusInput { text, idempotency_key, .. } = input;
        let new = NewPost { text, connections_only, source: None, idempotency_key };
        let (activity, replayed, effect) = post(ctx, &new).await?;
        Ok(PostStatusPayload { activity, replayed, effect })
    }

    /// Records something that the viewer did in another application, as an activity of the kind RECORDED. An API key
    /// of the viewer can call it. Refuses with REQUIRED, INVALID, TOO_LONG or IDEMPOTENCY_KEY_REUSED, and with
    /// NOT_FOUND when the activity of the key was deleted since.
    #[graphql(guard = "Needs(Scope::ActivityWrite)")]
    async fn record_activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The act to record.")] input: RecordActivityInput,
    ) -> Result<RecordActivityPayload> {
        let connections_only = input.audience == ActivityAudience::Connections;
        let RecordActivityInput { text, application, url, idempotency_key, .. } = input;
        let new = NewPost { text, connections_only, source: Some(Source { application, url }), idempotency_key };
        let (activity, replayed, effect) = post(ctx, &new).await?;
        Ok(RecordActivityPayload { activity, replayed, effect })
    }

    /// Deletes a status or a recorded act of the viewer, which leaves every feed. A repeated call changes nothing.
    /// Refuses with NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ActivityWrite)")]
    async fn delete_activity(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The activity to delete.")] input: DeleteActivityInput,
    ) -> Result<DeleteActivityPayload> {
        let (id, effect) = Effect::split(publish::delete(ctx.app()?, ctx.viewer()?, &input.activity_id).await)?;
        Ok(DeleteActivityPayload { deleted_id: id.map(ID::from), effect })
    }
}

/// Posts or records an activity. Returns it, and true if an earlier call with the same key did so.
async fn post(ctx: &Context<'_>, new: &NewPost) -> Result<(Option<Activity>, bool, Effect)> {
    let posted = publish::post(ctx.app()?, ctx.viewer()?, new).await;
    let (row, effect) = Effect::split(posted.map(|(row, replayed)| (row, !replayed)))?;
    Ok((row.map(Activity), effect.is_repeated(), effect))
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

/// The result of `recordActivity`.
#[derive(SimpleObject)]
struct RecordActivityPayload {
    /// The recorded activity. Null when the call was refused.
    activity: Option<Activity>,
    /// True when an earlier call with the same key recorded it. The outcome is then NO_CHANGE.
    replayed: bool,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `deleteActivity`.
#[derive(SimpleObject)]
struct DeleteActivityPayload {
    /// The id of the deleted activity. Null when the call was refused.
    deleted_id: Option<ID>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
