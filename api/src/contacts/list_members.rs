//! The members of contact lists, and the orders of lists.

use std::sync::Arc;

use async_graphql::Enum;
use chrono::{DateTime, Utc};
use entity::{contact::List, id::UserId, personal_contact};

use super::{
    search::Search,
    user_rows::{Person, RowDetail},
};
use crate::pagination::PageBound;

/// The order of a contact list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Enum)]
pub enum ContactOrder {
    /// Family name first, then given name.
    Name,
    /// The newest members first: the latest connections, or the newest accounts in the list of everyone.
    RecentlyAdded,
    /// The people with the latest visible activity first. For CONNECTIONS and FOLLOWING.
    RecentlyActive,
}

impl ContactOrder {
    /// Returns true if the largest positions come first.
    #[must_use]
    pub fn is_descending(self) -> bool {
        self != Self::Name
    }
}

/// A member of a list.
#[derive(Clone, Debug)]
pub enum ListMember {
    /// A user of the organization.
    Person(Person),
    /// A personal contact of the reader's address book.
    Personal(Arc<personal_contact::Model>),
}

/// A member of a list, with the position in it.
#[derive(Clone, Debug)]
pub struct ListedMember {
    /// The member at this position.
    pub entry: ListMember,
    /// The position in the order of the list.
    pub place: PageBound,
}

impl ListedMember {
    /// Places a person in a list that is ordered by name.
    pub fn by_name(person: Person) -> Self {
        let place = PageBound::Name(person.name_key().to_vec(), person.id().0);
        Self { entry: ListMember::Person(person), place }
    }
}

/// A list of people in one order, at one moment.
#[derive(Clone, Debug)]
pub struct People {
    /// The people of the list.
    pub source: ListSource,
    /// The filter of the list. None: all people.
    pub search: Option<Search>,
    /// The order of the list.
    pub order: ContactOrder,
    /// The moment for which the list is read.
    pub now: DateTime<Utc>,
    /// The amount of each row that is read.
    pub extent: RowDetail,
}

/// The people of a list.
#[derive(Clone, Debug)]
pub enum ListSource {
    /// Everyone in the organization.
    Everyone,
    /// One contact list of one person.
    Of(UserId, List),
    /// The connections that two people share.
    Mutual(UserId, UserId),
    /// The address book of one person.
    Book(UserId),
    /// Everyone and the address book of one person, in one order.
    All(UserId),
}
