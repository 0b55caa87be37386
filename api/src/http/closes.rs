//! The reasons to close a socket, with the codes of graphql-transport-ws and of WebSocket.

use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

/// A close code and its reason.
pub struct CloseReason(pub u16, pub &'static str);

/// The message is not valid in the protocol.
pub const MALFORMED: CloseReason = CloseReason(4400, "Invalid message");
/// The client subscribed before `connection_init`.
pub const UNAUTHORIZED: CloseReason = CloseReason(4401, "Unauthorized");
/// The message exceeds its maximum length.
pub const TOO_LONG: CloseReason = CloseReason(1009, "Message too long");
/// The credentials are invalid, or the rights of the caller ended.
pub const FORBIDDEN: CloseReason = CloseReason(4403, "Forbidden");
/// The client does not offer graphql-transport-ws.
pub const NO_PROTOCOL: CloseReason = CloseReason(4406, "Subprotocol not acceptable");
/// The client did not send `connection_init` in time.
pub const INIT_TIMEOUT: CloseReason = CloseReason(4408, "Connection initialisation timeout");
/// The client sent `connection_init` twice.
pub const SECOND_INIT: CloseReason = CloseReason(4429, "Too many initialisation requests");
/// The quota of sockets of the caller is exhausted.
pub const TOO_MANY_SOCKETS: CloseReason = CloseReason(4429, "Too many sockets");
/// The instance stops, and the client may connect to another one.
pub const RESTART: CloseReason = CloseReason(1012, "Service restart");
/// The database is unavailable, so the caller cannot be authenticated.
pub const TRY_LATER: CloseReason = CloseReason(1013, "Try again later");
/// The client does not read its messages in time.
pub const SLOW: CloseReason = CloseReason(1013, "Too slow; resume from the last cursor");

/// Returns the reason to close after bytes that break the WebSocket protocol (RFC 6455, section 7.4.1). Returns none
/// when the connection is gone.
pub fn broken(error: axum::Error) -> Option<CloseReason> {
    match *error.into_inner().downcast::<tungstenite::Error>().ok()? {
        tungstenite::Error::Utf8(_) => Some(CloseReason(1007, "Not UTF-8")),
        tungstenite::Error::Capacity(_) => Some(TOO_LONG),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        tungstenite::Error::Protocol(_) => Some(CloseReason(1002, "Not a WebSocket frame")),
        _ => None,
    }
}

/// Only a fault of the server causes this close.
pub const UNWRITABLE: CloseReason = CloseReason(1011, "Internal error");
