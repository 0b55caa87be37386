//! The web sites whose pages may call and open sockets: the server's own, those of the configuration, and those of
//! web chats. The rights of a page depend on the token that it sends, never on the browser.

use std::{collections::HashSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::{app::App, auth::request_context::Site, entry_points};

/// The time that the sites of web chats are remembered.
const REMEMBERED_FOR: Duration = Duration::from_secs(1);

/// The web sites whose pages may call.
pub struct AllowedSites {
    app: App,
    of_chats: Mutex<Option<(Instant, Arc<HashSet<String>>)>>,
}

impl AllowedSites {
    #[must_use]
    /// Creates the check without remembered sites.
    pub fn new(app: App) -> Self {
        Self { app, of_chats: Mutex::default() }
    }

    /// Returns true when pages of the site may call.
    pub async fn may_call(&self, site: &Site) -> bool {
        let listed = &self.app.config.allowed_origins;
        site.own
            || listed.iter().any(|origin| **origin == *site.origin)
            || self.of_chats().await.contains(&*site.origin)
    }

    async fn of_chats(&self) -> Arc<HashSet<String>> {
        if let Some((at, known)) = &*self.of_chats.lock()
            && at.elapsed() < REMEMBERED_FOR
        {
            return Arc::clone(known);
        }
        match entry_points::allowed_origins::all(self.app.db.read()).await {
            Ok(all) => {
                let all = Arc::new(all);
                let now = Some((Instant::now(), Arc::clone(&all)));
                *self.of_chats.lock() = now;
                all
            }
            // Without the database no call succeeds anyway.
            Err(error) => {
                tracing::warn!(cause = %error, "the sites of web chats could not be read");
                Arc::default()
            }
        }
    }
}
