//! Which web sites' pages may call and open sockets: our own, those of the configuration, and those of web chats. What a page
//! may then do is said by the token that it sends, never by the browser.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::{app::App, auth::context::Site, visitors};

/// For how long it is remembered which sites the web chats have.
const REMEMBERED_FOR: Duration = Duration::from_secs(1);

pub struct Sites {
    app: App,
    of_chats: Mutex<Option<(Instant, Arc<HashSet<String>>)>>,
}

impl Sites {
    #[must_use]
    pub fn new(app: App) -> Self {
        Self { app, of_chats: Mutex::default() }
    }

    /// Whether pages of a site may call.
    pub async fn may_call(&self, site: &Site) -> bool {
        let listed = &self.app.config.allowed_origins;
        site.own
            || listed.iter().any(|origin| **origin == *site.origin)
            || self.of_chats().await.contains(&*site.origin)
    }

    async fn of_chats(&self) -> Arc<HashSet<String>> {
        if let Some((at, known)) = &*self.of_chats.lock().unwrap_or_else(PoisonError::into_inner)
            && at.elapsed() < REMEMBERED_FOR
        {
            return Arc::clone(known);
        }
        match visitors::sites::all(self.app.db.read()).await {
            Ok(all) => {
                let all = Arc::new(all);
                let now = Some((Instant::now(), Arc::clone(&all)));
                *self.of_chats.lock().unwrap_or_else(PoisonError::into_inner) = now;
                all
            }
            // Without the database nothing can be done anyway.
            Err(error) => {
                tracing::warn!(cause = %error, "the sites of web chats could not be read");
                Arc::default()
            }
        }
    }
}
