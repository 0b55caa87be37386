//! Mutations of relationships. Each is idempotent: a repeated call changes nothing and answers NO_CHANGE.

use async_graphql::{Context, ID, InputObject, Object};
use entity::{id::UserId, relationship::Mutes};
use futures_util::future::BoxFuture;

use super::payloads::{
    AcceptConnectionRequestPayload, ActionPayload, BlockUserPayload, DisconnectPayload, FollowUserPayload,
    IgnoreConnectionRequestPayload, MuteUserPayload, PayloadSubject, RemoveFollowerPayload, RequestConnectionPayload,
    SaveNotePayload, UnblockUserPayload, UnfollowUserPayload, UnmuteUserPayload, UpdateContactsPayload,
    WithdrawConnectionRequestPayload,
};
use crate::{
    app::Tx,
    auth::{
        guard::Needs,
        request_context::ContextExt,
        viewer::{Scope, Viewer},
    },
    error::Result,
    instant::Instant,
    relationships::{
        actions::{ActionResult, parse_user},
        blocks,
        bulk::{self, ActionOptions, ContactAction},
        connections, follows,
        mutes::{self, Mute},
        notes,
    },
};

macro_rules! inputs {
    ($field:ident $doc:literal: $($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The ", $mutation, ".")]
        #[derive(InputObject)]
        struct $name {
            #[doc = $doc]
            $field: ID,
        }
    )*};
}

inputs! { user_id "The other person's id.":
    DisconnectInput "person to disconnect from",
    FollowUserInput "person to follow",
    UnfollowUserInput "person to stop following",
    RemoveFollowerInput "follower to remove",
    BlockUserInput "person to block",
    UnblockUserInput "person to unblock",
    UnmuteUserInput "person to unmute",
}

inputs! { request_id "The request's id.":
    WithdrawConnectionRequestInput "connection request to withdraw",
    AcceptConnectionRequestInput "connection request to accept",
    IgnoreConnectionRequestInput "connection request to ignore",
}

/// The person to connect with, and an optional message.
#[derive(InputObject)]
struct RequestConnectionInput {
    /// The other person's id.
    user_id: ID,
    /// A message to the other person, at most 500 characters.
    message: Option<String>,
}

/// The person to mute, and the parts to mute.
#[derive(InputObject)]
struct MuteUserInput {
    /// The other person's id.
    user_id: ID,
    /// The end of the mute. Without it the mute lasts until it is taken back.
    until: Option<Instant>,
    /// True to leave the person out of the feed.
    #[graphql(default = true)]
    feed: bool,
    /// True to suppress notifications about the person's acts.
    #[graphql(default = true)]
    notifications: bool,
}

/// The person, and the note about them.
#[derive(InputObject)]
struct SaveNoteInput {
    /// The other person's id.
    user_id: ID,
    /// The note, at most 2,000 characters. An empty text removes it.
    text: String,
}

/// The action, and the people to apply it to.
#[derive(InputObject)]
struct UpdateContactsInput {
    /// The action for each person.
    action: ContactAction,
    /// The ids of 1 to 100 people. A repeated id counts once.
    user_ids: Vec<ID>,
    /// For MUTE: the end of the mute.
    mute_until: Option<Instant>,
    /// For REQUEST_CONNECTION: a message to each person, at most 500 characters.
    message: Option<String>,
}

/// Root mutations of relationships.
#[derive(Default)]
pub struct RelationshipsMutation;

#[Object]
impl RelationshipsMutation {
    /// Asks a person to connect. If that person has already asked the viewer, the two are connected at once
    /// (CONNECTED_BY_MUTUAL_REQUEST). Refuses with CANNOT_TARGET_SELF, NOT_FOUND, BLOCKED_BY_VIEWER, REQUESTS_DISABLED,
    /// REQUEST_COOLDOWN or INVALID.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn request_connection(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to ask, and an optional message.")] input: RequestConnectionInput,
    ) -> Result<RequestConnectionPayload> {
        let payload = about_user(ctx, &input.user_id, |tx, by, other| {
            let message = input.message.clone();
            Box::pin(async move { connections::request(tx, by, other, message.as_deref()).await })
        });
        Ok(payload.await?.into())
    }

    /// Withdraws a connection request of the viewer. Refuses with NOT_FOUND, NOT_REQUESTER, or NOT_PENDING when the
    /// request was accepted.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn withdraw_connection_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The request to withdraw.")] input: WithdrawConnectionRequestInput,
    ) -> Result<WithdrawConnectionRequestPayload> {
        let done = connections::withdraw(ctx.app()?, ctx.viewer()?, &input.request_id).await;
        Ok(ActionPayload::of(ctx, done, PayloadSubject::Request(&input.request_id)).await?.into())
    }

    /// Accepts a connection request to the viewer, which connects the two. Refuses with NOT_FOUND, NOT_RECIPIENT or
    /// NOT_PENDING.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn accept_connection_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The request to accept.")] input: AcceptConnectionRequestInput,
    ) -> Result<AcceptConnectionRequestPayload> {
        let done = connections::accept(ctx.app()?, ctx.viewer()?, &input.request_id).await;
        Ok(ActionPayload::of(ctx, done, PayloadSubject::Request(&input.request_id)).await?.into())
    }

    /// Ignores a connection request to the viewer. The requester gets no notice and sees it as pending. The requester
    /// cannot ask again until the cooldown ends. Refuses with NOT_FOUND, NOT_RECIPIENT or NOT_PENDING.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn ignore_connection_request(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The request to ignore.")] input: IgnoreConnectionRequestInput,
    ) -> Result<IgnoreConnectionRequestPayload> {
        let done = connections::ignore(ctx.app()?, ctx.viewer()?, &input.request_id).await;
        Ok(ActionPayload::of(ctx, done, PayloadSubject::Request(&input.request_id)).await?.into())
    }

    /// Ends the connection with a person and closes the conversation with them. Follows stay. Refuses with
    /// CANNOT_TARGET_SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn disconnect(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to disconnect from.")] input: DisconnectInput,
    ) -> Result<DisconnectPayload> {
        Ok(about_user(ctx, &input.user_id, |tx, by, other| Box::pin(connections::disconnect(tx, by, other)))
            .await?
            .into())
    }

    /// Follows a person. Refuses with CANNOT_TARGET_SELF, NOT_FOUND, BLOCKED_BY_VIEWER or NOT_ALLOWED.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn follow_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to follow.")] input: FollowUserInput,
    ) -> Result<FollowUserPayload> {
        Ok(about_user(ctx, &input.user_id, |tx, by, other| Box::pin(follows::follow(tx, by, other))).await?.into())
    }

    /// Stops following a person. Refuses with CANNOT_TARGET_SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn unfollow_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to stop following.")] input: UnfollowUserInput,
    ) -> Result<UnfollowUserPayload> {
        Ok(about_user(ctx, &input.user_id, |tx, by, other| Box::pin(follows::unfollow(tx, by, other))).await?.into())
    }

    /// Makes a person stop following the viewer. The person gets no notice and can follow again. Refuses with
    /// CANNOT_TARGET_SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn remove_follower(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The follower to remove.")] input: RemoveFollowerInput,
    ) -> Result<RemoveFollowerPayload> {
        Ok(about_user(ctx, &input.user_id, |tx, by, other| Box::pin(follows::remove_follower(tx, by, other)))
            .await?
            .into())
    }

    /// Blocks a person. Connection, follows and requests in both directions end, and the conversation with the person
    /// is closed. None of them can be made again until the block ends. The person gets no notice. Refuses with
    /// CANNOT_TARGET_SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn block_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to block.")] input: BlockUserInput,
    ) -> Result<BlockUserPayload> {
        Ok(about_user(ctx, &input.user_id, |tx, by, other| Box::pin(blocks::block(tx, by, other))).await?.into())
    }

    /// Ends the viewer's block of a person. The connection, follows and requests that it ended stay ended. Refuses with
    /// CANNOT_TARGET_SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn unblock_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to unblock.")] input: UnblockUserInput,
    ) -> Result<UnblockUserPayload> {
        Ok(about_user(ctx, &input.user_id, |tx, by, other| Box::pin(blocks::unblock(tx, by, other))).await?.into())
    }

    /// Mutes a person in the feed, in notifications or in both, and replaces an earlier mute. Nothing else changes, and
    /// the person gets no notice. Refuses with CANNOT_TARGET_SELF, NOT_FOUND or INVALID.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn mute_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to mute, and the parts to mute.")] input: MuteUserInput,
    ) -> Result<MuteUserPayload> {
        let what = Mutes::of(input.feed, input.notifications);
        let mute = Mute { what, until: input.until.map(|until| until.0) };
        let payload = about_user(ctx, &input.user_id, |tx, by, other| Box::pin(mutes::mute(tx, by, other, mute)));
        Ok(payload.await?.into())
    }

    /// Ends the viewer's mute of a person. Refuses with CANNOT_TARGET_SELF or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn unmute_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person to unmute.")] input: UnmuteUserInput,
    ) -> Result<UnmuteUserPayload> {
        Ok(about_user(ctx, &input.user_id, |tx, by, other| Box::pin(mutes::unmute(tx, by, other))).await?.into())
    }

    /// Saves the viewer's private note about a person and replaces an earlier one. No other user ever sees it. Refuses
    /// with CANNOT_TARGET_SELF, NOT_FOUND or INVALID.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn save_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The person, and the note about them.")] input: SaveNoteInput,
    ) -> Result<SaveNotePayload> {
        let payload = about_user(ctx, &input.user_id, |tx, by, other| {
            let text = input.text.clone();
            Box::pin(async move { notes::save(tx, by, other, &text).await })
        });
        Ok(payload.await?.into())
    }

    /// Applies one action to many people and returns one result for each. The refusal of one person does not stop the
    /// others. Refuses the whole call with INVALID when it names no person or more than 100.
    #[graphql(guard = "Needs(Scope::ContactsWrite)")]
    async fn update_contacts(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The action, and the people to apply it to.")] input: UpdateContactsInput,
    ) -> Result<UpdateContactsPayload> {
        let options = ActionOptions { message: input.message, mute_until: input.mute_until.map(|until| until.0) };
        let updated = bulk::update(ctx.app()?, ctx.viewer()?, &input.user_ids, input.action, &options).await;
        UpdateContactsPayload::of(ctx, &input.user_ids, updated).await
    }
}

/// Runs an action about another user in a transaction.
async fn about_user<F>(ctx: &Context<'_>, user_id: &ID, action: F) -> Result<ActionPayload>
where
    F: for<'t> Fn(&'t Tx<'_>, &'t Viewer, UserId) -> BoxFuture<'t, Result<ActionResult>> + Sync,
{
    let by = ctx.viewer()?;
    let result = match parse_user(user_id) {
        Ok(other) => ctx.app()?.transaction(|tx| action(tx, by, other)).await,
        Err(refused) => Err(refused),
    };
    ActionPayload::of(ctx, result, PayloadSubject::User(user_id)).await
}
