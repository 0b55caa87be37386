//! People by id, many at once.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{
    id::UserId,
    user::{self, UserStatus},
};

use crate::{
    auth::context::Reads,
    contacts::{
        people::{Extent, whole},
        reach::{self, Seen},
    },
    database::sql::Sql,
    error::{Error, Result},
};

/// A person whom a member may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersonById(pub UserId);

impl Loader<PersonById> for Reads {
    type Value = Arc<user::Model>;
    type Error = Error;

    async fn load(&self, keys: &[PersonById]) -> Result<HashMap<PersonById, Self::Value>> {
        let people = read(self, keys.iter().map(|key| key.0)).await?;
        let visible = people.filter(|person| person.status == UserStatus::Active);
        Ok(visible.map(|person| (PersonById(person.id), Arc::new(person))).collect())
    }
}

/// A person whom a visible row refers to, whether or not they still take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReferredPerson(pub UserId);

impl Loader<ReferredPerson> for Reads {
    type Value = Arc<user::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ReferredPerson]) -> Result<HashMap<ReferredPerson, Self::Value>> {
        let people = read(self, keys.iter().map(|key| key.0)).await?;
        Ok(people.map(|person| (ReferredPerson(person.id), Arc::new(person))).collect())
    }
}

/// How a person can be reached, as far as the caller may see it now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DetailsOf(pub UserId);

impl Loader<DetailsOf> for Reads {
    type Value = Arc<Seen>;
    type Error = Error;

    async fn load(&self, keys: &[DetailsOf]) -> Result<HashMap<DetailsOf, Self::Value>> {
        let people: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let seen = reach::details(self.app.db.read(), self.caller.as_ref(), &people).await?;
        Ok(seen.into_iter().map(|(person, seen)| (DetailsOf(person), seen)).collect())
    }
}

async fn read(reads: &Reads, ids: impl Iterator<Item = UserId>) -> Result<impl Iterator<Item = user::Model>> {
    let mut sql = Sql::new(&format!("SELECT {} FROM \"user\" u WHERE u.id IN ", Extent::Whole.columns()));
    sql.bind_list(&ids.collect::<Vec<_>>());
    Ok(sql.places(reads.app.db.read(), whole).await?.into_iter())
}
