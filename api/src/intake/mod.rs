//! What customers write, whichever channel brings it: it finds its conversation, opens it again or begins another, and
//! waits for an agent. Once, however often it is brought. Locks are taken in one order: the customer, then the conversation.

pub mod messages;
