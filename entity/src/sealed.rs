//! Texts that are stored encrypted.

use std::fmt;

use sea_orm::DeriveValueType;

/// An encrypted text. Only the holder of the deployment's sealing key can read it, and only in its own row and column.
#[derive(Clone, PartialEq, Eq, DeriveValueType)]
pub struct Sealed(pub String);

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
