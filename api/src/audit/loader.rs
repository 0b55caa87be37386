//! Keys by id, many at once.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use entity::{api_key, id::ApiKeyId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    auth::context::Reads,
    error::{Error, Result},
};

/// A key with which something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsedKey(pub ApiKeyId);

impl Loader<UsedKey> for Reads {
    type Value = api_key::Model;
    type Error = Error;

    async fn load(&self, keys: &[UsedKey]) -> Result<HashMap<UsedKey, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let found = api_key::Entity::find().filter(api_key::Column::Id.is_in(ids)).all(self.app.db.read()).await?;
        Ok(found.into_iter().map(|key| (UsedKey(key.id), key)).collect())
    }
}
