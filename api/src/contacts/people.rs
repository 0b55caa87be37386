//! People as the lists read them: whole, or only what a line of a list shows. Reading a line costs a quarter of reading a
//! person; what a line lacks is read later, should it be asked for all the same.

use std::sync::Arc;

use entity::{
    id::UserId,
    user::{self, Audience, Role, UserStatus},
};
use sea_orm::{ActiveEnum as _, DbErr};

use crate::database::sql::Places;

/// The columns of a person's line, in the places where [`Line`] reads them.
const LINE: &str = "u.id, u.name_key, u.handle, u.display_name";
/// The columns of a person, in the places where [`whole`] reads them.
const WHOLE: &str = "u.id, u.name_key, u.handle, u.display_name, u.given_name, u.family_name, u.additional_name, \
                     u.name_prefix, u.name_suffix, u.title, u.organisation, u.avatar_url, u.locale, u.time_zone, u.role, \
                     u.status, u.who_may_request_connection, u.who_may_follow, u.created_at, u.updated_at";

/// How much of a person is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Extent {
    Line,
    Whole,
}

/// What a line of a list shows of a person.
#[derive(Debug)]
pub struct Line {
    pub id: UserId,
    pub name_key: Vec<u8>,
    pub handle: String,
    pub display_name: String,
}

/// A person, as much as was read of them.
#[derive(Clone, Debug)]
pub enum Person {
    Line(Arc<Line>),
    Whole(Arc<user::Model>),
}

impl Extent {
    /// The columns of the person `u`.
    #[must_use]
    pub fn columns(self) -> &'static str {
        match self {
            Self::Line => LINE,
            Self::Whole => WHOLE,
        }
    }

    /// How many columns it reads: what is selected beside them stands after.
    #[must_use]
    pub fn width(self) -> usize {
        match self {
            Self::Line => 4,
            Self::Whole => 20,
        }
    }

    /// Reads a person who was selected by these columns.
    pub fn read(self, row: &Places<'_>) -> Result<Person, DbErr> {
        Ok(match self {
            Self::Line => Person::Line(Arc::new(Line {
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
    #[must_use]
    pub fn id(&self) -> UserId {
        match self {
            Self::Line(line) => line.id,
            Self::Whole(row) => row.id,
        }
    }

    #[must_use]
    pub fn handle(&self) -> &str {
        match self {
            Self::Line(line) => &line.handle,
            Self::Whole(row) => &row.handle,
        }
    }

    #[must_use]
    pub fn display_name(&self) -> &str {
        match self {
            Self::Line(line) => &line.display_name,
            Self::Whole(row) => &row.display_name,
        }
    }

    /// Where the person stands in name order.
    #[must_use]
    pub fn name_key(&self) -> &[u8] {
        match self {
            Self::Line(line) => &line.name_key,
            Self::Whole(row) => &row.name_key,
        }
    }
}

/// The whole person of a row that was selected by [`Extent::Whole`].
pub fn whole(row: &Places<'_>) -> Result<user::Model, DbErr> {
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
        organisation: row.get(10)?,
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
