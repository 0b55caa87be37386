//! Templates: prepared texts with parameters. This module reads a template, fills it in for a conversation and says
//! what is missing. `template_library` has the commands that change templates.

pub mod template_body;
pub mod parameter_values;
pub mod system_values;
pub mod template_rows;
pub mod rendered_template;
