//! The mutations of relationships. All are idempotent: doing again what is done already answers NO_CHANGE.

use async_graphql::{Context, ID, InputObject, Object};

use super::{
    blocks, connections, follows,
    payloads::{
        About, AcceptConnectionRequestPayload, Answer, BlockUserPayload, DisconnectPayload, FollowUserPayload,
        IgnoreConnectionRequestPayload, RemoveFollowerPayload, RequestConnectionPayload, UnblockUserPayload,
        UnfollowUserPayload, WithdrawConnectionRequestPayload,
    },
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
};

macro_rules! inputs {
    ($field:ident $doc:literal: $($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("What `", $mutation, "` is about.")]
        #[derive(InputObject)]
        struct $name {
            #[doc = $doc]
            $field: ID,
        }
    )*};
}

inputs! { user_id "The other person's id.":
    DisconnectInput "disconnect",
    FollowUserInput "followUser",
    UnfollowUserInput "unfollowUser",
    RemoveFollowerInput "removeFollower",
    BlockUserInput "blockUser",
    UnblockUserInput "unblockUser",
}

inputs! { request_id "The request's id.":
    WithdrawConnectionRequestInput "withdrawConnectionRequest",
    AcceptConnectionRequestInput "acceptConnectionRequest",
    IgnoreConnectionRequestInput "ignoreConnectionRequest",
}

/// What `requestConnection` is about.
#[derive(InputObject)]
struct RequestConnectionInput {
    /// The other person's id.
    user_id: ID,
    /// A word to the other person, at most 500 characters.
    message: Option<String>,
}

#[derive(Default)]
pub struct RelationshipsMutation;

#[Object]
impl RelationshipsMutation {
    /// Asks a person to connect. Whoever has been asked by that person is connected at once
    /// (CONNECTED_BY_MUTUAL_REQUEST). Refused with SELF, NOT_FOUND, YOU_BLOCKED, TAKES_NO_REQUESTS, COOLING_DOWN or
    /// INVALID.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn request_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to ask.")] input: RequestConnectionInput,
    ) -> Result<RequestConnectionPayload> {
        let done = connections::request(ctx.app()?, ctx.viewer()?, &input.user_id, input.message.as_deref()).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Takes a request of the viewer back. Refused with NOT_FOUND, NOT_REQUESTER, or NOT_PENDING when it was accepted.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn withdraw_connection_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which request.")] input: WithdrawConnectionRequestInput,
    ) -> Result<WithdrawConnectionRequestPayload> {
        let done = connections::withdraw(ctx.app()?, ctx.viewer()?, &input.request_id).await;
        Ok(Answer::of(ctx, done, About::Request(&input.request_id)).await?.into())
    }

    /// Accepts a request to the viewer: the two are connected. Refused with NOT_FOUND, NOT_RECIPIENT or NOT_PENDING.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn accept_connection_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which request.")] input: AcceptConnectionRequestInput,
    ) -> Result<AcceptConnectionRequestPayload> {
        let done = connections::accept(ctx.app()?, ctx.viewer()?, &input.request_id).await;
        Ok(Answer::of(ctx, done, About::Request(&input.request_id)).await?.into())
    }

    /// Puts a request to the viewer aside. The requester is not told, sees it pending and may not ask again until the
    /// cool-down ends. Refused with NOT_FOUND, NOT_RECIPIENT or NOT_PENDING.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn ignore_connection_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which request.")] input: IgnoreConnectionRequestInput,
    ) -> Result<IgnoreConnectionRequestPayload> {
        let done = connections::ignore(ctx.app()?, ctx.viewer()?, &input.request_id).await;
        Ok(Answer::of(ctx, done, About::Request(&input.request_id)).await?.into())
    }

    /// Ends the connection with a person. Follows stay. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn disconnect(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From whom.")] input: DisconnectInput,
    ) -> Result<DisconnectPayload> {
        let done = connections::disconnect(ctx.app()?, ctx.viewer()?, &input.user_id).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Follows a person. Refused with SELF, NOT_FOUND, YOU_BLOCKED or NOT_ALLOWED.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn follow_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to follow.")] input: FollowUserInput,
    ) -> Result<FollowUserPayload> {
        let done = follows::follow(ctx.app()?, ctx.viewer()?, &input.user_id).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Stops following a person. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn unfollow_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to stop following.")] input: UnfollowUserInput,
    ) -> Result<UnfollowUserPayload> {
        let done = follows::unfollow(ctx.app()?, ctx.viewer()?, &input.user_id).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Makes a person stop following the viewer. They are not told and may follow again. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn remove_follower(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to remove.")] input: RemoveFollowerInput,
    ) -> Result<RemoveFollowerPayload> {
        let done = follows::remove_follower(ctx.app()?, ctx.viewer()?, &input.user_id).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Blocks a person: connection, follows and requests in both directions end, and none can be made until the block
    /// ends. The other is not told. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn block_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to block.")] input: BlockUserInput,
    ) -> Result<BlockUserPayload> {
        let done = blocks::block(ctx.app()?, ctx.viewer()?, &input.user_id).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Takes the viewer's block of a person back. Nothing that it ended comes back. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn unblock_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to unblock.")] input: UnblockUserInput,
    ) -> Result<UnblockUserPayload> {
        let done = blocks::unblock(ctx.app()?, ctx.viewer()?, &input.user_id).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }
}
