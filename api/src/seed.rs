//! The demo organization: six people of every role with one known password, created in an empty database in
//! development.

use entity::{
    channel::Channel,
    credential,
    entry_point::FormFieldKind,
    id::{AgentId, UserId},
    user::{self, Role},
};
use sea_orm::EntityTrait;

use crate::{
    accounts::sign_up,
    app::App,
    auth::{
        password,
        viewer::{Credential, Scopes, Viewer},
    },
    contact_center::admin_change::AdminActor,
    entry_points::{
        entry_point_admin, entry_point_changes::CreateEntryPointInput, form_validation::EntryPointFieldInput,
    },
    error::{Error, Result},
    queues::queue_admin::{self, CreateQueueInput},
    relationships::{connections, follows},
    users::{people, profiles::NewPerson},
};

/// The password of every demo user.
pub const PASSWORD: &str = "rapport";

const CHANNELS: [(Channel, &str, &str); 5] = [
    (Channel::Messenger, "Messenger", "demo-page"),
    (Channel::Sms, "SMS", "+15550100"),
    (Channel::Webchat, "Web chat", "demo-site"),
    (Channel::Email, "E-mail", "help@example.com"),
    (Channel::Whatsapp, "WhatsApp", "+15550101"),
];

const PEOPLE: [(&str, &str, &str, Role); 6] = [
    ("jane", "Jane", "Doe", Role::Member),
    ("richard", "Richard", "Roe", Role::Member),
    ("ann", "Ann", "Archer", Role::Agent),
    ("ben", "Ben", "Baker", Role::Agent),
    ("sue", "Sue", "Super", Role::Supervisor),
    ("ada", "Ada", "Admin", Role::Admin),
];

/// Fills an empty database. Returns false when it was not empty.
pub async fn fill(app: &App) -> Result<bool> {
    if user::Entity::find().one(app.db.read()).await?.is_some() {
        return Ok(false);
    }
    let mut members = Vec::new();
    for (handle, given, family, role) in PEOPLE {
        let person = NewPerson {
            handle: handle.to_owned(),
            display_name: format!("{given} {family}"),
            given_name: Some(given.to_owned()),
            family_name: Some(family.to_owned()),
            role,
        };
        match sign_up::create(app, person, PASSWORD.to_owned(), app.rate_limits.hashing_slots.known()).await {
            Ok(member) => members.push(member),
            // Another instance that started at the same moment creates them.
            Err(Error::Refused(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    let [_, richard, ann, ben, sue, ..] = members.as_slice() else { return Ok(true) };
    let by = |person: &user::Model| Viewer {
        user: person.id,
        scopes: Scopes::of(person.role),
        expires_at: app.clock.now(),
        proof: Credential::Token,
        trusted_documents_only: false,
    };
    // A connection and a follow give the first screens something to show.
    let asked = app.transaction(|tx| {
        let by = by(ann);
        Box::pin(async move { connections::request(tx, &by, ben.id, None).await })
    });
    if let Some(request) = asked.await?.request {
        connections::accept(app, &by(ben), &request.id.to_string()).await?;
    }
    let followed = app.transaction(|tx| {
        let by = by(richard);
        Box::pin(async move { follows::follow(tx, &by, ann.id).await })
    });
    followed.await?;
    open_channels(app, &[ann.id, ben.id, sue.id]).await?;
    Ok(true)
}

/// Creates one queue and one entry point for each channel, served by all demo agents.
async fn open_channels(app: &App, agents: &[UserId]) -> Result<()> {
    for (channel, name, address) in CHANNELS {
        let queue = CreateQueueInput {
            auto_wrap_up_seconds: Some(120),
            agent_ids: agents.iter().map(|agent| AgentId(agent.0).into()).collect(),
            ..CreateQueueInput::new(name, channel)
        };
        let queue = queue_admin::create(app, AdminActor::System, &queue).await?.row;
        let entry_point = CreateEntryPointInput {
            fields: if channel == Channel::Webchat { form() } else { Vec::new() },
            ..CreateEntryPointInput::new(&format!("{name} of the demo"), channel, address, queue.id)
        };
        entry_point_admin::create(app, AdminActor::System, &entry_point).await?;
    }
    Ok(())
}

/// The questions for a visitor of the demo's site.
fn form() -> Vec<EntryPointFieldInput> {
    let field = |name: &str, label: &str, kind, required| EntryPointFieldInput {
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
        required,
        options: Vec::new(),
    };
    vec![
        field("name", "Your name", FormFieldKind::Name, true),
        field("email", "Your e-mail address", FormFieldKind::Email, false),
    ]
}

/// Returns the handle of a demo user who still has the known password. A server that others can reach must not have
/// one.
pub async fn known_password(app: &App) -> Result<Option<&'static str>> {
    for (handle, ..) in PEOPLE {
        let Some(person) = people::by_handle(app.db.read(), handle).await? else { continue };
        let credential = credential::Entity::find_by_id(person.id).one(app.db.read()).await?;
        let hash = credential.map(|row| row.password_hash);
        if hash.is_some() && password::verify(PASSWORD.to_owned(), hash, app.rate_limits.hashing_slots.known()).await? {
            return Ok(Some(handle));
        }
    }
    Ok(None)
}
