//! Lists of people as the API shows them.

use std::sync::Arc;

use async_graphql::{Context, Enum, Interface, Lookahead, Object, SimpleObject};
use entity::{contact::List, id::UserId};

use super::{
    book,
    lists::{ContactOrder, Entry, Listed, PageOf, People, Source},
    loader::{SizeOf, SizesOf},
    people::Extent,
    search::Search,
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::{Error, Result},
    events::cursor::Cursor,
    page::{Page, PageArguments, PageInfo, Slice},
    personal::types::PersonalContact,
    users::types::User,
    weight::LongText,
};

/// The lists of the Contacts Center.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ContactList {
    /// Everyone in the organisation, the viewer included, and the viewer's personal contacts.
    All,
    /// Those the viewer is connected with.
    Connections,
    /// Those the viewer follows.
    Following,
    /// Those who follow the viewer.
    Followers,
    /// Those who ask the viewer to connect.
    IncomingRequests,
    /// Those whom the viewer has asked to connect.
    OutgoingRequests,
    /// The viewer's personal contacts.
    Personal,
    /// Those whom the viewer blocks.
    Blocked,
    /// Those whom the viewer mutes now, in the feed, in notifications or in both.
    Muted,
}

impl ContactList {
    /// Where the people of this list of the viewer stand. A service account has no list but that of everyone.
    pub fn of(self, ctx: &Context<'_>) -> Result<Source> {
        let list = match self {
            Self::All => return Ok(ctx.viewer().map_or(Source::Everyone, |viewer| Source::All(viewer.user))),
            Self::Personal => return Ok(Source::Book(ctx.viewer()?.user)),
            Self::Connections => List::Connections,
            Self::Following => List::Following,
            Self::Followers => List::Followers,
            Self::IncomingRequests => List::IncomingRequests,
            Self::OutgoingRequests => List::OutgoingRequests,
            Self::Blocked => List::Blocked,
            Self::Muted => List::Muted,
        };
        Ok(Source::Of(ctx.viewer()?.user, list))
    }
}

impl ContactList {
    /// The list that shows stored entries; none for those that are not shown.
    #[must_use]
    pub fn showing(list: List) -> Option<Self> {
        Some(match list {
            List::Connections => Self::Connections,
            List::Following => Self::Following,
            List::Followers => Self::Followers,
            List::IncomingRequests => Self::IncomingRequests,
            List::OutgoingRequests => Self::OutgoingRequests,
            List::Blocked => Self::Blocked,
            List::Muted => Self::Muted,
            List::MutedInFeed => return None,
        })
    }
}

/// An entry of the viewer's Contacts Center.
#[derive(Interface)]
#[graphql(
    field(name = "id", ty = "async_graphql::ID", desc = "The person's id."),
    field(name = "display_name", ty = "LongText<&str>", desc = "The name to show."),
    field(
        name = "heading",
        ty = "String",
        desc = "The letter the name stands under in a list by name; `#` when there is none."
    )
)]
pub enum Contact {
    User(User),
    PersonalContact(PersonalContact),
}

impl Contact {
    fn of(entry: &Entry) -> Self {
        match entry {
            Entry::Person(person) => Self::User(User(person.clone())),
            Entry::Personal(row) => Self::PersonalContact(PersonalContact(Arc::clone(row))),
        }
    }
}

/// A page of people and the list it is a page of.
pub struct PeoplePage {
    people: People,
    /// Read only when something of it is asked for: a count alone needs no page.
    slice: Option<Slice<Listed>>,
    /// Known when it was counted with the page.
    total: Option<i64>,
}

impl PeoplePage {
    /// Reads a page of a list for a root field.
    pub async fn read(
        ctx: &Context<'_>,
        source: Source,
        search: Option<&str>,
        order: ContactOrder,
        arguments: PageArguments,
    ) -> Result<Self> {
        Self::find(ctx, source, search, order, arguments, false).await
    }

    /// Reads a page of a list of a person, together with those of the person's siblings.
    pub async fn beside_others(ctx: &Context<'_>, source: Source, arguments: PageArguments) -> Result<Self> {
        Self::find(ctx, source, None, ContactOrder::Name, arguments, true).await
    }

    async fn find(
        ctx: &Context<'_>,
        source: Source,
        search: Option<&str>,
        order: ContactOrder,
        arguments: PageArguments,
        nested: bool,
    ) -> Result<Self> {
        let app = ctx.app()?;
        let asked = ctx.look_ahead();
        let viewer = ctx.viewer().ok().map(|viewer| viewer.user);
        let search = Search::new(search, viewer)?;
        let people = People { source, search, order, now: app.clock.now(), extent: extent_of(&asked) };
        let visible = matches!(people.source, Source::Of(_, List::Connections | List::Following));
        if order == ContactOrder::RecentlyActive && !visible {
            let why = "RECENTLY_ACTIVE is for CONNECTIONS and FOLLOWING, whose activity the viewer may see.";
            return Err(Error::invalid("orderBy", why));
        }
        let page = Page::new(arguments, &people.fingerprint())?;
        if !["nodes", "edges", "pageInfo"].into_iter().any(|part| asked.field(part).exists()) {
            return Ok(Self { people, slice: None, total: None });
        }
        let counting = asked.field("totalCount").exists();
        let (slice, total) = match (&people.source, &people.search) {
            // Below a list of people there are many such pages: read together.
            (Source::Of(owner, list), None) if nested => {
                let extent = people.extent;
                let one = PageOf { owner: *owner, list: *list, page: page.clone(), counting, extent };
                ctx.load(one).await?.unwrap_or_else(|| (page.slice(Vec::new()), None))
            }
            _ => people.page(app.db.read(), &page, counting).await?,
        };
        Ok(Self { people, slice: Some(slice), total })
    }

    fn slice(&self) -> Result<&Slice<Listed>> {
        self.slice.as_ref().ok_or_else(|| Error::internal(anyhow::anyhow!("a page was not read that was asked for")))
    }

    /// The people of the page.
    fn nodes<N>(&self, make: fn(&Entry) -> Option<N>) -> Result<Vec<N>> {
        Ok(self.slice()?.items.iter().filter_map(|listed| make(&listed.entry)).collect())
    }

    /// The people of the page with their cursors.
    fn edges<N, E>(&self, make: fn(&Entry) -> Option<N>, edge: fn(String, N) -> E) -> Result<Vec<E>> {
        let slice = self.slice()?;
        let edge = |listed: &Listed| Some(edge(slice.cursor(&listed.place), make(&listed.entry)?));
        Ok(slice.items.iter().filter_map(edge).collect())
    }

    fn info(&self) -> Result<PageInfo> {
        Ok(self.slice()?.info(|listed| listed.place.clone()))
    }

    async fn count(&self, ctx: &Context<'_>) -> Result<i64> {
        if let Some(total) = self.total {
            return Ok(total);
        }
        if let (Source::Of(owner, list), None) = (&self.people.source, &self.people.search) {
            // Beside one another in a page of people, such counts become one statement.
            return Ok(ctx.load(SizeOf(*owner, *list)).await?.unwrap_or_default());
        }
        Ok(self.people.count(ctx.app()?.db.read()).await?)
    }
}

fn person(entry: &Entry) -> Option<User> {
    match entry {
        Entry::Person(person) => Some(User(person.clone())),
        Entry::Personal(_) => None,
    }
}

/// The fields that a person's line answers.
const OF_A_LINE: [&str; 5] = ["id", "handle", "displayName", "heading", "__typename"];

/// How much of the people of a page is asked for.
fn extent_of(page: &Lookahead<'_>) -> Extent {
    let people = [page.field("nodes"), page.field("edges").field("node")];
    let mut people = people.iter().flat_map(Lookahead::selection_fields);
    let enough = people.all(|person| person.selection_set().all(|field| OF_A_LINE.contains(&field.name())));
    if enough { Extent::Line } else { Extent::Whole }
}

/// A page of people.
pub struct UserConnection(pub PeoplePage);

/// A page of people.
#[Object]
impl UserConnection {
    /// The people with their cursors.
    async fn edges(&self) -> Result<Vec<UserEdge>> {
        self.0.edges(person, |cursor, node| UserEdge { cursor, node })
    }

    /// The people.
    async fn nodes(&self) -> Result<Vec<User>> {
        self.0.nodes(person)
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> Result<PageInfo> {
        self.0.info()
    }

    /// How many people the list holds in all. Counted when asked for.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        self.0.count(ctx).await
    }
}

/// A person in a page.
#[derive(SimpleObject)]
pub struct UserEdge {
    /// The place in the list.
    pub cursor: String,
    /// The person.
    pub node: User,
}

/// A page of a contact list.
pub struct ContactConnection {
    pub page: PeoplePage,
    pub stream_cursor: Cursor,
}

/// A page of a contact list.
#[Object]
impl ContactConnection {
    /// The entries with their cursors.
    async fn edges(&self) -> Result<Vec<ContactEdge>> {
        self.page.edges(|entry| Some(Contact::of(entry)), |cursor, node| ContactEdge { cursor, node })
    }

    /// The entries.
    async fn nodes(&self) -> Result<Vec<Contact>> {
        self.page.nodes(|entry| Some(Contact::of(entry)))
    }

    /// Where this page lies in the list.
    async fn page_info(&self) -> Result<PageInfo> {
        self.page.info()
    }

    /// How many entries the list holds in all. Counted when asked for.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        self.page.count(ctx).await
    }

    /// Where the subscription `contacts` stood before this page was read: subscribe with it as `after` and nothing is
    /// missed. What the page shows already may come once more. For people.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }
}

/// An entry in a page of a contact list.
#[derive(SimpleObject)]
pub struct ContactEdge {
    /// The place in the list.
    pub cursor: String,
    /// The entry.
    pub node: Contact,
}

/// The sizes of the viewer's lists, each counted by the predicate of its list.
pub struct ContactCounts(pub UserId);

/// The sizes of the viewer's lists, each counted by the predicate of its list.
#[Object(guard = "Needs(Scope::ContactsRead)")]
impl ContactCounts {
    /// Those the viewer is connected with.
    async fn connections(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::Connections).await
    }

    /// Those the viewer follows.
    async fn following(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::Following).await
    }

    /// Those who follow the viewer.
    async fn followers(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::Followers).await
    }

    /// Those who ask the viewer to connect.
    async fn incoming_requests(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::IncomingRequests).await
    }

    /// Those whom the viewer has asked to connect.
    async fn outgoing_requests(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::OutgoingRequests).await
    }

    /// The viewer's personal contacts.
    async fn personal(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(book::count(ctx.app()?.db.read(), self.0, None).await?)
    }

    /// Those whom the viewer blocks.
    async fn blocked(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::Blocked).await
    }

    /// Those whom the viewer mutes now.
    async fn muted(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::Muted).await
    }
}

impl ContactCounts {
    async fn size(&self, ctx: &Context<'_>, list: List) -> Result<i64> {
        let sizes = ctx.load(SizesOf(self.0)).await?.unwrap_or_default();
        Ok(sizes.get(&list).copied().unwrap_or_default())
    }
}
