//! The mutations of notifications: `markNotificationsRead`, `markNotificationsUnread`, `deleteNotifications` and
//! `updateNotificationPreferences`.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use entity::{id::NotificationId, notification::NotificationKind, notification_preference::EmailFrequency};

use super::types::NotificationPreference;
use crate::notifications::{
    notification_rows::{self, NotificationSelection},
    preferences::{self, PreferenceChange},
};
use crate::{
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::{Error, Result, UserErrorCode},
    events::graphql::effect::Effect,
    pagination::list_size,
};

/// The notifications to mark as read, given by either `ids` or `upTo`.
#[derive(InputObject)]
struct MarkNotificationsReadInput {
    /// The ids of the notifications, at most 100.
    ids: Option<Vec<ID>>,
    /// The id of a notification. The call marks it and all older ones. Notifications that arrive during the call stay
    /// unread.
    up_to: Option<ID>,
}

/// The notifications to mark as unread.
#[derive(InputObject)]
struct MarkNotificationsUnreadInput {
    /// The ids of the notifications, at most 100.
    ids: Vec<ID>,
}

/// The notifications to remove.
#[derive(InputObject)]
struct DeleteNotificationsInput {
    /// The ids of the notifications, at most 100.
    ids: Vec<ID>,
}

/// The preferences to change. Kinds that are left out keep their preference.
#[derive(InputObject)]
struct UpdateNotificationPreferencesInput {
    /// The changes, at most one for each kind.
    preferences: Vec<NotificationPreferenceInput>,
}

/// The change of one preference. Fields that are left out keep their values.
#[derive(InputObject)]
struct NotificationPreferenceInput {
    /// The kind of notification.
    kind: NotificationKind,
    /// True to show such notifications in the app.
    in_app: Option<bool>,
    /// The frequency of e-mail about such notifications.
    email: Option<EmailFrequency>,
}

/// The mutations of notifications.
#[derive(Default)]
pub struct NotificationsMutation;

#[Object]
impl NotificationsMutation {
    /// Marks notifications as read. Idempotent. Ids of other users' notifications and unknown ids have no effect.
    /// Refuses with INVALID or NOT_FOUND.
    #[graphql(guard = "Needs(Scope::NotificationsWrite)")]
    async fn mark_notifications_read(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notifications to mark.")] input: MarkNotificationsReadInput,
    ) -> Result<MarkNotificationsReadPayload> {
        let (app, by) = (ctx.app()?, ctx.viewer()?);
        let marked = match which(input) {
            Ok(which) => notification_rows::mark_read(app, by, which).await,
            Err(error) => Err(error),
        };
        MarkNotificationsReadPayload::of(marked)
    }

    /// Marks notifications as unread. Idempotent. Ids of other users' notifications and unknown ids have no effect.
    #[graphql(guard = "Needs(Scope::NotificationsWrite)")]
    async fn mark_notifications_unread(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notifications to mark.")] input: MarkNotificationsUnreadInput,
    ) -> Result<MarkNotificationsUnreadPayload> {
        let ids = notification_rows::read_ids(&input.ids, "ids")?;
        MarkNotificationsUnreadPayload::of(notification_rows::mark_unread(ctx.app()?, ctx.viewer()?, ids).await)
    }

    /// Removes notifications. Their subjects stay, so a connection request still waits. Idempotent. Ids of other users'
    /// notifications and unknown ids have no effect.
    #[graphql(guard = "Needs(Scope::NotificationsWrite)")]
    async fn delete_notifications(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The notifications to remove.")] input: DeleteNotificationsInput,
    ) -> Result<DeleteNotificationsPayload> {
        let ids = notification_rows::read_ids(&input.ids, "ids")?;
        DeleteNotificationsPayload::of(notification_rows::delete(ctx.app()?, ctx.viewer()?, ids).await)
    }

    /// Changes the viewer's notification preferences. Idempotent. Refuses with INVALID.
    #[graphql(guard = "Needs(Scope::NotificationsWrite)")]
    async fn update_notification_preferences(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The preferences to change.")] input: UpdateNotificationPreferencesInput,
    ) -> Result<UpdateNotificationPreferencesPayload> {
        let changes: Vec<PreferenceChange> = input
            .preferences
            .iter()
            .map(|wish| PreferenceChange { kind: wish.kind, in_app: wish.in_app, email: wish.email })
            .collect();
        let updated = preferences::update(ctx.app()?, ctx.viewer()?, &changes).await;
        let (all, effect) = Effect::split(updated)?;
        let preferences = all.map(|all| all.into_iter().map(NotificationPreference::from).collect());
        Ok(UpdateNotificationPreferencesPayload { preferences, effect })
    }
}

fn which(input: MarkNotificationsReadInput) -> Result<NotificationSelection> {
    match (input.ids, input.up_to) {
        (Some(ids), None) => Ok(NotificationSelection::These(notification_rows::read_ids(&ids, "ids")?)),
        (None, Some(up_to)) => {
            let id = NotificationId::parse(&up_to).ok_or_else(|| Error::not_found(&["input", "upTo"]))?;
            Ok(NotificationSelection::UpTo(id))
        }
        _ => Err(Error::refused(UserErrorCode::Invalid, &["input", "ids"], "Give either ids or upTo.")),
    }
}

macro_rules! counted {
    ($($name:ident $mutation:literal $count:literal),* $(,)?) => {$(
        #[doc = concat!("The result of `", $mutation, "`.")]
        #[derive(SimpleObject)]
        struct $name {
            #[doc = $count]
            count: Option<usize>,
            /// The effect of the call.
            #[graphql(flatten)]
            effect: Effect,
        }

        impl $name {
            /// Makes the payload of a call that changed a number of notifications, or that was refused. Returns the
            /// error of any other call.
            fn of(changed: Result<usize>) -> Result<Self> {
                let (count, effect) = Effect::split(changed.map(|count| (count, count > 0)))?;
                Ok(Self { count, effect })
            }
        }
    )*};
}

counted! {
    MarkNotificationsReadPayload "markNotificationsRead" "The number that was unread before. Null when refused.",
    MarkNotificationsUnreadPayload "markNotificationsUnread" "The number that was read before. Null when refused.",
    DeleteNotificationsPayload "deleteNotifications" "The number of removed notifications. Null when refused.",
}

/// The result of `updateNotificationPreferences`.
#[derive(SimpleObject)]
struct UpdateNotificationPreferencesPayload {
    /// The preferences after the change, one for each kind. Null when refused.
    #[graphql(directive = list_size::apply(8))]
    preferences: Option<Vec<NotificationPreference>>,
    /// The effect of the call.
    #[graphql(flatten)]
    effect: Effect,
}
