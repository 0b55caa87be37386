//! By whom mail is sent, and from whom.

use lettre::{AsyncSmtpTransport, Tokio1Executor, message::Mailbox};

use super::given::Given;
use crate::web;

/// A mail server and the address that mail is from.
#[derive(Clone, Debug)]
pub struct MailConfig {
    pub transport: AsyncSmtpTransport<Tokio1Executor>,
    pub from: Mailbox,
    /// The page that takes the token for a new password, with [`Self::TOKEN`] in place of it.
    pub reset_link: Option<String>,
    /// The page that takes the token which confirms an address.
    pub confirm_link: Option<String>,
}

impl MailConfig {
    /// Stands for the token in a link.
    pub const TOKEN: &str = "{token}";

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
        let link = |name| {
            given.read(name, |text| match text {
                "" => Ok(None),
                text if text.contains(Self::TOKEN) && web::is_page(&text.replace(Self::TOKEN, "x")) => {
                    Ok(Some(text.to_owned()))
                }
                _ => Err("is no address of a page with {token} in it".to_owned()),
            })
        };
        let (reset_link, confirm_link) = (link("RAPPORT_RESET_LINK")?, link("RAPPORT_CONFIRM_LINK")?);
        Ok(Some(Self { transport, from, reset_link, confirm_link }))
    }
}
