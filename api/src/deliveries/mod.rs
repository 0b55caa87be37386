//! Deliveries: everything that leaves Rapport, such as e-mails. A feature writes a delivery in the transaction of its
//! cause ([`delivery_rows::enqueue`]) and implements a [`sender::Sender`]. The [`engine`] claims due deliveries, sends
//! them and records the outcomes.
//!
//! A delivery is committed as SENDING before its sender is called. If the worker dies, the claim expires. Then the
//! delivery is sent again if its retry class allows that, and becomes UNKNOWN otherwise. Deliveries of one lane are
//! sent one at a time and in order. A delivery that finally failed stays for two weeks, and an administrator can send
//! it again.

pub mod delivery_rows;
pub mod sender;
pub mod email;
pub mod engine;
pub mod retention;
pub mod administration;
pub mod graphql;
