//! The loader of API keys. It reads many keys in one batch.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use entity::{api_key, id::ApiKeyId};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::{
    accounts::api_keys,
    auth::{api_keys as keys_by_id, request_context::RequestReads, viewer::Caller},
    contact_center::graphql::loading::loader_key,
    error::{Error, Result},
};

loader_key!(
    /// Loads the name of an organization key that a visible object names, without checking access.
    ReferredKeyName(ApiKeyId)
);

impl Loader<ReferredKeyName> for RequestReads {
    type Value = String;
    type Error = Error;

    async fn load(&self, keys: &[ReferredKeyName]) -> Result<HashMap<ReferredKeyName, String>> {
        let ids: Vec<ApiKeyId> = keys.iter().map(|key| key.0).collect();
        let names = keys_by_id::names(self.app.db.read(), &ids).await?;
        Ok(names.into_iter().map(|(id, name)| (ReferredKeyName(id), name)).collect())
    }
}

/// Key of an API key that the caller may see: their own, one that they administer, or the one that makes the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VisibleApiKey(pub ApiKeyId);

impl Loader<VisibleApiKey> for RequestReads {
    type Value = api_key::Model;
    type Error = Error;

    async fn load(&self, keys: &[VisibleApiKey]) -> Result<HashMap<VisibleApiKey, api_key::Model>> {
        let db = self.app.db.read();
        let visible = match self.required_caller()? {
            Caller::Person(viewer) => api_keys::visible_to(db, viewer).await?,
            Caller::Service(service) => {
                api_key::Entity::find().filter(api_key::Column::Id.eq(service.key)).all(db).await?
            }
            Caller::Visitor(_) => vec![],
        };
        let visible = visible.into_iter().map(|row| (VisibleApiKey(row.id), row));
        Ok(visible.filter(|(key, _)| keys.contains(key)).collect())
    }
}
