//! People as the API shows them, and what else acts or has an id.

use std::sync::Arc;

use async_graphql::{Context, ID, Interface, Object, SimpleObject};
use entity::{
    contact::List,
    id::UserId,
    user::{self, Role, UserStatus},
};

use super::{
    loader::{DetailsOf, PersonById, ReferredPerson},
    viewer::types::ServiceAccount,
};
use crate::{
    activities::{
        feed::Whose,
        types::{Activity, ActivityConnection},
    },
    agents::{offer_types::Offer, queue_types::Queue, task_types::Task, types::Agent},
    auth::{
        context::ContextExt,
        viewer::{Caller, Scope},
    },
    cards::{card, types::VCardVersion},
    contacts::{
        lists::Source,
        people::Person,
        reach::{EmailAddress, Phone, PostalAddress, Seen, WebAddress},
        types::{PeoplePage, UserConnection},
    },
    conversations::{
        items::types::{Announcement, Message, Note, ThreadItem},
        participants::types::{Customer, Representative},
        types::Conversation,
    },
    error::{Error, Result},
    notifications::types::Notification,
    page::PageArguments,
    personal::types::PersonalContact,
    relationships::{
        loader::NoteAbout,
        types::{ConnectionRequest, Relationship},
    },
    text,
    vcard::write,
    weight::LongText,
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
    field(name = "display_name", ty = "LongText<&str>", desc = "The name to show."),
    field(
        name = "avatar_url",
        ty = "Option<Result<LongText<String>>>",
        desc = "The address of a picture, if there is one."
    )
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
    pub async fn display_name(&self) -> LongText<&str> {
        LongText(self.0.display_name())
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
            given: row.given_name.clone().map(LongText),
            family: row.family_name.clone().map(LongText),
            additional: row.additional_name.clone().map(LongText),
            prefix: row.name_prefix.clone().map(LongText),
            suffix: row.name_suffix.clone().map(LongText),
        })
    }

    /// Job title.
    async fn title(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        self.text(ctx, |row| &row.title).await
    }

    /// Where the person works.
    async fn organisation(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        self.text(ctx, |row| &row.organisation).await
    }

    /// The `https://` address of a picture.
    pub async fn avatar_url(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        self.text(ctx, |row| &row.avatar_url).await
    }

    /// Language tag, such as `ko` or `en-GB`.
    async fn locale(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        self.text(ctx, |row| &row.locale).await
    }

    /// Time zone, such as `Asia/Seoul`.
    async fn time_zone(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
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
    ) -> Result<LongText<String>> {
        let note = if notes {
            contacts_reader(ctx)?;
            ctx.load(NoteAbout(self.0.id())).await?
        } else {
            None
        };
        let (row, seen) = (self.whole(ctx).await?, self.seen(ctx).await?);
        Ok(LongText(write::card(&card::of_user(&row, &seen.details, note), version.into())))
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
    pub async fn whole(&self, ctx: &Context<'_>) -> Result<Arc<user::Model>> {
        match &self.0 {
            Person::Whole(row) => Ok(Arc::clone(row)),
            Person::Line(line) => referred(ctx, line.id).await,
        }
    }

    /// How the person can be reached, as far as the viewer may see it.
    async fn seen(&self, ctx: &Context<'_>) -> Result<Arc<Seen>> {
        Ok(ctx.load(DetailsOf(self.0.id())).await?.unwrap_or_default())
    }

    async fn text(
        &self,
        ctx: &Context<'_>,
        column: fn(&user::Model) -> &Option<String>,
    ) -> Option<Result<LongText<String>>> {
        match self.whole(ctx).await {
            Ok(row) => column(&row).clone().map(|text| Ok(LongText(text))),
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
pub fn needs<'a>(ctx: &'a Context<'_>, scope: Scope) -> Result<&'a Caller> {
    let caller = ctx.caller()?;
    if caller.scopes().has(scope) { Ok(caller) } else { Err(Error::Forbidden(scope.name())) }
}

pub fn contacts_reader<'a>(ctx: &'a Context<'_>) -> Result<&'a Caller> {
    needs(ctx, Scope::ContactsRead)
}

/// The parts of a name.
#[derive(SimpleObject)]
pub struct PersonName {
    /// Given name.
    pub given: Option<LongText<String>>,
    /// Family name.
    pub family: Option<LongText<String>>,
    /// Middle names.
    pub additional: Option<LongText<String>>,
    /// Such as "Dr.".
    pub prefix: Option<LongText<String>>,
    /// Such as "Jr.".
    pub suffix: Option<LongText<String>>,
}
