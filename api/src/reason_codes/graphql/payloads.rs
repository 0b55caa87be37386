//! The results of the mutations of reason codes.

use std::sync::Arc;

use entity::{idle_reason, wrap_up_reason};

use super::types::{IdleReason, WrapUpReason};
use crate::contact_center::graphql::payloads::{IntoNode, admin_payloads};

admin_payloads! {
    CreateWrapUpReasonPayload "createWrapUpReason" reason: WrapUpReason, "The reason";
    UpdateWrapUpReasonPayload "updateWrapUpReason" reason: WrapUpReason, "The reason";
    ArchiveWrapUpReasonPayload "archiveWrapUpReason" reason: WrapUpReason, "The reason";
    CreateIdleReasonPayload "createIdleReason" reason: IdleReason, "The reason";
    UpdateIdleReasonPayload "updateIdleReason" reason: IdleReason, "The reason";
    ArchiveIdleReasonPayload "archiveIdleReason" reason: IdleReason, "The reason";
}

impl IntoNode for Arc<wrap_up_reason::Model> {
    type Node = WrapUpReason;
    fn into_node(self) -> WrapUpReason {
        WrapUpReason(self)
    }
}

impl IntoNode for Arc<idle_reason::Model> {
    type Node = IdleReason;
    fn into_node(self) -> IdleReason {
        IdleReason(self)
    }
}
