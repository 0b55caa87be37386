//! Following a stream from a position: attach to the live end, read the log up to the pinned hand-off, then go on live
//! and drop the overlap. Each entry is the successor of the one before; where that cannot be kept, the follower is told
//! to read the state again, and the stream ends.

use std::sync::Arc;

use async_stream::try_stream;
use futures_util::Stream as FuturesStream;
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

const PRUNED: &str = "The log no longer reaches back to this cursor.";
const AHEAD: &str = "The log ends before this cursor; it was restored from an older copy.";

/// Follows a stream after a sequence number, or from its present end.
pub fn follow(
    tails: Arc<Tails>,
    db: Database,
    stream: Stream,
    after: Option<i64>,
) -> impl FuturesStream<Item = Result<Followed, Error>> {
    try_stream! {
        let mut attached = tails.attach(stream).await?;
        let extent = log::extent(db.read(), stream).await?;
        let mut at = after.unwrap_or(extent.last);
        yield Followed::Started(at);
        if at < extent.pruned || at > extent.last {
            let reason = if at > extent.last { AHEAD } else { PRUNED };
            yield Followed::Resync { at: extent.last, reason };
            return;
        }
        loop {
            while at < attached.pin {
                let entries = log::read(db.read(), stream, at, BATCH).await?;
                if entries.first().is_none_or(|entry| entry.sequence != at + 1) {
                    let extent = log::extent(db.read(), stream).await?;
                    yield Followed::Resync { at: extent.last, reason: PRUNED };
                    return;
                }
                for entry in entries {
                    at = entry.sequence;
                    yield Followed::Entry(Arc::new(entry));
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
            attached = tails.attach(stream).await?;
        }
    }
}
