//! Schema types of the viewer, with the data that only the viewer may see.

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    api_key::ApiKeyKind,
    id::{ApiKeyId, ServiceAccountId, UserId},
    user::{self, Audience},
};

use crate::{
    accounts::{
        api_keys,
        graphql::{
            loader::{ReferredKeyName, VisibleApiKey},
            types::Session,
        },
        outbox, sessions,
    },
    agents::graphql::types::AgentDesktop,
    auth::viewer as auth,
    auth::{
        links,
        request_context::ContextExt,
        viewer::{Caller, Scope},
    },
    contacts::graphql::types::ContactCounts,
    conversations::graphql::participant_types::Customer,
    error::{Error, Result},
    events::cursor::Cursor,
    instant::Instant,
    memory_budget::LongText,
    notifications::graphql::{types::NotificationPreference, unread_types::UnreadCounts},
    pagination::list_size,
    text,
    users::{
        avatars,
        graphql::{
            interfaces::Actor,
            types::{User, contacts_reader, needs},
        },
    },
};

/// The caller, as proven by the token or the API key.
pub struct Viewer(pub Caller);

/// The caller, as proven by the token or the API key.
#[Object]
impl Viewer {
    /// The caller as others see it.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Actor> {
        match self.0 {
            Caller::Person(_) => Ok(Actor::User(self.me(ctx).await?)),
            Caller::Service(service) => {
                let name = api_keys::name(ctx.app()?.db.read(), service.key).await?;
                Ok(Actor::ServiceAccount(ServiceAccount { key: service.key, name }))
            }
            Caller::Visitor(visitor) => Ok(Actor::Customer(Customer::referred(ctx, visitor.customer).await?)),
        }
    }

    /// The caller as a person. Null for a service account and for a visitor.
    async fn user(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        match self.0 {
            Caller::Person(_) => Some(self.me(ctx).await),
            Caller::Service(_) | Caller::Visitor(_) => None,
        }
    }

    /// The permissions of the token or the API key.
    async fn scopes(&self) -> Vec<Scope> {
        self.0.scopes().iter().collect()
    }

    /// The time when the token or the API key expires. Null for a key without an end. Each use of a visitor's token
    /// puts it off.
    async fn expires_at(&self) -> Option<Instant> {
        Some(self.0.expires_at()).filter(|end| *end < DateTime::<Utc>::MAX_UTC).map(Instant)
    }

    /// The caller's settings. Null for a service account and for a visitor.
    async fn settings(&self, ctx: &Context<'_>) -> Option<Result<Settings>> {
        if let Caller::Service(_) | Caller::Visitor(_) = self.0 {
            return None;
        }
        Some(match self.me(ctx).await {
            Ok(me) => me.whole(ctx).await.map(|row| Settings::of(&row)),
            Err(fault) => Err(fault),
        })
    }

    /// The caller's position in the log from before this operation. The subscriptions `inbox`, `events` and
    /// `supervisorDesktop` with it as `after` miss nothing that this operation did not read. Events that it read may
    /// come again.
    async fn stream_cursor(&self, ctx: &Context<'_>) -> Result<Cursor> {
        ctx.stream_cursor()
    }

    /// The sizes of the caller's lists. Null for a service account and for a visitor. Needs the scope CONTACTS_READ.
    async fn contact_counts(&self, ctx: &Context<'_>) -> Option<Result<ContactCounts>> {
        if let Caller::Visitor(_) = self.0 {
            return None;
        }
        match contacts_reader(ctx) {
            Ok(Caller::Person(viewer)) => Some(Ok(ContactCounts(viewer.user))),
            Ok(Caller::Service(_) | Caller::Visitor(_)) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// The counts of items that wait for the caller. Null for a service account and for a visitor. Needs the scope
    /// NOTIFICATIONS_READ.
    async fn unread(&self, ctx: &Context<'_>) -> Option<Result<UnreadCounts>> {
        if let Caller::Visitor(_) = self.0 {
            return None;
        }
        match needs(ctx, Scope::NotificationsRead) {
            Ok(Caller::Person(viewer)) => Some(unread_of(ctx, viewer).await),
            Ok(Caller::Service(_) | Caller::Visitor(_)) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// The caller's preferences for notifications, one for each kind. Null for a service account and for a visitor.
    /// Needs the scope NOTIFICATIONS_READ.
    #[graphql(directive = list_size::apply(8))]
    async fn notification_preferences(&self, ctx: &Context<'_>) -> Option<Result<Vec<NotificationPreference>>> {
        if let Caller::Visitor(_) = self.0 {
            return None;
        }
        match needs(ctx, Scope::NotificationsRead) {
            Ok(Caller::Person(viewer)) => Some(NotificationPreference::of(ctx, viewer).await),
            Ok(Caller::Service(_) | Caller::Visitor(_)) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// The caller's state, offers and tasks as an agent. Null for a caller who is no agent. Needs the scope
    /// AGENTS_READ.
    async fn agent_desktop(&self, ctx: &Context<'_>) -> Option<Result<AgentDesktop>> {
        if let Caller::Visitor(_) = self.0 {
            return None;
        }
        match needs(ctx, Scope::AgentsRead) {
            Ok(Caller::Person(viewer)) => AgentDesktop::of(ctx, viewer).await.transpose(),
            Ok(Caller::Service(_) | Caller::Visitor(_)) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// The e-mail addresses that the caller has confirmed, in lower case. Null for a service account and for a visitor.
    /// Mail is sent to no other address.
    async fn confirmed_emails(&self, ctx: &Context<'_>) -> Option<Result<Vec<String>>> {
        match self.0 {
            Caller::Person(viewer) => Some(confirmed_emails_of(ctx, viewer.user).await),
            Caller::Service(_) | Caller::Visitor(_) => None,
        }
    }

    /// A path on this server to which the caller uploads a picture, by PUT with the bytes of a JPEG, PNG, WebP or GIF
    /// file as the body: at most 8 MB and 8,192 pixels a side. It works without a header for a short time. Keep it as
    /// safe as a password. Null for a service account and for a visitor. Needs the scope PROFILE_WRITE.
    async fn avatar_upload_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 300, desc = "The seconds for which the path works, 10 to 3,600.")] expires_in_seconds: i32,
    ) -> Option<Result<String>> {
        if !matches!(self.0, Caller::Person(_)) {
            return None;
        }
        Some(upload_link(ctx, expires_in_seconds))
    }

    /// The caller's open sessions, at most 50, the one used last first. Null for a service account and for a visitor.
    #[graphql(directive = list_size::apply(4))]
    async fn sessions(&self, ctx: &Context<'_>) -> Option<Result<Vec<Session>>> {
        match self.0 {
            Caller::Person(viewer) => Some(sessions_of(ctx, viewer.user).await),
            Caller::Service(_) | Caller::Visitor(_) => None,
        }
    }
}

fn upload_link(ctx: &Context<'_>, seconds: i32) -> Result<String> {
    let caller = needs(ctx, Scope::ProfileWrite)?;
    links::sign(ctx.app()?, caller, avatars::UPLOAD_PATH, seconds)
}

async fn unread_of(ctx: &Context<'_>, viewer: &auth::Viewer) -> Result<UnreadCounts> {
    UnreadCounts::read(ctx.app()?, viewer).await
}

async fn confirmed_emails_of(ctx: &Context<'_>, user: UserId) -> Result<Vec<String>> {
    Ok(outbox::confirmed(ctx.app()?.db.read(), user).await?)
}

async fn sessions_of(ctx: &Context<'_>, user: UserId) -> Result<Vec<Session>> {
    let app = ctx.app()?;
    let open = sessions::open_sessions(app.db.read(), user, app.clock.now()).await?;
    Ok(open.into_iter().map(Session).collect())
}

impl Viewer {
    async fn me(&self, ctx: &Context<'_>) -> Result<User> {
        User::find(ctx, ctx.viewer()?.user).await?.ok_or(Error::Unauthenticated)
    }
}

/// An API key of the organization as an actor. It has no relationships.
pub struct ServiceAccount {
    key: ApiKeyId,
    name: String,
}

impl ServiceAccount {
    /// Returns the service account to which a row refers, without checking access. Fails if there is no such key.
    pub async fn referred(ctx: &Context<'_>, key: ApiKeyId) -> Result<Self> {
        let name = ctx.load(ReferredKeyName(key)).await?;
        let name = name.ok_or_else(|| Error::internal(anyhow::anyhow!("{key} is referenced but does not exist")))?;
        Ok(Self { key, name })
    }

    /// Returns the name of the key.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a service account by id, if it is the caller or the caller administers keys.
    pub async fn find(ctx: &Context<'_>, id: ServiceAccountId) -> Result<Option<Self>> {
        let row = ctx.load(VisibleApiKey(ApiKeyId(id.0))).await?;
        let row = row.filter(|row| row.kind == ApiKeyKind::Organization);
        Ok(row.map(|row| Self { key: row.id, name: row.name }))
    }
}

/// An API key of the organization as an actor. It has no relationships.
#[Object]
impl ServiceAccount {
    /// The id of the service account, `service_…`.
    pub async fn id(&self) -> ID {
        ServiceAccountId(self.key.0).into()
    }

    /// The name of the API key.
    pub async fn display_name(&self) -> LongText<&str> {
        LongText(&self.name)
    }

    /// The initials to show where there is no picture: the first letters of the first and the last word of the name. A
    /// name in Chinese, Japanese or Korean script has one.
    pub async fn initials(&self) -> String {
        text::initials(&self.name)
    }

    /// Null, because a service account has no picture.
    pub async fn avatar_url(
        &self,
        #[graphql(default = 128, desc = "The width in pixels, which has no effect here.")] size: i32,
    ) -> Option<Result<LongText<String>>> {
        let _ = size;
        None
    }
}

/// A person's settings. Only that person sees them.
#[derive(SimpleObject)]
pub struct Settings {
    /// The audience that may ask the viewer to connect.
    who_may_request_connection: Audience,
    /// The audience that may follow the viewer.
    who_may_follow: Audience,
}

impl Settings {
    /// Returns the settings in a person's row.
    #[must_use]
    pub fn of(person: &user::Model) -> Self {
        Self { who_may_request_connection: person.who_may_request_connection, who_may_follow: person.who_may_follow }
    }
}
