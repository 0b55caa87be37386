//! `contacts`, `followers`, `following`, `mutualConnections`.

use async_graphql::{Context, ID, Object};
use entity::{contact::List, id::UserId};

use super::{
    lists::{ContactOrder, Source},
    types::{ContactConnection, ContactList, PeoplePage, UserConnection},
};
use crate::{
    auth::{context::ContextExt, guard::Needs, viewer::Scope},
    error::Result,
    events::{
        cursor::{Cursor, contacts_of},
        log,
    },
    page::PageArguments,
    users::loader::PersonById,
};

#[derive(Default)]
pub struct ContactsQuery;

#[Object]
impl ContactsQuery {
    /// One of the viewer's lists. In name order: family name, then given name, by the Unicode Collation Algorithm, which
    /// looks neither at case nor at accents. Its scripts come in the order Latin, Greek, Cyrillic, …, Hangul, kana, Han.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn contacts(
        &self,
        ctx: &Context<'_>,
        #[graphql(default_with = "ContactList::All", desc = "Which list.")] list: ContactList,
        #[graphql(default_with = "ContactOrder::Name", desc = "In which order.")] order_by: ContactOrder,
        #[graphql(
            desc = "Only people whose names, handle or visible e-mail addresses contain every word of this, whatever the case or accents; a \
                          word of one character begins a name, but for Chinese and Korean ones. Korean names are found by their initial \
                          consonants, too. At most 100 characters."
        )]
        search: Option<String>,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor of the same list, search and order.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor of the same list, search and order.")] before: Option<String>,
    ) -> Result<ContactConnection> {
        let source = list.of(ctx)?;
        let arguments = PageArguments { first, after, last, before };
        // Before the page, so that nothing falls between the two.
        let wanted = ctx.look_ahead().field("streamCursor").exists();
        let stream_cursor = match ctx.viewer() {
            Ok(viewer) => {
                let stream = contacts_of(viewer.user);
                let at = if wanted { log::extent(ctx.app()?.db.read(), stream).await?.last } else { 0 };
                Cursor::in_stream(stream, at)
            }
            Err(_) if !wanted => Cursor(String::new()),
            Err(fault) => return Err(fault),
        };
        let page = PeoplePage::read(ctx, source, search.as_deref(), order_by, arguments).await?;
        Ok(ContactConnection { page, stream_cursor })
    }

    /// Those who follow a person, in name order. Null when there is no such person to see.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn followers(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Whose followers.")] user_id: ID,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        let arguments = PageArguments { first, after, last, before };
        of_person(ctx, &user_id, |person| Source::Of(person, List::Followers), arguments).await.transpose()
    }

    /// Those whom a person follows, in name order. Null when there is no such person to see.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn following(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Who follows them.")] user_id: ID,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        let arguments = PageArguments { first, after, last, before };
        of_person(ctx, &user_id, |person| Source::Of(person, List::Following), arguments).await.transpose()
    }

    /// The connections that the viewer shares with a person, in name order. Null when there is no such person to see.
    #[graphql(guard = "Needs(Scope::ContactsRead)")]
    async fn mutual_connections(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "With whom.")] user_id: ID,
        #[graphql(desc = "How many from the start, 1 to 100; 20 when neither `first` nor `last` is given.")]
        first: Option<i32>,
        #[graphql(desc = "Begin after this cursor.")] after: Option<String>,
        #[graphql(desc = "How many from the end, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "End before this cursor.")] before: Option<String>,
    ) -> Option<Result<UserConnection>> {
        let me = match ctx.viewer() {
            Ok(viewer) => viewer.user,
            Err(fault) => return Some(Err(fault)),
        };
        let arguments = PageArguments { first, after, last, before };
        of_person(ctx, &user_id, |person| Source::Mutual(me, person), arguments).await.transpose()
    }
}

async fn of_person(
    ctx: &Context<'_>,
    user_id: &ID,
    source: impl FnOnce(UserId) -> Source,
    arguments: PageArguments,
) -> Result<Option<UserConnection>> {
    let Some(person) = UserId::parse(user_id) else { return Ok(None) };
    if ctx.load(PersonById(person)).await?.is_none() {
        return Ok(None);
    }
    Ok(Some(UserConnection(PeoplePage::read(ctx, source(person), None, ContactOrder::Name, arguments).await?)))
}
