//! Events about connection requests and offers, as subscriptions and the event log give them.

use async_graphql::{ID, Union};
use entity::event::EventKind;

use super::types::ConnectionRequest;
use crate::{
    events::{
        cursor::Cursor,
        graphql::types::{UnknownEvent, event},
        log::LoggedEvent,
    },
    instant::Instant,
    tasks::graphql::event_types::{OfferCreated, OfferEnded},
};

event! {
    /// A user asks the viewer to connect.
    ConnectionRequestReceived {
        /// The request at the time of the event.
        request: ConnectionRequest,
    }
}

event! {
    /// A request to the viewer was accepted, ignored, withdrawn or closed.
    ConnectionRequestChanged {
        /// The request at the time of the event.
        request: ConnectionRequest,
    }
}

/// An event about a connection request or an offer to the viewer.
#[derive(Union)]
pub enum RequestLogEvent {
    /// A user asks the viewer to connect.
    ConnectionRequestReceived(ConnectionRequestReceived),
    /// A request to the viewer ended.
    ConnectionRequestChanged(ConnectionRequestChanged),
    /// A task is offered to the viewer.
    OfferCreated(OfferCreated),
    /// An offer to the viewer ended.
    OfferEnded(OfferEnded),
    /// An event that this version of Rapport does not know.
    UnknownEvent(UnknownEvent),
}

impl RequestLogEvent {
    /// Reads a log entry. `cursor` is its position for the reader.
    #[must_use]
    pub fn read(entry: &LoggedEvent, cursor: Cursor) -> Self {
        let known = Self::known(entry, cursor.clone());
        known.unwrap_or_else(|| Self::UnknownEvent(UnknownEvent::read(entry, cursor)))
    }

    /// Reads a log entry of this version.
    fn known(entry: &LoggedEvent, cursor: Cursor) -> Option<Self> {
        let (id, occurred_at, sequence) = (ID::from(entry.id), entry.occurred_at, entry.sequence);
        let request = || entry.subject().map(ConnectionRequest);
        Some(match entry.kind.0? {
            EventKind::OfferCreated => Self::OfferCreated(OfferCreated::read(entry, cursor)?),
            EventKind::OfferEnded => Self::OfferEnded(OfferEnded::read(entry, cursor)?),
            EventKind::ConnectionRequestReceived => {
                let request = request()?;
                Self::ConnectionRequestReceived(ConnectionRequestReceived {
                    id,
                    cursor,
                    occurred_at: Instant(occurred_at),
                    sequence,
                    request,
                })
            }
            EventKind::ConnectionRequestChanged => {
                let request = request()?;
                Self::ConnectionRequestChanged(ConnectionRequestChanged {
                    id,
                    cursor,
                    occurred_at: Instant(occurred_at),
                    sequence,
                    request,
                })
            }
            _ => return None,
        })
    }
}
