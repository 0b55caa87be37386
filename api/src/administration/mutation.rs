//! `suspendUser`, `reinstateUser`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::suspensions;
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

#[Object]
impl AdministrationMutation {
    /// Suspends a person: their sessions and keys are taken no more, what they have open closes within two seconds, and
    /// nobody finds them. For administrators. Idempotent. Refused with NOT_FOUND or SELF.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn suspend_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom.")] input: SuspendUserInput,
    ) -> Result<SuspendUserPayload> {
        Ok(match settle(suspensions::suspend(ctx.app()?, ctx.viewer()?, &input.user_id).await)? {
            Ok((person, changed)) => {
                SuspendUserPayload { user: Some(person.into()), outcome: Outcome::of(changed), user_errors: vec![] }
            }
            Err(user_errors) => SuspendUserPayload { user: None, outcome: Outcome::Refused, user_errors },
        })
    }

    /// Lets a suspended person back in, with all that stood between them and others. They have to sign in again. For
    /// administrators. Idempotent. Refused with NOT_FOUND or SELF.
    #[graphql(guard = "Needs(Scope::Admin)")]
    async fn reinstate_user(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom.")] input: ReinstateUserInput,
    ) -> Result<ReinstateUserPayload> {
        Ok(match settle(suspensions::reinstate(ctx.app()?, ctx.viewer()?, &input.user_id).await)? {
            Ok((person, changed)) => {
                ReinstateUserPayload { user: Some(person.into()), outcome: Outcome::of(changed), user_errors: vec![] }
            }
            Err(user_errors) => ReinstateUserPayload { user: None, outcome: Outcome::Refused, user_errors },
        })
    }
}

/// The answer to `suspendUser`.
#[derive(SimpleObject)]
struct SuspendUserPayload {
    /// The person; null when refused.
    user: Option<User>,
    /// What the call did.
    outcome: Outcome,
    /// Why the call was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// The answer to `reinstateUser`.
#[derive(SimpleObject)]
struct ReinstateUserPayload {
    /// The person; null when refused.
    user: Option<User>,
    /// What the call did.
    outcome: Outcome,
    /// Why the call was refused; empty when it was not.
    user_errors: Vec<UserError>,
}
