//! Collects rows and inserts them in large statements, in the order of their references.

use api::{app::Tx, error::Result};
use entity::{
    assignment, conversation, customer, customer_identity, offer, participant, receipt, routing_decision, task,
    thread_item, timer, wrap_up,
};
use sea_orm::{ActiveModelTrait, EntityTrait, IntoActiveModel, Iterable as _};

/// Maximum number of values in a statement. SQLite accepts 32,766.
const VALUES: usize = 30_000;

/// The collected rows of each table.
#[derive(Default)]
pub struct Rows {
    pub customers: Vec<customer::Model>,
    pub identities: Vec<customer_identity::Model>,
    pub conversations: Vec<conversation::Model>,
    pub participants: Vec<participant::Model>,
    pub tasks: Vec<task::Model>,
    pub items: Vec<thread_item::Model>,
    pub receipts: Vec<receipt::Model>,
    pub offers: Vec<offer::Model>,
    pub decisions: Vec<routing_decision::Model>,
    pub assignments: Vec<assignment::Model>,
    pub wrap_ups: Vec<wrap_up::Model>,
    pub deadlines: Vec<timer::Model>,
}

impl Rows {
    /// Inserts all rows.
    pub async fn write(self, tx: &Tx<'_>) -> Result<()> {
        insert(tx, self.customers).await?;
        insert(tx, self.identities).await?;
        insert(tx, self.conversations).await?;
        insert(tx, self.participants).await?;
        insert(tx, self.tasks).await?;
        insert(tx, self.items).await?;
        insert(tx, self.receipts).await?;
        insert(tx, self.offers).await?;
        insert(tx, self.decisions).await?;
        insert(tx, self.assignments).await?;
        insert(tx, self.wrap_ups).await?;
        insert(tx, self.deadlines).await
    }
}

async fn insert<M, A>(tx: &Tx<'_>, rows: Vec<M>) -> Result<()>
where
    M: IntoActiveModel<A>,
    A: ActiveModelTrait,
{
    let columns = <A::Entity as EntityTrait>::Column::iter().count();
    let mut rows = rows.into_iter().map(IntoActiveModel::into_active_model).peekable();
    while rows.peek().is_some() {
        let together: Vec<A> = rows.by_ref().take(VALUES / columns).collect();
        A::Entity::insert_many(together).exec_without_returning(tx.db()).await?;
    }
    Ok(())
}
