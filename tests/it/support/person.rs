//! People and their calls.

use entity::id::UserId;
use serde_json::{Value, json};

use super::{
    graphql::{Answer, Client},
    socket::Socket,
};

pub struct Person {
    pub id: UserId,
    pub handle: String,
    pub token: String,
    /// One client for each instance.
    pub clients: Vec<Client>,
}

/// The answer to a mutation of relationships.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionAnswer {
    pub outcome: String,
    /// The code of the first user error.
    pub code: Option<String>,
    pub request: Option<String>,
    pub request_status: Option<String>,
    pub connection: Option<String>,
}

impl ActionAnswer {
    pub fn said(&self) -> &str {
        self.code.as_deref().unwrap_or(&self.outcome)
    }
}

/// The mutations of relationships that name a user. The next list names a request.
pub const ABOUT_A_USER: [&str; 9] = [
    "requestConnection",
    "disconnect",
    "followUser",
    "unfollowUser",
    "removeFollower",
    "blockUser",
    "unblockUser",
    "muteUser",
    "unmuteUser",
];
pub const ABOUT_A_REQUEST: [&str; 3] =
    ["withdrawConnectionRequest", "acceptConnectionRequest", "ignoreConnectionRequest"];

impl Person {
    pub fn id(&self) -> String {
        self.id.to_string()
    }

    pub async fn ask(&self, query: &str, variables: Value) -> Answer {
        self.clients[0].ask(query, variables).await
    }

    /// Calls a mutation about a person or a request on an instance.
    pub async fn does_on(&self, instance: usize, verb: &str, id: &str) -> ActionAnswer {
        let (field, request) = match ABOUT_A_REQUEST.contains(&verb) {
            true => ("requestId", "request { id status }"),
            false if verb == "requestConnection" => ("userId", "request { id status }"),
            false => ("userId", ""),
        };
        let input = format!("{}{}Input", verb[..1].to_uppercase(), &verb[1..]);
        let query = format!(
            "mutation($input: {input}!) {{ action: {verb}(input: $input) {{ outcome {request} \
             user {{ relationship {{ connection }} }} userErrors {{ code message field }} }} }}"
        );
        let client = &self.clients[instance % self.clients.len()];
        let answer = client.ask(&query, json!({ "input": { field: id } })).await;
        let action = answer.at("action");
        let text = |value: &Value| value.as_str().map(str::to_owned);
        ActionAnswer {
            outcome: action["outcome"].as_str().unwrap_or_default().to_owned(),
            code: text(&action["userErrors"][0]["code"]),
            request: text(&action["request"]["id"]),
            request_status: text(&action["request"]["status"]),
            connection: text(&action["user"]["relationship"]["connection"]),
        }
    }

    pub async fn does(&self, verb: &str, id: &str) -> ActionAnswer {
        self.does_on(0, verb, id).await
    }

    /// Calls a mutation and fails when it is refused.
    #[track_caller]
    pub fn must<'a>(&'a self, verb: &'a str, id: &'a str) -> impl Future<Output = ActionAnswer> + 'a {
        let place = std::panic::Location::caller();
        async move {
            let action = self.does(verb, id).await;
            assert!(action.code.is_none(), "{} {verb} at {place}: {action:?}", self.handle);
            action
        }
    }

    /// Sends a connection request. Returns its id.
    pub async fn asks(&self, other: &Person) -> String {
        self.must("requestConnection", &other.id()).await.request.unwrap_or_default()
    }

    /// Returns the relationship with another person, as this person sees it.
    pub async fn relationship(&self, other: &Person) -> Value {
        let query = "query($id: ID!) { user(id: $id) { relationship { connection following followedBy blocking note mute { until feed notifications } \
                     availableActions request { id status } } } }";
        self.ask(query, json!({ "id": other.id() })).await.at("user.relationship").clone()
    }

    /// Returns the handles in one of the person's lists.
    pub async fn list(&self, list: &str) -> Vec<String> {
        let query =
            "query($list: ContactList!) { contacts(list: $list, first: 100) { nodes { ... on User { handle } } } }";
        let answer = self.ask(query, json!({ "list": list })).await;
        let nodes = answer.at("contacts.nodes").as_array().cloned().unwrap_or_default();
        nodes.iter().filter_map(|node| node["handle"].as_str().map(str::to_owned)).collect()
    }

    pub async fn counts(&self) -> Value {
        let query = "{ viewer { contactCounts { connections following followers incomingRequests outgoingRequests blocked muted } } }";
        self.ask(query, Value::Null).await.at("viewer.contactCounts").clone()
    }

    /// Sets the audiences that may send requests and follow.
    pub async fn admits(&self, requests: &str, follows: &str) {
        let query = "mutation($r: Audience!, $f: Audience!) { updateSettings(input: { whoMayRequestConnection: $r, \
                     whoMayFollow: $f }) { userErrors { code } } }";
        let answer = self.ask(query, json!({ "r": requests, "f": follows })).await;
        assert_eq!(answer.at("updateSettings.userErrors"), &json!([]));
    }

    /// Opens a socket to an instance.
    pub async fn socket(&self, instance: usize) -> Socket {
        Socket::open(&self.clients[instance % self.clients.len()].url, Some(&self.token)).await
    }
}
