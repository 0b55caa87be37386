//! Results of actions about another user, and the input that names this user.

use std::sync::Arc;

use entity::{connection_request, id::UserId, user};

use super::pair::Pair;
use crate::{
    error::{Error, Result},
    outcome::Outcome,
};

/// The field of inputs that names the other user.
pub const USER_FIELD: &[&str] = &["input", "userId"];

/// The result of an action about another user.
pub struct ActionResult {
    /// The other user.
    pub other: Arc<user::Model>,
    /// The connection request that the action is about, if it is about one.
    pub request: Option<connection_request::Model>,
    /// The effect of the action.
    pub outcome: Outcome,
}

impl ActionResult {
    /// The result of an action about the other user of a pair.
    #[must_use]
    pub fn about(pair: &Pair, outcome: Outcome) -> Self {
        Self { other: Arc::clone(&pair.other), request: None, outcome }
    }
}

/// Reads the id of the other user. Refuses with `NOT_FOUND`.
pub fn parse_user(id: &str) -> Result<UserId> {
    UserId::parse(id).ok_or_else(|| Error::not_found(USER_FIELD))
}
