//! By whom mail is sent, and from whom.

use lettre::{AsyncSmtpTransport, Tokio1Executor, message::Mailbox};

use super::given::Given;

/// A mail server and the address that mail is from.
#[derive(Clone, Debug)]
pub struct MailConfig {
    pub transport: AsyncSmtpTransport<Tokio1Executor>,
    pub from: Mailbox,
}

impl MailConfig {
    /// Reads the settings; none when no mail is to be sent.
    pub(super) fn read(given: &Given) -> anyhow::Result<Option<Self>> {
        if given.text("RAPPORT_SMTP_URL").0.is_empty() {
            return Ok(None);
        }
        let transport = given.read("RAPPORT_SMTP_URL", |url| {
            let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(url);
            builder
                .map(lettre::transport::smtp::AsyncSmtpTransportBuilder::build)
                .map_err(|_| "is not an address of a mail server".to_owned())
        })?;
        let from = given.parsed("RAPPORT_MAIL_FROM", "an address such as Rapport <rapport@example.org>")?;
        Ok(Some(Self { transport, from }))
    }
}
