//! `suspendUser`, `reinstateUser`, `setUserRole`, `deactivateAccount`, `deleteAccount`, `exportAccount`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::user::Role;

use super::{
    authority::Whose,
    deactivation, deletion,
    export::{self, Ready},
    roles, suspensions,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Result, UserError, settle},
    relationships::deeds::Outcome,
    users::types::User,
};

#[derive(Default)]
pub struct AdministrationMutation;

/// Whom to suspend.
#[derive(InputObject)]
struct SuspendUserInput {
    /// The person.
    user_id: ID,
}

/// Whom to let back in.
#[derive(InputObject)]
struct ReinstateUserInput {
    /// The person.
    user_id: ID,
}

/// Who becomes what.
#[derive(InputObject)]
struct SetUserRoleInput {
    /// The person.
    user_id: ID,
    /// What they are from now on.
    role: Role,
}

/// Which account to put to rest.
#[derive(InputObject)]
struct DeactivateAccountInput {
    /// Whose account; the viewer's when left out. Another person's is for administrators with the scope ADMIN.
    user_id: Option<ID>,
    /// The viewer's password, which is needed for the viewer's own account.
    #[graphql(secret)]
    password: Option<String>,
}

/// Which account to delete.
#[derive(InputObject)]
struct DeleteAccountInput {
    /// Whose account; the viewer's when left out. Another person's is for administrators with the scope ADMIN.
    user_id: Option<ID>,
    /// The viewer's password, which is needed for the viewer's own account.
    #[graphql(secret)]
    password: Option<String>,
}

/// Whose data to export.
#[derive(InputObject)]
struct ExportAccountInput {
    /// Whose data; the viewer's when left out. Another person's is for administrators with the scope ADMIN.
    user_id: Option<ID>,
}

#[Object]
impl AdministrationMutation {
    /// Suspends a person: their sessions and keys are taken no more, what they have open closes within two seconds, and
    /// nobody finds them. They cannot come back by themselves. For administrators. Idempotent. Refused with NOT_FOUND or
    /// SELF.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn suspend_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom.")] input: SuspendUserInput,
    ) -> Result<SuspendUserPayload> {
        let suspended = suspensions::suspend(ctx.app()?, ctx.viewer()?, &input.user_id, ctx.origin()?).await;
        Ok(match settle(suspended)? {
            Ok((person, changed)) => {
                SuspendUserPayload { user: Some(person.into()), outcome: Outcome::of(changed), user_errors: vec![] }
            }
            Err(user_errors) => SuspendUserPayload { user: None, outcome: Outcome::Refused, user_errors },
        })
    }

    /// Lets a person back in who was suspended or whose account was put to rest, with all that stood between them and
    /// others. They have to sign in again. For administrators. Idempotent. Refused with NOT_FOUND or SELF.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn reinstate_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom.")] input: ReinstateUserInput,
    ) -> Result<ReinstateUserPayload> {
        let reinstated = suspensions::reinstate(ctx.app()?, ctx.viewer()?, &input.user_id, ctx.origin()?).await;
        Ok(match settle(reinstated)? {
            Ok((person, changed)) => {
                ReinstateUserPayload { user: Some(person.into()), outcome: Outcome::of(changed), user_errors: vec![] }
            }
            Err(user_errors) => ReinstateUserPayload { user: None, outcome: Outcome::Refused, user_errors },
        })
    }

    /// Says what a person is in the organisation. Who becomes less loses within two seconds what only the earlier role
    /// allowed: their access tokens are taken no more, what they have open closes, and `refreshSession` gives tokens with
    /// the scopes of the new role. Who becomes more gets those with the next refresh.
    /// A role that answers customers makes an agent at once, OFFLINE until they choose a state. For administrators, also about
    /// themselves. Idempotent. Refused with NOT_FOUND, and with NOT_ALLOWED for the last administrator.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn set_user_role(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who, and what.")] input: SetUserRoleInput,
    ) -> Result<SetUserRolePayload> {
        let set = roles::set(ctx.app()?, ctx.viewer()?, &input.user_id, input.role, ctx.origin()?).await;
        Ok(match settle(set)? {
            Ok((person, changed)) => {
                SetUserRolePayload { user: Some(person.into()), outcome: Outcome::of(changed), user_errors: vec![] }
            }
            Err(user_errors) => SetUserRolePayload { user: None, outcome: Outcome::Refused, user_errors },
        })
    }

    /// Puts an account to rest: sessions and keys end, what is open closes within two seconds, nobody finds the person, and
    /// nobody can relate to them. Everything is kept, and comes back when the person signs in with `reactivate`, or by
    /// `reinstateUser`. For oneself with the password; for administrators about others, for whom it is idempotent. Refused
    /// with NOT_FOUND, INVALID without the password, NOT_ALLOWED for a wrong one, for a key, for the last administrator and
    /// for somebody who is suspended, or TOO_MANY_ATTEMPTS.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn deactivate_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeactivateAccountInput,
    ) -> Result<DeactivateAccountPayload> {
        let (app, viewer, origin) = (ctx.app()?, ctx.viewer()?, ctx.origin()?);
        let user = input.user_id.as_ref().map(|id| id.as_str());
        let done = match Whose::read(app, viewer, user, input.password, origin).await {
            Ok(whose) => deactivation::deactivate(app, viewer, &whose, origin).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match settle(done)? {
            Ok(changed) => DeactivateAccountPayload { outcome: Outcome::of(changed), user_errors: vec![] },
            Err(user_errors) => DeactivateAccountPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Deletes an account for good, with all that is the person's or about the person: profile, relationships, requests,
    /// blocks, notes, activities, notifications, address book, sessions and keys, for both sides. What is open closes within
    /// two seconds, the handle is free, and events of before show the person as "Deleted user". Keys of the organisation
    /// that the person made stay in force. For oneself with the password; for administrators about others. Refused with
    /// NOT_FOUND, INVALID without the password, NOT_ALLOWED for a wrong one, for a key and for the last administrator, or
    /// TOO_MANY_ATTEMPTS.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn delete_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteAccountInput,
    ) -> Result<DeleteAccountPayload> {
        let (app, viewer, origin) = (ctx.app()?, ctx.viewer()?, ctx.origin()?);
        let user = input.user_id.as_ref().map(|id| id.as_str());
        let done = match Whose::read(app, viewer, user, input.password, origin).await {
            Ok(whose) => deletion::delete(app, viewer, &whose, origin).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match settle(done)? {
            Ok(user) => DeleteAccountPayload { deleted_user_id: Some(user.into()), user_errors: vec![] },
            Err(user_errors) => DeleteAccountPayload { deleted_user_id: None, user_errors },
        })
    }

    /// Makes an address from which one's own data can be fetched as a ZIP archive of JSON files, without a token, for ten
    /// minutes. For administrators also that of others. Refused with NOT_FOUND, and with NOT_ALLOWED for a key and for a token
    /// that lacks PROFILE_READ, CONTACTS_READ, NOTIFICATIONS_READ or ACTIVITY_READ about one's own.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn export_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose.")] input: ExportAccountInput,
    ) -> Result<ExportAccountPayload> {
        let user = input.user_id.as_ref().map(|id| id.as_str());
        Ok(match settle(export::prepare(ctx.app()?, ctx.viewer()?, user, ctx.origin()?).await)? {
            Ok(Ready { url, expires_at }) => {
                ExportAccountPayload { url: Some(url), expires_at: Some(expires_at), user_errors: vec![] }
            }
            Err(user_errors) => ExportAccountPayload { url: None, expires_at: None, user_errors },
        })
    }
}

macro_rules! about_a_person {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The answer to `", $mutation, "`.")]
        #[derive(SimpleObject)]
        struct $name {
            /// The person; null when refused.
            user: Option<User>,
            /// What the call did.
            outcome: Outcome,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }
    )*};
}

about_a_person!(
    SuspendUserPayload "suspendUser",
    ReinstateUserPayload "reinstateUser",
    SetUserRolePayload "setUserRole",
);

/// The answer to `deactivateAccount`.
#[derive(SimpleObject)]
struct DeactivateAccountPayload {
    /// What the call did.
    outcome: Outcome,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `deleteAccount`.
#[derive(SimpleObject)]
struct DeleteAccountPayload {
    /// The id of who is gone; null when refused.
    deleted_user_id: Option<ID>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `exportAccount`.
#[derive(SimpleObject)]
struct ExportAccountPayload {
    /// Where to fetch the archive by GET: a path on this server with a ticket in it. Keep it as safe as a password. Null when
    /// refused.
    url: Option<String>,
    /// Until when.
    expires_at: Option<DateTime<Utc>>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
