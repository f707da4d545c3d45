//! Evidence on its way to the node: which files, and how they are sent.

mod media;
mod source;
mod upload;
mod walk;

use super::connect::AgencyClient;
use super::exit::{Exit, Failure};
use super::fetch::custody_of;
use super::out::{Out, Unit};
use crate::domain::MessageId;
pub(crate) use upload::upload;
pub(crate) use walk::{Came, Found, Walk, exhibits, files_below};

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

/// Has the custody go on of what came with a message, as the node has that.
pub(crate) async fn go_on(
    mut walk: Walk,
    from: MessageId,
    client: &mut AgencyClient,
    out: &mut Out,
) -> Result<Walk, Failure> {
    let came = custody_of(client, from).await?;
    let progress = out.progress("reading", walk.bytes(), Unit::Bytes);
    let count = walk.go_on(&came, &progress)?;
    drop(progress);
    if count == 0 {
        let message = format!("nothing that is sent came with custody records in message {from}");
        return Err(Failure::new(Exit::BadInput, message)
            .hint("nothing was sent: exhibits are sent under the names that they came with"));
    }
    out.talk(&format!("note: the custody of {count} exhibits goes on"));
    Ok(walk)
}
