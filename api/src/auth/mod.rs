//! Who is calling and what their token may do. "May this token do such things?" is asked by the guard on the field;
//! "is this row theirs?" by the finder of the row. Nothing else checks rights.

pub mod authenticator;
pub mod turns;
pub mod context;
pub mod guard;
pub mod issuer;
pub mod jwt;
pub mod keys;
pub mod once;
pub mod password;
pub mod presence;
pub mod rights;
pub mod secret;
pub mod viewer;
pub mod visits;
