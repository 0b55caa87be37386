//! What administrators do. Whoever is not an administrator now, whatever their token says, does none of it.

pub mod suspensions;
pub mod mutation;
