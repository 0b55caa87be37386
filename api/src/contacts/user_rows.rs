//! People as the lists read them: the whole row, or only the fields that a list line shows. A line costs a quarter of a
//! whole row. A missing field is read later if it is needed after all.

use std::sync::Arc;

use entity::{
    id::UserId,
    user::{self, Audience, Role, UserStatus},
};
use sea_orm::{ActiveEnum as _, DbErr};

use crate::database::sql::Columns;

/// The columns of a line, in the order in which [`UserRow`] is read.
const LINE: &str = "u.id, u.name_key, u.handle, u.display_name";
/// The columns of a whole row, in the order in which [`whole`] reads them.
const WHOLE: &str = "u.id, u.name_key, u.handle, u.display_name, u.given_name, u.family_name, u.additional_name, \
                     u.name_prefix, u.name_suffix, u.title, u.organization, u.avatar_url, u.locale, u.time_zone, u.role, \
                     u.status, u.who_may_request_connection, u.who_may_follow, u.created_at, u.updated_at";

/// The amount of a person's row that is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RowDetail {
    /// The fields that a list line shows.
    Line,
    /// All fields.
    Whole,
}

/// The fields of a person that a list line shows.
#[derive(Debug)]
pub struct UserRow {
    /// The person's id.
    pub id: UserId,
    /// The sort key of the name.
    pub name_key: Vec<u8>,
    /// The unique short name.
    pub handle: String,
    /// The name to show.
    pub display_name: String,
}

/// A person, as far as the row was read.
#[derive(Clone, Debug)]
pub enum Person {
    /// The fields of a list line.
    Line(Arc<UserRow>),
    /// The whole row.
    Whole(Arc<user::Model>),
}

impl RowDetail {
    /// Returns the columns to select from the table `u` of people.
    #[must_use]
    pub fn columns(self) -> &'static str {
        match self {
            Self::Line => LINE,
            Self::Whole => WHOLE,
        }
    }

    /// Returns the number of columns. Further selected columns come after them.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Self::Line => 4,
            Self::Whole => 20,
        }
    }

    /// Reads a person from a row with these columns.
    pub fn read(self, row: &Columns<'_>) -> Result<Person, DbErr> {
        Ok(match self {
            Self::Line => Person::Line(Arc::new(UserRow {
                id: UserId(row.get(0)?),
                name_key: row.get(1)?,
                handle: row.get(2)?,
                display_name: row.get(3)?,
            })),
            Self::Whole => Person::Whole(Arc::new(whole(row)?)),
        })
    }
}

impl Person {
    /// Returns the person's id.
    #[must_use]
    pub fn id(&self) -> UserId {
        match self {
            Self::Line(line) => line.id,
            Self::Whole(row) => row.id,
        }
    }

    /// Returns the unique short name.
    #[must_use]
    pub fn handle(&self) -> &str {
        match self {
            Self::Line(line) => &line.handle,
            Self::Whole(row) => &row.handle,
        }
    }

    /// Returns the name to show.
    #[must_use]
    pub fn display_name(&self) -> &str {
        match self {
            Self::Line(line) => &line.display_name,
            Self::Whole(row) => &row.display_name,
        }
    }

    /// Returns the person's sort key in name order.
    #[must_use]
    pub fn name_key(&self) -> &[u8] {
        match self {
            Self::Line(line) => &line.name_key,
            Self::Whole(row) => &row.name_key,
        }
    }
}

/// Reads a whole person from a row with the columns of [`RowDetail::Whole`].
pub fn whole(row: &Columns<'_>) -> Result<user::Model, DbErr> {
    Ok(user::Model {
        id: UserId(row.get(0)?),
        name_key: row.get(1)?,
        handle: row.get(2)?,
        display_name: row.get(3)?,
        given_name: row.get(4)?,
        family_name: row.get(5)?,
        additional_name: row.get(6)?,
        name_prefix: row.get(7)?,
        name_suffix: row.get(8)?,
        title: row.get(9)?,
        organization: row.get(10)?,
        avatar_url: row.get(11)?,
        locale: row.get(12)?,
        time_zone: row.get(13)?,
        role: Role::try_from_value(&row.get(14)?)?,
        status: UserStatus::try_from_value(&row.get(15)?)?,
        who_may_request_connection: Audience::try_from_value(&row.get(16)?)?,
        who_may_follow: Audience::try_from_value(&row.get(17)?)?,
        created_at: row.get(18)?,
        updated_at: row.get(19)?,
    })
}
