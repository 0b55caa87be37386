//! Shared views: values that many subscribers want to know, computed once in this process and again after each change.
//! A view exists only while it has a subscriber.

use std::{
    collections::HashMap,
    sync::{Arc, Weak},
};

use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

/// The waiting tasks of one queue with their positions and the estimated wait.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedView {
    /// The queue position of each task, from 1.
    pub places: HashMap<Uuid, i64>,
    /// The estimated wait in seconds. It is none when too little is known.
    pub estimate: Option<i64>,
}

/// The sender of a view. It keeps the newest view for all subscribers.
pub type SharedViewSender = watch::Sender<Arc<SharedView>>;

/// The views that have subscribers, by id.
#[derive(Default)]
pub struct SharedViews(Mutex<HashMap<Uuid, Weak<SharedViewSender>>>);

impl SharedViews {
    /// Subscribes to the view `of`. For the first subscriber it calls `keep` with the sender, to start the updates.
    pub fn watch(&self, of: Uuid, keep: impl FnOnce(Arc<SharedViewSender>)) -> watch::Receiver<Arc<SharedView>> {
        let mut shared_views = self.0.lock();
        shared_views.retain(|_, shown| shown.strong_count() > 0);
        if let Some(shown) = shared_views.get(&of).and_then(Weak::upgrade) {
            let mut looking = shown.subscribe();
            looking.mark_changed();
            return looking;
        }
        let (shown, looking) = watch::channel(Arc::default());
        let shown = Arc::new(shown);
        shared_views.insert(of, Arc::downgrade(&shown));
        keep(shown);
        looking
    }

    /// Returns true and removes the view when it has no subscriber. After that no subscriber can join this sender.
    pub fn is_unwatched(&self, of: Uuid, shown: &SharedViewSender) -> bool {
        let mut shared_views = self.0.lock();
        let left = shown.receiver_count() == 0;
        if left {
            shared_views.remove(&of);
        }
        left
    }
}
