//! Subscriptions to a stream from a position: attaches to the live end, reads the log up to the hand-off, continues
//! live and drops the overlap. Each entry is the direct successor of the one before. When that is impossible, the
//! subscriber gets a resync and the stream ends.

use std::sync::Arc;

use async_stream::try_stream;
use futures_util::Stream as FuturesStream;
use tokio::sync::broadcast::error::RecvError;

use super::{
    live_streams::{BATCH, LiveStreams},
    log::{self, LoggedEvent, Stream},
    reading::{AHEAD, PRUNED, retry_while_unavailable},
};
use crate::{database::Database, error::Error};

/// An item of a subscription to a stream.
#[derive(Clone, Debug)]
pub enum StreamItem {
    /// The first item: the sequence number after which the subscription starts.
    Started(i64),
    /// The next entry of the stream.
    Entry(Arc<LoggedEvent>),
    /// The last item: the log does not continue from the subscriber's position.
    Resync {
        /// The present end of the stream.
        at: i64,
        /// A reason in English for developers.
        reason: &'static str,
    },
}

/// Subscribes to a stream after a sequence number, or from its present end. Ends after a resync.
pub fn follow(
    live_streams: Arc<LiveStreams>,
    db: Database,
    stream: Stream,
    after: Option<i64>,
) -> impl FuturesStream<Item = Result<StreamItem, Error>> {
    // The rare reads are boxed, so that a waiting subscription keeps no memory for them.
    try_stream! {
        let mut attached = Box::pin(retry_while_unavailable(|| live_streams.attach(stream))).await?;
        let extent = Box::pin(retry_while_unavailable(|| log::bounds(db.read(), stream))).await?;
        let mut at = after.unwrap_or(extent.last);
        yield StreamItem::Started(at);
        if at < extent.pruned || at > extent.last {
            let reason = if at > extent.last { AHEAD } else { PRUNED };
            yield StreamItem::Resync { at: extent.last, reason };
            return;
        }
        loop {
            while at < attached.pin {
                let entries = Box::pin(retry_while_unavailable(|| log::read(db.read(), stream, at, BATCH))).await?;
                let mut whole = !entries.is_empty();
                for entry in entries {
                    if entry.sequence != at + 1 {
                        whole = false;
                        break;
                    }
                    at = entry.sequence;
                    yield StreamItem::Entry(Arc::new(entry));
                }
                if !whole {
                    let extent = Box::pin(retry_while_unavailable(|| log::bounds(db.read(), stream))).await?;
                    yield StreamItem::Resync { at: extent.last, reason: PRUNED };
                    return;
                }
            }
            loop {
                match attached.receiver.recv().await {
                    Ok(entry) if entry.sequence <= at => {}
                    Ok(entry) if entry.sequence == at + 1 => {
                        at = entry.sequence;
                        yield StreamItem::Entry(entry);
                    }
                    Ok(_) | Err(RecvError::Lagged(_)) => break,
                    Err(RecvError::Closed) => return,
                }
            }
            attached = Box::pin(retry_while_unavailable(|| live_streams.attach(stream))).await?;
        }
    }
}
