//! Exports cards: single cards, many cards by id, and whole lists in pages. People whom the reader cannot see are left
//! out and reported, and do not stop the export. Every export of several cards uses [`Export::of`] or [`page`].

use std::collections::{HashMap, HashSet};

use entity::{
    contact::List,
    id::{PersonalContactId, UserId},
    note, user,
};
use sea_orm::{ConnectionTrait, DbErr};
use serde_json::json;

use super::card;
use crate::{
    address_book::book_entries,
    app::App,
    audit::entries::{self, AuditedAction},
    auth::{
        request_context::Origin,
        viewer::{Caller, Scope, Viewer},
    },
    contacts::{
        list_members::{ContactOrder, ListMember, ListSource, ListedMember, People},
        user_rows::{Person, RowDetail},
        visibility,
    },
    database::sql::Sql,
    error::{Error, Result},
    memory_budget,
    pagination::{Page, PageArguments, PageBound},
    users::people,
    vcard::{version::Version, write},
};

/// Maximum number of ids in one export.
pub const MAX_IDS: usize = 1_000;
/// Maximum size of an export by ids, in bytes. Lists are streamed and have no such limit.
pub const MAX_BYTES: usize = 16 << 20;
/// The number of cards of a list that are read at once.
const PAGE: i32 = 100;

/// The options of an export.
#[derive(Clone, Copy, Debug, Default)]
pub struct VCardOptions {
    /// The version of the cards.
    pub version: Version,
    /// True to include the caller's notes about people.
    pub notes: bool,
}

/// An export of cards by id.
#[derive(Debug, Default)]
pub struct Export {
    /// The cards, one after the other.
    pub text: String,
    /// The number of cards.
    pub cards: usize,
    /// The display name on the first card.
    pub first_name: Option<String>,
    /// The requested ids, unchanged, for which the caller can see no person or contact.
    pub omitted_ids: Vec<String>,
}

impl Export {
    /// Exports the cards of people and of the caller's personal contacts in the order of `ids`, each once. Writes an
    /// audit entry when the caller is an API key of the organization. Fails with `BAD_USER_INPUT` when `ids` is empty
    /// or has more than [`MAX_IDS`] entries, or when the text exceeds [`MAX_BYTES`]. Fails with `FORBIDDEN` when notes
    /// are requested without the scope `CONTACTS_READ`.
    pub async fn of(app: &App, caller: &Caller, origin: &Origin, ids: &[String], style: VCardOptions) -> Result<Self> {
        if ids.is_empty() || ids.len() > MAX_IDS {
            return Err(Error::invalid("userIds", format!("Name 1 to {MAX_IDS} people.")));
        }
        let db = app.db.read();
        let users: Vec<UserId> = ids.iter().filter_map(|id| UserId::parse(id)).collect();
        let contacts: Vec<PersonalContactId> = ids.iter().filter_map(|id| PersonalContactId::parse(id)).collect();
        let people = if users.is_empty() { Vec::new() } else { people::by_ids(db, &users).await? };
        let entries = match caller {
            Caller::Person(viewer) if !contacts.is_empty() => book_entries::find(db, viewer.user, &contacts).await?,
            _ => Vec::new(),
        };
        let mut named: HashMap<String, (String, String)> = HashMap::new();
        for (person, text) in texts(db, caller, &people, style).await? {
            memory_budget::add(text.len())?;
            named.insert(person.id.to_string(), (person.display_name.clone(), text));
        }
        for entry in entries {
            let text = write::card(&card::of_contact(&entry), style.version);
            memory_budget::add(text.len())?;
            named.insert(entry.id.to_string(), (entry.display_name, text));
        }
        let mut export = Self::default();
        let mut asked = HashSet::new();
        for id in ids.iter().filter(|id| asked.insert(id.as_str())) {
            let Some((name, text)) = named.remove(id) else {
                export.omitted_ids.push(id.clone());
                continue;
            };
            if export.text.len() + text.len() > MAX_BYTES {
                return Err(Error::invalid("userIds", "These cards are too long together: ask for fewer at a time."));
            }
            export.text.push_str(&text);
            export.cards += 1;
            export.first_name.get_or_insert(name);
        }
        let people: Vec<String> = people.iter().map(|person| person.id.to_string()).collect();
        let act = AuditedAction { action: "exportCards", target: None, details: json!({ "userIds": people }), origin };
        entries::record_service(app, caller, act).await?;
        Ok(export)
    }
}

/// Returns people with their cards, in the given order.
async fn texts<'a>(
    db: &impl ConnectionTrait,
    caller: &Caller,
    people: &'a [user::Model],
    style: VCardOptions,
) -> Result<Vec<(&'a user::Model, String)>> {
    let ids: Vec<UserId> = people.iter().map(|person| person.id).collect();
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let seen = visibility::details(db, Some(caller), &ids).await?;
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

/// Returns the caller's notes about people. Fails with `FORBIDDEN` without the scope `CONTACTS_READ`.
async fn notes_about(db: &impl ConnectionTrait, by: &Viewer, about: &[UserId]) -> Result<HashMap<UserId, String>> {
    if !by.scopes.has(Scope::ContactsRead) {
        return Err(Error::Forbidden(Scope::ContactsRead.name()));
    }
    let mut sql = Sql::select::<note::Entity>("n", "WHERE owner_id = ");
    sql.bind(by.user);
    sql.push(" AND about_id IN ");
    sql.bind_list(about);
    let rows = sql.models::<note::Entity>(db).await?;
    Ok(rows.into_iter().map(|row| (row.about_id, row.text)).collect())
}

/// The lists that can be exported as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportableList {
    /// The connections of the caller.
    Connections,
    /// The people that the caller follows.
    Following,
    /// The followers of the caller.
    Followers,
    /// The address book of the caller.
    Personal,
}

impl ExportableList {
    /// Returns the list with this name in the API.
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

    fn people(self, app: &App, of: UserId) -> People {
        let source = match self {
            Self::Connections => ListSource::Of(of, List::Connections),
            Self::Following => ListSource::Of(of, List::Following),
            Self::Followers => ListSource::Of(of, List::Followers),
            Self::Personal => ListSource::Book(of),
        };
        People { source, search: None, order: ContactOrder::Name, now: app.clock.now(), extent: RowDetail::Whole }
    }

    /// Returns the number of cards in the list.
    pub async fn size(self, app: &App, by: &Viewer) -> Result<i64, DbErr> {
        self.people(app, by.user).count(app.db.read()).await
    }
}

/// Returns the cards of one page of a list, in its order, and the cursor of the next page. The cursor is none after the
/// last page. Fails with `BAD_USER_INPUT` when `after` is a cursor of another list.
pub async fn page(
    app: &App,
    by: &Viewer,
    list: ExportableList,
    after: Option<String>,
    style: VCardOptions,
) -> Result<(String, Option<String>)> {
    let (db, people) = (app.db.read(), list.people(app, by.user));
    let arguments = PageArguments { first: Some(PAGE), after, ..PageArguments::default() };
    let asked: Page<PageBound> = Page::new(arguments, &people.fingerprint())?;
    let (slice, _) = people.page(db, &asked, false).await?;
    let next = slice.items.last().filter(|_| slice.has_next).map(|last| slice.cursor(&last.place));
    let rows: Vec<user::Model> = slice.items.iter().filter_map(person).collect();
    let mut of_people = texts(db, &Caller::Person(*by), &rows, style).await?.into_iter().map(|(_, text)| text);
    let cards = slice.items.iter().filter_map(|listed| match &listed.entry {
        ListMember::Person(_) => of_people.next(),
        ListMember::Personal(row) => Some(write::card(&card::of_contact(row), style.version)),
    });
    Ok((cards.collect(), next))
}

/// Returns the full row of a person in a list that was read with full rows.
fn person(listed: &ListedMember) -> Option<user::Model> {
    match &listed.entry {
        ListMember::Person(Person::Whole(row)) => Some((**row).clone()),
        ListMember::Person(Person::Line(_)) | ListMember::Personal(_) => None,
    }
}
