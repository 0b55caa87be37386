//! What administrators and keys of the organisation did: one entry for each deed that was done, written with it; none for one
//! that was refused or changed nothing. An entry is never changed, and outlives whom it names.

pub mod entries;
pub mod types;
pub mod query;
pub mod loader;
