//! The GraphQL schema, merged from the GraphQL APIs of the features.

mod nullable_root;

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions, Schema, ValidationMode};

use self::nullable_root::NullableRoot;
use crate::{
    account_lifecycle::graphql::mutation::AdministrationMutation,
    accounts::graphql::{mutation::AccountsMutation, query::AccountsQuery},
    activities::graphql::{mutation::ActivitiesMutation, query::ActivitiesQuery, subscription::ActivitiesSubscription},
    address_book::graphql::{mutation::PersonalMutation, query::PersonalQuery},
    agents::graphql::{
        admin_mutation::AgentAdminMutation, mutation::AgentsMutation, query::AgentsQuery,
        subscription::AgentsSubscription,
    },
    attachments::graphql::mutation::AttachmentsMutation,
    audit::graphql::query::AuditQuery,
    config::Limits,
    contacts::graphql::{query::ContactsQuery, subscription::ContactsSubscription},
    conversations::graphql::{
        inbox::InboxSubscription, mutation::ConversationsMutation, query::ConversationsQuery,
        subscription::ConversationsSubscription,
    },
    customer_records::graphql::{mutation::CustomerRecordsMutation, query::CustomerRecordsQuery},
    deliveries::graphql::{mutation::DeliveriesMutation, query::DeliveriesQuery},
    entry_points::graphql::{mutation::EntryPointsMutation, query::EntryPointsQuery},
    events::graphql::{
        query::EventsQuery, subscription::EventsSubscription, types::Event, viewer_events::ViewerEventsSubscription,
    },
    notifications::graphql::{
        mutation::NotificationsMutation, query::NotificationsQuery, subscription::NotificationsSubscription,
    },
    queues::graphql::{mutation::QueuesMutation, query::QueuesQuery},
    reason_codes::graphql::{mutation::ReasonCodesMutation, query::ReasonCodesQuery},
    relationships::graphql::{
        mutation::RelationshipsMutation, query::RelationshipsQuery, subscription::RelationshipsSubscription,
    },
    tasks::graphql::{
        mutation::TasksMutation, query::TasksQuery, supervision_mutation::SupervisionMutation,
        supervision_subscription::SupervisionSubscription, supervisor_desktop::SupervisorDesktopSubscription,
        target_subscription::TargetsSubscription, transfer_mutation::TransfersMutation,
    },
    template_library::graphql::{mutation::TemplatesMutation, query::TemplatesQuery},
    trusted_documents::graphql::{mutation::TrustedDocumentsMutation, query::TrustedDocumentsQuery},
    users::graphql::{interfaces::Actor, mutation::UsersMutation, query::UsersQuery, subscription::UsersSubscription},
    vcard_transfer::graphql::{mutation::CardsMutation, query::CardsQuery},
    visitors::graphql::{mutation::VisitorsMutation, query::VisitorsQuery},
};

/// The queries.
#[derive(MergedObject, Default)]
pub struct Query(
    UsersQuery,
    ContactsQuery,
    PersonalQuery,
    RelationshipsQuery,
    CardsQuery,
    ActivitiesQuery,
    NotificationsQuery,
    ConversationsQuery,
    CustomerRecordsQuery,
    TasksQuery,
    EventsQuery,
    AccountsQuery,
    AuditQuery,
    DeliveriesQuery,
    AgentsQuery,
    QueuesQuery,
    EntryPointsQuery,
    ReasonCodesQuery,
    TemplatesQuery,
    TrustedDocumentsQuery,
    VisitorsQuery,
);

/// The mutations. Every payload has `userErrors`: expected refusals are data, and faults are errors.
#[derive(MergedObject, Default)]
pub struct Mutation(
    AccountsMutation,
    UsersMutation,
    PersonalMutation,
    RelationshipsMutation,
    CardsMutation,
    ActivitiesMutation,
    NotificationsMutation,
    ConversationsMutation,
    AttachmentsMutation,
    CustomerRecordsMutation,
    AdministrationMutation,
    DeliveriesMutation,
    AgentsMutation,
    TasksMutation,
    TransfersMutation,
    SupervisionMutation,
    QueuesMutation,
    EntryPointsMutation,
    ReasonCodesMutation,
    TemplatesMutation,
    TrustedDocumentsMutation,
    AgentAdminMutation,
    VisitorsMutation,
);

/// The subscriptions. Each takes `after`, begins with SubscriptionStarted and misses no event.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    RelationshipsSubscription,
    ContactsSubscription,
    ActivitiesSubscription,
    NotificationsSubscription,
    AgentsSubscription,
    SupervisionSubscription,
    ConversationsSubscription,
    InboxSubscription,
    SupervisorDesktopSubscription,
    EventsSubscription,
    ViewerEventsSubscription,
    UsersSubscription,
    TargetsSubscription,
);

/// The maximum of directives on one field or fragment.
const MAX_DIRECTIVES: usize = 20;

/// The schema with its root types.
pub type RapportSchema = Schema<NullableRoot<Query>, NullableRoot<Mutation>, Subscription>;

/// Builds the schema. It does not repeat the checks of [`crate::http`]: the limits, and the rules of validation that
/// async-graphql implements only in part. The recursion limit of async-graphql stays on.
#[must_use]
pub fn build(limits: Option<&Limits>) -> RapportSchema {
    let mut builder = Schema::build(NullableRoot::default(), NullableRoot::default(), Subscription::default())
        .register_output_type::<Event>()
        .register_output_type::<Actor>()
        .validation_mode(ValidationMode::Fast)
        .limit_directives(MAX_DIRECTIVES);
    if limits.is_some_and(|limits| !limits.introspection) {
        builder = builder.disable_introspection().disable_suggestions();
    }
    builder.finish()
}

/// Returns the schema in GraphQL's schema language, as in `schema.graphql`.
#[must_use]
pub fn sdl() -> String {
    build(None).sdl_with_options(SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items())
}
