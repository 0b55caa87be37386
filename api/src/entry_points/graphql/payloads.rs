//! The results of the mutations of entry points.

use std::sync::Arc;

use async_graphql::SimpleObject;
use entity::entry_point;

use super::types::EntryPoint;
use crate::{
    contact_center::graphql::payloads::{admin_payloads, row_nodes},
    error::UserError,
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
    /// The new secret, which no field shows again. Keep it on the web site's server. Null when the call was refused.
    identity_secret: Option<String>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}

impl From<Result<(entry_point::Model, String), Vec<UserError>>> for RotateIdentitySecretPayload {
    fn from(settled: Result<(entry_point::Model, String), Vec<UserError>>) -> Self {
        match settled {
            Ok((row, text)) => {
                let entry_point = Some(EntryPoint(Arc::new(row)));
                Self { entry_point, identity_secret: Some(text), user_errors: vec![] }
            }
            Err(user_errors) => Self { entry_point: None, identity_secret: None, user_errors },
        }
    }
}
