//! Schema types of contact lists. A count always uses the predicate of its list.

use std::sync::Arc;

use async_graphql::{Context, Enum, Interface, Lookahead, Object, SimpleObject};
use entity::{contact::List, id::UserId};

use super::loader::{SizeOf, SizesOf};
use crate::contacts::{
    address_book_rows,
    list_members::{ContactOrder, ListMember, ListSource, ListedMember, People},
    lists::ContactPage,
    search::Search,
    user_rows::RowDetail,
};
use crate::{
    address_book::graphql::types::PersonalContact,
    auth::{guard::Needs, request_context::ContextExt, viewer::Scope},
    error::{Error, Result},
    events::cursor::Cursor,
    memory_budget::LongText,
    pagination::{Page, PageArguments, PageInfo, PageSlice},
    users::graphql::types::User,
};

/// A list of the viewer's Contacts Center.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Enum)]
pub enum ContactList {
    /// Everyone in the organization, including the viewer, and the viewer's personal contacts.
    All,
    /// People with whom the viewer is connected.
    Connections,
    /// People whom the viewer follows.
    Following,
    /// People who follow the viewer.
    Followers,
    /// People who ask the viewer to connect.
    IncomingRequests,
    /// People whom the viewer has asked to connect.
    OutgoingRequests,
    /// The viewer's personal contacts.
    Personal,
    /// People whom the viewer blocks.
    Blocked,
    /// People whom the viewer mutes now, in the feed, in notifications or in both.
    Muted,
}

impl ContactList {
    /// Returns the source of this list for the viewer. A service account can read only the list of everyone.
    pub fn of(self, ctx: &Context<'_>) -> Result<ListSource> {
        let list = match self {
            Self::All => return Ok(ctx.viewer().map_or(ListSource::Everyone, |viewer| ListSource::All(viewer.user))),
            Self::Personal => return Ok(ListSource::Book(ctx.viewer()?.user)),
            Self::Connections => List::Connections,
            Self::Following => List::Following,
            Self::Followers => List::Followers,
            Self::IncomingRequests => List::IncomingRequests,
            Self::OutgoingRequests => List::OutgoingRequests,
            Self::Blocked => List::Blocked,
            Self::Muted => List::Muted,
        };
        Ok(ListSource::Of(ctx.viewer()?.user, list))
    }
}

impl ContactList {
    /// Returns the list that shows stored entries, or `None` for entries that no list shows.
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
    field(name = "id", ty = "async_graphql::ID", desc = "The id of the user or of the personal contact."),
    field(name = "display_name", ty = "LongText<&str>", desc = "The name to show."),
    field(
        name = "sort_heading",
        ty = "String",
        desc = "The letter under which the name stands in a list by name. `#` when there is none."
    )
)]
pub enum Contact {
    /// A person with an account.
    User(User),
    /// An entry of the viewer's address book.
    PersonalContact(PersonalContact),
}

impl Contact {
    fn of(entry: &ListMember) -> Self {
        match entry {
            ListMember::Person(person) => Self::User(User(person.clone())),
            ListMember::Personal(row) => Self::PersonalContact(PersonalContact(Arc::clone(row))),
        }
    }
}

/// A page of people, and the list that it is from.
pub struct PeoplePage {
    people: People,
    /// Read only when a field of the page is selected: a count alone needs no page.
    slice: Option<PageSlice<ListedMember>>,
    /// Present when it was counted with the page.
    total: Option<i64>,
}

impl PeoplePage {
    /// Reads a page of a list for a root field.
    pub async fn read(
        ctx: &Context<'_>,
        source: ListSource,
        search: Option<&str>,
        order: ContactOrder,
        arguments: PageArguments,
    ) -> Result<Self> {
        Self::find(ctx, source, search, order, arguments, false).await
    }

    /// Reads a page of a person's list, in one batch with the pages of other people.
    pub async fn beside_others(ctx: &Context<'_>, source: ListSource, arguments: PageArguments) -> Result<Self> {
        Self::find(ctx, source, None, ContactOrder::Name, arguments, true).await
    }

    async fn find(
        ctx: &Context<'_>,
        source: ListSource,
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
        let visible = matches!(people.source, ListSource::Of(_, List::Connections | List::Following));
        if order == ContactOrder::RecentlyActive && !visible {
            let why = "RECENTLY_ACTIVE is available only for CONNECTIONS and FOLLOWING.";
            return Err(Error::invalid("orderBy", why));
        }
        let page = Page::new(arguments, &people.fingerprint())?;
        let batched = match (&people.source, &people.search) {
            (ListSource::Of(owner, list), None) if nested => Some((*owner, *list, None)),
            (ListSource::Mutual(one, other), None) if nested => Some((*one, List::Connections, Some(*other))),
            _ => None,
        };
        let counts_alone = !["nodes", "edges", "pageInfo"].into_iter().any(|part| asked.field(part).exists());
        // The sizes of whole lists have a batch of their own.
        if counts_alone && batched.is_none_or(|(_, _, shared_with)| shared_with.is_none()) {
            return Ok(Self { people, slice: None, total: None });
        }
        let counting = asked.field("totalCount").exists();
        let (slice, total) = match batched {
            // Under a list of people there are many such pages, so they are read in one batch.
            Some((owner, list, shared_with)) => {
                let extent = people.extent;
                let one = ContactPage { owner, list, shared_with, page: page.clone(), counting, extent };
                ctx.load(one).await?.unwrap_or_else(|| (page.slice(Vec::new()), None))
            }
            _ => people.page(app.db.read(), &page, counting).await?,
        };
        Ok(Self { people, slice: Some(slice), total })
    }

    fn slice(&self) -> Result<&PageSlice<ListedMember>> {
        self.slice.as_ref().ok_or_else(|| Error::internal(anyhow::anyhow!("a selected page was not read")))
    }

    /// Returns the people of the page.
    fn nodes<N>(&self, make: fn(&ListMember) -> Option<N>) -> Result<Vec<N>> {
        Ok(self.slice()?.items.iter().filter_map(|listed| make(&listed.entry)).collect())
    }

    /// Returns the people of the page with their cursors.
    fn edges<N, E>(&self, make: fn(&ListMember) -> Option<N>, edge: fn(String, N) -> E) -> Result<Vec<E>> {
        let slice = self.slice()?;
        let edge = |listed: &ListedMember| Some(edge(slice.cursor(&listed.place), make(&listed.entry)?));
        Ok(slice.items.iter().filter_map(edge).collect())
    }

    fn info(&self) -> Result<PageInfo> {
        Ok(self.slice()?.info(|listed| listed.place.clone()))
    }

    async fn count(&self, ctx: &Context<'_>) -> Result<i64> {
        if let Some(total) = self.total {
            return Ok(total);
        }
        if let (ListSource::Of(owner, list), None) = (&self.people.source, &self.people.search) {
            // In a page of people, such counts are combined into one statement.
            return Ok(ctx.load(SizeOf(*owner, *list)).await?.unwrap_or_default());
        }
        Ok(self.people.count(ctx.app()?.db.read()).await?)
    }
}

fn person(entry: &ListMember) -> Option<User> {
    match entry {
        ListMember::Person(person) => Some(User(person.clone())),
        ListMember::Personal(_) => None,
    }
}

/// The fields that the row of a list line can answer.
const OF_A_LINE: [&str; 5] = ["id", "handle", "displayName", "sortHeading", "__typename"];

/// Returns the amount of each person's row that the selected fields need.
fn extent_of(page: &Lookahead<'_>) -> RowDetail {
    let people = [page.field("nodes"), page.field("edges").field("node")];
    let mut people = people.iter().flat_map(Lookahead::selection_fields);
    let enough = people.all(|person| person.selection_set().all(|field| OF_A_LINE.contains(&field.name())));
    if enough { RowDetail::Line } else { RowDetail::Whole }
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

    /// The people on this page.
    async fn nodes(&self) -> Result<Vec<User>> {
        self.0.nodes(person)
    }

    /// The position of this page in the list.
    async fn page_info(&self) -> Result<PageInfo> {
        self.0.info()
    }

    /// The number of people in the whole list. Computed only when selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        self.0.count(ctx).await
    }
}

/// A person on a page, with a cursor.
#[derive(SimpleObject)]
pub struct UserEdge {
    /// The person's position in the list.
    pub cursor: String,
    /// The person.
    pub node: User,
}

/// A page of a contact list.
pub struct ContactConnection {
    /// The page, and the list that it is from.
    pub page: PeoplePage,
    /// The position of the subscription `contacts` before the page was read.
    pub stream_cursor: Cursor,
}

/// A page of a contact list.
#[Object]
impl ContactConnection {
    /// The entries with their cursors.
    async fn edges(&self) -> Result<Vec<ContactEdge>> {
        self.page.edges(|entry| Some(Contact::of(entry)), |cursor, node| ContactEdge { cursor, node })
    }

    /// The entries on this page.
    async fn nodes(&self) -> Result<Vec<Contact>> {
        self.page.nodes(|entry| Some(Contact::of(entry)))
    }

    /// The position of this page in the list.
    async fn page_info(&self) -> Result<PageInfo> {
        self.page.info()
    }

    /// The number of entries in the whole list. Computed only when selected.
    async fn total_count(&self, ctx: &Context<'_>) -> Result<i64> {
        self.page.count(ctx).await
    }

    /// The position of the subscription `contacts` before this page was read. A subscription with it as `after` misses
    /// nothing. It can repeat what the page already shows. Only people can read it, not service accounts.
    async fn stream_cursor(&self) -> &Cursor {
        &self.stream_cursor
    }
}

/// An entry on a page of a contact list, with a cursor.
#[derive(SimpleObject)]
pub struct ContactEdge {
    /// The entry's position in the list.
    pub cursor: String,
    /// The entry.
    pub node: Contact,
}

/// The sizes of the viewer's lists. Each count uses the predicate of its list.
pub struct ContactCounts(pub UserId);

/// The sizes of the viewer's lists. Each count uses the predicate of its list.
#[Object(guard = "Needs(Scope::ContactsRead)")]
impl ContactCounts {
    /// The number of people with whom the viewer is connected.
    async fn connections(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::Connections).await
    }

    /// The number of people whom the viewer follows.
    async fn following(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::Following).await
    }

    /// The number of people who follow the viewer.
    async fn followers(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::Followers).await
    }

    /// The number of people who ask the viewer to connect.
    async fn incoming_requests(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::IncomingRequests).await
    }

    /// The number of people whom the viewer has asked to connect.
    async fn outgoing_requests(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::OutgoingRequests).await
    }

    /// The number of the viewer's personal contacts.
    async fn personal(&self, ctx: &Context<'_>) -> Result<i64> {
        Ok(address_book_rows::count(ctx.app()?.db.read(), self.0, None).await?)
    }

    /// The number of people whom the viewer blocks.
    async fn blocked(&self, ctx: &Context<'_>) -> Result<i64> {
        self.size(ctx, List::Blocked).await
    }

    /// The number of people whom the viewer mutes now.
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
