//! The versions of written vCards.

/// The version of a written vCard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// Version 3.0 of RFC 2426, which every program imports.
    #[default]
    V3,
    /// Version 4.0 of RFC 6350.
    V4,
}
