//! Why a socket is closed: the codes of graphql-transport-ws and of WebSocket itself.

use tokio_tungstenite::tungstenite::{self, error::ProtocolError};

/// A reason to close, with the code the protocol has for it.
pub struct Close(pub u16, pub &'static str);

pub const MALFORMED: Close = Close(4400, "Invalid message");
pub const UNAUTHORIZED: Close = Close(4401, "Unauthorized");
pub const TOO_LONG: Close = Close(1009, "Message too long");
pub const FORBIDDEN: Close = Close(4403, "Forbidden");
pub const NO_PROTOCOL: Close = Close(4406, "Subprotocol not acceptable");
pub const INIT_TIMEOUT: Close = Close(4408, "Connection initialisation timeout");
pub const SECOND_INIT: Close = Close(4429, "Too many initialisation requests");
pub const TOO_MANY_SOCKETS: Close = Close(4429, "Too many sockets");
pub const RESTART: Close = Close(1012, "Service restart");
pub const TRY_LATER: Close = Close(1013, "Try again later");
pub const SLOW: Close = Close(1013, "Too slow; resume from the last cursor");

/// The reason to close for bytes that are no WebSocket (RFC 6455, section 7.4.1); none when the connection is gone.
pub fn broken(error: axum::Error) -> Option<Close> {
    match *error.into_inner().downcast::<tungstenite::Error>().ok()? {
        tungstenite::Error::Utf8(_) => Some(Close(1007, "Not UTF-8")),
        tungstenite::Error::Capacity(_) => Some(TOO_LONG),
        tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
        tungstenite::Error::Protocol(_) => Some(Close(1002, "Not a WebSocket frame")),
        _ => None,
    }
}

/// Only a fault of ours can bring this about.
pub const UNWRITABLE: Close = Close(1011, "Internal error");
