//! The mutations of accounts: sign-up, sign-in, sign-out, sessions, passwords, addresses and keys. Fields without a
//! guard need no authentication.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::types::ApiKey;
use crate::accounts::{
    api_keys::{self, CreateApiKeyInput, CreatedApiKey, RotateApiKeyInput, UpdateApiKeyInput},
    passwords::{self, ChangePasswordInput, SignInInput, SignUpInput},
    recovery::{self, ConfirmEmailInput, RequestEmailConfirmationInput, RequestPasswordResetInput, ResetPasswordInput},
    sessions::{self, SignedIn},
};
use crate::{
    auth::{
        guard::Needs,
        request_context::ContextExt,
        viewer::{Credential, Scope, Viewer},
    },
    error::{Error, Result, UserError, UserErrorCode, into_user_errors},
    outcome::Outcome,
    users::graphql::types::User,
};

/// The mutations of accounts.
#[derive(Default)]
pub struct AccountsMutation;

/// The session to continue.
#[derive(InputObject)]
struct RefreshSessionInput {
    /// The refresh token of the last sign-in or refresh. The call uses it up.
    #[graphql(secret)]
    refresh_token: String,
}

/// The session to end.
#[derive(InputObject)]
struct RevokeSessionInput {
    /// The id of the session, `session_…`.
    session_id: ID,
}

/// The API key to revoke.
#[derive(InputObject)]
struct RevokeApiKeyInput {
    /// The id of the key, `key_…`.
    api_key_id: ID,
}

#[Object]
impl AccountsMutation {
    /// Creates an account and signs in. Needs no access token. Refuses with INVALID, DUPLICATE for a taken handle,
    /// NOT_ALLOWED when sign-up is closed, or TOO_MANY_ATTEMPTS.
    async fn sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to create.")] input: SignUpInput,
    ) -> Result<SignUpPayload> {
        Ok(match into_user_errors(passwords::sign_up(ctx.app()?, input, ctx.origin()?).await)? {
            Ok(SignedIn { person, token, refresh_token }) => SignUpPayload {
                user: Some(person.into()),
                access_token: Some(token.text),
                refresh_token: Some(refresh_token),
                expires_at: Some(token.expires_at),
                user_errors: vec![],
            },
            Err(user_errors) => SignUpPayload { user_errors, ..SignUpPayload::default() },
        })
    }

    /// Signs in with a handle and a password. Needs no access token. A deactivated account is activated again with
    /// `reactivate`.
    /// Refuses with NOT_ALLOWED for a wrong handle or password, ACCOUNT_DEACTIVATED for a deactivated account without
    /// `reactivate`, or TOO_MANY_ATTEMPTS.
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credentials of the user.")] input: SignInInput,
    ) -> Result<SignInPayload> {
        Ok(match into_user_errors(passwords::sign_in(ctx.app()?, input, ctx.caller().ok(), ctx.origin()?).await)? {
            Ok(SignedIn { person, token, refresh_token }) => SignInPayload {
                user: Some(person.into()),
                access_token: Some(token.text),
                refresh_token: Some(refresh_token),
                expires_at: Some(token.expires_at),
                user_errors: vec![],
            },
            Err(user_errors) => SignInPayload { user_errors, ..SignInPayload::default() },
        })
    }

    /// Exchanges a refresh token for a new one and a new access token. Needs no access token. A refresh token works
    /// once, and again for ten seconds in case the answer was lost. Later use ends the session, because another person
    /// then has the token. Refuses with NOT_ALLOWED. The user must sign in again then.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session to continue.")] input: RefreshSessionInput,
    ) -> Result<RefreshSessionPayload> {
        Ok(match into_user_errors(sessions::refresh(ctx.app()?, &input.refresh_token).await)? {
            Ok(SignedIn { person, token, refresh_token }) => RefreshSessionPayload {
                user: Some(person.into()),
                access_token: Some(token.text),
                refresh_token: Some(refresh_token),
                expires_at: Some(token.expires_at),
                user_errors: vec![],
            },
            Err(user_errors) => RefreshSessionPayload { user_errors, ..RefreshSessionPayload::default() },
        })
    }

    /// Ends the session of this call. Its tokens become invalid and its sockets close. Returns NO_CHANGE for a token
    /// without a session.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn sign_out(&self, ctx: &Context<'_>) -> Result<SignOutPayload> {
        let ended = sessions::sign_out(ctx.app()?, ctx.viewer()?).await?;
        Ok(SignOutPayload { outcome: Outcome::of(ended), user_errors: vec![] })
    }

    /// Ends one of the viewer's sessions. Idempotent. Refuses with NOT_FOUND, or NOT_ALLOWED for an API key.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session to end.")] input: RevokeSessionInput,
    ) -> Result<RevokeSessionPayload> {
        let revoked = match no_key(ctx.viewer()?) {
            Ok(viewer) => sessions::revoke(ctx.app()?, viewer, &input.session_id).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match into_user_errors(revoked)? {
            Ok(ended) => RevokeSessionPayload { outcome: Outcome::of(ended), user_errors: vec![] },
            Err(user_errors) => RevokeSessionPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Changes the viewer's password and ends all their other sessions. Personal API keys stay valid. The viewer's
    /// confirmed addresses get a mail about the change. Refuses with NOT_ALLOWED for a wrong current password or an API
    /// key, INVALID, or TOO_MANY_ATTEMPTS.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The current and the new password.")] input: ChangePasswordInput,
    ) -> Result<ChangePasswordPayload> {
        let changed = match no_key(ctx.viewer()?) {
            Ok(viewer) => passwords::change(ctx.app()?, viewer, input, ctx.origin()?).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match into_user_errors(changed)? {
            Ok(()) => ChangePasswordPayload { outcome: Outcome::Applied, user_errors: vec![] },
            Err(user_errors) => ChangePasswordPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Sends a mail for setting a new password to a confirmed address of the account's owner. Needs no access token.
    /// The answer does not reveal whether the account exists. Refuses with NOT_ALLOWED when the server sends no mail,
    /// INVALID, or TOO_MANY_ATTEMPTS.
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account whose password was forgotten.")] input: RequestPasswordResetInput,
    ) -> Result<RequestPasswordResetPayload> {
        let requested = recovery::request_reset(ctx.app()?, &input, ctx.origin()?).await;
        Ok(RequestPasswordResetPayload { user_errors: into_user_errors(requested)?.err().unwrap_or_default() })
    }

    /// Sets a new password with a token from a mail. Needs no access token. Ends all sessions of the user and revokes
    /// their personal API keys. Their confirmed addresses get a mail about the change. The token works once, for 30
    /// minutes, while its address stays confirmed and the password is unchanged. Refuses with NOT_ALLOWED for any other
    /// token, or INVALID.
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token and the new password.")] input: ResetPasswordInput,
    ) -> Result<ResetPasswordPayload> {
        Ok(match into_user_errors(recovery::reset(ctx.app()?, input, ctx.origin()?).await)? {
            Ok(()) => ResetPasswordPayload { outcome: Outcome::Applied, user_errors: vec![] },
            Err(user_errors) => ResetPasswordPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Sends a mail with which the viewer can confirm one of their addresses. Notifications and password mails go to
    /// confirmed addresses only. Returns NO_CHANGE for a confirmed address. Refuses with NOT_FOUND for an address
    /// outside the viewer's profile, NOT_ALLOWED for an API key or when the server sends no mail, or TOO_MANY_ATTEMPTS.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn request_email_confirmation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The address to confirm.")] input: RequestEmailConfirmationInput,
    ) -> Result<RequestEmailConfirmationPayload> {
        let requested = match no_key(ctx.viewer()?) {
            Ok(viewer) => recovery::request_confirmation(ctx.app()?, viewer, &input.address, ctx.origin()?).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match into_user_errors(requested)? {
            Ok(sent) => RequestEmailConfirmationPayload { outcome: Outcome::of(sent), user_errors: vec![] },
            Err(user_errors) => RequestEmailConfirmationPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Confirms an address with a token from a mail. Needs no access token. The token works once, for 24 hours. Refuses
    /// with NOT_ALLOWED for any other token, or for an address that is no longer in the profile.
    async fn confirm_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token from the mail.")] input: ConfirmEmailInput,
    ) -> Result<ConfirmEmailPayload> {
        Ok(match into_user_errors(recovery::confirm(ctx.app()?, &input).await)? {
            Ok(confirmed) => ConfirmEmailPayload { outcome: Outcome::of(confirmed), user_errors: vec![] },
            Err(user_errors) => ConfirmEmailPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Creates an API key. Its text is only in this answer. An organization key needs an administrator with the scope
    /// ADMIN. Refuses with INVALID, or NOT_ALLOWED when an API key makes the call or 100 keys exist already.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key to create.")] input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        Ok(match into_user_errors(api_keys::create(ctx.app()?, ctx.viewer()?, &input, ctx.origin()?).await)? {
            Ok(CreatedApiKey { key, text }) => {
                CreateApiKeyPayload { api_key: Some(ApiKey(key)), secret: text, user_errors: vec![] }
            }
            Err(user_errors) => CreateApiKeyPayload { api_key: None, secret: None, user_errors },
        })
    }

    /// Renames an API key or changes its scopes. Sockets that use the key close and can be opened again with the new
    /// scopes. Refuses with NOT_FOUND, INVALID, or NOT_ALLOWED for a revoked key or when an API key makes the call.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn update_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The changes to the key.")] input: UpdateApiKeyInput,
    ) -> Result<UpdateApiKeyPayload> {
        let updated = match no_key(ctx.viewer()?) {
            Ok(viewer) => api_keys::update(ctx.app()?, viewer, &input, ctx.origin()?).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match into_user_errors(updated)? {
            Ok(CreatedApiKey { key, .. }) => UpdateApiKeyPayload { api_key: Some(ApiKey(key)), user_errors: vec![] },
            Err(user_errors) => UpdateApiKeyPayload { api_key: None, user_errors },
        })
    }

    /// Gives an API key a new secret, which is only in this answer. The present secret stays valid for the overlap.
    /// Refuses with NOT_FOUND, INVALID, or NOT_ALLOWED for a revoked key or when an API key makes the call.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn rotate_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key to rotate.")] input: RotateApiKeyInput,
    ) -> Result<RotateApiKeyPayload> {
        let rotated = match no_key(ctx.viewer()?) {
            Ok(viewer) => api_keys::rotate(ctx.app()?, viewer, &input, ctx.origin()?).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match into_user_errors(rotated)? {
            Ok(CreatedApiKey { key, text }) => {
                RotateApiKeyPayload { api_key: Some(ApiKey(key)), secret: text, user_errors: vec![] }
            }
            Err(user_errors) => RotateApiKeyPayload { api_key: None, secret: None, user_errors },
        })
    }

    /// Revokes an API key for good and closes its sockets. Idempotent. Refuses with NOT_FOUND, or NOT_ALLOWED when an
    /// API key makes the call.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key to revoke.")] input: RevokeApiKeyInput,
    ) -> Result<RevokeApiKeyPayload> {
        let revoked = match no_key(ctx.viewer()?) {
            Ok(viewer) => api_keys::revoke(ctx.app()?, viewer, &input.api_key_id, ctx.origin()?).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match into_user_errors(revoked)? {
            Ok((key, ended)) => {
                RevokeApiKeyPayload { api_key: Some(ApiKey(key)), outcome: Outcome::of(ended), user_errors: vec![] }
            }
            Err(user_errors) => RevokeApiKeyPayload { api_key: None, outcome: Outcome::Refused, user_errors },
        })
    }
}

/// Returns the caller unless it is an API key. A stolen key must not lock its owner out.
fn no_key(viewer: &Viewer) -> Result<&Viewer> {
    match viewer.proof {
        Credential::Key(_) => {
            Err(Error::refused(UserErrorCode::NotAllowed, &[], "Sign in to do this. API keys cannot."))
        }
        Credential::Session(_) | Credential::Token => Ok(viewer),
    }
}

macro_rules! signed_in {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject, Default)]
        struct $name {
            /// The user who is signed in. Null when refused.
            user: Option<User>,
            /// The token to send as `Authorization: Bearer …`. Null when refused.
            access_token: Option<String>,
            /// The token to exchange with `refreshSession` before the access token expires. Keep it as safe as a
            /// password. Null when refused.
            refresh_token: Option<String>,
            /// The time at which the access token expires. Null when refused.
            expires_at: Option<DateTime<Utc>>,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }
    )*};
}

signed_in!(SignUpPayload "signUp", SignInPayload "signIn", RefreshSessionPayload "refreshSession");

macro_rules! done {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        struct $name {
            /// The effect of the call.
            outcome: Outcome,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }
    )*};
}

done!(
    SignOutPayload "signOut",
    RevokeSessionPayload "revokeSession",
    ChangePasswordPayload "changePassword",
    ResetPasswordPayload "resetPassword",
    RequestEmailConfirmationPayload "requestEmailConfirmation",
    ConfirmEmailPayload "confirmEmail",
);

/// The result of `requestPasswordReset`. It does not reveal whether the account exists.
#[derive(SimpleObject)]
struct RequestPasswordResetPayload {
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

macro_rules! new_secret {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        struct $name {
            /// The key with the new secret. Null when refused.
            api_key: Option<ApiKey>,
            /// The text of the key, `rk_….…`, to send as `Authorization: Bearer …`. It is shown once. Null when
            /// refused.
            secret: Option<String>,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }
    )*};
}

new_secret!(CreateApiKeyPayload "createApiKey", RotateApiKeyPayload "rotateApiKey");

/// The result of `updateApiKey`.
#[derive(SimpleObject)]
struct UpdateApiKeyPayload {
    /// The key after the change. Null when refused.
    api_key: Option<ApiKey>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The result of `revokeApiKey`.
#[derive(SimpleObject)]
struct RevokeApiKeyPayload {
    /// The revoked key. Null when refused.
    api_key: Option<ApiKey>,
    /// The effect of the call.
    outcome: Outcome,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
