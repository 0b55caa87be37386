//! Conversations: between a customer and the organisation, or between two users who are connected. Whoever writes in one
//! holds its row, so that its items are numbered without holes, for those who serve and, apart, for the customer, who may
//! not see every item and finds no trace of those they may not.

pub mod channels;
pub mod threads;
mod leaving;
pub mod listing;
pub mod customers;
pub mod participants;
pub mod items;
pub mod announcements;
pub mod receipts;
pub mod direct;
pub mod markdown;
pub mod renderings;
pub mod messages;
pub mod typing;
pub mod types;
pub mod query;
pub mod mutation;
pub mod payloads;
pub mod subscription;
pub mod loader;
pub mod transcripts;
