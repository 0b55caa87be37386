//! Messages of customers, from every channel. A message finds its conversation, reopens it or begins another, and waits
//! for an agent. It is stored once, however often it arrives. Every way in goes through [`messages`], which owns the
//! order: customer, conversation, once only, task, item, closed message.

pub mod once_only;
pub mod messages;
pub mod customer_merge;
