//! GraphQL types of participants. The organization's side sees who each participant is. Customers see agents only by
//! a name and a picture.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, SimpleObject};
use entity::{
    channel::Channel,
    customer, customer_identity,
    id::{CustomerId, ParticipantId, RepresentativeId},
    participant::{self, ParticipantRole},
    task::TaskStatus,
};

use super::{
    list_types::ConversationConnection,
    loader::{CustomerById, CustomerNumber, IdentitiesOf, ReferredCustomer, ReferredParticipant},
    types::Conversation,
};
use crate::{
    auth::{request_context::ContextExt, viewer::Scope},
    conversations::{
        addresses::{Address, AddressKind},
        conversation_rows::ConversationSide,
    },
    error::{Error, Result},
    instant::Instant,
    memory_budget::LongText,
    pagination::{PageArguments, list_size},
    tasks::{
        graphql::list_types::{TaskConnection, TaskOrder},
        task_pages::TaskOwner,
    },
    text,
    users::graphql::{
        interfaces::Actor,
        types::{User, needs},
        viewer_types::ServiceAccount,
    },
};

/// A user, a customer or a program that takes part in a conversation or took part in it. Each appears once, however
/// often they join and leave.
#[derive(Clone)]
pub struct Participant {
    /// The participant's row.
    pub row: participant::Model,
    /// The side that reads the participant.
    pub side: ConversationSide,
}

/// A user, a customer or a program that takes part in a conversation or took part in it. Each appears once, however
/// often they join and leave.
#[Object]
impl Participant {
    /// The participant's id in this conversation, `participant_…`.
    pub async fn id(&self) -> ID {
        self.row.id.into()
    }

    /// The user, customer or program. Customers see agents and programs as Representative.
    async fn actor(&self, ctx: &Context<'_>) -> Result<Actor> {
        actor(ctx, &self.row, self.side).await
    }

    /// The participant's role in the conversation. Customers see a supervisor or a program as JOINED.
    async fn role(&self) -> ParticipantRole {
        self.visible_role()
    }

    /// The time at which they last joined.
    async fn joined_at(&self) -> Instant {
        Instant(self.row.joined_at)
    }

    /// The time at which they left. Null while they take part.
    async fn left_at(&self) -> Option<Instant> {
        self.row.left_at.map(Instant)
    }

    /// The number of the last item that they have read, as the viewer counts. Null if they have read none.
    async fn read_up_to(&self, ctx: &Context<'_>) -> Option<Result<i64>> {
        if self.row.read_up_to == 0 || self.side == ConversationSide::Staff {
            return Some(self.row.read_up_to).filter(|number| *number > 0).map(Ok);
        }
        let number = ctx.load(CustomerNumber(self.row.conversation_id, self.row.read_up_to)).await.transpose()?;
        match number {
            Ok(0) => None,
            number => Some(number),
        }
    }
}

impl Participant {
    /// Returns the role as its reader sees it.
    #[must_use]
    pub fn visible_role(&self) -> ParticipantRole {
        match (self.side, self.row.role) {
            (ConversationSide::Customer, ParticipantRole::Supervisor | ParticipantRole::Bot) => ParticipantRole::Joined,
            (_, role) => role,
        }
    }

    /// Returns a participant by id, if the viewer may see them in a conversation.
    pub async fn find(ctx: &Context<'_>, id: ParticipantId) -> Result<Option<Self>> {
        let Some(row) = ctx.load(ReferredParticipant(id)).await? else { return Ok(None) };
        let Some(conversation) = Conversation::find(ctx, row.conversation_id).await? else { return Ok(None) };
        Ok(conversation.visible_participants(ctx).await?.into_iter().find(|participant| participant.row.id == id))
    }
}

impl Representative {
    /// Returns an agent as the viewer sees them. None unless the viewer is the customer of the conversation.
    pub async fn find(ctx: &Context<'_>, id: RepresentativeId) -> Result<Option<Self>> {
        let Some(participant) = Participant::find(ctx, ParticipantId(id.0)).await? else { return Ok(None) };
        Ok(match actor(ctx, &participant.row, participant.side).await? {
            Actor::Representative(representative) => Some(representative),
            _ => None,
        })
    }
}

/// Returns the actor of a participant, as a side may see it.
async fn actor(ctx: &Context<'_>, row: &participant::Model, side: ConversationSide) -> Result<Actor> {
    match (row.user_id, row.customer_id) {
        (Some(user), _) => {
            let user = User::referred(ctx, user).await?;
            Ok(match side {
                ConversationSide::Staff => Actor::User(user),
                ConversationSide::Customer => {
                    Actor::Representative(Representative { id: row.id, person: RepresentedPerson::User(user) })
                }
            })
        }
        (None, Some(customer)) => Ok(Actor::Customer(Customer::referred(ctx, customer).await?)),
        (None, None) => program(ctx, row, side).await,
    }
}

/// Returns the actor of a program that takes part with an organization key.
async fn program(ctx: &Context<'_>, row: &participant::Model, side: ConversationSide) -> Result<Actor> {
    let key = row.key_id.ok_or_else(|| Error::internal(anyhow::anyhow!("a participant stands for nobody")))?;
    let service = ServiceAccount::referred(ctx, key).await?;
    Ok(match side {
        ConversationSide::Staff => Actor::ServiceAccount(service),
        ConversationSide::Customer => {
            Actor::Representative(Representative { id: row.id, person: RepresentedPerson::Program(service) })
        }
    })
}

/// Returns the actor of a participant by id, as a side may see it.
pub async fn actor_of(ctx: &Context<'_>, id: ParticipantId, side: ConversationSide) -> Result<Actor> {
    let row = ctx.load(ReferredParticipant(id)).await?;
    let row = row.ok_or_else(|| Error::internal(anyhow::anyhow!("{id} is referenced but does not exist")))?;
    actor(ctx, &row, side).await
}

/// A user or a program that answers for the organization, as its customers see them: a name and a picture, and nothing
/// by which a customer could find the user.
pub struct Representative {
    id: ParticipantId,
    person: RepresentedPerson,
}

enum RepresentedPerson {
    User(User),
    Program(ServiceAccount),
}

impl RepresentedPerson {
    fn name(&self) -> &str {
        match self {
            Self::User(user) => user.0.display_name(),
            Self::Program(service) => service.name(),
        }
    }
}

/// A user or a program that answers for the organization, as its customers see them: a name and a picture, and nothing
/// by which a customer could find the user.
#[Object]
impl Representative {
    /// The id of the agent in this conversation, `rep_…`.
    pub async fn id(&self) -> ID {
        RepresentativeId(self.id.0).into()
    }

    /// The name to show.
    pub async fn display_name(&self) -> LongText<&str> {
        LongText(self.person.name())
    }

    /// The initials to show where there is no picture: the first letters of the first and the last word of the name. A
    /// name in Chinese, Japanese or Korean script has one.
    pub async fn initials(&self) -> String {
        text::initials(self.person.name())
    }

    /// The address of a picture: a path on this server for an uploaded one, else an `https://` address. Null if there
    /// is none.
    pub async fn avatar_url(
        &self,
        ctx: &Context<'_>,
        #[graphql(default = 128, desc = "The width in pixels, by the rule of `Actor.avatarUrl`.")] size: i32,
    ) -> Option<Result<LongText<String>>> {
        match &self.person {
            RepresentedPerson::User(user) => user.avatar_url(ctx, size).await.unwrap_or(None),
            RepresentedPerson::Program(_) => None,
        }
    }
}

/// A person outside the organization who writes to it.
#[derive(Clone)]
pub struct Customer(pub Arc<customer::Model>);

/// A person outside the organization who writes to it.
#[Object]
impl Customer {
    /// The customer's id, `customer_…`.
    pub async fn id(&self) -> ID {
        self.0.id.into()
    }

    /// The name that the customer gave, or that an agent gave them.
    pub async fn display_name(&self) -> LongText<&str> {
        LongText(&self.0.display_name)
    }

    /// The initials to show where there is no picture: the first letters of the first and the last word of the name. A
    /// name in Chinese, Japanese or Korean script has one.
    pub async fn initials(&self) -> String {
        text::initials(&self.0.display_name)
    }

    /// The address of a picture. Always null.
    pub async fn avatar_url(
        &self,
        #[graphql(default = 128, desc = "The width in pixels, which has no effect here.")] size: i32,
    ) -> Option<Result<LongText<String>>> {
        let _ = size;
        None
    }

    /// The customer's e-mail address. Only the organization's side sees it.
    async fn email(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.0.email.as_deref().filter(|_| serves(ctx)))
    }

    /// The customer's telephone number. Only the organization's side sees it.
    async fn phone(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.0.phone.as_deref().filter(|_| serves(ctx)))
    }

    /// The id of the customer in another system of the organization. Only the organization's side sees it.
    async fn external_id(&self, ctx: &Context<'_>) -> Result<Option<&str>> {
        Ok(self.0.external_id.as_deref().filter(|_| serves(ctx)))
    }

    /// The customer's addresses on the channels. Only the organization's side sees them. Empty for others.
    #[graphql(directive = list_size::apply(4))]
    async fn identities(&self, ctx: &Context<'_>) -> Result<Vec<CustomerIdentity>> {
        if !serves(ctx) {
            return Ok(vec![]);
        }
        let rows = ctx.load(IdentitiesOf(self.0.id)).await?.unwrap_or_default();
        // An address in a form of a newer version is left out.
        Ok(rows.iter().filter_map(CustomerIdentity::of).collect())
    }

    /// The conversations with the customer that the viewer may see, the one with the newest item first. A customer sees
    /// their own.
    async fn conversations(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "The number of conversations from the start, 0 to 100. The default is 20 if `last` is not given."
        )]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of conversations from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<ConversationConnection>> {
        if let Err(fault) = needs(ctx, Scope::ConversationsRead) {
            return Some(Err(fault));
        }
        let arguments = PageArguments { first, after, last, before };
        Some(ConversationConnection::of_customer(ctx, self.0.id, arguments).await)
    }

    /// The tasks of the customer that the viewer may see. Empty for the customer. Needs the scope CONVERSATIONS_READ.
    async fn tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The states of the tasks. All states when left out.")] statuses: Option<Vec<TaskStatus>>,
        #[graphql(desc = "The order.", default_with = "TaskOrder::NewestFirst")] order_by: TaskOrder,
        #[graphql(desc = "The number of tasks from the start, 0 to 100. The default is 20 if `last` is not given.")]
        first: Option<i32>,
        #[graphql(desc = "The cursor after which the page begins.")] after: Option<String>,
        #[graphql(desc = "The number of tasks from the end, 0 to 100.")] last: Option<i32>,
        #[graphql(desc = "The cursor before which the page ends.")] before: Option<String>,
    ) -> Option<Result<TaskConnection>> {
        let arguments = PageArguments { first, after, last, before };
        Some(TaskConnection::of_owner(ctx, TaskOwner::Customer(self.0.id), statuses, order_by, arguments).await)
    }

    /// The time at which the customer first wrote.
    async fn created_at(&self) -> Instant {
        Instant(self.0.created_at)
    }
}

fn serves(ctx: &Context<'_>) -> bool {
    ctx.caller().is_ok_and(|caller| ConversationSide::of(caller) == ConversationSide::Staff)
}

impl Customer {
    /// Returns the customer to whom a row refers, without checking access. Fails if there is no such customer.
    pub async fn referred(ctx: &Context<'_>, id: CustomerId) -> Result<Self> {
        let row = ctx.load(ReferredCustomer(id)).await?;
        row.map(Self).ok_or_else(|| Error::internal(anyhow::anyhow!("{id} is referenced but does not exist")))
    }

    /// Returns a customer by id, if the viewer may see a conversation with them.
    pub async fn find(ctx: &Context<'_>, id: CustomerId) -> Result<Option<Self>> {
        Ok(ctx.load(CustomerById(id)).await?.map(Self))
    }
}

/// An address at which a channel reaches a customer.
#[derive(SimpleObject)]
pub struct CustomerIdentity {
    /// The channel of the address.
    pub channel: Channel,
    /// The kind of the address.
    pub kind: AddressKind,
    /// The address as the provider or the web site writes it, such as `+4930123456`.
    pub address: String,
}

impl CustomerIdentity {
    fn of(row: &customer_identity::Model) -> Option<Self> {
        let address = Address::parse(&row.address)?;
        Some(Self { channel: row.channel, kind: address.kind(), address: address.shown().to_owned() })
    }
}
