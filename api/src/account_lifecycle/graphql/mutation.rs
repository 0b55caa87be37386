//! The mutations of account administration: `suspendUser`, `reinstateUser`, `setUserRole`, `deactivateAccount`,
//! `deleteAccount` and `exportAccount`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::user::Role;

use crate::account_lifecycle::{
    deactivation, deletion,
    export::{self, ExportTicket},
    permissions::AccountScope,
    roles, suspensions,
};
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::Result,
    events::graphql::effect::Effect,
    instant::Instant,
    outcome::Outcome,
    users::graphql::types::User,
};

/// The mutations of account administration.
#[derive(Default)]
pub struct AdministrationMutation;

/// The user to suspend.
#[derive(InputObject)]
struct SuspendUserInput {
    /// The id of the user, `user_…`.
    user_id: ID,
}

/// The user to reinstate.
#[derive(InputObject)]
struct ReinstateUserInput {
    /// The id of the user, `user_…`.
    user_id: ID,
}

/// The user and their new role.
#[derive(InputObject)]
struct SetUserRoleInput {
    /// The id of the user, `user_…`.
    user_id: ID,
    /// The new role of the user.
    role: Role,
}

/// The account to deactivate.
#[derive(InputObject)]
struct DeactivateAccountInput {
    /// The id of the account's owner. The viewer's own account when left out. Another account needs an administrator
    /// with the scope ADMIN.
    user_id: Option<ID>,
    /// The viewer's password. It is required for the viewer's own account.
    #[graphql(secret)]
    password: Option<String>,
}

/// The account to delete.
#[derive(InputObject)]
struct DeleteAccountInput {
    /// The id of the account's owner. The viewer's own account when left out. Another account needs an administrator
    /// with the scope ADMIN.
    user_id: Option<ID>,
    /// The viewer's password. It is required for the viewer's own account.
    #[graphql(secret)]
    password: Option<String>,
}

/// The user whose data the archive contains.
#[derive(InputObject)]
struct ExportAccountInput {
    /// The id of the user. The viewer when left out. Another user needs an administrator with the scope ADMIN.
    user_id: Option<ID>,
}

#[Object]
impl AdministrationMutation {
    /// Suspends a user. Their sessions and keys become invalid, their open connections close within two seconds, and
    /// other users cannot find them. Only an administrator can reinstate them. Only administrators can call it.
    /// Idempotent. Refuses with NOT_FOUND or CANNOT_TARGET_SELF.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn suspend_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to suspend.")] input: SuspendUserInput,
    ) -> Result<SuspendUserPayload> {
        let suspended = suspensions::suspend(ctx.app()?, ctx.viewer()?, &input.user_id, ctx.origin()?).await;
        let (person, effect) = Effect::split(suspended)?;
        Ok(SuspendUserPayload { user: person.map(User::from), effect })
    }

    /// Activates a suspended or deactivated account again, with all its relationships. The user must sign in again.
    /// Only administrators can call it. Idempotent. Refuses with NOT_FOUND or CANNOT_TARGET_SELF.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn reinstate_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user to reinstate.")] input: ReinstateUserInput,
    ) -> Result<ReinstateUserPayload> {
        let reinstated = suspensions::reinstate(ctx.app()?, ctx.viewer()?, &input.user_id, ctx.origin()?).await;
        let (person, effect) = Effect::split(reinstated)?;
        Ok(ReinstateUserPayload { user: person.map(User::from), effect })
    }

    /// Sets a user's role. A lower role takes effect within two seconds: access tokens become invalid and open
    /// connections close. `refreshSession` then gives tokens with the scopes of the new role. A higher role takes
    /// effect at the next refresh. A role that answers customers makes the user an agent at once. The agent is OFFLINE
    /// until they choose a state. Only administrators can call it, also for themselves. Idempotent. Refuses with
    /// NOT_FOUND, or LAST_ADMINISTRATOR.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn set_user_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user and the new role.")] input: SetUserRoleInput,
    ) -> Result<SetUserRolePayload> {
        let set = roles::set(ctx.app()?, ctx.viewer()?, &input.user_id, input.role, ctx.origin()?).await;
        let (person, effect) = Effect::split(set)?;
        Ok(SetUserRolePayload { user: person.map(User::from), effect })
    }

    /// Deactivates an account. Sessions and keys end and open connections close within two seconds. Other users cannot
    /// find the user or relate to them. All data is kept. The account becomes active again with a sign-in with
    /// `reactivate`, or by `reinstateUser`. Needs the viewer's password for their own account. Administrators can
    /// deactivate other accounts, which is idempotent. Refuses with NOT_FOUND, REQUIRED without the password,
    /// WRONG_PASSWORD, NOT_FOR_KEYS, LAST_ADMINISTRATOR, NOT_ALLOWED for a suspended account, or TOO_MANY_ATTEMPTS.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn deactivate_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to deactivate.")] input: DeactivateAccountInput,
    ) -> Result<DeactivateAccountPayload> {
        let (app, viewer, origin) = (ctx.app()?, ctx.viewer()?, ctx.origin()?);
        let user = input.user_id.as_ref().map(|id| id.as_str());
        let done = match AccountScope::read(app, viewer, user, input.password, origin).await {
            Ok(whose) => deactivation::deactivate(app, viewer, &whose, origin).await,
            Err(refusal) => Err(refusal),
        };
        Ok(DeactivateAccountPayload { effect: Effect::split(done.map(|changed| ((), changed)))?.1 })
    }

    /// Deletes an account for good with all data of and about the user, for both sides. This covers the profile,
    /// relationships, requests, blocks, notes, activities, notifications, the address book, sessions and keys. Open
    /// connections close within two seconds. The handle becomes free, and earlier events show the user as "Deleted
    /// user". Organization keys that the user created stay valid. Needs the viewer's password for their own account.
    /// Administrators can delete other accounts, which is idempotent. Refuses with NOT_FOUND, REQUIRED without the
    /// password, WRONG_PASSWORD, NOT_FOR_KEYS, LAST_ADMINISTRATOR or TOO_MANY_ATTEMPTS.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn delete_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to delete.")] input: DeleteAccountInput,
    ) -> Result<DeleteAccountPayload> {
        let (app, viewer, origin) = (ctx.app()?, ctx.viewer()?, ctx.origin()?);
        let user = input.user_id.as_ref().map(|id| id.as_str());
        let done = match AccountScope::read(app, viewer, user, input.password, origin).await {
            Ok(whose) => deletion::delete(app, viewer, &whose, origin).await,
            Err(refusal) => Err(refusal),
        };
        let (user, effect) = Effect::split(done)?;
        Ok(DeleteAccountPayload { deleted_id: user.map(ID::from), effect })
    }

    /// Creates an address for downloading the viewer's data as a ZIP archive of JSON files. It works without a token
    /// for ten minutes. Administrators can export the data of other users. Refuses with NOT_FOUND, NOT_FOR_KEYS, or
    /// NOT_ALLOWED when the token for the viewer's own data lacks PROFILE_READ, CONTACTS_READ, NOTIFICATIONS_READ,
    /// ACTIVITY_READ or CONVERSATIONS_READ.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn export_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The user whose data the archive contains.")] input: ExportAccountInput,
    ) -> Result<ExportAccountPayload> {
        let user = input.user_id.as_ref().map(|id| id.as_str());
        let ticket = export::prepare(ctx.app()?, ctx.viewer()?, user, ctx.origin()?).await;
        let (ticket, effect) = Effect::split(ticket.map(|ticket| (ticket, Outcome::NoChange)))?;
        let (url, expires_at) = ticket.map(|ExportTicket { url, expires_at }| (url, expires_at)).unzip();
        Ok(ExportAccountPayload { url, expires_at: expires_at.map(Instant), effect })
    }
}

macro_rules! about_a_person {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        struct $name {
            /// The affected user. Null when refused.
            user: Option<User>,
            /// The effect of the call.
            #[graphql(flatten)]
            effect: Effect,
        }
    )*};
}

about_a_person!(
    SuspendUserPayload "suspendUser",
    ReinstateUserPayload "reinstateUser",
    SetUserRolePayload "setUserRole",
);

/// The result of `deactivateAccount`.
#[derive(SimpleObject)]
struct DeactivateAccountPayload {
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `deleteAccount`.
#[derive(SimpleObject)]
struct DeleteAccountPayload {
    /// The id of the deleted user. Null when refused.
    deleted_id: Option<ID>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `exportAccount`. The outcome is NO_CHANGE, because an export changes nothing.
#[derive(SimpleObject)]
struct ExportAccountPayload {
    /// The path on this server, with a ticket, from which GET downloads the archive. Keep it as safe as a password.
    /// Null when refused.
    url: Option<String>,
    /// The time at which the ticket expires. Null when refused.
    expires_at: Option<Instant>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
