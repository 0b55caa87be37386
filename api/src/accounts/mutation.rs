//! Signing up, in and out, sessions, passwords, addresses and keys. Fields without a guard need no caller.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};

use super::{
    api_keys::{self, CreateApiKeyInput, Made, RotateApiKeyInput, UpdateApiKeyInput},
    passwords::{self, ChangePasswordInput, SignInInput, SignUpInput},
    recovery::{self, ConfirmEmailInput, RequestEmailConfirmationInput, RequestPasswordResetInput, ResetPasswordInput},
    sessions::{self, SignedIn},
    types::ApiKey,
};
use crate::{
    auth::{
        context::ContextExt,
        guard::Needs,
        viewer::{Proof, Scope, Viewer},
    },
    error::{Error, Result, UserError, UserErrorCode, settle},
    relationships::deeds::Outcome,
    users::types::User,
};

#[derive(Default)]
pub struct AccountsMutation;

/// A session that goes on.
#[derive(InputObject)]
struct RefreshSessionInput {
    /// The refresh token of the last sign-in or refresh. It is used up.
    #[graphql(secret)]
    refresh_token: String,
}

/// Which session to end.
#[derive(InputObject)]
struct RevokeSessionInput {
    /// The session.
    session_id: ID,
}

/// Which key to revoke.
#[derive(InputObject)]
struct RevokeApiKeyInput {
    /// The key.
    api_key_id: ID,
}

#[Object]
impl AccountsMutation {
    /// Makes an account and signs in. Needs no token. Refused with INVALID, DUPLICATE for a handle that is taken,
    /// NOT_ALLOWED where sign-up is closed, or TOO_MANY_ATTEMPTS.
    async fn sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whom to make an account for.")] input: SignUpInput,
    ) -> Result<SignUpPayload> {
        Ok(match settle(passwords::sign_up(ctx.app()?, input, ctx.origin()?).await)? {
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

    /// Signs in by handle and password. Needs no token. Refused with NOT_ALLOWED, whichever of the two is wrong;
    /// ACCOUNT_DEACTIVATED where both are right and the account was put to rest, unless `reactivate` asks to take part
    /// again; or TOO_MANY_ATTEMPTS.
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who signs in.")] input: SignInInput,
    ) -> Result<SignInPayload> {
        Ok(match settle(passwords::sign_in(ctx.app()?, input, ctx.caller().ok(), ctx.origin()?).await)? {
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

    /// Takes a refresh token and gives a new one with a new access token. Needs no access token. A refresh token is used
    /// once, but for ten seconds in which an answer may have been lost; used again later, it ends the session, because
    /// then somebody else has it. Refused with NOT_ALLOWED: sign in again.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session.")] input: RefreshSessionInput,
    ) -> Result<RefreshSessionPayload> {
        Ok(match settle(sessions::refresh(ctx.app()?, &input.refresh_token).await)? {
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

    /// Ends the session of this call: its tokens are taken no more, its sockets close. NO_CHANGE for a token that is of
    /// no session.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn sign_out(&self, ctx: &Context<'_>) -> Result<SignOutPayload> {
        let ended = sessions::sign_out(ctx.app()?, ctx.viewer()?).await?;
        Ok(SignOutPayload { outcome: Outcome::of(ended), user_errors: vec![] })
    }

    /// Ends one of the viewer's sessions. Idempotent. Refused with NOT_FOUND, and with NOT_ALLOWED for a key.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn revoke_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: RevokeSessionInput,
    ) -> Result<RevokeSessionPayload> {
        let revoked = match no_key(ctx.viewer()?) {
            Ok(viewer) => sessions::revoke(ctx.app()?, viewer, &input.session_id).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match settle(revoked)? {
            Ok(ended) => RevokeSessionPayload { outcome: Outcome::of(ended), user_errors: vec![] },
            Err(user_errors) => RevokeSessionPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Changes the viewer's password and ends all their other sessions. Personal API keys stay. A mail says so to the
    /// addresses that the viewer has confirmed. Refused with NOT_ALLOWED for a wrong present password and for a key,
    /// INVALID, or TOO_MANY_ATTEMPTS.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "From which to which.")] input: ChangePasswordInput,
    ) -> Result<ChangePasswordPayload> {
        let changed = match no_key(ctx.viewer()?) {
            Ok(viewer) => passwords::change(ctx.app()?, viewer, input, ctx.origin()?).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match settle(changed)? {
            Ok(()) => ChangePasswordPayload { outcome: Outcome::Applied, user_errors: vec![] },
            Err(user_errors) => ChangePasswordPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Sends a mail with which a new password can be set, to an address that the owner of the account has confirmed. Needs
    /// no token. The answer is the same whether or not there is such an account. Refused with NOT_ALLOWED where the server
    /// sends no mail, INVALID, or TOO_MANY_ATTEMPTS.
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account.")] input: RequestPasswordResetInput,
    ) -> Result<RequestPasswordResetPayload> {
        let requested = recovery::request_reset(ctx.app()?, &input, ctx.origin()?).await;
        Ok(RequestPasswordResetPayload { user_errors: settle(requested)?.err().unwrap_or_default() })
    }

    /// Sets a new password by a token from a mail. Ends all sessions of the person and revokes their personal API keys. A
    /// mail says so to the addresses that they have confirmed. Needs no access token. The token works once, for 30 minutes,
    /// while its address stays confirmed and the password is not changed. Refused with NOT_ALLOWED for any other token, or
    /// INVALID.
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token and the new password.")] input: ResetPasswordInput,
    ) -> Result<ResetPasswordPayload> {
        Ok(match settle(recovery::reset(ctx.app()?, input, ctx.origin()?).await)? {
            Ok(()) => ResetPasswordPayload { outcome: Outcome::Applied, user_errors: vec![] },
            Err(user_errors) => ResetPasswordPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Sends a mail by which the viewer can confirm one of their addresses. Notifications and mails for a new password go to
    /// confirmed addresses only. NO_CHANGE for an address that is confirmed. Refused with NOT_FOUND for an address that is
    /// not in the viewer's profile, with NOT_ALLOWED for a key and where the server sends no mail, or TOO_MANY_ATTEMPTS.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn request_email_confirmation(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The address.")] input: RequestEmailConfirmationInput,
    ) -> Result<RequestEmailConfirmationPayload> {
        let requested = match no_key(ctx.viewer()?) {
            Ok(viewer) => recovery::request_confirmation(ctx.app()?, viewer, &input.address, ctx.origin()?).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match settle(requested)? {
            Ok(sent) => RequestEmailConfirmationPayload { outcome: Outcome::of(sent), user_errors: vec![] },
            Err(user_errors) => RequestEmailConfirmationPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Confirms an address by a token from a mail. Needs no access token. The token works once, for 24 hours. Refused with
    /// NOT_ALLOWED for any other token, and for an address that is no longer in the profile.
    async fn confirm_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token.")] input: ConfirmEmailInput,
    ) -> Result<ConfirmEmailPayload> {
        Ok(match settle(recovery::confirm(ctx.app()?, &input).await)? {
            Ok(confirmed) => ConfirmEmailPayload { outcome: Outcome::of(confirmed), user_errors: vec![] },
            Err(user_errors) => ConfirmEmailPayload { outcome: Outcome::Refused, user_errors },
        })
    }

    /// Makes a key. Its text is in this answer and never again. Refused with INVALID, and with NOT_ALLOWED for a caller
    /// who is a key, or where there are 100 already. A key of the organisation needs an administrator with the scope
    /// ADMIN.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What key.")] input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        Ok(match settle(api_keys::create(ctx.app()?, ctx.viewer()?, &input, ctx.origin()?).await)? {
            Ok(Made { key, text }) => {
                CreateApiKeyPayload { api_key: Some(ApiKey(key)), secret: text, user_errors: vec![] }
            }
            Err(user_errors) => CreateApiKeyPayload { api_key: None, secret: None, user_errors },
        })
    }

    /// Renames a key or changes its scopes. Sockets opened with it close, and may open again with what it has now.
    /// Refused with NOT_FOUND, INVALID, and NOT_ALLOWED for a key that was revoked and for a caller who is a key.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn update_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateApiKeyInput,
    ) -> Result<UpdateApiKeyPayload> {
        let updated = match no_key(ctx.viewer()?) {
            Ok(viewer) => api_keys::update(ctx.app()?, viewer, &input, ctx.origin()?).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match settle(updated)? {
            Ok(Made { key, .. }) => UpdateApiKeyPayload { api_key: Some(ApiKey(key)), user_errors: vec![] },
            Err(user_errors) => UpdateApiKeyPayload { api_key: None, user_errors },
        })
    }

    /// Gives a key a new secret, shown in this answer and never again; the present one is taken for the overlap. Refused
    /// with NOT_FOUND, INVALID, and NOT_ALLOWED for a key that was revoked and for a caller who is a key.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn rotate_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: RotateApiKeyInput,
    ) -> Result<RotateApiKeyPayload> {
        let rotated = match no_key(ctx.viewer()?) {
            Ok(viewer) => api_keys::rotate(ctx.app()?, viewer, &input, ctx.origin()?).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match settle(rotated)? {
            Ok(Made { key, text }) => {
                RotateApiKeyPayload { api_key: Some(ApiKey(key)), secret: text, user_errors: vec![] }
            }
            Err(user_errors) => RotateApiKeyPayload { api_key: None, secret: None, user_errors },
        })
    }

    /// Ends a key for ever; sockets opened with it close. Idempotent. Refused with NOT_FOUND, and with NOT_ALLOWED for a
    /// caller who is a key.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn revoke_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: RevokeApiKeyInput,
    ) -> Result<RevokeApiKeyPayload> {
        let revoked = match no_key(ctx.viewer()?) {
            Ok(viewer) => api_keys::revoke(ctx.app()?, viewer, &input.api_key_id, ctx.origin()?).await,
            Err(refusal) => Err(refusal),
        };
        Ok(match settle(revoked)? {
            Ok((key, ended)) => {
                RevokeApiKeyPayload { api_key: Some(ApiKey(key)), outcome: Outcome::of(ended), user_errors: vec![] }
            }
            Err(user_errors) => RevokeApiKeyPayload { api_key: None, outcome: Outcome::Refused, user_errors },
        })
    }
}

/// The caller, unless it is a key: a key that was stolen must not be able to lock its owner out.
fn no_key(viewer: &Viewer) -> Result<&Viewer> {
    match viewer.proof {
        Proof::Key(_) => Err(Error::refused(UserErrorCode::NotAllowed, &[], "Sign in: this cannot be done by a key.")),
        Proof::Session(_) | Proof::Token => Ok(viewer),
    }
}

macro_rules! signed_in {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The answer to `", $mutation, "`.")]
        #[derive(SimpleObject, Default)]
        struct $name {
            /// Who is signed in; null when refused.
            user: Option<User>,
            /// Send it as `Authorization: Bearer …`; null when refused.
            access_token: Option<String>,
            /// Exchange it by `refreshSession` before the access token ends; keep it as safe as a password. Null when
            /// refused.
            refresh_token: Option<String>,
            /// When the access token ends.
            expires_at: Option<DateTime<Utc>>,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }
    )*};
}

signed_in!(SignUpPayload "signUp", SignInPayload "signIn", RefreshSessionPayload "refreshSession");

macro_rules! done {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The answer to `", $mutation, "`.")]
        #[derive(SimpleObject)]
        struct $name {
            /// What the call did.
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

/// The answer to `requestPasswordReset`. It does not say whether there is such an account.
#[derive(SimpleObject)]
struct RequestPasswordResetPayload {
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

macro_rules! new_secret {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The answer to `", $mutation, "`.")]
        #[derive(SimpleObject)]
        struct $name {
            /// The key; null when refused.
            api_key: Option<ApiKey>,
            /// The text of the key, `rk_….…`, to send as `Authorization: Bearer …`. Shown this once; null when refused.
            secret: Option<String>,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }
    )*};
}

new_secret!(CreateApiKeyPayload "createApiKey", RotateApiKeyPayload "rotateApiKey");

/// The answer to `updateApiKey`.
#[derive(SimpleObject)]
struct UpdateApiKeyPayload {
    /// The key as it is now; null when refused.
    api_key: Option<ApiKey>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `revokeApiKey`.
#[derive(SimpleObject)]
struct RevokeApiKeyPayload {
    /// The key; null when refused.
    api_key: Option<ApiKey>,
    /// What the call did.
    outcome: Outcome,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
