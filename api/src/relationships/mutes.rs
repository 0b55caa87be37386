//! Muting: one does not hear of a person, in the feed, in notifications or in both, for ever or for a time. Nothing else
//! changes, and the other is not told.

use chrono::{DateTime, Utc};
use entity::{id::UserId, relationship::Mutes};

use super::{
    deeds::{Done, Outcome, USER_FIELD},
    pairs,
};
use crate::{
    app::Tx,
    auth::viewer::Viewer,
    error::{Error, Result, UserErrorCode},
};

/// What to mute, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mute {
    pub what: Mutes,
    pub until: Option<DateTime<Utc>>,
}

/// Mutes a person, in place of an earlier mute.
pub async fn mute(tx: &Tx<'_>, by: &Viewer, other: UserId, mute: Mute) -> Result<Done> {
    if mute.what == Mutes::Nothing {
        let why = "Mute the feed, the notifications or both.";
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "feed"], why));
    }
    if mute.until.is_some_and(|until| until <= tx.clock().now()) {
        return Err(Error::refused(UserErrorCode::Invalid, &["input", "until"], "This time has passed."));
    }
    set(tx, by, other, mute).await
}

/// Hears of a person again.
pub async fn unmute(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<Done> {
    set(tx, by, other, Mute { what: Mutes::Nothing, until: None }).await
}

async fn set(tx: &Tx<'_>, by: &Viewer, other: UserId, mute: Mute) -> Result<Done> {
    let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
    let was = pair.view.mine.mutes_at(tx.clock().now());
    pair.view.mine.mutes = mute.what;
    pair.view.mine.mutes_until = mute.until;
    let written = pair.save(tx).await?;
    // Forgetting a mute whose time was over changes nothing that anybody sees.
    Ok(Done::about(&pair, Outcome::of(written && (was, mute.what) != (Mutes::Nothing, Mutes::Nothing))))
}
