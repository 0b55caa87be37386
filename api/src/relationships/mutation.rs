//! The mutations of relationships. All are idempotent: doing again what is done already answers NO_CHANGE.

use async_graphql::{Context, ID, InputObject, Object};
use entity::relationship::Mutes;

use super::{
    bulk::{self, ContactAction},
    connections,
    deeds::{self, Deed},
    mutes::Mute,
    payloads::{
        About, AcceptConnectionRequestPayload, Answer, BlockUserPayload, DisconnectPayload, FollowUserPayload,
        IgnoreConnectionRequestPayload, MuteUserPayload, RemoveFollowerPayload, RequestConnectionPayload,
        SaveNotePayload, UnblockUserPayload, UnfollowUserPayload, UnmuteUserPayload, UpdateContactsPayload,
        WithdrawConnectionRequestPayload,
    },
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    instant::Instant,
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
    UnmuteUserInput "unmuteUser",
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

/// What `muteUser` is about.
#[derive(InputObject)]
struct MuteUserInput {
    /// The other person's id.
    user_id: ID,
    /// Until when; for as long as it is not taken back when left out.
    until: Option<Instant>,
    /// Whether to leave the person out of the feed.
    #[graphql(default = true)]
    feed: bool,
    /// Whether what the person does is to make no notifications.
    #[graphql(default = true)]
    notifications: bool,
}

/// What `saveNote` is about.
#[derive(InputObject)]
struct SaveNoteInput {
    /// The other person's id.
    user_id: ID,
    /// The note, at most 2,000 characters; empty to remove it.
    text: String,
}

/// What `updateContacts` is about.
#[derive(InputObject)]
struct UpdateContactsInput {
    /// What to do about each.
    action: ContactAction,
    /// The people, 1 to 100. Who is named twice is taken once.
    user_ids: Vec<ID>,
    /// Of MUTE: until when.
    mute_until: Option<Instant>,
    /// Of REQUEST_CONNECTION: a word to each, at most 500 characters.
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
        let deed = Deed::RequestConnection(input.message);
        let done = deeds::one(ctx.app()?, ctx.viewer()?, &input.user_id, deed).await;
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

    /// Ends the connection with a person, and closes the conversation with them. Follows stay. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn disconnect(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From whom.")] input: DisconnectInput,
    ) -> Result<DisconnectPayload> {
        let done = deeds::one(ctx.app()?, ctx.viewer()?, &input.user_id, Deed::Disconnect).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Follows a person. Refused with SELF, NOT_FOUND, YOU_BLOCKED or NOT_ALLOWED.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn follow_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to follow.")] input: FollowUserInput,
    ) -> Result<FollowUserPayload> {
        let done = deeds::one(ctx.app()?, ctx.viewer()?, &input.user_id, Deed::Follow).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Stops following a person. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn unfollow_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to stop following.")] input: UnfollowUserInput,
    ) -> Result<UnfollowUserPayload> {
        let done = deeds::one(ctx.app()?, ctx.viewer()?, &input.user_id, Deed::Unfollow).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Makes a person stop following the viewer. They are not told and may follow again. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn remove_follower(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to remove.")] input: RemoveFollowerInput,
    ) -> Result<RemoveFollowerPayload> {
        let done = deeds::one(ctx.app()?, ctx.viewer()?, &input.user_id, Deed::RemoveFollower).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Blocks a person: connection, follows and requests in both directions end, the conversation with them is closed, and
    /// none can be made until the block ends. The other is not told. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn block_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to block.")] input: BlockUserInput,
    ) -> Result<BlockUserPayload> {
        let done = deeds::one(ctx.app()?, ctx.viewer()?, &input.user_id, Deed::Block).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Takes the viewer's block of a person back. Nothing that it ended comes back. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn unblock_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to unblock.")] input: UnblockUserInput,
    ) -> Result<UnblockUserPayload> {
        let done = deeds::one(ctx.app()?, ctx.viewer()?, &input.user_id, Deed::Unblock).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Mutes a person in the feed, in notifications or in both, in place of an earlier mute. Nothing else changes and the
    /// person is not told. Refused with SELF, NOT_FOUND or INVALID.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn mute_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom, and what of them.")] input: MuteUserInput,
    ) -> Result<MuteUserPayload> {
        let what = Mutes::of(input.feed, input.notifications);
        let deed = Deed::Mute(Mute { what, until: input.until.map(|until| until.0) });
        let done = deeds::one(ctx.app()?, ctx.viewer()?, &input.user_id, deed).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Takes the viewer's mute of a person back. Refused with SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn unmute_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to hear again.")] input: UnmuteUserInput,
    ) -> Result<UnmuteUserPayload> {
        let done = deeds::one(ctx.app()?, ctx.viewer()?, &input.user_id, Deed::Unmute).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Writes the viewer's private note about a person, in place of an earlier one. Nobody else ever sees it. Refused with
    /// SELF, NOT_FOUND or INVALID.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn save_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "About whom, and what.")] input: SaveNoteInput,
    ) -> Result<SaveNotePayload> {
        let deed = Deed::SaveNote(input.text);
        let done = deeds::one(ctx.app()?, ctx.viewer()?, &input.user_id, deed).await;
        Ok(Answer::of(ctx, done, About::User(&input.user_id)).await?.into())
    }

    /// Does the same about many people, each for itself: one who is refused does not stop the others, and each has a result.
    /// The whole call is refused with INVALID when it names nobody or more than 100.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn update_contacts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What, about whom.")] input: UpdateContactsInput,
    ) -> Result<UpdateContactsPayload> {
        let deed = input.action.deed(input.message, input.mute_until.map(|until| until.0));
        let updated = bulk::update(ctx.app()?, ctx.viewer()?, &input.user_ids, deed).await;
        UpdateContactsPayload::of(ctx, &input.user_ids, updated).await
    }
}
