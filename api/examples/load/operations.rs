//! The measured operations, and the people of the imported graphs that they concern.

use std::{path::Path, process::Command};

use anyhow::{Context as _, ensure};
use entity::id::ConversationId;
use serde_json::{Value, json};

use super::{
    client::{self, Connection, NUMBER},
    desktops::AgentDesktop,
    raw,
};

/// A caller with a token.
pub struct Caller {
    pub token: String,
}

/// The people of the imported graphs: one with many connections, one with many followers, one who follows many, and
/// others to follow.
pub struct People {
    pub connected: Caller,
    pub connected_id: String,
    pub connected_uuid: String,
    pub followed_id: String,
    pub followed_uuid: String,
    pub follower: Caller,
    pub follower_uuid: String,
    pub others: Vec<String>,
    pub other_uuids: Vec<String>,
}

/// A measured operation.
pub struct Operation {
    pub name: &'static str,
    kind: Kind,
}

enum Kind {
    /// A query of the person with many connections. `$followed` stands for the id of the person with many followers.
    Query(&'static str),
    /// A query of the person who follows the most.
    Feed(&'static str),
    /// Follows and unfollows a person.
    Follow,
    /// A query of the desktop of each agent.
    Desktop(&'static str),
    /// A query of each current conversation of each agent, `$id`.
    Conversation(&'static str),
    /// Writes a message in each conversation.
    Send,
}

/// The callers that a database has: the people of the imported graphs, agents with tasks, or both.
pub struct MeasuredCallers {
    pub people: Option<People>,
    pub desktops: Vec<AgentDesktop>,
}

/// The operations in the order in which they are measured.
pub const OPERATIONS: &[Operation] = &[
    Operation { name: "typename", kind: Kind::Query("{ __typename }") },
    Operation {
        name: "contacts",
        kind: Kind::Query(
            "{ contacts(list: CONNECTIONS, first: 20) { nodes { id displayName sortHeading } pageInfo { hasNextPage endCursor } } }",
        ),
    },
    Operation {
        name: "contacts_last",
        kind: Kind::Query(
            "{ contacts(list: CONNECTIONS, last: 20) { nodes { id displayName sortHeading } pageInfo { hasNextPage endCursor } } }",
        ),
    },
    Operation {
        name: "directory",
        kind: Kind::Query(
            "{ contacts(first: 20) { nodes { id displayName sortHeading } pageInfo { hasNextPage endCursor } } }",
        ),
    },
    Operation {
        name: "directory_last",
        kind: Kind::Query(
            "{ contacts(last: 20) { nodes { id displayName sortHeading } pageInfo { hasNextPage endCursor } } }",
        ),
    },
    Operation {
        name: "search",
        kind: Kind::Query(
            "{ contacts(search: \"mar\", first: 20) { nodes { id displayName sortHeading } pageInfo { hasNextPage endCursor } } }",
        ),
    },
    Operation {
        name: "search_korean",
        kind: Kind::Query(
            "{ contacts(search: \"민준\", first: 20) { nodes { id displayName sortHeading } pageInfo { hasNextPage endCursor } } }",
        ),
    },
    Operation {
        name: "search_japanese",
        kind: Kind::Query(
            "{ contacts(search: \"佐藤\", first: 20) { nodes { id displayName sortHeading } pageInfo { hasNextPage endCursor } } }",
        ),
    },
    Operation {
        name: "feed",
        kind: Kind::Feed(
            "{ activityFeed(first: 20) { nodes { id kind text createdAt actor { id displayName } } pageInfo { hasNextPage endCursor } } }",
        ),
    },
    Operation {
        name: "notifications",
        kind: Kind::Query(
            "{ notifications(first: 20) { nodes { id kind readAt createdAt actor { id displayName } } pageInfo { hasNextPage endCursor } } }",
        ),
    },
    Operation { name: "unread", kind: Kind::Query("{ viewer { unread { notifications requests } } }") },
    Operation {
        name: "followers",
        kind: Kind::Query(
            "{ followers(userId: \"$followed\", first: 20) { totalCount nodes { id handle displayName } pageInfo { hasNextPage endCursor } } }",
        ),
    },
    Operation {
        name: "user",
        kind: Kind::Query(
            "{ user(id: \"$followed\") { id handle displayName relationship { connection following followedBy blocking availableActions } } }",
        ),
    },
    Operation { name: "followUser", kind: Kind::Follow },
    Operation { name: "desk", kind: Kind::Desktop(AGENT_DESKTOP) },
    Operation { name: "conversation", kind: Kind::Conversation(CONVERSATION) },
    Operation { name: "sendMessage", kind: Kind::Send },
];

/// The data of the agent desktop that a client shows.
const AGENT_DESKTOP: &str = "{ viewer { agentDesktop { streamCursor agent { state stateSince idleReason { name } capacity { channel limit used hasRoom } } \
    offers { id expiresAt preview { channel queueName customerName customerEmail receivedAt } } \
    tasks { id status receivedAt acceptedAt availableActions wrapUps { dueAt extended submittedAt } \
    conversation { id channel status unreadCount lastItemAt customer { displayName } } } } } }";
/// The data of an open conversation that a client shows.
const CONVERSATION: &str = "query($id: ID!) { conversation(id: $id) { id channel status createdAt lastItemAt streamCursor unreadCount \
    customer { id displayName email phone } \
    task { id status receivedAt availableActions owner { id displayName } queue { name } } \
    participants { id role joinedAt leftAt readUpTo actor { __typename ... on User { id displayName } ... on Customer { id displayName } } } \
    replyCapability { open reason characterLimit formats } \
    items(last: 50) { pageInfo { hasPreviousPage startCursor } nodes { __typename id sequence createdAt \
    ... on Message { body html format direction status clientMessageId editedAt deletedAt replyTo { id } \
    author { __typename displayName } receipts { state at participant { displayName } } } \
    ... on Announcement { kind text actor { displayName } } ... on Note { body author { displayName } } } } } }";
/// Writes a message.
pub const SEND: &str = "mutation($input: SendMessageInput!) { sendMessage(input: $input) { replayed message { id sequence createdAt status } \
    userErrors { code field } } }";

impl Operation {
    /// Returns the requests to repeat, or none if the database lacks the callers.
    pub fn requests(&self, callers: &MeasuredCallers) -> Option<Vec<Vec<u8>>> {
        let (people, desktops) = (callers.people.as_ref(), &callers.desktops);
        let requests = match self.kind {
            Kind::Query(query) => {
                let query = query.replace("$followed", &people?.followed_id);
                vec![client::post(&people?.connected.token, &query)]
            }
            Kind::Feed(query) => vec![client::post(&people?.follower.token, query)],
            Kind::Follow => {
                let people = people?;
                let both = people.others.iter().flat_map(|id| {
                    ["followUser", "unfollowUser"].map(|verb| {
                        let query = format!("mutation {{ {verb}(input: {{ userId: \"{id}\" }}) {{ outcome }} }}");
                        client::post(&people.follower.token, &query)
                    })
                });
                both.collect()
            }
            Kind::Desktop(query) => desktops.iter().map(|desktop| client::post(&desktop.token, query)).collect(),
            Kind::Conversation(query) => for_each_conversation(desktops, |desktop, conversation| {
                client::post_with(&desktop.token, query, &json!({ "id": conversation.to_string() }))
            }),
            Kind::Send => for_each_conversation(desktops, |desktop, conversation| {
                let id = conversation.to_string();
                let input =
                    json!({ "conversationId": id, "clientMessageId": NUMBER, "body": raw::conversations::BODY });
                client::post_with(&desktop.token, SEND, &json!({ "input": input }))
            }),
        };
        Some(requests).filter(|requests| !requests.is_empty())
    }

    /// Returns the same requests for the bare server.
    pub fn raw_requests(&self, callers: &MeasuredCallers) -> Option<Vec<Vec<u8>>> {
        match self.kind {
            Kind::Query(_) | Kind::Feed(_) | Kind::Follow => self.raw_requests_of(callers.people.as_ref()?),
            Kind::Desktop(_) => Some(
                callers.desktops.iter().map(|desktop| client::get(&format!("/desk?me={}", desktop.agent.0))).collect(),
            ),
            Kind::Conversation(_) => Some(for_each_conversation(&callers.desktops, |desktop, conversation| {
                client::get(&format!("/conversation?id={}&me={}", conversation.0, desktop.agent.0))
            })),
            Kind::Send => Some(for_each_conversation(&callers.desktops, |desktop, conversation| {
                client::get(&format!("/send?id={}&me={}&key={NUMBER}", conversation.0, desktop.agent.0))
            })),
        }
    }

    fn raw_requests_of(&self, people: &People) -> Option<Vec<Vec<u8>>> {
        let (connected, followed, follower) = (&people.connected_uuid, &people.followed_uuid, &people.follower_uuid);
        let path = match self.name {
            "contacts" => format!("/contacts?owner={connected}"),
            "followers" => format!("/followers?owner={followed}"),
            "search" => raw::search("mar"),
            "search_korean" => raw::search("민준"),
            "search_japanese" => raw::search("佐藤"),
            "feed" => format!("/feed?owner={follower}"),
            "notifications" => format!("/notifications?owner={connected}"),
            "directory" => format!("/directory?owner={connected}"),
            "user" => format!("/user?me={connected}&other={followed}"),
            "followUser" => {
                let all = people.other_uuids.iter().flat_map(|other| {
                    let request = client::get(&format!("/follow?me={follower}&other={other}"));
                    [request.clone(), request]
                });
                return Some(all.collect());
            }
            _ => return None,
        };
        Some(vec![client::get(&path)])
    }

    /// Returns the same SQL as a script for pgbench.
    pub fn pgbench_script(&self, callers: &MeasuredCallers) -> Option<String> {
        let people = callers.people.as_ref()?;
        let (connected, followed) = (&people.connected_uuid, &people.followed_uuid);
        let put = |sql: &str, values: &[&str]| {
            let filled = values
                .iter()
                .enumerate()
                .fold(sql.to_owned(), |sql, (index, value)| sql.replace(&format!("${}", index + 1), value));
            format!("{filled};\n")
        };
        let uuid = |text: &str| format!("'{text}'::uuid");
        match self.name {
            "contacts" => Some(put(raw::PAGE, &[&uuid(connected), "1::smallint", "now()"])),
            "followers" => Some(
                put(raw::PAGE, &[&uuid(followed), "3::smallint", "now()"])
                    + &put(raw::COUNT, &[&uuid(followed), "3::smallint", "now()"]),
            ),
            "user" => {
                let (lo, hi) = if connected < followed { (connected, followed) } else { (followed, connected) };
                Some(put(raw::PERSON, &[&uuid(followed)]) + &put(raw::PAIR, &[&uuid(lo), &uuid(hi)]))
            }
            "followUser" => {
                // The script follows and unfollows in two transactions.
                let me = uuid(&people.follower_uuid);
                let mut script = "\\set n random(20000, 20255)\nSELECT id AS other, encode(name_key, 'hex') AS other_key FROM \"user\" \
                                  WHERE handle = 'f' || :n \\gset\nSELECT encode(name_key, 'hex') AS my_key FROM \"user\" WHERE id = "
                    .to_owned();
                script.push_str(&format!("{me} \\gset\n"));
                let (other, other_key, my_key) =
                    (":other::uuid", "decode(:other_key, 'hex')", "decode(:my_key, 'hex')");
                for (follows, change) in [("true", raw::INSERT_CONTACTS), ("false", raw::DELETE_CONTACTS)] {
                    script.push_str("BEGIN;\n");
                    script.push_str(&put(&format!("{} FOR SHARE", raw::LOCK_PEOPLE), &[&me, other]));
                    script.push_str(&put(&format!("{} FOR UPDATE", raw::LOCK_PAIR), &[&me, other]));
                    script.push_str(&put(raw::UPDATE_PAIR, &[&me, other, follows, "now()"]));
                    let change = change.replace("), ($2", ") ON CONFLICT DO NOTHING; INSERT INTO contact (owner_id, list, name_key, user_id, since) VALUES ($2");
                    let change = if follows == "true" { format!("{change} ON CONFLICT DO NOTHING") } else { change };
                    script.push_str(&put(&change, &[&me, other, other_key, my_key, "now()"]));
                    script.push_str("COMMIT;\n");
                }
                Some(script)
            }
            _ => None,
        }
    }
}

/// Returns a request for each current conversation of each agent.
fn for_each_conversation(
    desktops: &[AgentDesktop],
    request: impl Fn(&AgentDesktop, &ConversationId) -> Vec<u8>,
) -> Vec<Vec<u8>> {
    let request = &request;
    desktops
        .iter()
        .flat_map(|desktop| desktop.conversations.iter().map(move |conversation| request(desktop, conversation)))
        .collect()
}

impl People {
    /// Finds the people through the server. `c80` has the most connections in one graph. In the other, `f1867` has the
    /// most followers and `f14` follows the most.
    pub async fn find(binary: &Path, database: &str, address: &str) -> anyhow::Result<Self> {
        let caller = |handle: &str| token(binary, database, handle).map(|token| Caller { token });
        let (connected, follower) = (caller("c80")?, caller("f14")?);
        let mut connection = Connection::open(address).await?;
        let followed_id = id(&mut connection, &connected, "f1867").await?;
        let mut others = Vec::new();
        for number in 20_000..20_256 {
            if let Ok(id) = id(&mut connection, &connected, &format!("f{number}")).await {
                others.push(id);
            }
        }
        let uuid = |id: &str| entity::id::UserId::parse(id).map(|id| id.0.to_string()).context("an id that is not one");
        let other_uuids = others.iter().map(|id| uuid(id)).collect::<anyhow::Result<_>>()?;
        let connected_id = id(&mut connection, &connected, "c80").await?;
        Ok(Self {
            other_uuids,
            connected_uuid: uuid(&connected_id)?,
            connected_id,
            followed_uuid: uuid(&followed_id)?,
            follower_uuid: uuid(&id(&mut connection, &connected, "f14").await?)?,
            connected,
            followed_id,
            follower,
            others,
        })
    }
}

/// Returns a token of the user with this handle.
pub fn token(binary: &Path, database: &str, handle: &str) -> anyhow::Result<String> {
    let printed = Command::new(binary)
        .args(["token", "--user", handle, "--expires", "1d"])
        .envs([("RAPPORT_DATABASE_URL", database), ("RAPPORT_LOG", "error")])
        .output()?;
    ensure!(printed.status.success(), "nobody is called {handle}: import the graphs first");
    Ok(String::from_utf8(printed.stdout)?.trim().to_owned())
}

async fn id(connection: &mut Connection, caller: &Caller, handle: &str) -> anyhow::Result<String> {
    let query = format!("{{ user(handle: \"{handle}\") {{ id }} }}");
    let answer: Value = serde_json::from_slice(connection.exchange(&client::post(&caller.token, &query)).await?)?;
    let id = answer["data"]["user"]["id"].as_str();
    id.map(str::to_owned).with_context(|| format!("nobody is called {handle}"))
}
