//! People as the API shows them, and the viewer.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    contact::List,
    id::{ApiKeyId, UserId},
    user::{self, Audience, Role, UserStatus},
};

use super::loader::{DetailsOf, PersonById, ReferredPerson};
use crate::{
    accounts::{api_keys, sessions, types::Session},
    activities::{
        feed::Whose,
        types::{Activity, ActivityConnection},
    },
    agents::{
        queue_types::Queue,
        task_types::Task,
        types::{Agent, Desk, Offer},
    },
    auth::{
        context::ContextExt,
        viewer::{Caller, Scope},
    },
    cards::{card, types::VCardVersion},
    contacts::{
        lists::Source,
        people::Person,
        reach::{EmailAddress, Phone, PostalAddress, Seen, WebAddress},
        types::{ContactCounts, PeoplePage, UserConnection},
    },
    conversations::{
        items::types::{Announcement, Message, Note, ThreadItem},
        participants::types::{Customer, Representative},
        types::Conversation,
    },
    error::{Error, Result},
    notifications::types::{Notification, NotificationPreference, UnreadCounts},
    page::PageArguments,
    personal::types::PersonalContact,
    relationships::{
        loader::NoteAbout,
        types::{ConnectionRequest, Relationship},
    },
    text,
    vcard::write,
};

/// Something with an id. Ids are opaque, stable and never used twice.
#[derive(Interface)]
#[graphql(field(name = "id", ty = "ID", desc = "The id; its prefix tells the kind of thing."))]
pub enum Node {
    User(User),
    ConnectionRequest(ConnectionRequest),
    Activity(Activity),
    Notification(Notification),
    PersonalContact(PersonalContact),
    Agent(Agent),
    Queue(Queue),
    Task(Task),
    Offer(Offer),
    Conversation(Conversation),
    Message(Message),
    Announcement(Announcement),
    Note(Note),
    Customer(Customer),
    Representative(Representative),
}

impl From<ThreadItem> for Node {
    fn from(item: ThreadItem) -> Self {
        match item {
            ThreadItem::Message(item) => Self::Message(item),
            ThreadItem::Announcement(item) => Self::Announcement(item),
            ThreadItem::Note(item) => Self::Note(item),
        }
    }
}

/// Somebody who acts. Being one is no permission to see more than the name.
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "ID", desc = "The id of whoever acts."),
    field(name = "display_name", ty = "&str", desc = "The name to show."),
    field(name = "avatar_url", ty = "Option<Result<String>>", desc = "The address of a picture, if there is one.")
)]
pub enum Actor {
    User(User),
    ServiceAccount(ServiceAccount),
    Customer(Customer),
    Representative(Representative),
}

/// A person with an account in the organisation.
#[derive(Clone)]
pub struct User(pub Person);

/// A person with an account in the organisation.
#[Object]
impl User {
    /// The person's id, `user_…`.
    pub async fn id(&self) -> ID {
        self.0.id().into()
    }

    /// The unique short name, 2 to 32 characters of `a-z 0-9 . _ -`.
    async fn handle(&self) -> &str {
        self.0.handle()
    }

    /// The name to show.
    pub async fn display_name(&self) -> &str {
        self.0.display_name()
    }

    /// The letter the name stands under in a list by name: a letter, a Korean initial consonant, the first kana of a
    /// row, or `#`.
    pub async fn heading(&self) -> String {
        text::heading(self.0.name_key())
    }

    /// The parts of the name.
    async fn name(&self, ctx: &Context<'_>) -> Result<PersonName> {
        let row = self.whole(ctx).await?;
        Ok(PersonName {
            given: row.given_name.clone(),
            family: row.family_name.clone(),
            additional: row.additional_name.clone(),
            prefix: row.name_prefix.clone(),
            suffix: row.name_suffix.clone(),
        })
    }

    /// Job title.
    async fn title(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.text(ctx, |row| &row.title).await
    }

    /// Where the person works.
    async fn organisation(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.text(ctx, |row| &row.organisation).await
    }

    /// The `https://` address of a picture.
    pub async fn avatar_url(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.text(ctx, |row| &row.avatar_url).await
    }

    /// Language tag, such as `ko` or `en-GB`.
    async fn locale(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.text(ctx, |row| &row.locale).await
    }

    /// Time zone, such as `Asia/Seoul`.
    async fn time_zone(&self, ctx: &Context<'_>) -> Option<Result<String>> {
        self.text(ctx, |row| &row.time_zone).await
    }

    /// E-mail addresses that the viewer may see now: those for everyone, and those for connections where connected. Needs
    /// the scope CONTACTS_READ for the latter.
    async fn emails(&self, ctx: &Context<'_>) -> Result<Vec<EmailAddress>> {
        Ok(self.seen(ctx).await?.emails())
    }

    /// Telephone numbers that the viewer may see now, as of `emails`.
    async fn phones(&self, ctx: &Context<'_>) -> Result<Vec<Phone>> {
        Ok(self.seen(ctx).await?.phones())
    }

    /// Postal addresses that the viewer may see now, as of `emails`.
    async fn addresses(&self, ctx: &Context<'_>) -> Result<Vec<PostalAddress>> {
        Ok(self.seen(ctx).await?.addresses())
    }

    /// Pages of the web that the viewer may see now, as of `emails`.
    async fn urls(&self, ctx: &Context<'_>) -> Result<Vec<WebAddress>> {
        Ok(self.seen(ctx).await?.urls())
    }

    /// The person's vCard, with what the viewer may see now.
    #[graphql(name = "vCard")]
    async fn vcard(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "VCardVersion::V3", desc = "The version to write.")] version: VCardVersion,
        #[graphql(
            default = false,
            desc = "Whether what the viewer wrote about the person goes into it. Needs the scope CONTACTS_READ."
        )]
        notes: bool,
    ) -> Result<String> {
        let note = if notes {
            contacts_reader(ctx)?;
            ctx.load(NoteAbout(self.0.id())).await?
        } else {
            None
        };
        let (row, seen) = (self.whole(ctx).await?, self.seen(ctx).await?);
        Ok(write::card(&card::of_user(&row, &seen.details, note), version.into()))
    }

    /// What the person is in the organisation.
    async fn role(&self, ctx: &Context<'_>) -> Result<Role> {
        Ok(self.whole(ctx).await?.role)
    }

    /// What stands between the viewer and this person, as the viewer may know it. Null for the viewer and for a service
    /// account. Needs the scope CONTACTS_READ.
    async fn relationship(&self, ctx: &Context<'_>) -> Option<Result<Relationship>> {
        let viewer = match contacts_reader(ctx) {
            Err(fault) => return Some(Err(fault)),
            Ok(Caller::Person(viewer)) if viewer.user != self.0.id() => viewer,
            Ok(_) => return None,
        };
        match self.whole(ctx).await {
            Err(fault) => Some(Err(fault)),
            Ok(row) => Some(Relationship::between(ctx, viewer, &row).await),
        }
    }

    /// Those the person is connected with, in name order. Needs the scope CONTACTS_READ.
    async fn connections(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        Some(self.list(ctx, List::Connections, PageArguments { first, after, last, before }).await)
    }

    /// Those who follow the person, in name order. Needs the scope CONTACTS_READ.
    async fn followers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        Some(self.list(ctx, List::Followers, PageArguments { first, after, last, before }).await)
    }

    /// Those whom the person follows, in name order. Needs the scope CONTACTS_READ.
    async fn following(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        Some(self.list(ctx, List::Following, PageArguments { first, after, last, before }).await)
    }

    /// What the person did, newest first, as far as the viewer may see it: nothing of whom the viewer is neither connected
    /// with nor follows. Needs the scope ACTIVITY_READ.
    async fn activities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither is given.")] first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Option<Result<ActivityConnection>> {
        let arguments = PageArguments { first, after, last, before };
        if let Err(fault) = needs(ctx, Scope::ActivityRead) {
            return Some(Err(fault));
        }
        Some(ActivityConnection::read(ctx, Whose::Of(self.0.id()), arguments).await)
    }
}

impl User {
    /// The person whom a row refers to, also one who no longer takes part: the row keeps theirs in being.
    pub async fn referred(ctx: &Context<'_>, id: UserId) -> Result<Self> {
        Ok(Self(Person::Whole(referred(ctx, id).await?)))
    }

    /// The person with an id, if there is one to see.
    pub async fn find(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>> {
        Ok(ctx.load(PersonById(id)).await?.map(Self::from))
    }

    /// The whole row, read now if the list it came from read less.
    async fn whole(&self, ctx: &Context<'_>) -> Result<Arc<user::Model>> {
        match &self.0 {
            Person::Whole(row) => Ok(Arc::clone(row)),
            Person::Line(line) => referred(ctx, line.id).await,
        }
    }

    /// How the person can be reached, as far as the viewer may see it.
    async fn seen(&self, ctx: &Context<'_>) -> Result<Arc<Seen>> {
        Ok(ctx.load(DetailsOf(self.0.id())).await?.unwrap_or_default())
    }

    async fn text(&self, ctx: &Context<'_>, column: fn(&user::Model) -> &Option<String>) -> Option<Result<String>> {
        match self.whole(ctx).await {
            Ok(row) => column(&row).clone().map(Ok),
            Err(fault) => Some(Err(fault)),
        }
    }

    async fn list(&self, ctx: &Context<'_>, list: List, arguments: PageArguments) -> Result<UserConnection> {
        contacts_reader(ctx)?;
        // Of who takes no part nothing is seen, whatever still refers to them.
        let owner = match &self.0 {
            Person::Whole(row) if row.status != UserStatus::Active => UserId(uuid::Uuid::nil()),
            person => person.id(),
        };
        Ok(UserConnection(PeoplePage::beside_others(ctx, Source::Of(owner, list), arguments).await?))
    }
}

impl From<Arc<user::Model>> for User {
    fn from(row: Arc<user::Model>) -> Self {
        Self(Person::Whole(row))
    }
}

impl From<user::Model> for User {
    fn from(row: user::Model) -> Self {
        Arc::new(row).into()
    }
}

async fn referred(ctx: &Context<'_>, id: UserId) -> Result<Arc<user::Model>> {
    let person = ctx.load(ReferredPerson(id)).await?;
    person.ok_or_else(|| Error::internal(anyhow::anyhow!("{id} is referred to but not there")))
}

/// The guard of nullable fields. As an attribute it would empty the parent, which such a field must not do.
fn needs<'a>(ctx: &'a Context<'_>, scope: Scope) -> Result<&'a Caller> {
    let caller = ctx.caller()?;
    if caller.scopes().has(scope) { Ok(caller) } else { Err(Error::Forbidden(scope.name())) }
}

fn contacts_reader<'a>(ctx: &'a Context<'_>) -> Result<&'a Caller> {
    needs(ctx, Scope::ContactsRead)
}

/// The parts of a name.
#[derive(SimpleObject)]
pub struct PersonName {
    /// Given name.
    pub given: Option<String>,
    /// Family name.
    pub family: Option<String>,
    /// Middle names.
    pub additional: Option<String>,
    /// Such as "Dr.".
    pub prefix: Option<String>,
    /// Such as "Jr.".
    pub suffix: Option<String>,
}

/// Whoever calls, as proven by the token or the key.
pub struct Viewer(pub Caller);

/// Whoever calls, as proven by the token or the key.
#[Object]
impl Viewer {
    /// The caller, as others see them.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Actor> {
        match self.0 {
            Caller::Person(_) => Ok(Actor::User(self.me(ctx).await?)),
            Caller::Service(service) => {
                let name = api_keys::name(ctx.app()?.db.read(), service.key).await?;
                Ok(Actor::ServiceAccount(ServiceAccount { key: service.key, name }))
            }
            Caller::Visitor(_) => Err(Error::PersonsOnly),
        }
    }

    /// The caller as a person; null for a service account.
    async fn user(&self, ctx: &Context<'_>) -> Option<Result<User>> {
        match self.0 {
            Caller::Person(_) => Some(self.me(ctx).await),
            Caller::Service(_) | Caller::Visitor(_) => None,
        }
    }

    /// What the token or the key may be used for.
    async fn scopes(&self) -> Vec<Scope> {
        self.0.scopes().iter().collect()
    }

    /// When the token or the key ends; null for a key that does not.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        Some(self.0.expires_at()).filter(|end| *end < DateTime::<Utc>::MAX_UTC)
    }

    /// The caller's settings; null for a service account.
    async fn settings(&self, ctx: &Context<'_>) -> Option<Result<Settings>> {
        if let Caller::Service(_) | Caller::Visitor(_) = self.0 {
            return None;
        }
        Some(match self.me(ctx).await {
            Ok(me) => me.whole(ctx).await.map(|row| Settings::of(&row)),
            Err(fault) => Err(fault),
        })
    }

    /// The sizes of the caller's lists; null for a service account. Needs the scope CONTACTS_READ.
    async fn contact_counts(&self, ctx: &Context<'_>) -> Option<Result<ContactCounts>> {
        match contacts_reader(ctx) {
            Ok(Caller::Person(viewer)) => Some(Ok(ContactCounts(viewer.user))),
            Ok(Caller::Service(_) | Caller::Visitor(_)) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// How much waits for the caller; null for a service account. Needs the scope NOTIFICATIONS_READ.
    async fn unread(&self, ctx: &Context<'_>) -> Option<Result<UnreadCounts>> {
        match needs(ctx, Scope::NotificationsRead) {
            Ok(Caller::Person(viewer)) => Some(UnreadCounts::of(ctx, viewer).await),
            Ok(Caller::Service(_) | Caller::Visitor(_)) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// How the caller wants to be told of things, one for each kind; null for a service account. Needs the scope
    /// NOTIFICATIONS_READ.
    async fn notification_preferences(&self, ctx: &Context<'_>) -> Option<Result<Vec<NotificationPreference>>> {
        match needs(ctx, Scope::NotificationsRead) {
            Ok(Caller::Person(viewer)) => Some(NotificationPreference::of(ctx, viewer).await),
            Ok(Caller::Service(_) | Caller::Visitor(_)) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// What is on the caller's desk; null for who is no agent. Needs the scope AGENTS_READ.
    async fn desk(&self, ctx: &Context<'_>) -> Option<Result<Desk>> {
        match needs(ctx, Scope::AgentsRead) {
            Ok(Caller::Person(viewer)) => Desk::of(ctx, viewer).await.transpose(),
            Ok(Caller::Service(_) | Caller::Visitor(_)) => None,
            Err(fault) => Some(Err(fault)),
        }
    }

    /// The caller's sessions that have not ended, at most 50, the one used last first; null for a service account.
    async fn sessions(&self, ctx: &Context<'_>) -> Option<Result<Vec<Session>>> {
        match self.0 {
            Caller::Person(viewer) => Some(sessions_of(ctx, viewer.user).await),
            Caller::Service(_) | Caller::Visitor(_) => None,
        }
    }
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

/// An organisation's key as somebody who acts. It has no relationships.
pub struct ServiceAccount {
    key: ApiKeyId,
    name: String,
}

/// An organisation's key as somebody who acts. It has no relationships.
#[Object]
impl ServiceAccount {
    /// The id of the key, `key_…`.
    pub async fn id(&self) -> ID {
        self.key.into()
    }

    /// The name of the key.
    pub async fn display_name(&self) -> &str {
        &self.name
    }

    /// Always null.
    pub async fn avatar_url(&self) -> Option<Result<String>> {
        None
    }
}

/// A person's settings, shown to that person only.
#[derive(SimpleObject)]
pub struct Settings {
    /// Who may ask the viewer to connect.
    who_may_request_connection: Audience,
    /// Who may follow the viewer.
    who_may_follow: Audience,
}

impl Settings {
    #[must_use]
    pub fn of(person: &user::Model) -> Self {
        Self { who_may_request_connection: person.who_may_request_connection, who_may_follow: person.who_may_follow }
    }
}
