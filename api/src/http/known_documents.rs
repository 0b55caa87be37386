//! The documents that clients name by a digest: those that administrators have registered, and those that a client has
//! sent before with its digest ("automatic persisted queries").

use std::sync::Arc;

use chrono::{DateTime, Duration, Utc};

use super::{document_limits, validation::Validator};
use crate::{
    app::App,
    cache::Cache,
    error::Result,
    trusted_documents::documents::{self, DocumentCheck},
};

/// The expected number of kept documents of each kind.
const EXPECTED: usize = 1_024;
/// The bytes of the sent documents that are kept.
const MAX_SENT_BYTES: usize = 4 << 20;
/// The bytes of the registered documents that are kept.
const MAX_TRUSTED_BYTES: usize = 16 << 20;
/// The bytes that a kept document takes beside its text: the digest and the parts of the cache.
const BYTES_BESIDE: usize = 256;
/// The time for which a registered document is kept. A removed one can run for so long.
const KEPT_FOR: Duration = Duration::seconds(60);

/// The known documents of an instance.
pub struct KnownDocuments {
    app: App,
    sent: Cache<String>,
    trusted: Cache<KeptDocument>,
    check: DocumentCheck,
}

struct KeptDocument {
    text: String,
    until: DateTime<Utc>,
}

impl KnownDocuments {
    /// Begins without documents. `validator` decides which documents can be registered.
    #[must_use]
    pub fn new(app: &App, validator: Arc<Validator>) -> Self {
        let limits = app.config.limits;
        let check = move |text: &str| match document_limits::check(text, &limits) {
            Err(why) => Some(why.0),
            Ok(_) => validator.validate(text).err().map(|refused| {
                refused
                    .errors
                    .first()
                    .map_or_else(|| "The document is not valid.".to_owned(), |first| first.message.clone())
            }),
        };
        Self {
            app: app.clone(),
            sent: Cache::new(EXPECTED, MAX_SENT_BYTES),
            trusted: Cache::new(EXPECTED, MAX_TRUSTED_BYTES),
            check: Arc::new(check),
        }
    }

    /// Returns the check of documents that are to be registered.
    #[must_use]
    pub fn check(&self) -> DocumentCheck {
        Arc::clone(&self.check)
    }

    /// Keeps a document that a client has sent with its digest, so that the next call needs only the digest.
    pub fn keep(&self, digest: &str, text: String) {
        self.sent.keep(digest, text.len() + BYTES_BESIDE, Arc::new(text));
    }

    /// Returns a document that a client has sent with this digest.
    pub fn sent(&self, digest: &str) -> Option<String> {
        self.sent.get(digest).map(|text| text.as_ref().clone())
    }

    /// Returns the registered document with a digest.
    pub async fn trusted(&self, digest: &str) -> Result<Option<String>> {
        let now = self.app.clock.now();
        if let Some(kept) = self.trusted.get(digest).filter(|kept| kept.until > now && kept.until <= now + KEPT_FOR) {
            return Ok(Some(kept.text.clone()));
        }
        let found = documents::find_text(self.app.db.read(), digest).await?;
        if let Some(text) = &found {
            let kept = KeptDocument { text: text.clone(), until: now + KEPT_FOR };
            self.trusted.keep(digest, text.len() + BYTES_BESIDE, Arc::new(kept));
        }
        Ok(found)
    }
}
