//! The one schema, merged from the faces of the features.

use async_graphql::{MergedObject, MergedSubscription, SDLExportOptions, Schema, ValidationMode};

use crate::{
    accounts::{mutation::AccountsMutation, query::AccountsQuery},
    activities::{mutation::ActivitiesMutation, query::ActivitiesQuery, subscription::ActivitiesSubscription},
    administration::mutation::AdministrationMutation,
    agents::{
        mutation::AgentsMutation,
        query::AgentsQuery,
        subscription::AgentsSubscription,
        teamwork::TeamworkMutation,
        watching::{mutation::SupervisionMutation, subscription::SupervisionSubscription},
    },
    audit::query::AuditQuery,
    cards::{mutation::CardsMutation, query::CardsQuery},
    config::Limits,
    contacts::{query::ContactsQuery, subscription::ContactsSubscription},
    conversations::{
        mutation::ConversationsMutation, query::ConversationsQuery, subscription::ConversationsSubscription,
    },
    events::{query::EventsQuery, types::Event},
    floor::{mutation::FloorMutation, query::FloorQuery, staffing::StaffingMutation},
    notifications::{
        mutation::NotificationsMutation, query::NotificationsQuery, subscription::NotificationsSubscription,
    },
    personal::{mutation::PersonalMutation, query::PersonalQuery},
    relationships::{
        mutation::RelationshipsMutation, query::RelationshipsQuery, subscription::RelationshipsSubscription,
    },
    users::{mutation::UsersMutation, query::UsersQuery, types::Actor},
    visitors::{mutation::VisitorsMutation, query::VisitorsQuery},
};

/// What can be asked.
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
    EventsQuery,
    AccountsQuery,
    AuditQuery,
    AgentsQuery,
    FloorQuery,
    VisitorsQuery,
);

/// What can be done. Every payload has `userErrors`: expected refusals are data, faults are errors.
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
    AdministrationMutation,
    AgentsMutation,
    TeamworkMutation,
    SupervisionMutation,
    FloorMutation,
    StaffingMutation,
    VisitorsMutation,
);

/// What can be followed live. Every subscription takes `after`, begins with SubscriptionStarted and misses nothing.
#[derive(MergedSubscription, Default)]
pub struct Subscription(
    RelationshipsSubscription,
    ContactsSubscription,
    ActivitiesSubscription,
    NotificationsSubscription,
    AgentsSubscription,
    SupervisionSubscription,
    ConversationsSubscription,
);

/// Directives on one field or fragment.
const MAX_DIRECTIVES: usize = 20;

pub type RapportSchema = Schema<Query, Mutation, Subscription>;

/// Builds the schema. What the front has checked is not checked again here: limits, and the rules of validation, which
/// async-graphql knows only in part. Its recursion stays limited by its own bound.
#[must_use]
pub fn build(limits: Option<&Limits>) -> RapportSchema {
    let mut builder = Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .register_output_type::<Event>()
        .register_output_type::<Actor>()
        .validation_mode(ValidationMode::Fast)
        .limit_directives(MAX_DIRECTIVES);
    if limits.is_some_and(|limits| !limits.introspection) {
        builder = builder.disable_introspection().disable_suggestions();
    }
    builder.finish()
}

/// The schema in its own language, as `schema.graphql` holds it.
#[must_use]
pub fn sdl() -> String {
    build(None).sdl_with_options(SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items())
}
