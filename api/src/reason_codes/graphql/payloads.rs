//! The results of the mutations of reason codes.

use super::types::{IdleReason, WrapUpReason};
use crate::contact_center::graphql::payloads::admin_payloads;

admin_payloads! {
    CreateWrapUpReasonPayload "createWrapUpReason" reason: WrapUpReason, "The reason";
    UpdateWrapUpReasonPayload "updateWrapUpReason" reason: WrapUpReason, "The reason";
    ArchiveWrapUpReasonPayload "archiveWrapUpReason" reason: WrapUpReason, "The reason";
    CreateIdleReasonPayload "createIdleReason" reason: IdleReason, "The reason";
    UpdateIdleReasonPayload "updateIdleReason" reason: IdleReason, "The reason";
    ArchiveIdleReasonPayload "archiveIdleReason" reason: IdleReason, "The reason";
}
