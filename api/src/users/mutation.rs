//! `updateProfile`, `updateSettings`.

use async_graphql::{Context, Object, SimpleObject};

use super::{
    profiles::{self, UpdateProfileInput, UpdateSettingsInput},
    types::User,
    viewer::types::Settings,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Result, UserError, settle},
};

#[derive(Default)]
pub struct UsersMutation;

#[Object]
impl UsersMutation {
    /// Changes the viewer's own profile. Idempotent.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateProfileInput,
    ) -> Result<UpdateProfilePayload> {
        Ok(match settle(profiles::update(ctx.app()?, ctx.viewer()?, &input).await)? {
            Ok(me) => UpdateProfilePayload { user: Some(me.into()), user_errors: vec![] },
            Err(user_errors) => UpdateProfilePayload { user: None, user_errors },
        })
    }

    /// Changes who may approach the viewer. Idempotent.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn update_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateSettingsInput,
    ) -> Result<UpdateSettingsPayload> {
        Ok(match settle(profiles::update_settings(ctx.app()?, ctx.viewer()?, input).await)? {
            Ok(me) => UpdateSettingsPayload { settings: Some(Settings::of(&me)), user_errors: vec![] },
            Err(user_errors) => UpdateSettingsPayload { settings: None, user_errors },
        })
    }
}

/// The answer to `updateProfile`.
#[derive(SimpleObject)]
struct UpdateProfilePayload {
    /// The viewer with the changed profile; null when refused.
    user: Option<User>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

/// The answer to `updateSettings`.
#[derive(SimpleObject)]
struct UpdateSettingsPayload {
    /// The settings as they are now; null when refused.
    settings: Option<Settings>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
