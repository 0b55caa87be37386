//! Rapport: one GraphQL schema for the relationships inside an organisation and the conversations with its customers.
//! This page is the map of the code; `docs/architecture.md` explains it.
//!
//! The modules stand in the order in which they may know one another: each uses only what stands above it. A test
//! (`tests/it/architecture.rs`) reads that order from this file. The *face* of a feature (`types`, `query`, `mutation`,
//! `subscription`, `payloads`, `loader`) may name any other feature, because GraphQL is a graph. Its *nouns*, which
//! hold the rules, may not.
//!
//! | module | what it is for |
//! |---|---|
//! | [`clock`] | time, and the ids that are made of it |
//! | [`web`] | addresses of the web: URLs and origins |
//! | [`config`] | the settings, read and checked once at start |
//! | [`instant`] | times as clients write them |
//! | [`plain_text`] | texts and telephone numbers as they are stored |
//! | [`text`] | how names are normalised, searched and sorted |
//! | [`vcard`] | vCards as text, written and read |
//! | [`cache`] | bounded caches |
//! | [`error`] | the one error: refusals, faults and their codes |
//! | [`address`] | which IP addresses count as one |
//! | [`throttle`] | how much a caller may do in a time |
//! | [`shares`] | how much a caller may have open at once |
//! | [`weight`] | how much memory an operation takes |
//! | [`database`] | SQLite or PostgreSQL, and everything they do differently |
//! | [`page`] | pages of lists, as Relay connections |
//! | [`events`] | the log: gapless streams, the global order, following without loss |
//! | [`app`] | the resources of an instance, and the one way to open a transaction |
//! | [`auth`] | who calls, with which scopes: tokens, keys, ended rights, guards, loaders |
//! | [`audit`] | what administrators and keys of the organisation did |
//! | [`contacts`] | the lists of people: entries, pages, counts, search |
//! | [`activities`] | what people do, and the feeds that show it |
//! | [`users`] | people: profiles, settings, how they are found |
//! | [`personal`] | the private address books |
//! | [`accounts`] | signing up, in and out, sessions, passwords, API keys |
//! | [`notifications`] | what a user is told of, in the app and by e-mail |
//! | [`conversations`] | conversations with customers and between two users |
//! | [`agents`] | agents and their work: states, queues, routing, offers, tasks, wrap-ups |
//! | [`intake`] | what customers write, whichever channel brings it |
//! | [`visitors`] | visitors of web sites, and how their chats begin |
//! | [`relationships`] | pairs of people: request, connection, follow, block, mute, note |
//! | [`cards`] | vCards of people and personal contacts, out and in |
//! | [`administration`] | accounts that end or change: suspension, roles, deactivation, deletion, export |
//! | [`floor`] | what administrators change of queues, entry points, profiles, skills, reasons and agents |
//! | [`name_keys`] | stored keys of names, rebuilt when the Unicode tables change |
//! | [`schema`] | the faces of all features, merged into one schema |
//! | [`http`] | the routes: `/graphql`, sockets, events, files, GraphiQL, the web chat, health, metrics |
//! | [`telemetry`] | logs and traces |
//! | [`demo`] | the demo organisation |
//! | [`import`] | bulk import of graphs |
//! | [`server`] | start, serve, stop |
//!
//! How one call runs. [`http::graphql`] reads the request. [`http::execution`] parses it and lets [`http::cost`]
//! measure it before anything runs. The field's guard asks for the scope. The resolver, a few lines, calls a verb such
//! as [`relationships::follows::follow`]. The verb opens a transaction by [`app::App::transaction`], locks the pair's
//! row by [`relationships::pairs::hold`], checks, changes and saves it with the lists that follow from it. The same
//! transaction numbers and writes the events at its end ([`events::log`]). After the commit the bus ([`events::bus`])
//! hints to the followers, here and in other instances, and they read the log ([`events::follow`]).
//!
//! What always holds. A finder that knows the viewer stands before every row that a client names by its id. Inside a
//! transaction only SQL is awaited. No rule of the product stands in [`http`]. Time comes from the clock and never from
//! the machine. A relationship changes only under its locked row.

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
