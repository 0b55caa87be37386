//! Changes of customers' details by agents and by programs with organization keys.

use async_graphql::{ID, InputObject, MaybeUndefined};
use entity::{customer, id::CustomerId, user::Role};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use crate::{
    agents::agent_state,
    app::{App, Tx},
    auth::viewer::Caller,
    contacts::detail_validation::{self, FieldPath},
    conversations::{conversation_rows, customers, participants, participants::ParticipantRef},
    entry_points::pre_chat_form,
    error::{Error, Result, UserErrorCode},
};

/// Maximum length of an id of another system, in characters.
const MAX_EXTERNAL_ID: usize = 200;

const CUSTOMER: FieldPath = &["input", "customerId"];
const EMAIL: FieldPath = &["input", "email"];
const PHONE: FieldPath = &["input", "phone"];
const EXTERNAL_ID: FieldPath = &["input", "externalId"];

/// The new details of a customer. A field that is left out stays as it is. Null removes a detail.
#[derive(InputObject)]
pub struct UpdateCustomerInput {
    /// The id of the customer.
    pub customer_id: ID,
    /// The name to show, 1 to 200 characters.
    pub display_name: Option<String>,
    /// The e-mail address.
    pub email: MaybeUndefined<String>,
    /// The telephone number: 3 to 20 digits, with signs between them.
    pub phone: MaybeUndefined<String>,
    /// The id of the customer in another system of the organization, 1 to 200 characters. Two customers cannot have the
    /// same.
    pub external_id: MaybeUndefined<String>,
}

/// The checked changes of a customer's details.
struct Changes {
    name: Option<String>,
    email: MaybeUndefined<String>,
    phone: MaybeUndefined<String>,
    external_id: MaybeUndefined<String>,
}

impl Changes {
    fn check(input: &UpdateCustomerInput) -> Result<Self> {
        let name = input.display_name.as_deref();
        let name = name.map(|name| detail_validation::name(name, &["input", "displayName"])).transpose()?;
        Ok(Self {
            name,
            email: patch(&input.email, |email| pre_chat_form::email(email, EMAIL))?,
            phone: patch(&input.phone, |phone| pre_chat_form::phone(phone, PHONE))?,
            external_id: patch(&input.external_id, |id| detail_validation::line(id, EXTERNAL_ID, MAX_EXTERNAL_ID))?,
        })
    }

    fn apply(&self, row: &mut customer::Model) {
        if let Some(name) = &self.name {
            row.display_name.clone_from(name);
        }
        let columns =
            [(&mut row.email, &self.email), (&mut row.phone, &self.phone), (&mut row.external_id, &self.external_id)];
        for (column, change) in columns {
            change.clone().update_to(column);
        }
    }
}

/// Reads a change. A blank text removes the detail, as null does.
fn patch(
    change: &MaybeUndefined<String>,
    read: impl Fn(&str) -> Result<Option<String>>,
) -> Result<MaybeUndefined<String>> {
    match change {
        MaybeUndefined::Undefined | MaybeUndefined::Null => Ok(change.clone()),
        MaybeUndefined::Value(text) => Ok(read(text)?.map_or(MaybeUndefined::Null, MaybeUndefined::Value)),
    }
}

/// Changes the details of a customer. Returns the customer, and false if the details were so. Locks the caller, the
/// customer and, if the name changes, the customer's open conversations. Emits `CustomerChanged`, and
/// `ParticipantChanged` in the open conversations for a new name. Refuses with `NOT_FOUND`, `NOT_ALLOWED`, `INVALID`
/// or `DUPLICATE`.
pub async fn update(app: &App, by: &Caller, input: &UpdateCustomerInput) -> Result<(customer::Model, bool)> {
    let changes = &Changes::check(input)?;
    app.transaction(|tx| {
        Box::pin(async move {
            let id = CustomerId::parse(&input.customer_id).ok_or_else(|| Error::not_found(CUSTOMER))?;
            check_may_change(tx, by, id).await?;
            let before = customers::lock(tx, id).await?.ok_or_else(|| Error::not_found(CUSTOMER))?;
            let mut row = before.clone();
            changes.apply(&mut row);
            if row == before {
                return Ok((row.into_row(), false));
            }
            if row.external_id != before.external_id {
                refuse_duplicate(tx, &row).await?;
            }
            let renamed = row.display_name != before.display_name;
            let row = customers::save(tx, before, row).await?;
            if renamed {
                announce_name(tx, id).await?;
            }
            Ok((row.into_row(), true))
        })
    })
    .await
}

/// Refuses callers who may not change a customer: others than organization keys, supervisors, and agents who see a
/// conversation with the customer.
async fn check_may_change(tx: &Tx<'_>, by: &Caller, id: CustomerId) -> Result<()> {
    let found = match by {
        Caller::Service(_) => return Ok(()),
        Caller::Visitor(_) => return Err(Error::PersonsOnly),
        Caller::Person(_) => customers::find(tx.db(), by, &[id]).await?,
    };
    let person = agent_state::require_person(tx, by, Role::Agent, "Only agents can do this.").await?;
    if found.is_empty() && person.role < Role::Supervisor {
        return Err(Error::not_found(CUSTOMER));
    }
    Ok(())
}

/// Refuses with `DUPLICATE` if another customer has the same id of another system. The unique column decides between
/// calls at the same time.
async fn refuse_duplicate(tx: &Tx<'_>, row: &customer::Model) -> Result<()> {
    let Some(external_id) = &row.external_id else { return Ok(()) };
    let other = customer::Entity::find()
        .filter(customer::Column::ExternalId.eq(external_id.as_str()))
        .filter(customer::Column::Id.ne(row.id))
        .one(tx.db())
        .await?;
    match other {
        Some(_) => Err(Error::refused(UserErrorCode::Duplicate, EXTERNAL_ID, "Another customer has this id.")),
        None => Ok(()),
    }
}

/// Emits `ParticipantChanged` in the open conversations of a customer, so that their followers show the new name.
async fn announce_name(tx: &Tx<'_>, id: CustomerId) -> Result<()> {
    for open in conversation_rows::open_of_customer(tx.db(), id).await? {
        let conversation = conversation_rows::lock(tx, open).await?;
        if let Some(row) = participants::find(tx.db(), open, ParticipantRef::Customer(id)).await? {
            participants::emit_changed(tx, &conversation, &row).await?;
        }
    }
    Ok(())
}
