//! Accounts that end or change: by an administrator's hand, and one's own. Whoever is not an administrator now, whatever their
//! token says, does nothing to others; what administrators do is written down in the same transaction. There is always one
//! administrator left.

pub mod authority;
pub mod suspensions;
pub mod roles;
pub mod deactivation;
pub mod erasure;
pub mod deletion;
pub mod export;
pub mod related;
pub mod talks;
pub mod portions;
pub mod archive;
pub mod mutation;
