//! `rogatory status`.

use clap::Args;

use super::connect::OperatorAccess;
use super::exit::Failure;
use super::out::Out;
use super::view;
use crate::pb::v1 as pb;
use crate::pb::v1::operator_service_client::OperatorServiceClient;

/// Says how the node is: its log, its peers, what waits
#[derive(Args)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    access: OperatorAccess,
}

pub(crate) async fn run(args: StatusArgs, out: &mut Out) -> Result<(), Failure> {
    let ask = async |channel, _: &mut Out| {
        let mut client = OperatorServiceClient::new(channel);
        Ok(client.get_status(pb::GetStatusRequest {}).await?.into_inner())
    };
    let status = args.access.at(out, ask).await?;
    print(&status, out);
    Ok(())
}

fn print(status: &pb::Status, out: &mut Out) {
    let memory = match status.resident_bytes {
        0 => String::new(),
        count => view::bytes(count),
    };
    let fields = [
        ("authority", status.authority.clone()),
        ("software", status.software.clone()),
        ("since", status.start_time.clone()),
        ("log", format!("{}, {} entries", status.log_origin, status.log_size)),
        ("log root", status.log_root.clone()),
        ("state digest", replayed(status)),
        ("queued", status.queued.to_string()),
        ("unopened", status.unopened.to_string()),
        ("overdue", overdue(status)),
        ("for nodes", status.exchange_address.clone()),
        ("for agencies", status.agency_address.clone()),
        ("memory", memory),
    ];
    out.record(&fields, &view::status(status));
    if !out.is_json() && !status.peers.is_empty() {
        out.data("");
        let header =
            ["peer", "link", "queued", "log size", "clock", "our card", "reconciled", "trouble"];
        out.list(&header, &status.peers, peer_row, |_| serde_json::Value::Null);
    }
    for warning in &status.warnings {
        out.talk(&format!("warning: {warning}"));
    }
}

/// What the log leads to, and as of which size where that is not the newest.
fn replayed(status: &pb::Status) -> String {
    match &status.replayed {
        None => "the log is being replayed: ask again".to_owned(),
        Some(state) if state.size == status.log_size => state.state_digest.clone(),
        Some(state) => format!("{}, as of {} entries", state.state_digest, state.size),
    }
}

/// Duties in requests whose time is used up, and whose they are.
fn overdue(status: &pb::Status) -> String {
    format!("{} of this authority, {} of peers", status.overdue_ours, status.overdue_peers)
}

/// When both logs were compared last, and what was wrong.
fn reconciled(peer: &pb::PeerStatus) -> String {
    match (peer.reconcile_time.as_str(), peer.reconcile_code.as_str()) {
        ("", _) => "never".to_owned(),
        (at, "") => at.to_owned(),
        (at, code) => format!("{code}, {at}"),
    }
}

fn peer_row(peer: &pb::PeerStatus) -> Vec<String> {
    vec![
        peer.authority.clone(),
        if peer.connected { "up" } else { "down" }.to_owned(),
        peer.queued.to_string(),
        peer.log_size.to_string(),
        format!("{:+} ms", peer.clock_offset_ms),
        match peer.card_version {
            0 => String::new(),
            version => version.to_string(),
        },
        reconciled(peer),
        peer.trouble.clone(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};

    fn status() -> pb::Status {
        let peer = pb::PeerStatus { authority: "xb.pps".into(), ..Default::default() };
        let warnings = vec!["the card ends soon".to_owned()];
        let authority = "xa.oag".to_owned();
        pb::Status { authority, peers: vec![peer], warnings, ..Default::default() }
    }

    #[test]
    fn people_get_tables_and_the_warnings_beside_them() {
        let (mut out, data, talk) = memory(Format::Table);
        print(&status(), &mut out);
        assert!(data.text().starts_with("authority     xa.oag\n"), "{}", data.text());
        assert!(data.text().contains("xb.pps  down"), "{}", data.text());
        assert_eq!(talk.text(), "warning: the card ends soon\n");
    }

    #[test]
    fn a_state_digest_is_told_with_its_size_where_the_log_has_gone_on() {
        let state = |size| pb::Status {
            log_size: 9,
            replayed: Some(pb::ReplayedState {
                size,
                state_digest: "ab".into(),
                ..Default::default()
            }),
            ..status()
        };
        assert_eq!(replayed(&state(9)), "ab");
        assert_eq!(replayed(&state(7)), "ab, as of 7 entries");
        assert!(replayed(&status()).contains("being replayed"));
    }

    #[test]
    fn programs_get_one_object() {
        let (mut out, data, _) = memory(Format::Json);
        print(&status(), &mut out);
        assert_eq!(data.json()["peers"][0]["authority"], "xb.pps");
        assert_eq!(data.json()["warnings"][0], "the card ends soon");
    }
}
