//! The loader of entry points. It reads many keys in one batch.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{entry_point, id::EntryPointId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    auth::request_context::RequestReads,
    contact_center::graphql::loading::loader_key,
    error::{Error, Result},
};

loader_key!(
    /// Loads an entry point that a visible object refers to.
    EntryPointById(EntryPointId)
);

impl Loader<EntryPointById> for RequestReads {
    type Value = Arc<entry_point::Model>;
    type Error = Error;

    async fn load(&self, keys: &[EntryPointById]) -> Result<HashMap<EntryPointById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let rows =
            entry_point::Entity::find().filter(entry_point::Column::Id.is_in(ids)).all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (EntryPointById(row.id), Arc::new(row))).collect())
    }
}
