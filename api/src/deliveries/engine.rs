//! The engine: claims due deliveries, sends several at once and records the outcomes. Every instance runs one.

use std::{sync::Arc, time::Duration};

use entity::delivery::{self, DeliveryKind};
use tokio::{
    sync::{Notify, Semaphore},
    time::timeout,
};

use super::{
    delivery_rows::{self, Settlement},
    sender::{Sender, Verdict},
};
use crate::{
    app::App,
    background::{Next, Work},
    error::Result,
};

/// The time that one attempt may take. It is shorter than a claim.
pub const SEND_WITHIN: Duration = Duration::from_secs(60);
/// The number of deliveries that an instance sends at once.
const AT_ONCE: usize = 16;
/// The longest sleep. After a lost wake-up of another instance, a delivery is late by at most this time.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// The senders of all kinds that this instance sends.
#[derive(Clone, Default)]
pub struct Senders(Vec<Arc<dyn Sender>>);

impl Senders {
    /// Creates the set from its senders.
    #[must_use]
    pub fn new(senders: Vec<Arc<dyn Sender>>) -> Self {
        Self(senders)
    }

    fn kinds(&self) -> Vec<DeliveryKind> {
        self.0.iter().map(|sender| sender.kind()).collect()
    }

    fn of(&self, kind: DeliveryKind) -> Option<Arc<dyn Sender>> {
        self.0.iter().find(|sender| sender.kind() == kind).map(Arc::clone)
    }
}

/// Sends deliveries until the instance stops. When it stops, attempts that have begun continue, and the process waits
/// for them. Returns at once without senders.
pub async fn run(app: App, senders: Senders) {
    if senders.0.is_empty() {
        return;
    }
    let (app, senders, free) = (&app, &senders, &Arc::new(Semaphore::new(AT_ONCE)));
    let send = || async move {
        let Ok(permit) = Arc::clone(free).acquire_owned().await else { return Ok(Next::Idle) };
        if app.shutdown.is_cancelled() {
            return Ok(Next::Idle);
        }
        let Some((sender, claimed)) = claim(app, senders).await? else {
            let due = delivery_rows::next_due(app.db.read()).await?;
            return Ok(due.map_or(Next::Idle, Next::At));
        };
        let sending = app.clone();
        app.tasks.spawn(async move {
            attempt(&sending, &*sender, &claimed).await;
            drop(permit);
        });
        Ok(Next::Now)
    };
    let sending = Work { name: "deliveries", longest_sleep: LONGEST_SLEEP, wake: &app.wakes.deliveries };
    let recover = || async move { Ok(Next::after(recover(app, senders).await?)) };
    let recovery = Work { name: "delivery recovery", longest_sleep: LONGEST_SLEEP, wake: &Notify::new() };
    tokio::join!(app.background.run(sending, send), app.background.run(recovery, recover));
}

/// Settles the expired claims, then sends one due delivery and waits for its outcome. Returns false when none is due.
pub async fn step(app: &App, senders: &Senders) -> Result<bool> {
    while recover(app, senders).await? {}
    let Some((sender, claimed)) = claim(app, senders).await? else { return Ok(false) };
    attempt(app, &*sender, &claimed).await;
    Ok(true)
}

/// Settles one delivery whose worker died. Returns false when there is none.
async fn recover(app: &App, senders: &Senders) -> Result<bool> {
    let kinds = &senders.kinds();
    let expired = app.transaction(|tx| Box::pin(async move { Ok(delivery_rows::claim_expired(tx, kinds).await?) }));
    let Some(expired) = expired.await? else { return Ok(false) };
    if let Some(sender) = senders.of(expired.kind) {
        record(app, &*sender, &expired, Verdict::Unclear("the worker stopped".to_owned())).await;
    }
    Ok(true)
}

/// Claims the next due delivery.
async fn claim(app: &App, senders: &Senders) -> Result<Option<(Arc<dyn Sender>, delivery::Model)>> {
    let kinds = &senders.kinds();
    let claimed = app.transaction(|tx| Box::pin(async move { Ok(delivery_rows::claim(tx, kinds).await?) })).await?;
    Ok(claimed.and_then(|claimed| Some((senders.of(claimed.kind)?, claimed))))
}

/// Sends a claimed delivery and records the outcome.
async fn attempt(app: &App, sender: &dyn Sender, claimed: &delivery::Model) {
    let verdict = match timeout(SEND_WITHIN, sender.send(app, claimed)).await {
        Ok(Ok(verdict)) => verdict,
        Ok(Err(error)) => {
            tracing::warn!(cause = ?error, kind = ?claimed.kind, "a delivery could not be sent");
            Verdict::Unclear("internal fault".to_owned())
        }
        Err(_) => Verdict::Unclear("no answer in time".to_owned()),
    };
    record(app, sender, claimed, verdict).await;
}

/// Records a verdict. If the database fails, the claim expires and the delivery is treated as unclear.
async fn record(app: &App, sender: &dyn Sender, claimed: &delivery::Model, verdict: Verdict) {
    let settlement = &sender.policy().settlement(claimed, verdict, app.clock.now());
    if let Settlement::Failed(error) | Settlement::Unknown(error) | Settlement::Again(_, error) = settlement {
        tracing::warn!(%error, delivery = %claimed.id, kind = ?claimed.kind, "a delivery was not accepted");
    }
    let recorded = app.transaction(|tx| {
        Box::pin(async move {
            if delivery_rows::settle(tx, claimed, settlement).await? {
                sender.settled(tx, claimed, settlement).await?;
            }
            Ok(())
        })
    });
    match recorded.await {
        Ok(()) => app.count_delivery(claimed.kind, settlement.name()),
        Err(error) => tracing::warn!(cause = ?error, delivery = %claimed.id, "an outcome could not be recorded"),
    }
}
