//! The texts of conversations. They have realistic lengths and never repeat.

use entity::thread_item::ItemKind;

/// Returns the text of an entry.
pub fn of(kind: ItemKind, from_customer: bool, order: usize, step: u64) -> String {
    match kind {
        ItemKind::Announcement => String::new(),
        ItemKind::Note => format!("Asked for the {step}th time; see what was agreed on before."),
        ItemKind::Message if from_customer => {
            format!("My order {order} has not come yet, and it is the {step}th day on which I look for it.")
        }
        ItemKind::Message => {
            format!("Thank you for waiting. I have looked at order {order}: it left us {step} days ago.")
        }
    }
}
