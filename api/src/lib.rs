//! Rapport: one GraphQL schema for the relationships inside an organisation and, later, the conversations with its
//! customers. This page is the map of the code.
//!
//! The modules stand below in the order in which they may know one another: each uses only what stands above it. A test
//! (`tests/it/architecture.rs`) reads that order from this file. The *face* of a feature (`types`, `query`, `mutation`,
//! `subscription`, `payloads`, `loader`) may name any other feature, because GraphQL is a graph; its *nouns*, which hold
//! the rules, may not.
//!
//! | module | what it is for |
//! |---|---|
//! | [`instant`], [`plain_text`] | times, texts and telephone numbers as they come in: one rule for each |
//! | [`vcard`] | cards as text, written and read |
//! | [`clock`], [`web`], [`config`], [`text`], [`cache`], [`error`], [`page`] | time, web addresses, settings, names, what need not be computed again, the one error, pages of lists |
//! | [`address`], [`throttle`], [`shares`], [`weight`] | which addresses count as one; how much a caller may do in a time, have at once, and take of memory |
//! | [`database`] | SQLite or PostgreSQL; everything they do differently |
//! | [`events`] | the log: gapless streams, the global order, following without loss |
//! | [`app`] | the resources of an instance, and the one way to open a transaction |
//! | [`auth`] | who calls, with what scopes; tokens, keys, rights that end, passwords, the guard, the loaders |
//! | [`audit`] | what administrators and keys of the organisation did |
//! | [`contacts`] | the lists of the Contacts Center: entries, pages, counts, search |
//! | [`activities`] | what people do, and the feeds in which those related to them see it |
//! | [`users`] | people: profiles, settings, how one is found |
//! | [`personal`] | the private address books |
//! | [`accounts`] | signing up, in and out, sessions, passwords, API keys |
//! | [`notifications`] | what a user is told of, in the app and by e-mail |
//! | [`conversations`] | threads between a customer and the organisation, and between two users |
//! | [`agents`] | who answers customers: states, queues, routing, offers, tasks, wrap-ups |
//! | [`intake`], [`visitors`] | what customers write, whichever channel brings it; visitors of web sites |
//! | [`relationships`] | pairs of people: connection by request, follow, block, mute; notes |
//! | [`cards`] | vCards of people and of personal contacts, out and in |
//! | [`administration`] | accounts that end or change: suspending, roles, putting to rest, deleting, exporting |
//! | [`floor`] | what administrators change of queues, entry points, profiles, skills, reasons and agents |
//! | [`name_keys`] | stored keys of names, rebuilt when the Unicode tables change |
//! | [`schema`] | the faces merged into one schema |
//! | [`http`] | the doors: `/graphql` by POST, GET, server-sent events and WebSocket; GraphiQL, the web chat, health |
//! | [`demo`], [`import`], [`server`], [`telemetry`] | the demo organisation, bulk import, serving, logs |
//!
//! How one call runs. [`http::graphql`] reads the request; [`http::execution`] parses it and lets [`http::cost`] measure
//! it before anything runs. The field's guard asks for the scope. The resolver, a few lines, calls a verb such as
//! [`relationships::follows::follow`]. The verb opens a transaction by [`app::App::transaction`], locks the pair's row by
//! [`relationships::pairs::hold`], checks, changes and saves it with the lists that follow from it. Events that were
//! appended are numbered and written at the end of the same transaction ([`events::log`]). After the commit the bus
//! ([`events::bus`]) hints to those who follow, here and in other instances; they read the log ([`events::follow`]).
//!
//! What always holds: no row is reached by a client's id but through a finder that knows the viewer; nothing but SQL is
//! awaited inside a transaction; no rule of the product stands in [`http`]; the clock is asked for the time and never the
//! machine; a relationship is changed by whoever holds its row locked.

pub mod clock;
pub mod web;
pub mod config;
pub mod instant;
pub mod plain_text;
pub mod text;
pub mod vcard;
pub mod cache;
pub mod error;
pub mod address;
pub mod throttle;
pub mod shares;
pub mod weight;
pub mod database;
pub mod page;
pub mod events;
pub mod app;
pub mod auth;
pub mod audit;
pub mod contacts;
pub mod activities;
pub mod users;
pub mod personal;
pub mod accounts;
pub mod notifications;
pub mod conversations;
pub mod agents;
pub mod intake;
pub mod visitors;
pub mod relationships;
pub mod cards;
pub mod administration;
pub mod floor;
pub mod name_keys;
pub mod schema;
pub mod http;
pub mod telemetry;
pub mod demo;
pub mod import;
pub mod server;
