//! Tests of transcripts: a conversation as text, for each side with the items that it may see.

use api::{
    conversations::{
        announcements::{self, NewAnnouncement},
        conversation_rows::{self, ConversationSide},
        customers::CustomerDetails,
        message_content::MessageContent,
        participants::{self, ParticipantRef},
        thread_items::{self, NewItem},
        transcripts,
    },
    error::Result,
    inbound::messages::{self, InboundMessage},
    text::locale::Locale,
};
use chrono::Duration;
use entity::{
    announcement::AnnouncementTarget,
    channel::Channel,
    conversation,
    id::ConversationId,
    participant::ParticipantRole,
    thread_item::{AnnouncementKind, ItemKind, ItemVisibility, TextFormat},
};
use sea_orm::EntityTrait as _;

use crate::support::{Expected as _, app::TestApp, arrivals::address_of, person::Person, visitors::EntryPointSetup};

async fn conversation(app: &TestApp, channel: Channel) -> ConversationId {
    let at = app.entry_point(channel, "entry_setup", EntryPointSetup::default()).await;
    let content = MessageContent::delivered("Hello\nis anybody there?", TextFormat::Plain, None);
    let details = CustomerDetails { name: Some("Kim  Lee".to_owned()), ..CustomerDetails::default() };
    let incoming = InboundMessage { details, ..InboundMessage::delivered(address_of(&at, "kim"), "1", content) };
    messages::deliver(app.app(), at.id, &incoming).await.expected("a message").conversation.id
}

async fn both(app: &TestApp, id: ConversationId) -> [String; 2] {
    both_in(app, id, Locale::English).await
}

async fn both_in(app: &TestApp, id: ConversationId, locale: Locale) -> [String; 2] {
    let db = app.app().db.read();
    let row = conversation::Entity::find_by_id(id).one(db).await.expected("a look").expected("a conversation");
    let staff = transcripts::write(db, &row, ConversationSide::Staff, locale).await.expected("a transcript");
    [staff, transcripts::write(db, &row, ConversationSide::Customer, locale).await.expected("a transcript")]
}

/// An agent joins, adds a note and sends three messages. One is edited and one is deleted.
async fn answer(app: &TestApp, id: ConversationId, ann: &Person) -> Result<()> {
    let ann = ann.id;
    let answered = app.app().transaction(|tx| {
        Box::pin(async move {
            let mut held = conversation_rows::lock(tx, id).await?;
            let held = &mut held;
            let me = participants::join(tx, held, ParticipantRef::User(ann), ParticipantRole::Owner).await?;
            announcements::announce(tx, held, NewAnnouncement::own(AnnouncementKind::AgentJoined, &me)).await?;
            let queue = AnnouncementTarget::Queue(held.queue_id.expected("a queue"));
            let transferred = NewAnnouncement::new(AnnouncementKind::Transferred).to(queue);
            announcements::announce(tx, held, transferred).await?;
            let note = NewItem {
                kind: ItemKind::Note,
                visibility: ItemVisibility::Agent,
                ..NewItem::message(me.id, "A patient one".to_owned())
            };
            thread_items::append(tx, held, note).await?;
            let said = |body: &str| NewItem::message(me.id, body.to_owned());
            thread_items::append(tx, held, said("Yes")).await?;
            let mut changed = thread_items::append(tx, held, said("How can I help?")).await?;
            let mut removed = thread_items::append(tx, held, said("the secret")).await?;
            changed.edited_at = Some(tx.clock().now());
            removed.deleted_at = Some(tx.clock().now());
            thread_items::save_changed(tx, held, &changed).await?;
            thread_items::save_changed(tx, held, &removed).await
        })
    });
    answered.await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_side_reads_what_it_may_see_in_order() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let id = conversation(&app, Channel::Webchat).await;
    let first = app.clock.now().format("[%Y-%m-%d %H:%M:%S UTC]").to_string();
    app.clock.advance(Duration::seconds(61));
    let then = app.clock.now().format("[%Y-%m-%d %H:%M:%S UTC]").to_string();
    answer(&app, id, &ann).await.expected("an answer");
    let [staff, customer] = both(&app, id).await;
    let seen = format!(
        "{first} Kim Lee: Hello\n    is anybody there?\n{then} * ann has joined.\n{then} ann: Yes\n\
         {then} ann: How can I help? (edited)\n{then} ann: (removed)\n"
    );
    assert_eq!(customer, seen);
    let inner = format!(
        "{then} * An agent has transferred the conversation to the queue entry_setup.\n{then} ann noted: A patient one\n"
    );
    assert_eq!(staff, seen.replace(&format!("{then} ann: Yes"), &format!("{inner}{then} ann: Yes")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_hides_the_agents_names_where_the_channel_does() {
    let app = TestApp::new().await;
    let ann = app.person("ann").await;
    let id = conversation(&app, Channel::Sms).await;
    answer(&app, id, &ann).await.expected("an answer");
    let [staff, customer] = both(&app, id).await;
    assert!(staff.contains("ann: Yes") && staff.contains("ann has joined"));
    assert!(customer.contains("Agent: Yes") && !customer.contains("ann"), "{customer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_is_read_in_parts_and_keeps_the_last_5000_items() {
    let app = TestApp::new().await;
    let id = conversation(&app, Channel::Webchat).await;
    let filled = app.app().transaction(|tx| {
        Box::pin(async move {
            let mut held = conversation_rows::lock(tx, id).await?;
            let author = participants::all(tx.db(), id).await?.remove(0).id;
            for n in 2..=5_100 {
                thread_items::append(tx, &mut held, NewItem::message(author, format!("number {n}"))).await?;
            }
            Ok(())
        })
    });
    filled.await.expected("many messages");
    app.statements();
    let [staff, customer] = both(&app, id).await;
    assert_eq!(staff, customer);
    let lines: Vec<&str> = staff.lines().collect();
    assert_eq!(lines.len(), 5_001);
    assert_eq!(lines[0], "(100 earlier entries are left out.)");
    assert!(lines[1].ends_with(" Kim Lee: number 101") && lines[5_000].ends_with("number 5100"), "{}", lines[1]);
    assert!(app.statements().len() < 40);
}
