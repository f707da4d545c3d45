//! `rogatory inbox`.

use clap::Args;

use super::connect::{AgencyAccess, AgencyClient};
use super::exit::{Exit, Failure};
use super::list::Pages;
use super::out::Out;
use super::view;
use crate::pb::v1 as pb;

/// Shows what was received, in the order in which it came
///
/// Each message has a position, from 1. To go on where you stopped:
///
///   rogatory inbox --watch --after 17 --output json
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct InboxArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// Stays, and shows each message as it comes
    #[arg(long)]
    watch: bool,
    /// Only what came after this position
    #[arg(long, value_name = "N", default_value_t = 0)]
    after: u64,
}

pub(crate) async fn run(args: InboxArgs, out: &mut Out) -> Result<(), Failure> {
    let mut client = args.access.connect(out).await?;
    match args.watch {
        true => watch(&mut client, args.after, out).await,
        false => show(&mut client, args.after, out).await,
    }
}

async fn show(client: &mut AgencyClient, after: u64, out: &mut Out) -> Result<(), Failure> {
    let direction = pb::Direction::Received as i32;
    let mut pages = Pages::new(pb::ListMessagesRequest { direction, ..Default::default() });
    let mut inbox = Vec::new();
    while let Some(page) = pages.next(client).await? {
        inbox.extend(page.into_iter().filter(|message| message.inbox_position > after));
    }
    inbox.sort_by_key(|message| message.inbox_position);
    let header = ["no", "message", "peer", "kind", "case", "state", "created", "packages"];
    out.list(&header, &inbox, |message| row(message).to_vec(), view::summary);
    Ok(())
}

async fn watch(client: &mut AgencyClient, after: u64, out: &mut Out) -> Result<(), Failure> {
    let request = pb::WatchInboxRequest { after_position: after };
    let mut stream = client.watch_inbox(request).await?.into_inner();
    let mut last = after;
    let resume = |last: u64| format!("go on with --after {last}");
    loop {
        let next = tokio::select! {
            next = stream.message() => next,
            () = out.abandoned() => return Ok(()),
        };
        match next.map_err(|status| Failure::from(status).hint(resume(last)))? {
            Some(pb::WatchInboxResponse { message: Some(message) }) => {
                last = message.inbox_position;
                print(&message, out);
            }
            Some(_) => {}
            None => {
                let failure = Failure::new(Exit::Unavailable, "the node ended the watch");
                return Err(failure.hint(resume(last)));
            }
        }
        if out.is_closed() {
            return Ok(());
        }
    }
}

fn print(message: &pb::Message, out: &mut Out) {
    match out.is_json() {
        true => out.json(&view::summary(message)),
        false => out.data(&row(message).join("  ")),
    }
}

fn row(m: &pb::Message) -> [String; 8] {
    [
        m.inbox_position.to_string(),
        m.message_id.clone(),
        m.peer.clone(),
        view::kind(m.kind).to_owned(),
        m.case_id.clone(),
        view::state(m.state).to_owned(),
        m.create_time.clone(),
        m.packages.len().to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};
    use crate::cli::testing::{Fake, message};

    #[tokio::test]
    async fn the_inbox_is_in_the_order_of_its_positions() {
        // The node lists the newest first, and what is not consigned yet has no position.
        let messages = [3, 0, 1, 2].map(message).to_vec();
        let (mut client, _) = Fake { messages, page: 3, ..Default::default() }.start().await;
        let (mut out, data, _) = memory(Format::Table);
        show(&mut client, 1, &mut out).await.expect("shown");
        let numbers: Vec<String> = data
            .text()
            .lines()
            .skip(1)
            .filter_map(|line| line.split(' ').next().map(str::to_owned))
            .collect();
        assert_eq!(numbers, ["2", "3"]);
    }

    #[tokio::test]
    async fn a_watch_that_ends_says_where_to_go_on() {
        let messages = [1, 2].map(message).to_vec();
        let (mut client, _) = Fake { messages, page: 9, ..Default::default() }.start().await;
        let (mut out, data, _) = memory(Format::Json);
        let failure = watch(&mut client, 0, &mut out).await.expect_err("it ends");
        assert_eq!(data.text().lines().count(), 2);
        assert_eq!(failure.code, Exit::Unavailable);
        assert_eq!(failure.hint.as_deref(), Some("go on with --after 2"));
    }
}
