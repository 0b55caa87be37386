//! Mutes. A mute hides a person's acts from the feed, from notifications or from both, until it is taken back or until
//! a time. It changes nothing else, and the muted person gets no notice.

use chrono::{DateTime, Utc};
use entity::{id::UserId, relationship::Mutes};

use super::{
    actions::{ActionResult, USER_FIELD},
    pair,
};
use crate::{
    app::Tx,
    auth::viewer::Viewer,
    error::{Error, Result, UserErrorCode},
    outcome::Outcome,
};

/// The parts to mute, and the end of the mute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mute {
    /// The muted parts. `Nothing` ends a mute.
    pub what: Mutes,
    /// The end of the mute. `None` mutes until it is taken back.
    pub until: Option<DateTime<Utc>>,
}

/// Mutes a person and replaces an earlier mute. Locks the pair. Refuses with INVALID when nothing is muted or the end
/// has passed, and as [`pair::lock`] does.
pub async fn mute(tx: &Tx<'_>, by: &Viewer, other: UserId, mute: Mute) -> Result<ActionResult> {
    if mute.what == Mutes::Nothing {
        let why = "Mute the feed, the notifications or both.";
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "feed"], why));
    }
    if mute.until.is_some_and(|until| until <= tx.clock().now()) {
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "until"], "The end must be in the future."));
    }
    set(tx, by, other, mute).await
}

/// Ends the caller's mute of a person. Locks the pair. Refuses as [`pair::lock`] does.
pub async fn unmute(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<ActionResult> {
    set(tx, by, other, Mute { what: Mutes::Nothing, until: None }).await
}

async fn set(tx: &Tx<'_>, by: &Viewer, other: UserId, mute: Mute) -> Result<ActionResult> {
    let mut pair = pair::lock(tx, by, other, USER_FIELD).await?;
    let was = pair.view.mine.mutes_at(tx.clock().now());
    pair.view.mine.mutes = mute.what;
    pair.view.mine.mutes_until = mute.until;
    let written = pair.save(tx).await?;
    // A mute whose time had passed was not in effect, so its removal is no visible change.
    Ok(ActionResult::about(&pair, Outcome::of(written && (was, mute.what) != (Mutes::Nothing, Mutes::Nothing))))
}
