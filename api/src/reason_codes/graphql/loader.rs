//! Loaders of reason codes. Each reads many keys in one batch.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{
    id::{IdleReasonId, WrapUpReasonId},
    idle_reason, wrap_up_reason,
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter};

use crate::{
    auth::request_context::RequestReads,
    contact_center::graphql::loading::loader_key,
    error::{Error, Result},
};

loader_key!(
    /// Loads an idle reason, also an archived one.
    IdleReasonById(IdleReasonId)
);

impl Loader<IdleReasonById> for RequestReads {
    type Value = Arc<idle_reason::Model>;
    type Error = Error;

    async fn load(&self, keys: &[IdleReasonById]) -> Result<HashMap<IdleReasonById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let rows =
            idle_reason::Entity::find().filter(idle_reason::Column::Id.is_in(ids)).all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (IdleReasonById(row.id), Arc::new(row))).collect())
    }
}

loader_key!(
    /// Loads a wrap-up reason, also an archived one.
    WrapUpReasonById(WrapUpReasonId)
);

impl Loader<WrapUpReasonById> for RequestReads {
    type Value = Arc<wrap_up_reason::Model>;
    type Error = Error;

    async fn load(&self, keys: &[WrapUpReasonById]) -> Result<HashMap<WrapUpReasonById, Self::Value>> {
        let ids = keys.iter().map(|key| key.0);
        let found = wrap_up_reason::Entity::find().filter(wrap_up_reason::Column::Id.is_in(ids));
        let rows = found.all(self.app.db.read()).await?;
        Ok(rows.into_iter().map(|row| (WrapUpReasonById(row.id), Arc::new(row))).collect())
    }
}
