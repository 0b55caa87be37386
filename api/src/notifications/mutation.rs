//! `markNotificationsRead`, `markNotificationsUnread`, `deleteNotifications`, `updateNotificationPreferences`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::{id::NotificationId, notification::NotificationKind, notification_preference::EmailFrequency};

use super::{
    notices::{self, Which},
    preferences::{self, Change},
    types::NotificationPreference,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Error, Result, UserError, UserErrorCode, settle},
};

/// Which to mark as read: give either `ids` or `before`.
#[derive(InputObject)]
struct MarkNotificationsReadInput {
    /// These, at most 100.
    ids: Option<Vec<ID>>,
    /// The id of a notification: this one and all that are older. What arrives meanwhile stays unread.
    before: Option<ID>,
}

/// Which to mark as unread.
#[derive(InputObject)]
struct MarkNotificationsUnreadInput {
    /// These, at most 100.
    ids: Vec<ID>,
}

/// Which to remove.
#[derive(InputObject)]
struct DeleteNotificationsInput {
    /// These, at most 100.
    ids: Vec<ID>,
}

/// What to change. Kinds that are left out stay as they are.
#[derive(InputObject)]
struct UpdateNotificationPreferencesInput {
    /// The changes, each kind at most once.
    preferences: Vec<NotificationPreferenceInput>,
}

/// How the viewer wants to be told of a kind of thing. A field that is left out stays.
#[derive(InputObject)]
struct NotificationPreferenceInput {
    /// The kind.
    kind: NotificationKind,
    /// Whether it makes a notification.
    in_app: Option<bool>,
    /// How often e-mail tells of it.
    email: Option<EmailFrequency>,
}

#[derive(Default)]
pub struct NotificationsMutation;

#[Object]
impl NotificationsMutation {
    /// Marks notifications as read. Idempotent; ids that name none of the viewer's are passed over. Refused with INVALID or
    /// NOT_FOUND.
    #[graphql(guard = "Needs(Scope::NotificationsWrite)")]
    async fn mark_notifications_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: MarkNotificationsReadInput,
    ) -> Result<MarkNotificationsReadPayload> {
        let (app, by) = (ctx.app()?, ctx.viewer()?);
        let marked = match which(input) {
            Ok(which) => notices::mark_read(app, by, which).await,
            Err(error) => Err(error),
        };
        Ok(match settle(marked)? {
            Ok(count) => MarkNotificationsReadPayload { count: Some(count), user_errors: vec![] },
            Err(user_errors) => MarkNotificationsReadPayload { count: None, user_errors },
        })
    }

    /// Marks notifications as unread. Idempotent; ids that name none of the viewer's are passed over.
    #[graphql(guard = "Needs(Scope::NotificationsWrite)")]
    async fn mark_notifications_unread(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: MarkNotificationsUnreadInput,
    ) -> Result<MarkNotificationsUnreadPayload> {
        let ids = notices::read_ids(&input.ids, "ids")?;
        Ok(match settle(notices::mark_unread(ctx.app()?, ctx.viewer()?, ids).await)? {
            Ok(count) => MarkNotificationsUnreadPayload { count: Some(count), user_errors: vec![] },
            Err(user_errors) => MarkNotificationsUnreadPayload { count: None, user_errors },
        })
    }

    /// Removes notifications. What they told of stays: a request still waits. Idempotent; ids that name none of the viewer's
    /// are passed over.
    #[graphql(guard = "Needs(Scope::NotificationsWrite)")]
    async fn delete_notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: DeleteNotificationsInput,
    ) -> Result<DeleteNotificationsPayload> {
        let ids = notices::read_ids(&input.ids, "ids")?;
        Ok(match settle(notices::delete(ctx.app()?, ctx.viewer()?, ids).await)? {
            Ok(count) => DeleteNotificationsPayload { count: Some(count), user_errors: vec![] },
            Err(user_errors) => DeleteNotificationsPayload { count: None, user_errors },
        })
    }

    /// Changes how the viewer wants to be told of things. Idempotent. Refused with INVALID.
    #[graphql(guard = "Needs(Scope::NotificationsWrite)")]
    async fn update_notification_preferences(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to change.")] input: UpdateNotificationPreferencesInput,
    ) -> Result<UpdateNotificationPreferencesPayload> {
        let changes: Vec<Change> = input
            .preferences
            .iter()
            .map(|wish| Change { kind: wish.kind, in_app: wish.in_app, email: wish.email })
            .collect();
        let updated = preferences::update(ctx.app()?, ctx.viewer()?, &changes).await;
        Ok(match settle(updated)? {
            Ok(wishes) => {
                let preferences = Some(wishes.into_iter().map(NotificationPreference::from).collect());
                UpdateNotificationPreferencesPayload { preferences, user_errors: vec![] }
            }
            Err(user_errors) => UpdateNotificationPreferencesPayload { preferences: None, user_errors },
        })
    }
}

fn which(input: MarkNotificationsReadInput) -> Result<Which> {
    match (input.ids, input.before) {
        (Some(ids), None) => Ok(Which::These(notices::read_ids(&ids, "ids")?)),
        (None, Some(before)) => {
            let id = NotificationId::parse(&before).ok_or_else(|| Error::not_found(&["input", "before"]))?;
            Ok(Which::UpTo(id))
        }
        _ => Err(Error::refused(UserErrorCode::Invalid, &["input", "ids"], "Give either ids or before.")),
    }
}

macro_rules! counted {
    ($($name:ident $mutation:literal $count:literal),* $(,)?) => {$(
        #[doc = concat!("The answer to `", $mutation, "`.")]
        #[derive(SimpleObject)]
        struct $name {
            #[doc = $count]
            count: Option<usize>,
            /// The refusals of the call. Empty when it succeeded.
            user_errors: Vec<UserError>,
        }
    )*};
}

counted! {
    MarkNotificationsReadPayload "markNotificationsRead" "How many were unread before; null when refused.",
    MarkNotificationsUnreadPayload "markNotificationsUnread" "How many were read before; null when refused.",
    DeleteNotificationsPayload "deleteNotifications" "How many there were; null when refused.",
}

/// The answer to `updateNotificationPreferences`.
#[derive(SimpleObject)]
struct UpdateNotificationPreferencesPayload {
    /// The preferences as they are now, one for each kind; null when refused.
    preferences: Option<Vec<NotificationPreference>>,
    /// The refusals of the call. Empty when it succeeded.
    user_errors: Vec<UserError>,
}
