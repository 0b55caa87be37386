//! `signUp`, `signIn`: the two fields an anonymous caller may use.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::sessions::{self, SignInInput, SignUpInput, SignedIn};
use crate::{
    auth::context::ContextExt,
    error::{Result, UserError, settle},
    users::types::User,
};

#[derive(Default)]
pub struct AccountsMutation;

#[Object]
impl AccountsMutation {
    /// Makes an account and signs in. Needs no token. Refused with INVALID, DUPLICATE for a handle that is taken, or
    /// NOT_ALLOWED where sign-up is closed.
    async fn sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to make an account for.")] input: SignUpInput,
    ) -> Result<SignUpPayload> {
        Ok(match settle(sessions::sign_up(ctx.app()?, input).await)? {
            Ok(SignedIn { person, token }) => SignUpPayload {
                user: Some(person.into()),
                access_token: Some(token.text),
                expires_at: Some(token.expires_at),
                user_errors: vec![],
            },
            Err(user_errors) => SignUpPayload { user: None, access_token: None, expires_at: None, user_errors },
        })
    }

    /// Signs in by handle and password. Needs no token. Refused with NOT_ALLOWED, whichever of the two is wrong.
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs in.")] input: SignInInput,
    ) -> Result<SignInPayload> {
        Ok(match settle(sessions::sign_in(ctx.app()?, input).await)? {
            Ok(SignedIn { person, token }) => SignInPayload {
                user: Some(person.into()),
                access_token: Some(token.text),
                expires_at: Some(token.expires_at),
                user_errors: vec![],
            },
            Err(user_errors) => SignInPayload { user: None, access_token: None, expires_at: None, user_errors },
        })
    }
}

/// The answer to `signUp`.
#[derive(SimpleObject)]
struct SignUpPayload {
    /// The new account; null when refused.
    user: Option<User>,
    /// Send it as `Authorization: Bearer …`; null when refused.
    access_token: Option<String>,
    /// When the access token ends.
    expires_at: Option<DateTime<Utc>>,
    /// Why the call was refused; empty when it was not.
    user_errors: Vec<UserError>,
}

/// The answer to `signIn`.
#[derive(SimpleObject)]
struct SignInPayload {
    /// Who signed in; null when refused.
    user: Option<User>,
    /// Send it as `Authorization: Bearer …`; null when refused.
    access_token: Option<String>,
    /// When the access token ends.
    expires_at: Option<DateTime<Utc>>,
    /// Why the call was refused; empty when it was not.
    user_errors: Vec<UserError>,
}
