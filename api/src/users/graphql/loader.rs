//! Batch loaders of people and of their contact details.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{
    id::UserId,
    user::{self, UserStatus},
};

use crate::{
    auth::request_context::RequestReads,
    contacts::{
        user_rows::{RowDetail, whole},
        visibility::{self, VisibleDetails},
    },
    database::sql::Sql,
    error::{Error, Result},
};

/// Key of a person whom a member may see: one with an active account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersonById(pub UserId);

impl Loader<PersonById> for RequestReads {
    type Value = Arc<user::Model>;
    type Error = Error;

    async fn load(&self, keys: &[PersonById]) -> Result<HashMap<PersonById, Self::Value>> {
        let people = read(self, keys.iter().map(|key| key.0)).await?;
        let visible = people.filter(|person| person.status == UserStatus::Active);
        Ok(visible.map(|person| (PersonById(person.id), Arc::new(person))).collect())
    }
}

/// Key of a person to whom a visible row refers, whether or not the account is active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReferredPerson(pub UserId);

impl Loader<ReferredPerson> for RequestReads {
    type Value = Arc<user::Model>;
    type Error = Error;

    async fn load(&self, keys: &[ReferredPerson]) -> Result<HashMap<ReferredPerson, Self::Value>> {
        let people = read(self, keys.iter().map(|key| key.0)).await?;
        Ok(people.map(|person| (ReferredPerson(person.id), Arc::new(person))).collect())
    }
}

/// Key of a person's contact details, as far as the caller may see them now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DetailsOf(pub UserId);

impl Loader<DetailsOf> for RequestReads {
    type Value = Arc<VisibleDetails>;
    type Error = Error;

    async fn load(&self, keys: &[DetailsOf]) -> Result<HashMap<DetailsOf, Self::Value>> {
        let people: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let seen = visibility::details(self.app.db.read(), self.caller.as_ref(), &people).await?;
        Ok(seen.into_iter().map(|(person, seen)| (DetailsOf(person), seen)).collect())
    }
}

async fn read(reads: &RequestReads, ids: impl Iterator<Item = UserId>) -> Result<impl Iterator<Item = user::Model>> {
    let mut sql = Sql::new(&format!("SELECT {} FROM \"user\" u WHERE u.id IN ", RowDetail::Whole.columns()));
    sql.bind_list(&ids.collect::<Vec<_>>());
    Ok(sql.columns(reads.app.db.read(), whole).await?.into_iter())
}
