//! The demo organisation: six people of every role with one known password, made in an empty database in development.

use entity::{
    channel::Channel,
    credential,
    entry_point::{Form, FormField, FormFieldKind, Origins},
    id::UserId,
    user::{self, Role},
};
use sea_orm::EntityTrait;

use crate::{
    accounts::passwords,
    agents::set_up::{self, NewEntryPoint, NewQueue},
    app::App,
    auth::{
        password,
        viewer::{Proof, Scopes, Viewer},
    },
    error::{Error, Result},
    relationships::{
        connections,
        deeds::{self, Deed},
    },
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

/// Fills an empty database; whether it was empty.
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
        match passwords::create(app, person, PASSWORD.to_owned(), app.throttle.turns.known()).await {
            Ok((member, _)) => members.push(member),
            // Another instance that started at the same moment is making them.
            Err(Error::Refused(_)) => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    let [_, richard, ann, ben, sue, ..] = members.as_slice() else { return Ok(true) };
    let by = |person: &user::Model| Viewer {
        user: person.id,
        scopes: Scopes::of(person.role),
        expires_at: app.clock.now(),
        proof: Proof::Token,
    };
    // Something to see at the first look: two who are connected, one who follows.
    let request = deeds::one(app, &by(ann), &ben.id.to_string(), Deed::RequestConnection(None)).await?.request;
    if let Some(request) = request {
        connections::accept(app, &by(ben), &request.id.to_string()).await?;
    }
    deeds::one(app, &by(richard), &ann.id.to_string(), Deed::Follow).await?;
    open_channels(app, &[ann.id, ben.id, sue.id]).await?;
    Ok(true)
}

/// One queue and one entry point for each channel, served by all who answer customers.
async fn open_channels(app: &App, agents: &[UserId]) -> Result<()> {
    app.transaction(|tx| {
        Box::pin(async move {
            for (channel, name, address) in CHANNELS {
                let new = NewQueue { auto_wrap_up_seconds: Some(120), ..NewQueue::of(channel, name) };
                let queue = set_up::queue(tx, new).await?;
                set_up::name_agents(tx, &queue, agents).await?;
                let new = NewEntryPoint {
                    name: format!("{name} of the demo"),
                    channel,
                    address: address.to_owned(),
                    queue: queue.id,
                    priority: None,
                    form: if channel == Channel::Webchat { form() } else { Form::default() },
                    origins: Origins::default(),
                    identity_secret: None,
                };
                set_up::entry_point(tx, new).await?;
            }
            Ok(())
        })
    })
    .await
}

/// What a visitor of the demo's site is asked.
fn form() -> Form {
    let field = |name: &str, label: &str, kind, required| FormField {
        name: name.to_owned(),
        label: label.to_owned(),
        kind,
        required,
        options: Vec::new(),
    };
    Form(vec![
        field("name", "Your name", FormFieldKind::Name, true),
        field("email", "Your e-mail address", FormFieldKind::Email, false),
    ])
}

/// The handle of a demo user who still has the known password. A server that others can reach must not have one.
pub async fn known_password(app: &App) -> Result<Option<&'static str>> {
    for (handle, ..) in PEOPLE {
        let Some(person) = people::by_handle(app.db.read(), handle).await? else { continue };
        let credential = credential::Entity::find_by_id(person.id).one(app.db.read()).await?;
        let hash = credential.map(|row| row.password_hash);
        if hash.is_some() && password::verify(PASSWORD.to_owned(), hash, app.throttle.turns.known()).await? {
            return Ok(Some(handle));
        }
    }
    Ok(None)
}
