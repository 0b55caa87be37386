//! Conversations between a customer and the organization, or between two connected users. Every writer locks the
//! conversation's row, so items are numbered without gaps. The organization's side and the customer have separate
//! numberings. The customer sees no trace of items that are hidden from them.

pub mod channel_capabilities;
pub mod addresses;
pub mod conversation_rows;
pub mod conversation_streams;
pub mod thread_items;
pub mod participants;
pub mod unread;
pub mod list_conditions;
pub mod listing;
pub mod customer_conversations;
pub mod customer_index;
pub mod customers;
pub mod announcement_names;
pub mod announcement_text;
pub mod announcements;
pub mod direct_messages;
pub mod receipts;
pub mod markdown;
pub mod renderings;
pub mod message_content;
pub mod message_files;
pub mod markdown_text;
pub mod prepared_messages;
pub mod messages;
pub mod message_changes;
pub mod attachment_uploads;
pub mod typing;
pub mod transcripts;
pub mod graphql;
