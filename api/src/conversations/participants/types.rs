//! Those who take part in conversations, as the API shows them: to those who serve by who they are, to customers by a name
//! only.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use chrono::{DateTime, Utc};
use entity::{
    channel::Channel,
    customer,
    id::{CustomerId, ParticipantId},
    participant::{self, ParticipantRole},
};

use crate::{
    auth::context::ContextExt,
    conversations::{
        loader::{CustomerById, CustomerNumber, IdentitiesOf, ReferredCustomer, ReferredParticipant},
        threads::Side,
    },
    error::{Error, Result},
    users::types::{Actor, User},
    weight::LongText,
};

/// Somebody who takes part in a conversation, or took part: each once, however often they come and go.
#[derive(Clone)]
pub struct Participant {
    pub row: participant::Model,
    pub side: Side,
}

/// Somebody who takes part in a conversation, or took part: each once, however often they come and go.
#[Object]
impl Participant {
    /// The id of this part in this conversation, `participant_…`.
    async fn id(&self) -> ID {
        self.row.id.into()
    }

    /// Who it is. Customers are shown agents as Representative.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Actor> {
        actor(ctx, &self.row, self.side).await
    }

    /// As what they take part.
    async fn role(&self) -> ParticipantRole {
        self.row.role
    }

    /// When they came, the last time.
    async fn joined_at(&self) -> DateTime<Utc> {
        self.row.joined_at
    }

    /// When they left; null while they take part.
    async fn left_at(&self) -> Option<DateTime<Utc>> {
        self.row.left_at
    }

    /// The number of the last item that they have read, as the viewer counts; null when none.
    async fn read_up_to(&self, ctx: &Context<'_>) -> Option<Result<i64>> {
        if self.row.read_up_to == 0 || self.side == Side::Staff {
            return Some(self.row.read_up_to).filter(|number| *number > 0).map(Ok);
        }
        let number = ctx.load(CustomerNumber(self.row.conversation_id, self.row.read_up_to)).await.transpose()?;
        match number {
            Ok(0) => None,
            number => Some(number),
        }
    }
}

/// Who a participant is, as a side may know it.
async fn actor(ctx: &Context<'_>, row: &participant::Model, side: Side) -> Result<Actor> {
    match (row.user_id, row.customer_id) {
        (Some(user), _) => {
            let user = User::referred(ctx, user).await?;
            Ok(match side {
                Side::Staff => Actor::User(user),
                Side::Customer => Actor::Representative(Representative { id: row.id, user }),
            })
        }
        (None, Some(customer)) => Ok(Actor::Customer(Customer::referred(ctx, customer).await?)),
        (None, None) => Err(Error::internal(anyhow::anyhow!("a participant is nobody"))),
    }
}

/// Who a participant with an id is, as a side may know it.
pub async fn actor_of(ctx: &Context<'_>, id: ParticipantId, side: Side) -> Result<Actor> {
    let row = ctx.load(ReferredParticipant(id)).await?;
    let row = row.ok_or_else(|| Error::internal(anyhow::anyhow!("{id} is referred to but not there")))?;
    actor(ctx, &row, side).await
}

/// Somebody who answers for the organisation, as its customers see them: a name and a picture, and nothing by which they
/// could be found.
pub struct Representative {
    id: ParticipantId,
    user: User,
}

/// Somebody who answers for the organisation, as its customers see them: a name and a picture, and nothing by which they
/// could be found.
#[Object]
impl Representative {
    /// The id of their part in this conversation, `participant_…`.
    pub async fn id(&self) -> ID {
        self.id.into()
    }

    /// The name to show.
    pub async fn display_name(&self) -> LongText<&str> {
        LongText(self.user.0.display_name())
    }

    /// The `https://` address of a picture.
    pub async fn avatar_url(&self, ctx: &Context<'_>) -> Option<Result<LongText<String>>> {
        self.user.avatar_url(ctx).await.unwrap_or(None)
    }
}

/// A person outside the organisation who writes in.
#[derive(Clone)]
pub struct Customer(pub Arc<customer::Model>);

/// A person outside the organisation who writes in.
#[Object]
impl Customer {
    /// The customer's id, `customer_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// As they call themselves, or as an agent called them.
    pub async fn display_name(&self) -> LongText<&str> {
        LongText(&self.0.display_name)
    }

    /// Always null.
    pub async fn avatar_url(&self) -> Option<Result<LongText<String>>> {
        None
    }

    /// The e-mail address they gave. For those who serve them only.
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.0.email.as_deref().filter(|_| serves(ctx)))
    }

    /// The telephone number they gave. For those who serve them only.
    async fn phone(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.0.phone.as_deref().filter(|_| serves(ctx)))
    }

    /// What they are reached by. For those who serve them only; empty for others.
    async fn identities(&self, ctx: &Context<'_>) -> Result<Vec<CustomerIdentity>> {
        if !serves(ctx) {
            return Ok(vec![]);
        }
        let rows = ctx.load(IdentitiesOf(self.0.id)).await?.unwrap_or_default();
        Ok(rows.into_iter().map(|row| CustomerIdentity { channel: row.channel, address: row.address }).collect())
    }

    /// When they first wrote.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }
}

fn serves(ctx: &Context<'_>) -> bool {
    ctx.caller().is_ok_and(|caller| Side::of(caller) == Side::Staff)
}

impl Customer {
    /// The customer to whom a row refers.
    pub async fn referred(ctx: &Context<'_>, id: CustomerId) -> Result<Self> {
        let row = ctx.load(ReferredCustomer(id)).await?;
        row.map(Self).ok_or_else(|| Error::internal(anyhow::anyhow!("{id} is referred to but not there")))
    }

    /// The customer with an id, if there is a conversation with them that the viewer may see.
    pub async fn find(ctx: &Context<'_>, id: CustomerId) -> Result<Option<Self>> {
        Ok(ctx.load(CustomerById(id)).await?.map(Self))
    }
}

/// What a customer is reached by.
#[derive(SimpleObject)]
pub struct CustomerIdentity {
    /// On what they write.
    pub channel: Channel,
    /// Their address there, as the channel writes it.
    pub address: String,
}
