//! Batch loaders for templates, their texts, and the messages that were written with them.

use std::{collections::HashMap, sync::Arc};

use async_graphql::dataloader::Loader;
use entity::{
    id::{TemplateId, ThreadItemId},
    template, template_use, template_version,
};

use crate::{
    auth::request_context::RequestReads,
    contact_center::graphql::loading::{answers, loader_key},
    error::{Error, Result},
    templates::template_rows,
};

loader_key!(
    /// Loads a template, also an archived one. There is a value if the caller may see templates.
    TemplateById(TemplateId)
);

impl Loader<TemplateById> for RequestReads {
    type Value = Arc<template::Model>;
    type Error = Error;

    async fn load(&self, keys: &[TemplateById]) -> Result<HashMap<TemplateById, Self::Value>> {
        if !answers(self).await? {
            return Ok(HashMap::new());
        }
        let ids: Vec<TemplateId> = keys.iter().map(|key| key.0).collect();
        let rows = template_rows::by_ids(self.app.db.read(), &ids).await?;
        Ok(rows.into_iter().map(|row| (TemplateById(row.id), Arc::new(row))).collect())
    }
}

/// Key of a text of a template that the caller sees. The loader does not check access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TextOf(pub TemplateId, pub i32);

impl Loader<TextOf> for RequestReads {
    type Value = Arc<template_version::Model>;
    type Error = Error;

    async fn load(&self, keys: &[TextOf]) -> Result<HashMap<TextOf, Self::Value>> {
        let mut found = HashMap::new();
        for together in keys.chunks(100) {
            let wanted: Vec<_> = together.iter().map(|key| (key.0, key.1)).collect();
            let texts = template_rows::texts(self.app.db.read(), &wanted).await?;
            found.extend(texts.into_iter().map(|((id, version), row)| (TextOf(id, version), Arc::new(row))));
        }
        Ok(found)
    }
}

/// Key of the template that a message was written with. The loader does not check access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UseOf(pub ThreadItemId);

impl Loader<UseOf> for RequestReads {
    type Value = template_use::Model;
    type Error = Error;

    async fn load(&self, keys: &[UseOf]) -> Result<HashMap<UseOf, Self::Value>> {
        let ids: Vec<ThreadItemId> = keys.iter().map(|key| key.0).collect();
        let found = template_rows::uses(self.app.db.read(), &ids).await?;
        Ok(found.into_iter().map(|(item, row)| (UseOf(item), row)).collect())
    }
}
