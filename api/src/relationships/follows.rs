//! Following: one-way, at once, without the other's consent unless they limit who may.

use entity::{id::UserId, notification::NotificationKind};

use super::{
    deeds::{Done, Outcome, USER_FIELD},
    pairs::{self, Pair},
};
use crate::{
    app::Tx,
    auth::viewer::Viewer,
    error::{Error, Result, UserErrorCode},
    notifications::notices::{self, Notice},
};

/// Follows a person. Following again changes nothing.
pub async fn follow(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<Done> {
    let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
    pair.refuse_blocker(USER_FIELD)?;
    if !pair.view.mine.follows && !pair.admits(tx, pair.other.who_may_follow).await? {
        let why = "This person does not let you follow.";
        return Err(Error::refused(UserErrorCode::NotAllowed, USER_FIELD, why));
    }
    pair.view.mine.follows = true;
    let changed = pair.save(tx).await?;
    if changed && !pair.view.theirs.mutes_at(tx.clock().now()).notifications() {
        notices::tell(tx, Notice::from(by.user, NotificationKind::Followed, other)).await?;
    }
    Ok(Done::about(&pair, Outcome::of(changed)))
}

/// Stops following a person.
pub async fn unfollow(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<Done> {
    change(tx, by, other, |pair| pair.view.mine.follows = false).await
}

/// Makes a person stop following the caller. They are not told and may follow again.
pub async fn remove_follower(tx: &Tx<'_>, by: &Viewer, other: UserId) -> Result<Done> {
    change(tx, by, other, |pair| pair.view.theirs.follows = false).await
}

async fn change(tx: &Tx<'_>, by: &Viewer, other: UserId, change: fn(&mut Pair)) -> Result<Done> {
    let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
    change(&mut pair);
    let changed = pair.save(tx).await?;
    Ok(Done::about(&pair, Outcome::of(changed)))
}
