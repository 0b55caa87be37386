//! The invariants of the rows that hold after any history, as SQL on the database.

use super::database::TestDatabase;

/// The invariants. Each statement counts the violations.
const INVARIANTS: [(&str, &str); 44] = [
    (
        "the directory counts its people",
        "SELECT abs((SELECT people FROM directory_count) - (SELECT count(*) FROM \"user\" WHERE status = 1))",
    ),
    (
        "a requested pair names its one pending request, of the right person",
        "SELECT count(*) FROM relationship r WHERE r.connection IN (1, 2) AND NOT EXISTS (SELECT 1 FROM connection_request q \
         WHERE q.id = r.request_id AND q.recipient_status = 1 AND q.requester_status = 1 \
         AND q.requester_id = CASE WHEN r.connection = 1 THEN r.lo ELSE r.hi END)",
    ),
    (
        "a pending request is that of its pair",
        "SELECT count(*) FROM connection_request q WHERE q.recipient_status = 1 AND NOT EXISTS (SELECT 1 FROM relationship r \
         WHERE r.lo = q.lo AND r.hi = q.hi AND r.request_id = q.id AND r.connection IN (1, 2))",
    ),
    (
        "a block leaves no connection and no follow",
        "SELECT count(*) FROM relationship WHERE (lo_blocks OR hi_blocks) AND (connection <> 0 OR lo_follows OR hi_follows)",
    ),
    (
        "a shadow is a request that its requester sees pending and its recipient has decided",
        "SELECT count(*) FROM relationship r WHERE (r.lo_hidden_request_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM connection_request q \
         WHERE q.id = r.lo_hidden_request_id AND q.requester_id = r.lo AND q.requester_status = 1 AND q.recipient_status IN (3, 5))) \
         OR (r.hi_hidden_request_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM connection_request q \
         WHERE q.id = r.hi_hidden_request_id AND q.requester_id = r.hi AND q.requester_status = 1 AND q.recipient_status IN (3, 5)))",
    ),
    (
        "the lists hold what follows from the pairs and nothing else",
        "WITH expected AS ( \
         SELECT lo AS owner, 1 AS list, hi AS other FROM relationship WHERE connection = 3 \
         UNION ALL SELECT hi, 1, lo FROM relationship WHERE connection = 3 \
         UNION ALL SELECT lo, 2, hi FROM relationship WHERE lo_follows UNION ALL SELECT hi, 3, lo FROM relationship WHERE lo_follows \
         UNION ALL SELECT hi, 2, lo FROM relationship WHERE hi_follows UNION ALL SELECT lo, 3, hi FROM relationship WHERE hi_follows \
         UNION ALL SELECT lo, 5, hi FROM relationship WHERE connection = 1 UNION ALL SELECT hi, 4, lo FROM relationship WHERE connection = 1 \
         UNION ALL SELECT hi, 5, lo FROM relationship WHERE connection = 2 UNION ALL SELECT lo, 4, hi FROM relationship WHERE connection = 2 \
         UNION ALL SELECT lo, 6, hi FROM relationship WHERE lo_blocks UNION ALL SELECT hi, 6, lo FROM relationship WHERE hi_blocks \
         UNION ALL SELECT lo, 5, hi FROM relationship WHERE lo_hidden_request_id IS NOT NULL \
         UNION ALL SELECT hi, 5, lo FROM relationship WHERE hi_hidden_request_id IS NOT NULL \
         UNION ALL SELECT lo, 7, hi FROM relationship WHERE lo_mutes <> 0 UNION ALL SELECT hi, 7, lo FROM relationship WHERE hi_mutes <> 0 \
         UNION ALL SELECT lo, 8, hi FROM relationship WHERE lo_mutes IN (1, 3) \
         UNION ALL SELECT hi, 8, lo FROM relationship WHERE hi_mutes IN (1, 3)) \
         SELECT (SELECT count(*) FROM (SELECT * FROM expected EXCEPT SELECT owner_id, abs(list), user_id FROM contact) AS missing) \
         + (SELECT count(*) FROM (SELECT owner_id, abs(list), user_id FROM contact EXCEPT SELECT * FROM expected) AS surplus) \
         + abs((SELECT count(*) FROM expected) - (SELECT count(*) FROM contact))",
    ),
    (
        "list entries stand where the people's names are",
        "SELECT count(*) FROM contact c JOIN \"user\" u ON u.id = c.user_id WHERE c.name_key <> u.name_key",
    ),
    (
        "who takes no part stands in nobody's lists, and everybody else does",
        "SELECT count(*) FROM contact c JOIN \"user\" u ON u.id = c.user_id WHERE (u.status = 1) <> (c.list > 0)",
    ),
    (
        "streams have no holes",
        "SELECT count(*) FROM stream s WHERE s.last_sequence - s.pruned_sequence <> (SELECT count(*) FROM event_entry n \
         WHERE n.stream_kind = s.kind AND n.owner_id = s.owner_id AND n.sequence > s.pruned_sequence)",
    ),
    (
        "each request was told once when made and once when it ended, also one that went with its requester; of one that went \
         with its recipient the end was told to nobody",
        "WITH told AS (SELECT replace(e.payload->>'id', '-', '') AS id, max(replace(e.payload->>'recipient_id', '-', '')) AS recipient, \
         sum(CASE WHEN e.kind = 'connection_request_received' THEN 1 ELSE 0 END) AS made, \
         sum(CASE WHEN e.kind = 'connection_request_changed' THEN 1 ELSE 0 END) AS ended \
         FROM event e WHERE e.kind IN ('connection_request_received', 'connection_request_changed') GROUP BY 1), \
         kept AS (SELECT {q.id} AS id, CASE WHEN q.recipient_status = 1 THEN 0 ELSE 1 END AS ended FROM connection_request q), \
         gone AS (SELECT {u.id} AS id FROM \"user\" u WHERE u.status = 4) \
         SELECT (SELECT count(*) FROM kept LEFT JOIN told ON told.id = kept.id \
         WHERE told.id IS NULL OR told.made <> 1 OR told.ended <> kept.ended) \
         + (SELECT count(*) FROM told WHERE told.id NOT IN (SELECT id FROM kept) \
         AND (told.made <> 1 OR told.ended > 1 OR (told.ended = 0 AND told.recipient NOT IN (SELECT id FROM gone))))",
    ),
    (
        "of who was deleted nothing is left beside the row itself",
        "SELECT (SELECT count(*) FROM relationship r JOIN \"user\" u ON u.id IN (r.lo, r.hi) WHERE u.status = 4) \
         + (SELECT count(*) FROM connection_request q JOIN \"user\" u ON u.id IN (q.requester_id, q.recipient_id) WHERE u.status = 4) \
         + (SELECT count(*) FROM contact c JOIN \"user\" u ON u.id IN (c.owner_id, c.user_id) WHERE u.status = 4) \
         + (SELECT count(*) FROM note n JOIN \"user\" u ON u.id IN (n.owner_id, n.about_id) WHERE u.status = 4) \
         + (SELECT count(*) FROM notification n JOIN \"user\" u ON u.id IN (n.user_id, n.actor_id) WHERE u.status = 4) \
         + (SELECT count(*) FROM activity a JOIN \"user\" u ON u.id IN (a.actor_id, a.subject_id) WHERE u.status = 4) \
         + (SELECT count(*) FROM session s JOIN \"user\" u ON u.id = s.user_id WHERE u.status = 4)",
    ),
    (
        "each acceptance is one activity",
        "SELECT abs((SELECT count(*) FROM activity WHERE kind = 2) \
         - (SELECT count(*) FROM connection_request WHERE recipient_status = 2))",
    ),
    (
        "an activity is its actor's, and of a connection the other's too",
        "WITH expected AS (SELECT id, actor_id AS author, subject_id AS other FROM activity \
         UNION ALL SELECT id, subject_id, actor_id FROM activity WHERE subject_id IS NOT NULL) \
         SELECT (SELECT count(*) FROM expected) + (SELECT count(*) FROM activity_author) - 2 * (SELECT count(*) FROM expected e \
         JOIN activity_author n ON n.activity_id = e.id AND n.user_id = e.author \
         AND (n.other_id = e.other OR (n.other_id IS NULL AND e.other IS NULL)))",
    ),
    (
        "what is kept as somebody's newest activity is it",
        "SELECT count(*) FROM latest_activity w LEFT JOIN activity_author n ON n.user_id = w.user_id \
         AND n.activity_id = (SELECT m.activity_id FROM activity_author m WHERE m.user_id = w.user_id ORDER BY m.activity_id DESC LIMIT 1) \
         WHERE COALESCE(w.activity_id = n.activity_id, w.activity_id IS NULL AND n.activity_id IS NULL) = FALSE \
         OR COALESCE(w.other_id = n.other_id, w.other_id IS NULL AND n.other_id IS NULL) = FALSE \
         OR w.connections_only <> COALESCE(n.connections_only, FALSE)",
    ),
    (
        "everybody who is not deleted has a place for their newest activity",
        "SELECT count(*) FROM \"user\" u WHERE u.status <> 4 AND NOT EXISTS (SELECT 1 FROM latest_activity w WHERE w.user_id = u.id)",
    ),
    (
        "nobody is notified of whom they block",
        "SELECT count(*) FROM notification n JOIN relationship r ON (r.lo = n.user_id AND r.hi = n.actor_id AND r.lo_blocks) \
         OR (r.hi = n.user_id AND r.lo = n.actor_id AND r.hi_blocks)",
    ),
    (
        "of a request that was taken back nobody is notified",
        "SELECT count(*) FROM notification n JOIN connection_request q ON q.id = n.request_id WHERE n.kind = 1 \
         AND q.recipient_status IN (4, 5)",
    ),
    (
        "the entries of a conversation are numbered without holes, for each side",
        "SELECT count(*) FROM conversation c WHERE c.last_sequence <> (SELECT count(*) FROM thread_item i WHERE i.conversation_id = c.id) \
         OR c.last_sequence <> (SELECT COALESCE(max(i.sequence), 0) FROM thread_item i WHERE i.conversation_id = c.id) \
         OR c.last_customer_sequence <> (SELECT count(*) FROM thread_item i WHERE i.conversation_id = c.id AND i.customer_sequence IS NOT NULL) \
         OR c.last_customer_sequence <> (SELECT COALESCE(max(i.customer_sequence), 0) FROM thread_item i WHERE i.conversation_id = c.id)",
    ),
    (
        "what is numbered later for those who serve is numbered later for the customer",
        "SELECT count(*) FROM thread_item a JOIN thread_item b ON b.conversation_id = a.conversation_id AND b.sequence > a.sequence \
         WHERE b.customer_sequence <= a.customer_sequence",
    ),
    (
        "a direct conversation is open only while its two are connected, and both take part in it just then",
        "SELECT count(*) FROM conversation c WHERE c.kind = 2 AND ((c.status = 1 AND NOT EXISTS (SELECT 1 FROM relationship r \
         WHERE r.lo = c.lo AND r.hi = c.hi AND r.connection = 3)) \
         OR (SELECT count(*) FROM participant p WHERE p.conversation_id = c.id AND p.user_id IN (c.lo, c.hi) AND p.left_at IS NULL) \
         <> CASE WHEN c.status = 1 THEN 2 ELSE 0 END)",
    ),
    (
        "a conversation that was ever to be served is open while it has a task that is not over",
        "SELECT count(*) FROM conversation c WHERE c.task_id IS NOT NULL \
         AND (c.status = 1) <> EXISTS (SELECT 1 FROM task t WHERE t.conversation_id = c.id AND t.status < 6)",
    ),
    (
        "a conversation belongs to the queue of its task",
        "SELECT count(*) FROM conversation c JOIN task t ON t.id = c.task_id WHERE c.queue_id <> t.queue_id",
    ),
    (
        "of each user in a closed conversation with a customer it is noted when that got its last entry, and of nobody else",
        "SELECT count(*) FROM participant p JOIN conversation c ON c.id = p.conversation_id \
         WHERE (p.settled_at IS NOT NULL) <> (c.kind = 1 AND c.status = 2 AND p.user_id IS NOT NULL) OR p.settled_at <> c.last_item_at",
    ),
    (
        "nobody has read further than there is, and nobody has a receipt on what they wrote",
        "SELECT (SELECT count(*) FROM participant p JOIN conversation c ON c.id = p.conversation_id WHERE p.read_up_to > c.last_sequence) \
         + (SELECT count(*) FROM receipt r JOIN thread_item i ON i.id = r.item_id WHERE i.author_id = r.participant_id)",
    ),
    (
        "a customer who was merged has nothing, and the one who has it was not merged",
        "SELECT (SELECT count(*) FROM conversation c JOIN customer k ON k.id = c.customer_id WHERE k.merged_into_id IS NOT NULL) \
         + (SELECT count(*) FROM customer_identity n JOIN customer k ON k.id = n.customer_id WHERE k.merged_into_id IS NOT NULL) \
         + (SELECT count(*) FROM visitor_token v JOIN customer k ON k.id = v.customer_id WHERE k.merged_into_id IS NOT NULL) \
         + (SELECT count(*) FROM customer k JOIN customer o ON o.id = k.merged_into_id WHERE o.merged_into_id IS NOT NULL)",
    ),
    (
        "the customer who takes part in a conversation is the customer of the conversation",
        "SELECT count(*) FROM participant p JOIN conversation c ON c.id = p.conversation_id WHERE p.customer_id <> c.customer_id",
    ),
    (
        "a provider's id names a message at its own entry point, in its own direction",
        "SELECT count(*) FROM provider_message m JOIN thread_item i ON i.id = m.thread_item_id \
         JOIN conversation c ON c.id = i.conversation_id \
         WHERE i.kind <> 1 OR c.entry_point_id <> m.entry_point_id OR (m.direction = 1) <> i.inbound",
    ),
    (
        "each entry was told once when it was made",
        "SELECT count(*) FROM (SELECT replace(e.payload->>'id', '-', '') AS id, count(*) AS told FROM event e WHERE e.kind = 'item_added' GROUP BY 1) t \
         WHERE t.told <> 1",
    ),
    (
        "an agent's counts are not what they hold",
        "SELECT count(*) FROM agent a WHERE a.chat_used + a.email_used + a.social_used <> \
      (SELECT count(*) FROM assignment s WHERE s.agent_id = a.user_id)",
    ),
    (
        "an agent holds more than the limit",
        "SELECT count(*) FROM agent WHERE chat_used > chat_limit OR email_used > email_limit OR social_used > social_limit",
    ),
    (
        "a task has two live offers",
        "SELECT count(*) FROM (SELECT task_id FROM offer WHERE status = 1 GROUP BY task_id HAVING count(*) > 1) d",
    ),
    (
        "an offer of nothing",
        "SELECT count(*) FROM offer o JOIN task t ON t.id = o.task_id \
         WHERE o.status = 1 AND t.status <> CASE WHEN o.kind = 3 THEN 4 ELSE 2 END",
    ),
    (
        "a task that is offered to nobody",
        "SELECT count(*) FROM task t WHERE t.status = 2 AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.task_id = t.id AND o.status = 1)",
    ),
    (
        "a task with two owners",
        "SELECT count(*) FROM (SELECT task_id FROM assignment WHERE phase = 2 AND NOT joined GROUP BY task_id HAVING count(*) > 1) d",
    ),
    (
        "a conversation that its owner does not hold",
        "SELECT count(*) FROM task t WHERE t.status IN (3, 4, 5) AND NOT EXISTS \
      (SELECT 1 FROM assignment s WHERE s.task_id = t.id AND s.agent_id = t.owner_id AND s.phase = 2)",
    ),
    (
        "a hold on what is over",
        "SELECT count(*) FROM assignment s JOIN task t ON t.id = s.task_id WHERE t.status = 7 OR (t.status > 7 AND s.phase <> 3)",
    ),
    (
        "a wrap-up that nobody holds",
        "SELECT count(*) FROM wrap_up w WHERE w.submitted_at IS NULL AND NOT EXISTS (SELECT 1 FROM assignment s WHERE s.id = w.id AND s.phase = 3)",
    ),
    (
        "a pending offer that will not end",
        "SELECT count(*) FROM offer o WHERE o.status = 1 AND NOT EXISTS (SELECT 1 FROM timer d WHERE d.kind = 1 AND d.target = o.id)",
    ),
    (
        "a deadline of what is over",
        "SELECT count(*) FROM timer d WHERE d.kind = 1 AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.id = d.target AND o.status = 1)",
    ),
    (
        "a conference that nobody has joined, or a joined one without",
        "SELECT count(*) FROM task t WHERE (t.status = 5) <> (t.conference_agent_id IS NOT NULL AND EXISTS (SELECT 1 FROM assignment s \
         WHERE s.task_id = t.id AND s.agent_id = t.conference_agent_id AND s.phase = 2 AND s.joined)) AND t.status IN (3, 4, 5)",
    ),
    (
        "somebody is asked to join and nobody knows",
        "SELECT count(*) FROM task t WHERE t.status = 4 AND NOT EXISTS (SELECT 1 FROM offer o WHERE o.task_id = t.id AND o.status = 1 AND o.kind = 3)",
    ),
    (
        "a closed conversation with a live task",
        "SELECT count(*) FROM conversation c JOIN task t ON t.id = c.task_id WHERE c.status = 2 AND t.status < 6",
    ),
    (
        "two intervals at once",
        "SELECT count(*) FROM (SELECT agent_id FROM agent_interval WHERE ended_at IS NULL GROUP BY agent_id HAVING count(*) <> 1) d",
    ),
    (
        "a hole in an agent's ledger, or an overlap",
        "SELECT count(*) FROM agent_interval a WHERE a.ended_at IS NOT NULL AND (a.ended_at < a.started_at OR NOT EXISTS \
         (SELECT 1 FROM agent_interval b WHERE b.agent_id = a.agent_id AND b.number = a.number + 1 AND b.started_at = a.ended_at))",
    ),
];

/// Fails when an invariant is violated.
pub async fn check(database: &TestDatabase) {
    let violation = violation(database).await;
    assert!(violation.is_none(), "not true: {violation:?}");
}

/// Returns an invariant that is violated, if there is one. Checks all of them in one statement.
pub async fn violation(database: &TestDatabase) -> Option<&'static str> {
    let number = |(number, (_, sql)): (usize, &(&str, &str))| {
        format!("SELECT '{number}' AS number, ({}) AS violations", with_digits(database, sql))
    };
    let all: Vec<String> = INVARIANTS.iter().enumerate().map(number).collect();
    let violated = format!("SELECT number FROM ({}) AS checked WHERE violations <> 0", all.join(" UNION ALL "));
    let first = database.texts(&violated).await.into_iter().next()?;
    first.parse().ok().and_then(|first: usize| INVARIANTS.get(first)).map(|(invariant, _)| *invariant)
}

/// Replaces `{column}` by an expression that makes an id of the database comparable with an id in an event.
fn with_digits(database: &TestDatabase, sql: &str) -> String {
    let mut parts = sql.split(['{', '}']);
    let mut whole = parts.next().unwrap_or_default().to_owned();
    while let (Some(column), Some(rest)) = (parts.next(), parts.next()) {
        whole.push_str(&database.digits(column));
        whole.push_str(rest);
    }
    whole
}
