//! Batch loaders for attachments.

use std::collections::HashMap;

use async_graphql::dataloader::Loader;
use entity::{
    attachment::{self, AttachmentOverrides},
    entry_point,
    id::{AttachmentId, EntryPointId, ThreadItemId},
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::{
    attachments::attachment_rows,
    auth::request_context::RequestReads,
    conversations::message_files,
    error::{Error, Result},
};

/// Key of the files of a message that the caller sees. The loader does not check access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttachmentsOf(pub ThreadItemId);

impl Loader<AttachmentsOf> for RequestReads {
    type Value = Vec<attachment::Model>;
    type Error = Error;

    async fn load(&self, keys: &[AttachmentsOf]) -> Result<HashMap<AttachmentsOf, Self::Value>> {
        let ids: Vec<ThreadItemId> = keys.iter().map(|key| key.0).collect();
        let found = attachment_rows::of_items(self.app.db.read(), &ids).await?;
        Ok(found.into_iter().map(|(item, rows)| (AttachmentsOf(item), rows)).collect())
    }
}

/// Key of a file. There is a value if the caller sees its message, or announced the file and has not sent it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttachmentById(pub AttachmentId);

impl Loader<AttachmentById> for RequestReads {
    type Value = attachment::Model;
    type Error = Error;

    async fn load(&self, keys: &[AttachmentById]) -> Result<HashMap<AttachmentById, Self::Value>> {
        let (db, caller) = (self.app.db.read(), self.required_caller()?);
        let ids: Vec<AttachmentId> = keys.iter().map(|key| key.0).collect();
        let rows = message_files::find(db, caller, &ids).await?;
        Ok(rows.into_iter().map(|row| (AttachmentById(row.id), row)).collect())
    }
}

/// Key of the rules for files that an entry point sets. There is no value if it sets none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct OverridesOf(pub EntryPointId);

impl Loader<OverridesOf> for RequestReads {
    type Value = AttachmentOverrides;
    type Error = Error;

    async fn load(&self, keys: &[OverridesOf]) -> Result<HashMap<OverridesOf, Self::Value>> {
        let ids: Vec<EntryPointId> = keys.iter().map(|key| key.0).collect();
        let rows = entry_point::Entity::find().filter(entry_point::Column::Id.is_in(ids)).all(self.app.db.read());
        let rows = rows.await?.into_iter();
        Ok(rows.filter_map(|row| Some((OverridesOf(row.id), row.attachment_overrides?))).collect())
    }
}
