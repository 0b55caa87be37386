//! Inbound messages of customers, from every channel. A message finds its conversation, reopens it or begins another,
//! and waits for an agent. It is stored once, however often it arrives. Locks are taken in the order customer,
//! conversation.

pub mod messages;
