//! How much of people's details a caller sees at this instant: oneself everything, a connection what is for everyone and
//! for connections, every other member and a service account what is for everyone. Who is blocked is not connected.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use async_graphql::SimpleObject;
use entity::{
    details::{self, Details, Visibility},
    id::UserId,
    relationship::Connection,
    user::UserStatus,
    user_detail,
};
use sea_orm::{ConnectionTrait, DbErr};

use crate::{
    auth::viewer::{Caller, Scope},
    database::sql::Sql,
    weight::LongText,
};

/// Details as somebody may see them.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub details: Details,
    /// Whether they are the caller's own, who is told who else sees them.
    pub own: bool,
}

/// The details of people as a caller may see them now; who has none to see is left out.
pub async fn details(
    db: &impl ConnectionTrait,
    caller: Option<&Caller>,
    people: &[UserId],
) -> Result<HashMap<UserId, Arc<Seen>>, DbErr> {
    let Some(caller) = caller else { return Ok(HashMap::new()) };
    // Of who takes no part nothing is seen, whatever still refers to them.
    let mut sql = Sql::new(
        "SELECT d.user_id, d.details FROM user_detail d JOIN \"user\" u ON u.id = d.user_id WHERE u.status = ",
    );
    sql.bind(UserStatus::Active);
    sql.push(" AND d.user_id IN ");
    sql.bind_list(people);
    let rows = sql.models::<user_detail::Entity>(db).await?;
    let viewer = match caller {
        Caller::Person(viewer) => Some(viewer),
        Caller::Service(_) | Caller::Visitor(_) => None,
    };
    let me = viewer.map(|viewer| viewer.user);
    // Whether somebody is connected is asked only where it makes a difference, and only for who may see relationships.
    let asked: Vec<UserId> = rows
        .iter()
        .filter(|row| Some(row.user_id) != me && has_some_for_connections(&row.details))
        .map(|row| row.user_id)
        .collect();
    let close = match viewer {
        Some(viewer) if !asked.is_empty() && viewer.scopes.has(Scope::ContactsRead) => {
            connected(db, viewer.user, &asked).await?
        }
        _ => HashSet::new(),
    };
    let seen = rows.into_iter().map(|row| {
        let own = Some(row.user_id) == me;
        let details = if own { row.details } else { visible(row.details, close.contains(&row.user_id)) };
        (row.user_id, Arc::new(Seen { details, own }))
    });
    Ok(seen.collect())
}

/// Which of some people a person is connected with.
async fn connected(db: &impl ConnectionTrait, me: UserId, others: &[UserId]) -> Result<HashSet<UserId>, DbErr> {
    let (above, below): (Vec<UserId>, Vec<UserId>) = others.iter().partition(|other| me < **other);
    let mut sql = Sql::default();
    for (mine, theirs, others) in [("lo", "hi", above), ("hi", "lo", below)] {
        if others.is_empty() {
            continue;
        }
        sql.push(if sql.is_empty() { "" } else { " UNION ALL " });
        sql.push(&format!("SELECT {theirs} AS other FROM relationship WHERE {mine} = "));
        sql.bind(me);
        sql.push(&format!(" AND {theirs} IN "));
        sql.bind_list(&others);
        sql.push(" AND connection = ");
        sql.bind(Connection::Connected);
    }
    Ok(sql.places(db, |row| Ok(UserId(row.get(0)?))).await?.into_iter().collect())
}

fn has_some_for_connections(details: &Details) -> bool {
    let Details { emails, phones, addresses, urls } = details;
    let mut all = emails
        .iter()
        .map(|item| item.visibility)
        .chain(phones.iter().map(|item| item.visibility))
        .chain(addresses.iter().map(|item| item.visibility))
        .chain(urls.iter().map(|item| item.visibility));
    all.any(|visibility| visibility == Visibility::Connections)
}

fn visible(mut details: Details, connected: bool) -> Details {
    let shown = |visibility| match visibility {
        Visibility::Everyone => true,
        Visibility::Connections => connected,
        Visibility::Nobody => false,
    };
    details.emails.retain(|item| shown(item.visibility));
    details.phones.retain(|item| shown(item.visibility));
    details.addresses.retain(|item| shown(item.visibility));
    details.urls.retain(|item| shown(item.visibility));
    details
}

/// An e-mail address.
#[derive(SimpleObject)]
pub struct EmailAddress {
    /// The address.
    address: LongText<String>,
    /// What it is for: `work`, `home` or any words.
    label: Option<LongText<String>>,
    /// Whether it is the one to use.
    preferred: bool,
    /// Who may see it; null for all but the one whose address it is.
    visibility: Option<Visibility>,
}

/// A telephone number.
#[derive(SimpleObject)]
pub struct Phone {
    /// The number as it is shown.
    number: LongText<String>,
    /// What it is for: `work`, `mobile`, `home fax` or any words.
    label: Option<LongText<String>>,
    /// What is dialled once the call is taken.
    extension: Option<LongText<String>>,
    /// Whether it is the one to use.
    preferred: bool,
    /// Who may see it; null for all but the one whose number it is.
    visibility: Option<Visibility>,
}

/// A place to send letters to.
#[derive(SimpleObject)]
pub struct PostalAddress {
    /// What it is for: `work`, `home` or any words.
    label: Option<LongText<String>>,
    /// Street and house, in lines.
    street: Option<LongText<String>>,
    /// Town.
    city: Option<LongText<String>>,
    /// State or province.
    region: Option<LongText<String>>,
    /// Postal code.
    postal_code: Option<LongText<String>>,
    /// Country, as it is written on an envelope.
    country: Option<LongText<String>>,
    /// Whether it is the one to use.
    preferred: bool,
    /// Who may see it; null for all but the one whose address it is.
    visibility: Option<Visibility>,
}

/// A page of the web.
#[derive(SimpleObject)]
pub struct WebAddress {
    /// The address.
    address: LongText<String>,
    /// What it is.
    label: Option<LongText<String>>,
    /// Who may see it; null for all but the one whose page it is.
    visibility: Option<Visibility>,
}

impl Seen {
    /// All of a personal contact, of which nobody but its owner sees anything.
    #[must_use]
    pub fn private(details: &Details) -> Self {
        Self { details: details.clone(), own: false }
    }

    fn told(&self, visibility: Visibility) -> Option<Visibility> {
        self.own.then_some(visibility)
    }

    #[must_use]
    pub fn emails(&self) -> Vec<EmailAddress> {
        let show = |details::Email { address, label, preferred, visibility }| EmailAddress {
            address: LongText(address),
            label: label.map(LongText),
            preferred,
            visibility: self.told(visibility),
        };
        self.details.emails.iter().cloned().map(show).collect()
    }

    #[must_use]
    pub fn phones(&self) -> Vec<Phone> {
        let show = |details::Phone { number, label, extension, preferred, visibility }| Phone {
            number: LongText(number),
            label: label.map(LongText),
            extension: extension.map(LongText),
            preferred,
            visibility: self.told(visibility),
        };
        self.details.phones.iter().cloned().map(show).collect()
    }

    #[must_use]
    pub fn addresses(&self) -> Vec<PostalAddress> {
        let show = |item: details::Address| PostalAddress {
            label: item.label.map(LongText),
            street: item.street.map(LongText),
            city: item.city.map(LongText),
            region: item.region.map(LongText),
            postal_code: item.postal_code.map(LongText),
            country: item.country.map(LongText),
            preferred: item.preferred,
            visibility: self.told(item.visibility),
        };
        self.details.addresses.iter().cloned().map(show).collect()
    }

    #[must_use]
    pub fn urls(&self) -> Vec<WebAddress> {
        let show = |details::Url { address, label, visibility }| WebAddress {
            address: LongText(address),
            label: label.map(LongText),
            visibility: self.told(visibility),
        };
        self.details.urls.iter().cloned().map(show).collect()
    }
}
