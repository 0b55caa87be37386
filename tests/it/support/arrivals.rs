//! Customers who write to an entry point, as providers deliver their messages.

use api::{
    contact_center::admin_change::AdminActor,
    conversations::{
        addresses::{Address, VisitorId},
        announcement_text,
        conversation_rows::ConversationSide,
        customers::CustomerDetails,
        message_content::MessageContent,
    },
    entry_points::{entry_point_admin, entry_point_changes::UpdateEntryPointInput},
    inbound::messages::{self, InboundMessage},
    text::locale::Locale,
};
use async_graphql::MaybeUndefined;
use entity::{
    channel::Channel,
    entry_point,
    thread_item::{self, ItemKind, TextFormat},
};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _};

use super::{
    Expected as _,
    app::TestApp,
    desk::{Arrival, QueueSetup, address},
    person::Person,
};

/// Returns the address of a customer who writes to an entry point, made from a name.
pub fn address_of(at: &entry_point::Model, name: &str) -> Address {
    let address = match at.channel {
        Channel::Webchat => Some(Address::visitor(at.id, &VisitorId::Signed(name))),
        Channel::Messenger => Address::page_scoped(&at.address, name),
        Channel::Sms | Channel::Whatsapp => Address::sender(name),
        Channel::Email => Address::email(&address(Channel::Email, name)),
    };
    address.expected("an address")
}

impl TestApp {
    /// Receives a message of a customer on an instance, at an entry point that has a priority then.
    pub async fn arrives_at(&self, instance: usize, queue_setup: &QueueSetup, name: &str, priority: i16) -> Arrival {
        let app = &self.instances[instance % self.instances.len()].app;
        self.sets_priority(queue_setup, priority).await;
        let content = MessageContent::delivered(&format!("I am {name}"), TextFormat::Plain, None);
        let from = address_of(&queue_setup.entry_point, name);
        let details = CustomerDetails { name: Some(name.to_owned()), ..CustomerDetails::default() };
        let incoming =
            InboundMessage { details, ..InboundMessage::delivered(from, &app.clock.uuid().to_string(), content) };
        let received = messages::deliver(app, queue_setup.entry_point.id, &incoming).await.expected("a message");
        let conversation = received.conversation;
        Arrival { task: conversation.task_id.expected("a task"), conversation: conversation.id }
    }

    /// Sets the priority of an entry point's tasks. 10 stands for none.
    async fn sets_priority(&self, queue_setup: &QueueSetup, priority: i16) {
        let row = entry_point::Entity::find_by_id(queue_setup.entry_point.id).one(self.app().db.read()).await;
        if row.expected("a look").expected("an entry point").priority == priority {
            return;
        }
        let update = UpdateEntryPointInput {
            entry_point_id: queue_setup.entry_point.id.into(),
            name: None,
            address: None,
            queue_id: None,
            priority: if priority == 10 { MaybeUndefined::Null } else { MaybeUndefined::Value(priority.into()) },
            character_limit: MaybeUndefined::Undefined,
            fields: None,
            origins: None,
            identity_secret: MaybeUndefined::Undefined,
            attachments: MaybeUndefined::Undefined,
        };
        entry_point_admin::update(self.app(), AdminActor::System, &update).await.expected("a priority");
    }

    pub async fn waits(&self, queue_setup: &QueueSetup, name: &str) -> Arrival {
        self.arrives_at(0, queue_setup, name, 10).await
    }
}

/// Creates a customer whose task the agent has accepted.
pub async fn connected_task(app: &TestApp, agent: &Person, queue_setup: &QueueSetup, name: &str) -> Arrival {
    let arrival = app.waits(queue_setup, name).await;
    app.settle().await;
    assert_eq!(agent.accepts_it().await, arrival.task.to_string());
    arrival
}

/// Returns the announcements in a conversation as agents read them. The flag is true when the customer sees the
/// announcement.
pub async fn announced(app: &TestApp, arrival: Arrival) -> Vec<(String, bool)> {
    let db = app.app().db.read();
    let items = thread_item::Entity::find()
        .filter(thread_item::Column::ConversationId.eq(arrival.conversation))
        .filter(thread_item::Column::Kind.eq(ItemKind::Announcement))
        .order_by_asc(thread_item::Column::Sequence);
    let rows = items.all(db).await.expected("items");
    let side = ConversationSide::Staff;
    let texts = announcement_text::texts(db, &rows, side, Locale::English).await.expected("sentences");
    rows.iter().map(|row| (texts[&row.id].clone(), row.customer_sequence.is_some())).collect()
}
