//! The capacity of agents, and the channels on which an agent can be offered a task. The functions are pure. Their
//! results are stored in the agent's row whenever they change.

use entity::{
    agent::{self, AgentState},
    channel::Channel,
    multimedia_profile::ProfileMode,
};

use crate::conversations::channel_capabilities::{self, CapacityGroup};

/// Returns the channels, as bits, on which an agent can be offered a task now.
#[must_use]
pub fn offerable_channels(agent: &agent::Model) -> i16 {
    if agent.state != AgentState::Available {
        return 0;
    }
    let open = |channel: &Channel| agent.idle_channels & channel.bit() == 0 && has_room(agent, *channel);
    Channel::ALL.iter().filter(|channel| open(channel)).fold(0, |bits, channel| bits | channel.bit())
}

/// Returns true if the agent's capacity allows one more task of a channel.
#[must_use]
pub fn has_room(agent: &agent::Model, channel: Channel) -> bool {
    let (limit, used) = limit_and_used(agent, channel);
    match agent.mode {
        // Chat is the only real-time channel, so no other channel excludes it.
        ProfileMode::Blended | ProfileMode::BlendedRealtime => used < limit,
        ProfileMode::Exclusive => limit > 0 && agent.chat_used + agent.email_used + agent.social_used == 0,
    }
}

/// Returns the agent's limit on a channel, and the number of tasks that count against it. Channels of one capacity
/// group share both numbers.
#[must_use]
pub fn limit_and_used(agent: &agent::Model, channel: Channel) -> (i16, i16) {
    let (limit, used) = match channel_capabilities::of(channel).media {
        CapacityGroup::Chat => (agent.chat_limit, agent.chat_used),
        CapacityGroup::Email => (agent.email_limit, agent.email_used),
        CapacityGroup::Social => (agent.social_limit, agent.social_used),
    };
    match agent.mode {
        ProfileMode::Blended | ProfileMode::BlendedRealtime => (limit, used),
        ProfileMode::Exclusive => (limit.min(1), used),
    }
}

/// Adds `by` to the number of tasks that the agent has in the channel's capacity group. A negative number subtracts.
pub fn adjust_used(agent: &mut agent::Model, channel: Channel, by: i16) {
    let used = match channel_capabilities::of(channel).media {
        CapacityGroup::Chat => &mut agent.chat_used,
        CapacityGroup::Email => &mut agent.email_used,
        CapacityGroup::Social => &mut agent.social_used,
    };
    *used += by;
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use entity::id::{MultimediaProfileId, UserId};
    use uuid::Uuid;

    use super::{AgentState, Channel, ProfileMode, adjust_used, agent, offerable_channels};

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
            offerable_channels: 0,
            available_since: DateTime::UNIX_EPOCH,
            interval: 1,
        }
    }

    fn open(agent: &agent::Model) -> Vec<Channel> {
        Channel::ALL.into_iter().filter(|channel| offerable_channels(agent) & channel.bit() != 0).collect()
    }

    #[test]
    fn messenger_sms_and_whatsapp_share_one_number() {
        let mut ann = agent(ProfileMode::Blended);
        assert_eq!(open(&ann), Channel::ALL);
        adjust_used(&mut ann, Channel::Sms, 1);
        assert_eq!(open(&ann), [Channel::Webchat, Channel::Email]);
        adjust_used(&mut ann, Channel::Webchat, 1);
        assert_eq!(open(&ann), [Channel::Webchat, Channel::Email]);
        adjust_used(&mut ann, Channel::Webchat, 1);
        assert_eq!(open(&ann), [Channel::Email]);
    }

    #[test]
    fn whoever_works_exclusively_holds_one_task_over_all_channels() {
        let mut ann = agent(ProfileMode::Exclusive);
        assert_eq!(open(&ann), Channel::ALL);
        adjust_used(&mut ann, Channel::Email, 1);
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
