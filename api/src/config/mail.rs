//! The settings of outgoing mail: the mail server, the sender and the links.

use lettre::{AsyncSmtpTransport, Tokio1Executor, message::Mailbox};

use super::raw_settings::RawSettings;
use crate::web_address;

/// A mail server, the sender of mail and the links in it.
#[derive(Clone, Debug)]
pub struct MailConfig {
    /// The connection to the mail server.
    pub transport: AsyncSmtpTransport<Tokio1Executor>,
    /// The sender of mail.
    pub from: Mailbox,
    /// The page that takes the token for a new password. It contains [`Self::TOKEN`] in place of the token.
    pub reset_link: Option<String>,
    /// The page that takes the token to confirm an address, with [`Self::TOKEN`] in place of the token.
    pub confirm_link: Option<String>,
}

impl MailConfig {
    /// The placeholder of the token in a link.
    pub const TOKEN: &str = "{token}";

    /// Reads the settings. Returns none when no mail server is set.
    pub(super) fn read(given: &RawSettings) -> anyhow::Result<Option<Self>> {
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
        let link = |name| {
            given.read(name, |text| match text {
                "" => Ok(None),
                text if text.contains(Self::TOKEN) && web_address::is_page(&text.replace(Self::TOKEN, "x")) => {
                    Ok(Some(text.to_owned()))
                }
                _ => Err("is not a page address that contains {token}".to_owned()),
            })
        };
        let (reset_link, confirm_link) = (link("RAPPORT_RESET_LINK")?, link("RAPPORT_CONFIRM_LINK")?);
        Ok(Some(Self { transport, from, reset_link, confirm_link }))
    }
}
