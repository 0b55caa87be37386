//! Follows: one-way, immediate, and without consent unless the followed person limits the audience.

use entity::{id::UserId, notification::NotificationKind};

use super::{
    actions::{ActionResult, USER_FIELD},
    pair::{self, Pair},
};
use crate::{
    app::Tx,
    auth::viewer::Viewer,
    error::{Error, Result, UserErrorCode},
    notifications::notification_rows::{self, NewNotification},
    outcome::Outcome,
};

/// Follows a person. Locks the pair. A repeated call changes nothing. Notifies the person unless they mute the caller's
/// notifications. Refuses with BLOCKED_BY_VIEWER or NOT_ALLOWED, and as [`pair::lock`] does.
pub async fn follow(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<ActionResult> {
    let mut pair = pair::lock(tx, by, other, USER_FIELD).await?;
    pair.refuse_blocker(USER_FIELD)?;
    if !pair.view.mine.follows && !pair.is_allowed(tx, pair.other.who_may_follow).await? {
        let why = "This person does not allow you to follow them.";
        return Err(Error::refused(UserErrorCode::NotAllowed, USER_FIELD, why));
    }
    pair.view.mine.follows = true;
    let changed = pair.save(tx).await?;
    if changed && !pair.view.theirs.mutes_at(tx.clock().now()).notifications() {
        notification_rows::notify(tx, NewNotification::from(by.user, NotificationKind::Followed, other)).await?;
    }
    Ok(ActionResult::about(&pair, Outcome::of(changed)))
}

/// Stops following a person. Locks the pair. Refuses as [`pair::lock`] does.
pub async fn unfollow(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<ActionResult> {
    change(tx, by, other, |pair| pair.view.mine.follows = false).await
}

/// Makes a person stop following the caller. Locks the pair. The person gets no notice and can follow again. Refuses as
/// [`pair::lock`] does.
pub async fn remove_follower(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<ActionResult> {
    change(tx, by, other, |pair| pair.view.theirs.follows = false).await
}

async fn change(tx: &Tx<'_>, by: &Viewer, other: UserId, change: fn(&mut Pair)) -> Result<ActionResult> {
    let mut pair = pair::lock(tx, by, other, USER_FIELD).await?;
    change(&mut pair);
    let changed = pair.save(tx).await?;
    Ok(ActionResult::about(&pair, Outcome::of(changed)))
}
