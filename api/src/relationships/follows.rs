//! Following: one-way, at once, without the other's consent unless they limit who may.

use entity::id::UserId;

use super::{
    connections::{Done, Outcome, USER_FIELD, target},
    pairs::{self, Pair},
};
use crate::{
    app::App,
    auth::viewer::Viewer,
    error::{Error, Result, UserErrorCode},
};

/// Follows a person. Following again changes nothing.
pub async fn follow(app: &App, by: &Viewer, user_id: &str) -> Result<Done> {
    let other = target(user_id)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
            pair.refuse_blocker(USER_FIELD)?;
            if !pair.view.mine.follows && !pair.admits(tx, pair.other.who_may_follow).await? {
                let why = "This person does not let you follow.";
                return Err(Error::refused(UserErrorCode::NotAllowed, USER_FIELD, why));
            }
            pair.view.mine.follows = true;
            let changed = pair.save(tx).await?;
            Ok(Done { other: pair.other, request: None, outcome: Outcome::of(changed) })
        })
    })
    .await
}

/// Stops following a person.
pub async fn unfollow(app: &App, by: &Viewer, user_id: &str) -> Result<Done> {
    change(app, by, target(user_id)?, |pair| pair.view.mine.follows = false).await
}

/// Makes a person stop following the caller. They are not told and may follow again.
pub async fn remove_follower(app: &App, by: &Viewer, user_id: &str) -> Result<Done> {
    change(app, by, target(user_id)?, |pair| pair.view.theirs.follows = false).await
}

async fn change(app: &App, by: &Viewer, other: UserId, change: fn(&mut Pair)) -> Result<Done> {
    app.transaction(|tx| {
        Box::pin(async move {
            let mut pair = pairs::hold(tx, by, other, USER_FIELD).await?;
            change(&mut pair);
            let changed = pair.save(tx).await?;
            Ok(Done { other: pair.other, request: None, outcome: Outcome::of(changed) })
        })
    })
    .await
}
