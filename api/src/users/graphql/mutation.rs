//! The mutations `updateProfile` and `updateSettings`. They change only the viewer's own account.

use async_graphql::{Context, Object, SimpleObject};

use super::{types::User, viewer_types::Settings};
use crate::{
    auth::request_context::ContextExt as _,
    auth::{guard::Needs, viewer::Scope},
    error::Result,
    events::graphql::effect::Effect,
    users::profiles::{self, UpdateProfileInput, UpdateSettingsInput},
};

/// Root mutations of the viewer's profile and settings.
#[derive(Default)]
pub struct UsersMutation;

#[Object]
impl UsersMutation {
    /// Changes the viewer's own profile. A repeated call changes nothing. Refuses with REQUIRED, INVALID or DUPLICATE.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn update_profile(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The fields to change.")] input: UpdateProfileInput,
    ) -> Result<UpdateProfilePayload> {
        let (me, effect) = Effect::split(profiles::update(ctx.app()?, ctx.viewer()?, &input).await)?;
        Ok(UpdateProfilePayload { user: me.map(User::from), effect })
    }

    /// Changes the audiences that may approach the viewer. A repeated call changes nothing.
    #[graphql(guard = "Needs(Scope::ProfileWrite)")]
    async fn update_settings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The settings to change.")] input: UpdateSettingsInput,
    ) -> Result<UpdateSettingsPayload> {
        let (me, effect) = Effect::split(profiles::update_settings(ctx.app()?, ctx.viewer()?, input).await)?;
        Ok(UpdateSettingsPayload { settings: me.as_ref().map(Settings::of), effect })
    }
}

/// The result of `updateProfile`.
#[derive(SimpleObject)]
struct UpdateProfilePayload {
    /// The viewer with the changed profile. Null when the call was refused.
    user: Option<User>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

/// The result of `updateSettings`.
#[derive(SimpleObject)]
struct UpdateSettingsPayload {
    /// The settings after the call. Null when the call was refused.
    settings: Option<Settings>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
