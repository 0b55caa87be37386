//! The mutations of accounts: sign-up, sign-in, sign-out, sessions, passwords, addresses and keys. Fields without a
//! guard need no authentication.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};

use super::types::ApiKey;
use crate::accounts::{
    api_keys::{self, CreateApiKeyInput, CreatedApiKey, RotateApiKeyInput, UpdateApiKeyInput},
    passwords::{self, ChangePasswordInput, SignInInput},
    recovery::{self, ConfirmEmailInput, RequestEmailConfirmationInput, RequestPasswordResetInput, ResetPasswordInput},
    sessions::{self, SignedIn},
    sign_up::{self, SignUpInput},
};
use crate::{
    auth::{
        guard::Needs,
        request_context::ContextExt,
        viewer::{Credential, Scope, Viewer},
    },
    error::{Error, INPUT, Result, UserErrorCode},
    events::graphql::effect::Effect,
    instant::Instant,
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
    /// Creates an account and signs in. Needs no access token. Refuses with REQUIRED, INVALID, DUPLICATE for a taken
    /// handle, NOT_ALLOWED when sign-up is closed, or TOO_MANY_ATTEMPTS. A repeated call also refuses with
    /// WRONG_PASSWORD, or NOT_FOUND when the session of the first call has ended.
    async fn sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account to create.")] input: SignUpInput,
    ) -> Result<SignUpPayload> {
        SignUpPayload::of(sign_up::sign_up(ctx.app()?, input, ctx.origin()?).await)
    }

    /// Signs in with a handle and a password. Needs no access token. A deactivated account is activated again with
    /// `reactivate`. Refuses with WRONG_PASSWORD for a wrong handle or password, ACCOUNT_DEACTIVATED for a deactivated
    /// account without `reactivate`, or TOO_MANY_ATTEMPTS. Refuses with IDEMPOTENCY_KEY_REUSED, or NOT_FOUND when the
    /// session of the first call with the key has ended.
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The credentials of the user.")] input: SignInInput,
    ) -> Result<SignInPayload> {
        SignInPayload::of(passwords::sign_in(ctx.app()?, input, ctx.caller().ok(), ctx.origin()?).await)
    }

    /// Exchanges a refresh token for a new one and a new access token. Needs no access token. A refresh token works
    /// once, and again for ten seconds in case the answer was lost. Later use ends the session, because another person
    /// then has the token. Refuses with NOT_ALLOWED. The user must sign in again then.
    async fn refresh_session(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The session to continue.")] input: RefreshSessionInput,
    ) -> Result<RefreshSessionPayload> {
        RefreshSessionPayload::of(sessions::refresh(ctx.app()?, &input.refresh_token).await)
    }

    /// Ends the session of this call. Its tokens become invalid and its sockets close. Returns NO_CHANGE without a
    /// token, for an ended token and for a token without a session, so a repeated call is not refused. Other tokens
    /// need the scope PROFILE_WRITE.
    async fn sign_out(&self, ctx: &Context<'_>) -> Result<SignOutPayload> {
        SignOutPayload::of(match ctx.caller() {
            Ok(caller) if !caller.scopes().has(Scope::ProfileWrite) => {
                Err(Error::Forbidden(Scope::ProfileWrite.name()))
            }
            Ok(_) => sessions::sign_out(ctx.app()?, ctx.viewer()?).await,
            Err(Error::Unauthenticated) => Ok(false),
            Err(fault) => Err(fault),
        })
    }

    /// Ends one of the viewer's sessions. Idempotent. Refuses with NOT_FOUND, or NOT_FOR_KEYS.
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
        RevokeSessionPayload::of(revoked)
    }

    /// Changes the viewer's password and ends all their other sessions. Personal API keys stay valid. The viewer's
    /// confirmed addresses get a mail about the change. Refuses with WRONG_PASSWORD for a wrong current password,
    /// NOT_FOR_KEYS, INVALID, or TOO_MANY_ATTEMPTS.
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
        ChangePasswordPayload::of(changed)
    }

    /// Sends a mail for setting a new password to a confirmed address of the account's owner. Needs no access token.
    /// The answer does not reveal whether the account exists. Refuses with NOT_ALLOWED when the server sends no mail,
    /// REQUIRED, INVALID, or TOO_MANY_ATTEMPTS.
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The account whose password was forgotten.")] input: RequestPasswordResetInput,
    ) -> Result<RequestPasswordResetPayload> {
        let requested = recovery::request_reset(ctx.app()?, &input, ctx.origin()?).await;
        RequestPasswordResetPayload::of(requested)
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
        ResetPasswordPayload::of(recovery::reset(ctx.app()?, input, ctx.origin()?).await)
    }

    /// Sends a mail with which the viewer can confirm one of their addresses. Notifications and password mails go to
    /// confirmed addresses only. Returns NO_CHANGE for a confirmed address. Refuses with NOT_FOUND for an address
    /// outside the viewer's profile, NOT_FOR_KEYS, NOT_ALLOWED when the server sends no mail, or TOO_MANY_ATTEMPTS.
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
        RequestEmailConfirmationPayload::of(requested)
    }

    /// Confirms an address with a token from a mail. Needs no access token. The token works once, for 24 hours. Refuses
    /// with NOT_ALLOWED for any other token, or for an address that is no longer in the profile.
    async fn confirm_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The token from the mail.")] input: ConfirmEmailInput,
    ) -> Result<ConfirmEmailPayload> {
        ConfirmEmailPayload::of(recovery::confirm(ctx.app()?, &input).await)
    }

    /// Creates an API key. Its text is only in this answer. An organization key needs an administrator with the scope
    /// ADMIN. Refuses with REQUIRED, INVALID, IDEMPOTENCY_KEY_REUSED, NOT_FOR_KEYS, or LIMIT_REACHED when 100 keys
    /// exist already.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn create_api_key(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The key to create.")] input: CreateApiKeyInput,
    ) -> Result<CreateApiKeyPayload> {
        CreateApiKeyPayload::of(api_keys::create(ctx.app()?, ctx.viewer()?, &input, ctx.origin()?).await)
    }

    /// Renames an API key, changes its scopes, or limits it to trusted documents. Sockets that use the key close and
    /// can be opened again with the new rights. Refuses with NOT_FOUND, REQUIRED, INVALID, NOT_FOR_KEYS, or NOT_ALLOWED
    /// for a revoked key.
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
        let (key, effect) = Effect::split(updated)?;
        Ok(UpdateApiKeyPayload { api_key: key.map(ApiKey), effect })
    }

    /// Gives an API key a new secret, which is only in this answer. The present secret stays valid for the overlap.
    /// Refuses with NOT_FOUND, INVALID, OUT_OF_RANGE, IDEMPOTENCY_KEY_REUSED, NOT_FOR_KEYS, or NOT_ALLOWED for a
    /// revoked key.
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
        RotateApiKeyPayload::of(rotated)
    }

    /// Revokes an API key for good and closes its sockets. Idempotent. Refuses with NOT_FOUND, or NOT_FOR_KEYS.
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
        let (key, effect) = Effect::split(revoked)?;
        Ok(RevokeApiKeyPayload { api_key: key.map(ApiKey), effect })
    }
}

/// Returns the caller unless it is an API key. A stolen key must not lock its owner out.
fn no_key(viewer: &Viewer) -> Result<&Viewer> {
    match viewer.proof {
        Credential::Key(_) => {
            Err(Error::refused(UserErrorCode::NotForKeys, INPUT, "Sign in to do this. API keys cannot."))
        }
        Credential::Session(_) | Credential::Token => Ok(viewer),
    }
}

macro_rules! signed_in {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        struct $name {
            /// The user who is signed in. Null when refused.
            user: Option<User>,
            /// The token to send as `Authorization: Bearer …`. Null when refused.
            access_token: Option<String>,
            /// The token to exchange with `refreshSession` before the access token expires. Keep it as safe as a
            /// password. Null when refused.
            refresh_token: Option<String>,
            /// The time at which the access token expires. Null when refused.
            expires_at: Option<Instant>,
            /// True when an earlier call had begun or refreshed the session. The outcome is then NO_CHANGE.
            replayed: bool,
            /// The effect of the call.
            #[graphql(flatten)]
            effect: Effect,
        }

        impl $name {
            /// Makes the payload of a call that was accepted or refused. Returns the error of any other call.
            fn of(signed_in: Result<SignedIn>) -> Result<Self> {
                let (signed_in, effect) = Effect::split(signed_in.map(|signed_in| {
                    let replayed = signed_in.replayed;
                    (signed_in, !replayed)
                }))?;
                let replayed = effect.is_repeated();
                Ok(match signed_in {
                    Some(SignedIn { person, token, refresh_token, .. }) => Self {
                        user: Some(person.into()),
                        access_token: Some(token.text),
                        refresh_token: Some(refresh_token),
                        expires_at: Some(Instant(token.expires_at)),
                        replayed,
                        effect,
                    },
                    None => {
                        Self { user: None, access_token: None, refresh_token: None, expires_at: None, replayed, effect }
                    }
                })
            }
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
            #[graphql(flatten)]
            effect: Effect,
        }

        impl $name {
            /// Makes the payload of a call that was accepted or refused. Returns the error of any other call.
            fn of(changed: Result<bool>) -> Result<Self> {
                Ok(Self { effect: Effect::split(changed.map(|changed| ((), changed)))?.1 })
            }
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
    RequestPasswordResetPayload "requestPasswordReset",
);

macro_rules! new_secret {
    ($($name:ident $mutation:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        struct $name {
            /// The key with the new secret. Null when refused.
            api_key: Option<ApiKey>,
            /// The text of the key, `rk_….…`, to send as `Authorization: Bearer …`. No field shows it again. Null when
            /// refused, and in a repeated answer after an hour or when the secret was replaced since.
            secret: Option<String>,
            /// True when an earlier call with the same idempotency key had created the secret. The outcome is then
            /// NO_CHANGE.
            replayed: bool,
            /// The effect of the call.
            #[graphql(flatten)]
            effect: Effect,
        }

        impl $name {
            /// Makes the payload of a call that was accepted or refused. Returns the error of any other call.
            fn of(created: Result<CreatedApiKey>) -> Result<Self> {
                let (created, effect) = Effect::split(created.map(|created| {
                    let replayed = created.replayed;
                    (created, !replayed)
                }))?;
                let replayed = effect.is_repeated();
                let (key, secret) = created.map_or((None, None), |created| (Some(created.key), created.text));
                Ok(Self { api_key: key.map(ApiKey), secret, replayed, effect })
            }
        }
    )*};
}

new_secret!(CreateApiKeyPayload "createApiKey", RotateApiKeyPayload "rotateApiKey");

/// The result of `updateApiKey`.
#[derive(SimpleObject)]
struct UpdateApiKeyPayload {
    /// The key after the change. Null when refused.
    api_key: Option<ApiKey>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `revokeApiKey`.
#[derive(SimpleObject)]
struct RevokeApiKeyPayload {
    /// The revoked key. Null when refused.
    api_key: Option<ApiKey>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
