//! The values that Rapport fills in: of the customer, the agent, the queue, the organization and the day.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{
    conversation, customer,
    intake::Intake,
    queue::{self, BusinessHours},
    task, user,
};
use sea_orm::{ConnectionTrait, DbErr, EntityTrait as _};

use crate::text::{dates, locale::Locale};

/// The names of all values that Rapport fills in.
pub const SYSTEM_NAMES: [&str; 9] = [
    "customer.name",
    "customer.email",
    "customer.phone",
    "agent.name",
    "queue.name",
    "queue.hours",
    "organization.name",
    "date.today",
    "date.now",
];

/// The values for one conversation at one time.
#[derive(Clone, Debug)]
pub struct SystemValues {
    customer: Option<customer::Model>,
    agent: Option<String>,
    queue: Option<queue::Model>,
    organization: String,
    now: DateTime<Tz>,
    /// The language in which the customer reads.
    pub locale: Locale,
}

impl SystemValues {
    /// Reads the values for a conversation. `agent` is the agent who writes. The day is that of the customer's time
    /// zone, else of the queue's, else of UTC.
    pub async fn read(
        db: &impl ConnectionTrait,
        conversation: &conversation::Model,
        agent: Option<&user::Model>,
        organization: &str,
        now: DateTime<Utc>,
    ) -> Result<Self, DbErr> {
        let customer = match conversation.customer_id {
            Some(id) => customer::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let queue = match conversation.queue_id {
            Some(id) => queue::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let agent = agent.map(|agent| agent.display_name.clone());
        let task = match conversation.task_id {
            Some(id) => task::Entity::find_by_id(id).one(db).await?,
            None => None,
        };
        let Intake { time_zone, locale, .. } = task.and_then(|task| task.intake).unwrap_or_default();
        let hours = queue.as_ref().and_then(|queue| queue.hours.as_ref());
        let zone = [time_zone.as_deref(), hours.map(|hours| hours.time_zone.as_str())];
        let zone = zone.into_iter().flatten().find_map(|name| name.parse().ok()).unwrap_or(Tz::UTC);
        let locale = Locale::of(locale.as_deref());
        Ok(Self {
            customer,
            agent,
            queue,
            organization: organization.to_owned(),
            now: now.with_timezone(&zone),
            locale,
        })
    }

    /// Returns a value by its name. None if there is no such value or it is empty.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<String> {
        let customer = self.customer.as_ref();
        let value = match name {
            "customer.name" => {
                customer.map(|customer| customer.display_name.clone()).filter(|name| name != customer::NAMELESS)
            }
            "customer.email" => customer.and_then(|customer| customer.email.clone()),
            "customer.phone" => customer.and_then(|customer| customer.phone.clone()),
            "agent.name" => self.agent.clone(),
            "queue.name" => self.queue.as_ref().map(|queue| queue.name.clone()),
            "queue.hours" => self.queue.as_ref().and_then(|queue| hours(queue.hours.as_ref()?, self.locale)),
            "organization.name" => Some(self.organization.clone()),
            "date.today" => Some(dates::day(self.now.date_naive(), self.locale)),
            "date.now" => Some(dates::write(self.now, self.locale)),
            _ => None,
        };
        value.filter(|value| !value.trim().is_empty())
    }
}

/// Writes opening hours, such as `Monday 09:00–17:00, Tuesday 09:00–12:00`. None if the queue is never open.
fn hours(hours: &BusinessHours, locale: Locale) -> Option<String> {
    let mut open = hours.open.clone();
    open.sort_by_key(|one| (one.weekday, one.from));
    let time = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let written = open.iter().map(|one| {
        let day = dates::weekday(usize::from(one.weekday.saturating_sub(1)), locale);
        format!("{day} {}–{}", time(one.from), time(one.to))
    });
    let written = written.collect::<Vec<_>>().join(", ");
    (!written.is_empty()).then_some(written)
}
