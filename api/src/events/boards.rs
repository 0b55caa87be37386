//! What many who look want to know of one thing, worked out once for all of them in this process, and again when it changes.
//! Kept while anybody looks.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::watch;
use uuid::Uuid;

/// How long those who wait somewhere still have to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// The place of each, from 1.
    pub places: HashMap<Uuid, i64>,
    /// In seconds; none where too little is known.
    pub estimate: Option<i64>,
}

/// Where it is shown: the newest board, for all who look.
pub type Shown = watch::Sender<Arc<Board>>;

/// The boards that somebody looks at.
#[derive(Default)]
pub struct Boards(Mutex<HashMap<Uuid, Weak<Shown>>>);

impl Boards {
    /// Looks at a board. The first who does has it kept by `keep`, which is told where to show it.
    pub fn look(&self, of: Uuid, keep: impl FnOnce(Arc<Shown>)) -> watch::Receiver<Arc<Board>> {
        let mut boards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        boards.retain(|_, shown| shown.strong_count() > 0);
        if let Some(shown) = boards.get(&of).and_then(Weak::upgrade) {
            let mut looking = shown.subscribe();
            looking.mark_changed();
            return looking;
        }
        let (shown, looking) = watch::channel(Arc::default());
        let shown = Arc::new(shown);
        boards.insert(of, Arc::downgrade(&shown));
        keep(shown);
        looking
    }

    /// Whether nobody looks any more; then nobody can begin to look at this one.
    pub fn is_left(&self, of: Uuid, shown: &Shown) -> bool {
        let mut boards = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let left = shown.receiver_count() == 0;
        if left {
            boards.remove(&of);
        }
        left
    }
}
