//! How much an agent may hold, and on which channels one may be offered something now. Pure: what it says is stored with
//! the agent's row whenever that changes.

use entity::{
    agent::{self, AgentState},
    channel::Channel,
    multimedia_profile::ProfileMode,
};

use crate::conversations::channels::{self, Media};

/// The channels, as bits, on which an agent may be offered a task now.
#[must_use]
pub fn takes(agent: &agent::Model) -> i16 {
    if agent.state != AgentState::Available {
        return 0;
    }
    let open = |channel: &Channel| agent.idle_channels & channel.bit() == 0 && room(agent, *channel);
    Channel::ALL.iter().filter(|channel| open(channel)).fold(0, |bits, channel| bits | channel.bit())
}

/// Whether the agent may hold one more task of a channel.
#[must_use]
pub fn room(agent: &agent::Model, channel: Channel) -> bool {
    let (limit, used) = of(agent, channel);
    match agent.mode {
        // Chat is the one real-time channel there is, so nothing excludes it.
        ProfileMode::Blended | ProfileMode::BlendedRealtime => used < limit,
        ProfileMode::Exclusive => limit > 0 && agent.chat_used + agent.email_used + agent.social_used == 0,
    }
}

/// What an agent may hold on a channel, and what they hold on it and on those that share its number.
#[must_use]
pub fn of(agent: &agent::Model, channel: Channel) -> (i16, i16) {
    let (limit, used) = match channels::of(channel).media {
        Media::Chat => (agent.chat_limit, agent.chat_used),
        Media::Email => (agent.email_limit, agent.email_used),
        Media::Social => (agent.social_limit, agent.social_used),
    };
    match agent.mode {
        ProfileMode::Blended | ProfileMode::BlendedRealtime => (limit, used),
        ProfileMode::Exclusive => (limit.min(1), used),
    }
}

/// Counts tasks of a channel that are held from now on, or no longer.
pub fn count(agent: &mut agent::Model, channel: Channel, by: i16) {
    let used = match channels::of(channel).media {
        Media::Chat => &mut agent.chat_used,
        Media::Email => &mut agent.email_used,
        Media::Social => &mut agent.social_used,
    };
    *used += by;
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use entity::id::{MultimediaProfileId, UserId};
    use uuid::Uuid;

    use super::{AgentState, Channel, ProfileMode, agent, count, takes};

    fn agent(mode: ProfileMode) -> agent::Model {
        agent::Model {
            user_id: UserId(Uuid::nil()),
            profile_id: MultimediaProfileId(Uuid::nil()),
            mode,
            chat_limit: 2,
            email_limit: 1,
            social_limit: 1,
            chat_used: 0,
            email_used: 0,
            social_used: 0,
            state: AgentState::Available,
            idle_reason_id: None,
            state_since: DateTime::UNIX_EPOCH,
            idle_channels: 0,
            takes: 0,
            free_since: DateTime::UNIX_EPOCH,
            interval: 1,
        }
    }

    fn open(agent: &agent::Model) -> Vec<Channel> {
        Channel::ALL.into_iter().filter(|channel| takes(agent) & channel.bit() != 0).collect()
    }

    #[test]
    fn messenger_sms_and_whatsapp_share_one_number() {
        let mut ann = agent(ProfileMode::Blended);
        assert_eq!(open(&ann), Channel::ALL);
        count(&mut ann, Channel::Sms, 1);
        assert_eq!(open(&ann), [Channel::Webchat, Channel::Email]);
        count(&mut ann, Channel::Webchat, 1);
        assert_eq!(open(&ann), [Channel::Webchat, Channel::Email]);
        count(&mut ann, Channel::Webchat, 1);
        assert_eq!(open(&ann), [Channel::Email]);
    }

    #[test]
    fn whoever_works_exclusively_holds_one_task_over_all_channels() {
        let mut ann = agent(ProfileMode::Exclusive);
        assert_eq!(open(&ann), Channel::ALL);
        count(&mut ann, Channel::Email, 1);
        assert_eq!(open(&ann), []);
    }

    #[test]
    fn only_the_available_are_offered_anything_and_not_where_they_are_idle() {
        let mut ann = agent(ProfileMode::Blended);
        ann.idle_channels = Channel::Webchat.bit();
        assert!(!open(&ann).contains(&Channel::Webchat));
        for state in [AgentState::Offline, AgentState::Idle, AgentState::Rona] {
            ann.state = state;
            assert_eq!(open(&ann), []);
        }
    }
}
