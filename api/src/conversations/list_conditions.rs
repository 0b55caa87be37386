//! Conditions of lists of conversations and tasks, each with the AND before the next one.

use entity::{id::UserId, thread_item::ItemKind};

use crate::database::sql::Sql;

/// Writes the condition that a user has unread messages in a conversation.
pub fn has_unread(sql: &mut Sql, user: UserId) {
    sql.push(
        "EXISTS (SELECT 1 FROM participant r WHERE r.conversation_id = c.id AND r.left_at IS NULL AND r.user_id = ",
    );
    sql.bind(user);
    sql.push(
        " AND EXISTS (SELECT 1 FROM thread_item i WHERE i.conversation_id = c.id AND i.sequence > r.read_up_to \
         AND i.author_id <> r.id AND i.deleted_at IS NULL AND i.kind = ",
    );
    sql.bind(ItemKind::Message);
    sql.push(")) AND ");
}

/// Writes the condition that `what` has a value, and the AND before the next condition.
pub fn equals(sql: &mut Sql, what: &str, value: impl Into<sea_orm::Value>) {
    sql.push(what);
    sql.bind(value);
    sql.push(" AND ");
}

/// Writes the condition that a column has one of some values. Writes nothing without values.
pub fn one_of<T: Into<sea_orm::Value> + Clone>(sql: &mut Sql, column: &str, values: &[T]) {
    if !values.is_empty() {
        sql.push(&format!("{column} IN "));
        sql.bind_list(values);
        sql.push(" AND ");
    }
}
