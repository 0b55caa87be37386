//! Cards going out: of one, of many by id, of whole lists page by page. Who may not be seen is left out and named, and
//! fails nobody else's card. Every export of many passes [`Export::of`] or [`page`].

use std::collections::{HashMap, HashSet};

use entity::{
    contact::List,
    id::{PersonalContactId, UserId},
    note, personal_contact, user,
};
use sea_orm::{ConnectionTrait, DbErr};

use super::card;
use crate::{
    app::App,
    auth::viewer::{Caller, Scope, Viewer},
    contacts::{
        lists::{People, Source},
        people::{Extent, Person},
        reach,
    },
    database::sql::Sql,
    error::{Error, Result},
    page::{ByName, Page, PageArguments},
    personal::book::{self, Position},
    users::people,
    vcard::write::{self, Version},
};

/// The most ids of one export.
pub const MOST_IDS: usize = 1_000;
/// The longest text of one export that is answered whole, in bytes; lists are streamed.
pub const MOST_BYTES: usize = 16 << 20;
/// Cards of a list that are read at once.
const PAGE: u32 = 100;

/// How cards are written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    pub version: Version,
    /// Whether what the caller wrote about people goes into their cards.
    pub notes: bool,
}

/// Cards by id.
#[derive(Debug, Default)]
pub struct Export {
    pub text: String,
    /// How many cards there are.
    pub cards: usize,
    /// The name of the first.
    pub first_name: Option<String>,
    /// The ids that name nobody the caller may see, as they were given.
    pub left_out: Vec<String>,
}

impl Export {
    /// The cards of people and of the caller's own contacts, in the order asked for, each once.
    pub async fn of(app: &App, caller: &Caller, ids: &[String], style: Style) -> Result<Self> {
        if ids.is_empty() || ids.len() > MOST_IDS {
            return Err(Error::invalid("userIds", format!("Name 1 to {MOST_IDS} people.")));
        }
        let db = app.db.read();
        let users: Vec<UserId> = ids.iter().filter_map(|id| UserId::parse(id)).collect();
        let contacts: Vec<PersonalContactId> = ids.iter().filter_map(|id| PersonalContactId::parse(id)).collect();
        let people = if users.is_empty() { Vec::new() } else { people::by_ids(db, &users).await? };
        let entries = match caller {
            Caller::Person(viewer) if !contacts.is_empty() => book::find(db, viewer.user, &contacts).await?,
            _ => Vec::new(),
        };
        let mut named: HashMap<String, (String, String)> = HashMap::new();
        for (person, text) in texts(db, caller, &people, style).await? {
            named.insert(person.id.to_string(), (person.display_name.clone(), text));
        }
        for entry in entries {
            let text = write::card(&card::of_contact(&entry), style.version);
            named.insert(entry.id.to_string(), (entry.display_name, text));
        }
        let mut export = Self::default();
        let mut asked = HashSet::new();
        for id in ids.iter().filter(|id| asked.insert(id.as_str())) {
            let Some((name, text)) = named.remove(id) else {
                export.left_out.push(id.clone());
                continue;
            };
            if export.text.len() + text.len() > MOST_BYTES {
                return Err(Error::invalid("userIds", "These cards are too long together: ask for fewer at a time."));
            }
            export.text.push_str(&text);
            export.cards += 1;
            export.first_name.get_or_insert(name);
        }
        Ok(export)
    }
}

/// People with their cards, in the order given.
async fn texts<'a>(
    db: &impl ConnectionTrait,
    caller: &Caller,
    people: &'a [user::Model],
    style: Style,
) -> Result<Vec<(&'a user::Model, String)>> {
    let ids: Vec<UserId> = people.iter().map(|person| person.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let seen = reach::details(db, Some(caller), &ids).await?;
    let mut notes = match caller {
        Caller::Person(viewer) if style.notes => notes_about(db, viewer, &ids).await?,
        _ => HashMap::new(),
    };
    let mut text = |person: &user::Model| {
        let seen = seen.get(&person.id).cloned().unwrap_or_default();
        write::card(&card::of_user(person, &seen.details, notes.remove(&person.id)), style.version)
    };
    Ok(people.iter().map(|person| (person, text(person))).collect())
}

/// What the caller wrote about people.
async fn notes_about(db: &impl ConnectionTrait, by: &Viewer, about: &[UserId]) -> Result<HashMap<UserId, String>> {
    if !by.scopes.has(Scope::ContactsRead) {
        return Err(Error::Forbidden(Scope::ContactsRead.name()));
    }
    let mut sql = Sql::new("SELECT * FROM note WHERE owner_id = ");
    sql.bind(by.user);
    sql.push(" AND about_id IN ");
    sql.bind_list(about);
    let rows = sql.models::<note::Entity>(db).await?;
    Ok(rows.into_iter().map(|row| (row.about_id, row.text)).collect())
}

/// The lists that can go out whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whole {
    Connections,
    Following,
    Followers,
    Personal,
}

impl Whole {
    /// Reads the list's name in the API.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "CONNECTIONS" => Some(Self::Connections),
            "FOLLOWING" => Some(Self::Following),
            "FOLLOWERS" => Some(Self::Followers),
            "PERSONAL" => Some(Self::Personal),
            _ => None,
        }
    }

    fn people(self, app: &App, of: UserId) -> Option<People> {
        let list = match self {
            Self::Connections => List::Connections,
            Self::Following => List::Following,
            Self::Followers => List::Followers,
            Self::Personal => return None,
        };
        Some(People { source: Source::Of(of, list), search: None, now: app.clock.now(), extent: Extent::Whole })
    }

    /// How many cards it holds.
    pub async fn size(self, app: &App, by: &Viewer) -> Result<i64, DbErr> {
        match self.people(app, by.user) {
            Some(people) => people.count(app.db.read()).await,
            None => book::size(app.db.read(), by.user).await,
        }
    }
}

/// Where the next page of a list begins.
#[derive(Clone, Debug)]
pub enum Place {
    People(String),
    Contacts(Position),
}

/// The cards of one page of a list, in its order, and where the next begins; none after the last.
pub async fn page(
    app: &App,
    by: &Viewer,
    list: Whole,
    from: Option<Place>,
    style: Style,
) -> Result<(String, Option<Place>)> {
    let db = app.db.read();
    let Some(people) = list.people(app, by.user) else {
        let from = match from {
            Some(Place::Contacts(position)) => Some(position),
            _ => None,
        };
        let rows = book::after(db, by.user, from.as_ref(), PAGE).await?;
        let next = rows.last().filter(|_| rows.len() >= PAGE as usize);
        let next = next.map(|row| Place::Contacts((row.name_key.clone(), row.id)));
        let write = |row: &personal_contact::Model| write::card(&card::of_contact(row), style.version);
        return Ok((rows.iter().map(write).collect(), next));
    };
    let after = match from {
        Some(Place::People(cursor)) => Some(cursor),
        _ => None,
    };
    let arguments = PageArguments { first: i32::try_from(PAGE).ok(), after, ..PageArguments::default() };
    let asked: Page<ByName> = Page::new(arguments, &people.fingerprint())?;
    let (slice, _) = people.page(db, &asked, false).await?;
    let last = slice.items.last().filter(|_| slice.has_next);
    let next = last.map(|last| Place::People(slice.cursor(&ByName(last.name_key().to_vec(), last.id()))));
    let whole = |person: &Person| match person {
        Person::Whole(row) => Some((**row).clone()),
        Person::Line(_) => None,
    };
    let rows: Vec<user::Model> = slice.items.iter().filter_map(whole).collect();
    let written = texts(db, &Caller::Person(*by), &rows, style).await?;
    Ok((written.into_iter().map(|(_, text)| text).collect(), next))
}
