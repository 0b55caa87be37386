//! The event log and its subscribers. A stream's numbers have no gaps and rise in the order of the commits.
//!
//! A transaction hands its events to [`Tx::append`]. At its end [`log`] locks the counters of the streams, numbers the
//! events and writes them in the transaction of the changed rows. The [`bus`] carries hints that a stream has grown.
//! Only the log counts, so a lost hint costs time and never an event. [`live_streams`] reads each stream once for all
//! subscribers in this process. [`subscribe`] joins the stored entries to the live ones,
//! and [`reading`] is what all readers share. The [`sequencer`] gives
//! committed events their global positions, by which clients pull them. [`log_feed`] is the live end of that order
//! for readers of several streams, which a [`selection`] names.
//!
//! [`signals`] are ephemeral and never part of the log. [`access_rechecks`] end subscriptions after the loss of a
//! right.
//!
//! [`Tx::append`]: crate::app::Tx::append

pub mod shared_views;
pub mod signals;
pub mod payloads;
pub mod log;
pub mod sequencer;
pub mod reading;
pub mod selection;
pub mod log_feed;
pub mod live_streams;
pub mod bus;
pub mod cursor;
pub mod subscribe;
pub mod access_rechecks;
pub mod pruning;
pub mod graphql;
