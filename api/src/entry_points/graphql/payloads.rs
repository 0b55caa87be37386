//! The results of the mutations of entry points.

use std::sync::Arc;

use async_graphql::SimpleObject;
use entity::entry_point;

use super::types::EntryPoint;
use crate::{
    contact_center::graphql::payloads::{admin_payloads, row_nodes},
    entry_points::entry_point_admin::RotatedSecret,
    error::Result,
    events::graphql::effect::Effect,
};

admin_payloads! {
    CreateEntryPointPayload "createEntryPoint" entry_point: EntryPoint, "The entry point";
    UpdateEntryPointPayload "updateEntryPoint" entry_point: EntryPoint, "The entry point";
    ArchiveEntryPointPayload "archiveEntryPoint" entry_point: EntryPoint, "The entry point";
}

row_nodes!(
    entry_point::Model => EntryPoint,
);

/// The result of `rotateIdentitySecret`.
#[derive(SimpleObject)]
pub struct RotateIdentitySecretPayload {
    /// The entry point after the call. Null when the call was refused.
    entry_point: Option<EntryPoint>,
    /// The new secret, which no field shows again. Keep it on the web site's server. Null when the call was refused,
    /// and in a repeated answer after an hour or when the secret has changed since.
    identity_secret: Option<String>,
    /// True when an earlier call with the same idempotency key had generated the secret. The outcome is then NO_CHANGE.
    replayed: bool,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}

impl RotateIdentitySecretPayload {
    /// Makes the payload of a call that was accepted or refused. Returns the error of any other call.
    pub fn of(result: Result<RotatedSecret>) -> Result<Self> {
        let (rotated, effect) =
            Effect::split(result.map(|RotatedSecret { row, text, replayed }| ((row, text), !replayed)))?;
        let replayed = effect.is_repeated();
        let (row, identity_secret) = rotated.map_or((None, None), |(row, text)| (Some(row), text));
        Ok(Self { entry_point: row.map(|row| EntryPoint(Arc::new(row))), identity_secret, replayed, effect })
    }
}
