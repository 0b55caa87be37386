//! The sentences of announcements, in each language of Rapport. A sentence is written when it is read, so it has the
//! present names and the reader's language. Texts that people wrote keep their language.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use entity::{
    announcement::AnnouncementParameters,
    id::ThreadItemId,
    thread_item::{self, AnnouncementKind, ItemKind},
};
use sea_orm::{ConnectionTrait, DbErr};

use super::{
    announcement_names::{self, AnnouncementReference, AnnouncementReferences},
    conversation_rows::ConversationSide,
};
use crate::text::{dates, locale::Locale};

/// The names in an announcement, as far as the reader may know them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnnouncementNames {
    /// The person who acted.
    pub actor: Option<String>,
    /// The person whom the announcement is about.
    pub subject: Option<String>,
    /// The agent or queue to whom something goes.
    pub target: Option<String>,
}

/// Returns the sentences of the announcements among some items, as a side may see them. Reads all names in one
/// statement.
pub async fn texts(
    db: &impl ConnectionTrait,
    rows: &[thread_item::Model],
    side: ConversationSide,
    locale: Locale,
) -> Result<HashMap<ThreadItemId, String>, DbErr> {
    let announcements = || rows.iter().filter(|row| row.kind == ItemKind::Announcement);
    let asked: Vec<_> = announcements().flat_map(|row| AnnouncementReferences::of(row, side).list()).collect();
    let found = announcement_names::find(db, &asked).await?;
    let name = |reference: Option<AnnouncementReference>| reference.and_then(|one| found.get(&one).cloned());
    let text = |row: &thread_item::Model| {
        let of = AnnouncementReferences::of(row, side);
        let names = AnnouncementNames { actor: name(of.actor), subject: name(of.subject), target: name(of.target) };
        (row.id, render(row, &names, side, locale))
    };
    Ok(announcements().map(text).collect())
}

/// Writes the sentence of an announcement for a side, in a language.
#[must_use]
pub fn render(row: &thread_item::Model, names: &AnnouncementNames, side: ConversationSide, locale: Locale) -> String {
    let data = row.announcement_data.clone().unwrap_or_default();
    let Some(kind) = row.announcement.map(|kind| announcement_names::kind_for(kind, side)) else {
        return row.body.clone();
    };
    if let Some(text) = written_by_people(kind, &data.parameters, &row.body, locale) {
        return text;
    }
    let words = Words::of(locale);
    let name = |name: &'_ Option<String>, otherwise: &str| {
        name.as_deref().filter(|name| !name.is_empty()).unwrap_or(otherwise).to_owned()
    };
    let person = match kind {
        AnnouncementKind::CustomerLeft | AnnouncementKind::FormAnswered | AnnouncementKind::Merged => words.customer,
        AnnouncementKind::AgentJoined
        | AnnouncementKind::SupervisorJoined
        | AnnouncementKind::AgentLeft
        | AnnouncementKind::EndedByAgent
        | AnnouncementKind::Transferred
        | AnnouncementKind::Transferring
        | AnnouncementKind::TransferDropped
        | AnnouncementKind::ConferenceRequested
        | AnnouncementKind::ConferenceNotAccepted
        | AnnouncementKind::ConferenceCancelled
        | AnnouncementKind::OutOfHours
        | AnnouncementKind::Inactive => words.agent,
    };
    let target = match AnnouncementReferences::of(row, side).target {
        Some(AnnouncementReference::Queue(_)) if names.target.is_some() => Target::Queue(name(&names.target, "")),
        _ if kind == AnnouncementKind::ConferenceNotAccepted => Target::Agent(name(&names.target, words.agent)),
        _ => Target::Agent(name(&names.target, words.other_agent)),
    };
    let facts = Facts {
        actor: name(&names.actor, words.agent),
        subject: name(&names.subject, person),
        target,
        until: data.until.map(|until| moment(until, &data.parameters, locale)),
        to_customer: side == ConversationSide::Customer,
    };
    match locale {
        Locale::English => english(kind, &facts),
        Locale::German => german(kind, &facts),
        Locale::Korean => korean(kind, &facts),
        Locale::Japanese => japanese(kind, &facts),
    }
}

/// Returns the closed message of an administrator or the answers of a customer. `before` is the text of a row that has
/// no data.
fn written_by_people(
    kind: AnnouncementKind,
    parameters: &AnnouncementParameters,
    before: &str,
    locale: Locale,
) -> Option<String> {
    let before = Some(before.to_owned()).filter(|text| !text.is_empty());
    match kind {
        AnnouncementKind::OutOfHours => parameters.closed_message.clone().or(before),
        AnnouncementKind::FormAnswered => {
            let page = Words::of(locale).page;
            let answers = parameters.answers.iter().map(|answer| format!("{}: {}", answer.label, answer.value));
            let page = parameters.page_url.iter().map(|url| format!("{page}: {url}"));
            let lines: Vec<_> = answers.chain(page).collect();
            if lines.is_empty() { before } else { Some(lines.join("\n")) }
        }
        _ => None,
    }
}

fn moment(at: DateTime<Utc>, parameters: &AnnouncementParameters, locale: Locale) -> String {
    let zone = parameters.time_zone.as_deref().and_then(|zone| zone.parse().ok()).unwrap_or(Tz::UTC);
    dates::write(at.with_timezone(&zone), locale)
}

/// The words for people whose names are not known, and for a page.
struct Words {
    agent: &'static str,
    other_agent: &'static str,
    customer: &'static str,
    page: &'static str,
}

impl Words {
    const fn of(locale: Locale) -> Self {
        match locale {
            Locale::English => {
                Self { agent: "An agent", other_agent: "another agent", customer: "The customer", page: "Page" }
            }
            Locale::German => Self {
                agent: "Ein Teammitglied",
                other_agent: "ein anderes Teammitglied",
                customer: "Die Kundin oder der Kunde",
                page: "Seite",
            },
            Locale::Korean => {
                Self { agent: "상담원", other_agent: "다른 상담원", customer: "고객", page: "페이지" }
            }
            // The sentences add 様 to the customer.
            Locale::Japanese => {
                Self { agent: "担当者", other_agent: "別の担当者", customer: "お客", page: "ページ" }
            }
        }
    }
}

/// The facts that a sentence states.
struct Facts {
    actor: String,
    subject: String,
    target: Target,
    until: Option<String>,
    to_customer: bool,
}

/// The name of the agent or queue to whom something goes.
enum Target {
    Agent(String),
    Queue(String),
}

fn english(kind: AnnouncementKind, facts: &Facts) -> String {
    let Facts { actor, subject, target, until, to_customer } = facts;
    match (kind, target) {
        (AnnouncementKind::AgentJoined, _) => format!("{subject} has joined."),
        (AnnouncementKind::SupervisorJoined, _) => format!("{subject} has joined as a supervisor."),
        (AnnouncementKind::CustomerLeft, _) if *to_customer => "You have left the conversation.".to_owned(),
        (AnnouncementKind::AgentLeft | AnnouncementKind::CustomerLeft, _) => format!("{subject} has left."),
        (AnnouncementKind::EndedByAgent, _) => format!("{actor} has ended the conversation."),
        (AnnouncementKind::Transferred, Target::Agent(name)) => {
            format!("{actor} has transferred the conversation to {name}.")
        }
        (AnnouncementKind::Transferred, Target::Queue(name)) => {
            format!("{actor} has transferred the conversation to the queue {name}.")
        }
        (AnnouncementKind::Transferring, _) => "Another agent takes over. Please wait a moment.".to_owned(),
        (AnnouncementKind::TransferDropped, _) => "The conversation has ended because nobody took it over.".to_owned(),
        (AnnouncementKind::ConferenceRequested, Target::Agent(name)) => format!("{actor} has asked {name} to join."),
        (AnnouncementKind::ConferenceRequested, Target::Queue(name)) => {
            format!("{actor} has asked an agent of the queue {name} to join.")
        }
        (AnnouncementKind::ConferenceNotAccepted, Target::Agent(name)) => format!("{name} did not join."),
        (AnnouncementKind::ConferenceNotAccepted, Target::Queue(name)) => {
            format!("No agent of the queue {name} joined.")
        }
        (AnnouncementKind::ConferenceCancelled, Target::Agent(name)) => {
            format!("{actor} has withdrawn the invitation to {name}.")
        }
        (AnnouncementKind::ConferenceCancelled, Target::Queue(name)) => {
            format!("{actor} has withdrawn the invitation to the queue {name}.")
        }
        (AnnouncementKind::OutOfHours, _) => match until {
            Some(until) => format!(
                "We are closed at the moment and open again on {until}. We have your message and will answer it."
            ),
            None => "We are closed at the moment. We have your message and will answer it.".to_owned(),
        },
        (AnnouncementKind::Inactive, _) => "The conversation has ended because nobody wrote for some time.".to_owned(),
        (AnnouncementKind::FormAnswered, _) => "The customer has started the chat.".to_owned(),
        (AnnouncementKind::Merged, _) => "The customer continues in another conversation.".to_owned(),
    }
}

fn german(kind: AnnouncementKind, facts: &Facts) -> String {
    let Facts { actor, subject, target, until, to_customer } = facts;
    match (kind, target) {
        (AnnouncementKind::AgentJoined, _) => format!("{subject} ist dem Gespräch beigetreten."),
        (AnnouncementKind::SupervisorJoined, _) => format!("{subject} (Supervisor) ist dem Gespräch beigetreten."),
        (AnnouncementKind::CustomerLeft, _) if *to_customer => "Sie haben das Gespräch verlassen.".to_owned(),
        (AnnouncementKind::AgentLeft | AnnouncementKind::CustomerLeft, _) => {
            format!("{subject} hat das Gespräch verlassen.")
        }
        (AnnouncementKind::EndedByAgent, _) => format!("{actor} hat das Gespräch beendet."),
        (AnnouncementKind::Transferred, Target::Agent(name)) => {
            format!("{actor} hat das Gespräch an {name} übergeben.")
        }
        (AnnouncementKind::Transferred, Target::Queue(name)) => {
            format!("{actor} hat das Gespräch an die Warteschlange {name} übergeben.")
        }
        (AnnouncementKind::Transferring, _) => {
            "Ein anderes Teammitglied übernimmt. Bitte haben Sie einen Moment Geduld.".to_owned()
        }
        (AnnouncementKind::TransferDropped, _) => {
            "Das Gespräch wurde beendet, weil es niemand übernommen hat.".to_owned()
        }
        (AnnouncementKind::ConferenceRequested, Target::Agent(name)) => {
            format!("{actor} hat {name} gebeten, dem Gespräch beizutreten.")
        }
        (AnnouncementKind::ConferenceRequested, Target::Queue(name)) => {
            format!("{actor} hat die Warteschlange {name} um Unterstützung gebeten.")
        }
        (AnnouncementKind::ConferenceNotAccepted, Target::Agent(name)) => {
            format!("{name} ist dem Gespräch nicht beigetreten.")
        }
        (AnnouncementKind::ConferenceNotAccepted, Target::Queue(name)) => {
            format!("Aus der Warteschlange {name} ist niemand dem Gespräch beigetreten.")
        }
        (AnnouncementKind::ConferenceCancelled, Target::Agent(name)) => {
            format!("{actor} hat die Einladung an {name} zurückgezogen.")
        }
        (AnnouncementKind::ConferenceCancelled, Target::Queue(name)) => {
            format!("{actor} hat die Einladung an die Warteschlange {name} zurückgezogen.")
        }
        (AnnouncementKind::OutOfHours, _) => match until {
            Some(until) => format!(
                "Zurzeit sind wir nicht erreichbar. Ab {until} sind wir wieder für Sie da. Ihre Nachricht ist \
                 angekommen und wird beantwortet."
            ),
            None => "Zurzeit sind wir nicht erreichbar. Ihre Nachricht ist angekommen und wird beantwortet.".to_owned(),
        },
        (AnnouncementKind::Inactive, _) => {
            "Das Gespräch wurde beendet, weil längere Zeit niemand geschrieben hat.".to_owned()
        }
        (AnnouncementKind::FormAnswered, _) => "Der Chat wurde begonnen.".to_owned(),
        (AnnouncementKind::Merged, _) => "Das Gespräch wird an anderer Stelle fortgesetzt.".to_owned(),
    }
}

fn korean(kind: AnnouncementKind, facts: &Facts) -> String {
    let Facts { actor, subject, target, until, to_customer } = facts;
    // The word 님 after a name keeps the particles independent of the name.
    match (kind, target) {
        (AnnouncementKind::AgentJoined, _) => format!("{subject} 님이 대화에 참여했습니다."),
        (AnnouncementKind::SupervisorJoined, _) => format!("{subject} 님이 슈퍼바이저로 대화에 참여했습니다."),
        (AnnouncementKind::CustomerLeft, _) if *to_customer => "대화에서 나가셨습니다.".to_owned(),
        (AnnouncementKind::AgentLeft | AnnouncementKind::CustomerLeft, _) => {
            format!("{subject} 님이 대화에서 나갔습니다.")
        }
        (AnnouncementKind::EndedByAgent, _) => format!("{actor} 님이 대화를 종료했습니다."),
        (AnnouncementKind::Transferred, Target::Agent(name)) => {
            format!("{actor} 님이 {name} 님에게 대화를 이관했습니다.")
        }
        (AnnouncementKind::Transferred, Target::Queue(name)) => {
            format!("{actor} 님이 {name} 대기열로 대화를 이관했습니다.")
        }
        (AnnouncementKind::Transferring, _) => "다른 상담원에게 연결 중입니다. 잠시만 기다려 주세요.".to_owned(),
        (AnnouncementKind::TransferDropped, _) => "이어받은 상담원이 없어 대화가 종료되었습니다.".to_owned(),
        (AnnouncementKind::ConferenceRequested, Target::Agent(name)) => {
            format!("{actor} 님이 {name} 님에게 대화 참여를 요청했습니다.")
        }
        (AnnouncementKind::ConferenceRequested, Target::Queue(name)) => {
            format!("{actor} 님이 {name} 대기열에 대화 참여를 요청했습니다.")
        }
        (AnnouncementKind::ConferenceNotAccepted, Target::Agent(name)) => {
            format!("{name} 님이 대화에 참여하지 않았습니다.")
        }
        (AnnouncementKind::ConferenceNotAccepted, Target::Queue(name)) => {
            format!("{name} 대기열에서 대화에 참여한 상담원이 없습니다.")
        }
        (AnnouncementKind::ConferenceCancelled, Target::Agent(name)) => {
            format!("{actor} 님이 {name} 님에게 보낸 참여 요청을 취소했습니다.")
        }
        (AnnouncementKind::ConferenceCancelled, Target::Queue(name)) => {
            format!("{actor} 님이 {name} 대기열에 보낸 참여 요청을 취소했습니다.")
        }
        (AnnouncementKind::OutOfHours, _) => match until {
            Some(until) => format!(
                "지금은 상담 시간이 아닙니다. {until}부터 다시 상담하실 수 있습니다. 메시지는 잘 접수되었으며 확인 후 \
                 답변해 드리겠습니다."
            ),
            None => "지금은 상담 시간이 아닙니다. 메시지는 잘 접수되었으며 확인 후 답변해 드리겠습니다.".to_owned(),
        },
        (AnnouncementKind::Inactive, _) => "오랫동안 메시지가 없어 대화가 종료되었습니다.".to_owned(),
        (AnnouncementKind::FormAnswered, _) => "고객이 채팅을 시작했습니다.".to_owned(),
        (AnnouncementKind::Merged, _) => "고객이 다른 대화에서 상담을 이어 갑니다.".to_owned(),
    }
}

fn japanese(kind: AnnouncementKind, facts: &Facts) -> String {
    let Facts { actor, subject, target, until, to_customer } = facts;
    // Agents have no honorific, because customers read their names too.
    match (kind, target) {
        (AnnouncementKind::AgentJoined, _) => format!("{subject}が参加しました。"),
        (AnnouncementKind::SupervisorJoined, _) => format!("{subject}がスーパーバイザーとして参加しました。"),
        (AnnouncementKind::CustomerLeft, _) if *to_customer => "会話から退出しました。".to_owned(),
        (AnnouncementKind::CustomerLeft, _) => format!("{subject}様が退出されました。"),
        (AnnouncementKind::AgentLeft, _) => format!("{subject}が退出しました。"),
        (AnnouncementKind::EndedByAgent, _) => format!("{actor}が会話を終了しました。"),
        (AnnouncementKind::Transferred, Target::Agent(name)) => format!("{actor}が{name}に会話を転送しました。"),
        (AnnouncementKind::Transferred, Target::Queue(name)) => {
            format!("{actor}がキュー「{name}」に会話を転送しました。")
        }
        (AnnouncementKind::Transferring, _) => "別の担当者におつなぎします。少々お待ちください。".to_owned(),
        (AnnouncementKind::TransferDropped, _) => "引き継ぐ担当者がいなかったため、会話は終了しました。".to_owned(),
        (AnnouncementKind::ConferenceRequested, Target::Agent(name)) => {
            format!("{actor}が{name}に参加を依頼しました。")
        }
        (AnnouncementKind::ConferenceRequested, Target::Queue(name)) => {
            format!("{actor}がキュー「{name}」の担当者に参加を依頼しました。")
        }
        (AnnouncementKind::ConferenceNotAccepted, Target::Agent(name)) => format!("{name}は参加しませんでした。"),
        (AnnouncementKind::ConferenceNotAccepted, Target::Queue(name)) => {
            format!("キュー「{name}」から参加した担当者はいませんでした。")
        }
        (AnnouncementKind::ConferenceCancelled, Target::Agent(name)) => {
            format!("{actor}が{name}への参加依頼を取り消しました。")
        }
        (AnnouncementKind::ConferenceCancelled, Target::Queue(name)) => {
            format!("{actor}がキュー「{name}」への参加依頼を取り消しました。")
        }
        (AnnouncementKind::OutOfHours, _) => match until {
            Some(until) => format!(
                "ただいま受付時間外です。受付は{until}に再開いたします。メッセージをお預かりし、後ほどお返事いたします。"
            ),
            None => "ただいま受付時間外です。メッセージをお預かりし、後ほどお返事いたします。".to_owned(),
        },
        (AnnouncementKind::Inactive, _) => "しばらくメッセージがなかったため、会話は終了しました。".to_owned(),
        (AnnouncementKind::FormAnswered, _) => "お客様がチャットを開始しました。".to_owned(),
        (AnnouncementKind::Merged, _) => "お客様は別の会話で続けています。".to_owned(),
    }
}
