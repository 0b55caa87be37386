//! Sending of one e-mail, with the verdict of the mail server.

use lettre::{AsyncTransport as _, Message};

use super::sender::Verdict;
use crate::config::mail::MailConfig;

/// Sends a mail by the configured mail server. A refusal with a permanent code (RFC 5321, 5xx) is final.
pub async fn send(config: &MailConfig, mail: Message) -> Verdict {
    let Err(error) = config.transport.send(mail).await else { return Verdict::Accepted(None) };
    let reason = error.to_string();
    if error.is_permanent() {
        Verdict::Refused(reason)
    } else if error.is_transient() {
        Verdict::Later { error: reason, after: None }
    } else {
        Verdict::Unclear(reason)
    }
}
