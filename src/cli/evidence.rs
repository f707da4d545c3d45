//! Evidence on its way to the node: which files, and how they are sent.

mod media;
mod source;
mod upload;
mod walk;

use super::out::Out;
pub(crate) use upload::upload;
pub(crate) use walk::{Before, Found, Walk, exhibits, files_below};

/// Exhibits whose custody says another thing than they do: more are not worth a line each.
const DIFFERING_MAX: usize = 20;

/// Tells which exhibits are another than their last custody record says.
pub(crate) fn tell_differing(names: &[&str], out: &mut Out) {
    for name in names.iter().take(DIFFERING_MAX) {
        out.talk(&format!(
            "warning: {name}: its last custody record has another SHA-256 than the exhibit that is \
             sealed"
        ));
    }
    let more = names.len().saturating_sub(DIFFERING_MAX);
    if more > 0 {
        out.talk(&format!("warning: so it is with {more} more exhibits"));
    }
}
