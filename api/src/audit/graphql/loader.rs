//! The loader of API keys by id, in batches.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use entity::{api_key, id::ApiKeyId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    auth::request_context::RequestReads,
    error::{Error, Result},
};

/// The id of a key that was used for an audited action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UsedKey(pub ApiKeyId);

impl Loader<UsedKey> for RequestReads {
    type Value = api_key::Model;
    type Error = Error;

    async fn load(&self, keys: &[UsedKey]) -> Result<HashMap<UsedKey, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let found = api_key::Entity::find().filter(api_key::Column::Id.is_in(ids)).all(self.app.db.read()).await?;
        Ok(found.into_iter().map(|key| (UsedKey(key.id), key)).collect())
    }
}
