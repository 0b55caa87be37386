//! Events about profiles: which user changed. Readers read the profile again, as far as they may see it.

use entity::{event::EventKind, id::UserId};
use serde::{Deserialize, Serialize};

use crate::{
    app::Tx,
    error::Result,
    events::{cursor::profile_of, log::NewEvent, payloads::own_payload},
};

/// The payload of an event about a changed profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProfileChange {
    /// The user whose profile changed.
    pub user: UserId,
}

own_payload!(ProfileChange, 1);

/// Emits `UserChanged` in the stream of a user's profile.
pub fn emit(tx: &Tx<'_>, user: UserId) -> Result<()> {
    tx.append(NewEvent::new(EventKind::UserChanged, &ProfileChange { user }, vec![profile_of(user)])?);
    Ok(())
}
