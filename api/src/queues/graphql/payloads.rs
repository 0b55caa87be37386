//! The results of the mutations of queues.

use entity::queue;

use super::types::Queue;
use crate::contact_center::graphql::payloads::{admin_payloads, row_nodes};

admin_payloads! {
    CreateQueuePayload "createQueue" queue: Queue, "The queue";
    UpdateQueuePayload "updateQueue" queue: Queue, "The queue";
    ArchiveQueuePayload "archiveQueue" queue: Queue, "The queue";
}

row_nodes!(
    queue::Model => Queue,
);
