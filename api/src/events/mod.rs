//! The log and those who follow it.
//!
//! A transaction hands its events to [`Tx::append`]; at its end they are numbered under the locked counters of their
//! streams and written with the rows they tell of ([`log`]). So a stream's numbers have no holes and rise in the order of
//! commits. The [`bus`] carries hints that a stream has grown; the log is the truth, and a lost hint costs time, never an
//! event. [`tails`] reads each followed stream once for all who follow it in this process; [`follow`] joins what the log
//! holds to what comes live. The [`sequencer`] gives committed events their global position, by which they are pulled; [`positions`] is the live end
//! of that order.
//!
//! [`whispers`] are what is said in passing: no part of the log. [`rechecks`] end what is followed by a right that was lost.
//!
//! [`Tx::append`]: crate::app::Tx::append

pub mod boards;
pub mod bus;
pub mod whispers;
pub mod cursor;
pub mod follow;
pub mod log;
pub mod positions;
pub mod rechecks;
pub mod pruning;
pub mod sequencer;
pub mod tails;
pub mod types;
pub mod query;
