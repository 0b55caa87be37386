//! Schema types of people.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{
    contact::List,
    id::UserId,
    user::{self, Role, UserStatus},
};

use super::loader::{DetailsOf, PersonById, ReferredPerson};
use crate::{
    activities::{feed::FeedAuthors, graphql::types::ActivityConnection},
    agents::graphql::types::Agent,
    auth::{
        links,
        request_context::ContextExt as _,
        viewer::{Caller, Scope},
    },
    contacts::{
        graphql::types::{PeoplePage, UserConnection},
        list_members::ListSource,
        user_rows::Person,
        visibility::{EmailAddress, Phone, PostalAddress, VisibleDetails, WebAddress},
    },
    error::{Error, Result},
    memory_budget::LongText,
    pagination::{PageArguments, list_size},
    relationships::graphql::{loader::NoteAbout, types::Relationship},
    text,
    users::avatars,
    vcard::write,
    vcard_transfer::{card, graphql::types::VCardVersion},
};

/// A person with an account in the organization.
#[derive(Clone)]
pub struct User(pub Person);

/// A person with an account in the organization.
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

    /// The initials to show where there is no picture: the first letters of the first and the last word of the name. A
    /// name in Chinese, Japanese or Korean script has one.
    pub async fn initials(&self) -> String {
        text::initials(self.0.display_name())
    }

    /// The letter under which the name stands in a list by name. It is the base letter of an alphabet, a Korean initial
    /// consonant, the first kana of a row, a Chinese character, or `#`.
    pub async fn sort_heading(&self) -> String {
        text::heading(self.0.name_key())
    }

    /// The name in its parts.
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

    /// The job title.
    async fn title(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        self.text(ctx, |row| &row.title).await
    }

    /// The company or institution where the person works.
    async fn organization(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        self.text(ctx, |row| &row.organization).await
    }

    /// The address of a picture: a path on this server for an uploaded one, else an `https://` address. Null if there
    /// is none.
    pub async fn avatar_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 128, desc = "The width in pixels, by the rule of `Actor.avatarUrl`.")] size: i32,
    ) -> Option<Result<LongText<String>>> {
        let stored = self.text(ctx, |row| &row.avatar_url).await;
        stored.map(|stored| stored.map(|LongText(stored)| LongText(avatars::address(&stored, size))))
    }

    /// The language tag, such as `ko` or `en-GB`.
    async fn locale(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        self.text(ctx, |row| &row.locale).await
    }

    /// The time zone, such as `Asia/Seoul`.
    async fn time_zone(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        self.text(ctx, |row| &row.time_zone).await
    }

    /// The e-mail addresses that the viewer may see now: addresses for everyone and, when connected, addresses for
    /// connections. The latter need the scope CONTACTS_READ.
    #[graphql(directive = list_size::apply(4))]
    async fn emails(&self, ctx: &Context<'_>) -> Result<Vec<EmailAddress>> {
        Ok(self.visible_details(ctx).await?.emails())
    }

    /// The telephone numbers that the viewer may see now, by the rule of `emails`.
    #[graphql(directive = list_size::apply(4))]
    async fn phones(&self, ctx: &Context<'_>) -> Result<Vec<Phone>> {
        Ok(self.visible_details(ctx).await?.phones())
    }

    /// The postal addresses that the viewer may see now, by the rule of `emails`.
    #[graphql(directive = list_size::apply(4))]
    async fn addresses(&self, ctx: &Context<'_>) -> Result<Vec<PostalAddress>> {
        Ok(self.visible_details(ctx).await?.addresses())
    }

    /// The web pages that the viewer may see now, by the rule of `emails`.
    #[graphql(directive = list_size::apply(4))]
    async fn urls(&self, ctx: &Context<'_>) -> Result<Vec<WebAddress>> {
        Ok(self.visible_details(ctx).await?.urls())
    }

    /// The person's vCard, with the details that the viewer may see now.
    #[graphql(name = "vCard")]
    async fn vcard(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "VCardVersion::V3", desc = "The version to write.")] version: VCardVersion,
        #[graphql(
            default = false,
            desc = "True to include the viewer's note about the person. Needs the scope CONTACTS_READ."
        )]
        notes: bool,
    ) -> Result<LongText<String>> {
        let note = if notes {
            contacts_reader(ctx)?;
            ctx.load(NoteAbout(self.0.id())).await?
        } else {
            None
        };
        let (row, seen) = (self.whole(ctx).await?, self.visible_details(ctx).await?);
        Ok(LongText(write::card(&card::of_user(&row, &seen.details, note), version.into())))
    }

    /// A link to the person's vCard as a file: a path on this server that works without a header, for a short time and
    /// as long as the viewer may see the person. Keep it as safe as a password. Needs the scope CONTACTS_READ.
    async fn v_card_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "VCardVersion::V3", desc = "The version to write.")] version: VCardVersion,
        #[graphql(default = 300, desc = "The seconds for which the link works, 10 to 3,600.")] expires_in_seconds: i32,
    ) -> Option<Result<String>> {
        if let Err(fault) = needs(ctx, Scope::ContactsRead) {
            return Some(Err(fault));
        }
        Some(self.card_link(ctx, version, expires_in_seconds))
    }

    /// The person's rank in the organization.
    async fn role(&self, ctx: &Context<'_>) -> Result<Role> {
        Ok(self.whole(ctx).await?.role)
    }

    /// The person as an agent. Null for a person who is no agent, and for viewers who may not see agents. Needs the
    /// scope AGENTS_READ.
    async fn agent(&self, ctx: &Context<'_>) -> Option<Result<Agent>> {
        if let Err(fault) = needs(ctx, Scope::AgentsRead) {
            return Some(Err(fault));
        }
        Agent::find(ctx, self.0.id()).await.transpose()
    }

    /// The relationship between the viewer and this person, as far as the viewer may know it. Null for the viewer and
    /// for a service account. Needs the scope CONTACTS_READ.
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

    /// The people with whom the person is connected, in name order. Needs the scope CONTACTS_READ.
    async fn connections(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of items from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of items from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        Some(self.list(ctx, List::Connections, PageArguments { first, after, last, before }).await)
    }

    /// The people who follow the person, in name order. Needs the scope CONTACTS_READ.
    async fn followers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of items from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of items from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        Some(self.list(ctx, List::Followers, PageArguments { first, after, last, before }).await)
    }

    /// The people whom the person follows, in name order. Needs the scope CONTACTS_READ.
    async fn following(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of items from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of items from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        Some(self.list(ctx, List::Following, PageArguments { first, after, last, before }).await)
    }

    /// The connections that the viewer shares with this person, in name order. Null for the viewer and for an
    /// organization key. Needs the scope CONTACTS_READ.
    async fn mutual_connections(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of entries from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of entries from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        let viewer = ctx.viewer().ok().filter(|viewer| viewer.user != self.0.id())?;
        if let Err(fault) = contacts_reader(ctx) {
            return Some(Err(fault));
        }
        let (source, arguments) =
            (ListSource::Mutual(viewer.user, self.0.id()), PageArguments { first, after, last, before });
        Some(PeoplePage::beside_others(ctx, source, arguments).await.map(UserConnection))
    }

    /// The person's activities that the viewer may see, newest first. Other people's are empty unless the viewer is
    /// connected with the person or follows them. Needs the scope ACTIVITY_READ.
    async fn activities(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The number of items from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of items from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<ActivityConnection>> {
        let arguments = PageArguments { first, after, last, before };
        if let Err(fault) = needs(ctx, Scope::ActivityRead) {
            return Some(Err(fault));
        }
        Some(ActivityConnection::read(ctx, FeedAuthors::Of(self.0.id()), arguments).await)
    }
}

impl User {
    fn card_link(&self, ctx: &Context<'_>, version: VCardVersion, seconds: i32) -> Result<String> {
        let version = match version {
            VCardVersion::V3 => "3.0",
            VCardVersion::V4 => "4.0",
        };
        links::sign(ctx.app()?, ctx.caller()?, &format!("/contacts/{}.vcf?version={version}", self.0.id()), seconds)
    }

    /// Loads the person to whom a row refers, whether or not the account is active. The reference keeps the person's
    /// row in existence.
    pub async fn referred(ctx: &Context<'_>, id: UserId) -> Result<Self> {
        Ok(Self(Person::Whole(referred(ctx, id).await?)))
    }

    /// Loads the person with an id, if the viewer may see such a person.
    pub async fn find(ctx: &Context<'_>, id: UserId) -> Result<Option<Self>> {
        Ok(ctx.load(PersonById(id)).await?.map(Self::from))
    }

    /// Returns the whole row. Reads it now if the list read only a line.
    pub async fn whole(&self, ctx: &Context<'_>) -> Result<Arc<user::Model>> {
        match &self.0 {
            Person::Whole(row) => Ok(Arc::clone(row)),
            Person::Line(line) => referred(ctx, line.id).await,
        }
    }

    /// Loads the contact details that the viewer may see.
    async fn visible_details(&self, ctx: &Context<'_>) -> Result<Arc<VisibleDetails>> {
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
        // Lists of people whose account is not active stay hidden, even if other rows still refer to these people.
        let owner = match &self.0 {
            Person::Whole(row) if row.status != UserStatus::Active => UserId(uuid::Uuid::nil()),
            person => person.id(),
        };
        Ok(UserConnection(PeoplePage::beside_others(ctx, ListSource::Of(owner, list), arguments).await?))
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
    person.ok_or_else(|| Error::internal(anyhow::anyhow!("{id} is referenced but does not exist")))
}

/// Returns the caller if they have `scope`, else an error. Nullable fields call this in their body, because a guard
/// attribute would null the parent.
pub fn needs<'a>(ctx: &'a Context<'_>, scope: Scope) -> Result<&'a Caller> {
    let caller = ctx.caller()?;
    if caller.scopes().has(scope) { Ok(caller) } else { Err(Error::Forbidden(scope.name())) }
}

/// Returns the caller if they have the scope CONTACTS_READ, else an error.
pub fn contacts_reader<'a>(ctx: &'a Context<'_>) -> Result<&'a Caller> {
    needs(ctx, Scope::ContactsRead)
}

/// A name in its parts.
#[derive(SimpleObject)]
pub struct PersonName {
    /// The given name.
    pub given: Option<LongText<String>>,
    /// The family name.
    pub family: Option<LongText<String>>,
    /// The middle names.
    pub additional: Option<LongText<String>>,
    /// The prefix, such as "Dr.".
    pub prefix: Option<LongText<String>>,
    /// The suffix, such as "Jr.".
    pub suffix: Option<LongText<String>>,
}
