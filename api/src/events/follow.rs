//! Following a stream from a position: attach to the live end, read the log up to the pinned hand-off, then go on live
//! and drop the overlap. Each entry is the successor of the one before; where that cannot be kept, the follower is told
//! to read the state again, and the stream ends.

use std::{sync::Arc, time::Duration};

use async_stream::try_stream;
use futures_util::Stream as FuturesStream;
use sea_orm::DbErr;
use tokio::sync::broadcast::error::RecvError;

use super::{
    log::{self, Entry, Stream},
    tails::{BATCH, Tails},
};
use crate::{database::Database, error::Error};

/// What a follower is told.
#[derive(Clone, Debug)]
pub enum Followed {
    /// The first item: the sequence number after which it begins.
    Started(i64),
    Entry(Arc<Entry>),
    /// The last item: the log does not continue from where the follower stood. `at` is the present end of the stream.
    Resync {
        at: i64,
        reason: &'static str,
    },
}

/// Between two tries while the database is away.
const PAUSE: Duration = Duration::from_millis(500);

/// Why a stream cannot go on.
pub const PRUNED: &str = "The log no longer reaches back to this cursor.";
pub const AHEAD: &str = "The log ends before this cursor; it was restored from an older copy.";

/// Asks again while the database is away: a follower outlives an outage and misses nothing.
pub async fn insist<T, F: Future<Output = Result<T, DbErr>>>(mut ask: impl FnMut() -> F) -> Result<T, Error> {
    loop {
        match ask().await.map_err(Error::from) {
            Err(Error::Unavailable(cause)) => {
                tracing::warn!(cause = format!("{cause:#}"), "a follower waits for the database");
                tokio::time::sleep(PAUSE).await;
            }
            result => return result,
        }
    }
}

/// Follows a stream after a sequence number, or from its present end.
pub fn follow(
    tails: Arc<Tails>,
    db: Database,
    stream: Stream,
    after: Option<i64>,
) -> impl FuturesStream<Item = Result<Followed, Error>> {
    // What is awaited now and then is boxed, so that a follower who only waits holds no room for it.
    try_stream! {
        let mut attached = Box::pin(insist(|| tails.attach(stream))).await?;
        let extent = Box::pin(insist(|| log::extent(db.read(), stream))).await?;
        let mut at = after.unwrap_or(extent.last);
        yield Followed::Started(at);
        if at < extent.pruned || at > extent.last {
            let reason = if at > extent.last { AHEAD } else { PRUNED };
            yield Followed::Resync { at: extent.last, reason };
            return;
        }
        loop {
            while at < attached.pin {
                let entries = Box::pin(insist(|| log::read(db.read(), stream, at, BATCH))).await?;
                let mut whole = !entries.is_empty();
                for entry in entries {
                    if entry.sequence != at + 1 {
                        whole = false;
                        break;
                    }
                    at = entry.sequence;
                    yield Followed::Entry(Arc::new(entry));
                }
                if !whole {
                    let extent = Box::pin(insist(|| log::extent(db.read(), stream))).await?;
                    yield Followed::Resync { at: extent.last, reason: PRUNED };
                    return;
                }
            }
            loop {
                match attached.receiver.recv().await {
                    Ok(entry) if entry.sequence <= at => {}
                    Ok(entry) if entry.sequence == at + 1 => {
                        at = entry.sequence;
                        yield Followed::Entry(entry);
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                }
            }
            attached = Box::pin(insist(|| tails.attach(stream))).await?;
        }
    }
}
