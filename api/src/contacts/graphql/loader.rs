//! Batch loaders of pages and sizes of contact lists.

use std::collections::{BTreeMap, HashMap};

use async_graphql::dataloader::Loader;
use entity::{contact::List, id::UserId};

use crate::contacts::lists::{self, ContactPage, ReadPage};
use crate::{
    auth::request_context::RequestReads,
    error::{Error, Result},
};

/// Key of the size of one person's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SizeOf(pub UserId, pub List);

impl Loader<SizeOf> for RequestReads {
    type Value = i64;
    type Error = Error;

    async fn load(&self, keys: &[SizeOf]) -> Result<HashMap<SizeOf, i64>> {
        let mut owners: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        owners.sort_unstable();
        owners.dedup();
        let sizes = lists::sizes(self.app.db.read(), &owners, self.app.clock.now()).await?;
        Ok(keys.iter().map(|key| (*key, sizes.get(&(key.0, key.1)).copied().unwrap_or_default())).collect())
    }
}

/// Key of the sizes of all lists of one person. The value maps each list to its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SizesOf(pub UserId);

impl Loader<SizesOf> for RequestReads {
    type Value = BTreeMap<List, i64>;
    type Error = Error;

    async fn load(&self, keys: &[SizesOf]) -> Result<HashMap<SizesOf, Self::Value>> {
        let owners: Vec<UserId> = keys.iter().map(|key| key.0).collect();
        let mut found: HashMap<SizesOf, Self::Value> = keys.iter().map(|key| (*key, BTreeMap::new())).collect();
        for ((owner, list), size) in lists::sizes(self.app.db.read(), &owners, self.app.clock.now()).await? {
            found.entry(SizesOf(owner)).or_default().insert(list, size);
        }
        Ok(found)
    }
}

impl Loader<ContactPage> for RequestReads {
    type Value = ReadPage;
    type Error = Error;

    async fn load(&self, keys: &[ContactPage]) -> Result<HashMap<ContactPage, ReadPage>> {
        let mut found = HashMap::new();
        for together in keys.chunks(PAGES_TOGETHER) {
            let read = lists::pages(self.app.db.read(), together, self.app.clock.now()).await?;
            found.extend(together.iter().cloned().zip(read));
        }
        Ok(found)
    }
}

/// Maximum number of pages in one statement: as many as a page can have rows.
const PAGES_TOGETHER: usize = 100;
