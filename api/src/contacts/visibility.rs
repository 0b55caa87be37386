//! Visibility of contact details at this moment. People see all of their own details. A connection sees details for
//! everyone and details for connections. Every other member and every service account sees only details for everyone. A
//! blocked person is no connection.

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
    memory_budget::LongText,
};

/// The details of a person as a caller may see them.
#[derive(Clone, Debug, Default)]
pub struct VisibleDetails {
    /// The details that are visible.
    pub details: Details,
    /// True when they are the caller's own. Only then each item shows its audience.
    pub own: bool,
}

/// Returns the details of people as a caller may see them now. Leaves out people who have none or whose account is not
/// active.
pub async fn details(
    db: &impl ConnectionTrait,
    caller: Option<&Caller>,
    people: &[UserId],
) -> Result<HashMap<UserId, Arc<VisibleDetails>>, DbErr> {
    let Some(caller) = caller else { return Ok(HashMap::new()) };
    // Details of people whose account is not active stay hidden, even if other rows still refer to these people.
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
    // Connections are looked up only where they make a difference, and only with the scope CONTACTS_READ.
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
        (row.user_id, Arc::new(VisibleDetails { details, own }))
    });
    Ok(seen.collect())
}

/// Returns those of `others` with whom `me` is connected.
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
    Ok(sql.columns(db, |row| Ok(UserId(row.get(0)?))).await?.into_iter().collect())
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

/// An e-mail address of a person.
#[derive(SimpleObject)]
pub struct EmailAddress {
    /// The address, such as `jane@example.com`.
    address: LongText<String>,
    /// The purpose: `work`, `home` or free text.
    label: Option<LongText<String>>,
    /// True for the address to use first.
    preferred: bool,
    /// The audience of the address. Null unless the address is the viewer's own.
    visibility: Option<Visibility>,
}

/// A telephone number of a person.
#[derive(SimpleObject)]
pub struct Phone {
    /// The number as it is displayed.
    number: LongText<String>,
    /// The purpose: `work`, `mobile`, `home fax` or free text.
    label: Option<LongText<String>>,
    /// The extension to dial after the call is answered.
    extension: Option<LongText<String>>,
    /// True for the number to use first.
    preferred: bool,
    /// The audience of the number. Null unless the number is the viewer's own.
    visibility: Option<Visibility>,
}

/// A postal address of a person.
#[derive(SimpleObject)]
pub struct PostalAddress {
    /// The purpose: `work`, `home` or free text.
    label: Option<LongText<String>>,
    /// The street and house number, in lines.
    street: Option<LongText<String>>,
    /// The town or city.
    city: Option<LongText<String>>,
    /// The state or province.
    region: Option<LongText<String>>,
    /// The postal or ZIP code.
    postal_code: Option<LongText<String>>,
    /// The country, as written on an envelope.
    country: Option<LongText<String>>,
    /// True for the address to use first.
    preferred: bool,
    /// The audience of the address. Null unless the address is the viewer's own.
    visibility: Option<Visibility>,
}

/// A web page of a person.
#[derive(SimpleObject)]
pub struct WebAddress {
    /// The page's URL.
    address: LongText<String>,
    /// The kind of page, in free text.
    label: Option<LongText<String>>,
    /// The audience of the page's address. Null unless the page is the viewer's own.
    visibility: Option<Visibility>,
}

impl VisibleDetails {
    /// Returns all details of a personal contact. Only its owner sees them, so no item shows an audience.
    #[must_use]
    pub fn private(details: &Details) -> Self {
        Self { details: details.clone(), own: false }
    }

    fn visibility_for_owner(&self, visibility: Visibility) -> Option<Visibility> {
        self.own.then_some(visibility)
    }

    /// Returns the e-mail addresses as the schema shows them.
    #[must_use]
    pub fn emails(&self) -> Vec<EmailAddress> {
        let show = |details::Email { address, label, preferred, visibility }| EmailAddress {
            address: LongText(address),
            label: label.map(LongText),
            preferred,
            visibility: self.visibility_for_owner(visibility),
        };
        self.details.emails.iter().cloned().map(show).collect()
    }

    /// Returns the telephone numbers as the schema shows them.
    #[must_use]
    pub fn phones(&self) -> Vec<Phone> {
        let show = |details::Phone { number, label, extension, preferred, visibility }| Phone {
            number: LongText(number),
            label: label.map(LongText),
            extension: extension.map(LongText),
            preferred,
            visibility: self.visibility_for_owner(visibility),
        };
        self.details.phones.iter().cloned().map(show).collect()
    }

    /// Returns the postal addresses as the schema shows them.
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
            visibility: self.visibility_for_owner(item.visibility),
        };
        self.details.addresses.iter().cloned().map(show).collect()
    }

    /// Returns the web pages as the schema shows them.
    #[must_use]
    pub fn urls(&self) -> Vec<WebAddress> {
        let show = |details::Url { address, label, visibility }| WebAddress {
            address: LongText(address),
            label: label.map(LongText),
            visibility: self.visibility_for_owner(visibility),
        };
        self.details.urls.iter().cloned().map(show).collect()
    }
}
