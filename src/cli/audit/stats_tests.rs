use super::*;
use crate::audit::entry::Event;
use crate::audit::testing::{TestLog, delivery};
use crate::cli::out::{Format, testing::memory};
use crate::cli::testing::export_of;

#[test]
fn counts_and_times_are_told() {
    let mut log = TestLog::new("xa.moj", 1);
    for number in 1..=20 {
        let at = 1_795_000_000_000 + 10_000 * number as i64;
        log.push_at(delivery(Event::RelayAcceptance, "xa.moj", "xb.oag", number), at);
        log.push_at(delivery(Event::ContentConsignment, "xa.moj", "xb.oag", number), at + 1500);
    }
    let dir = tempfile::tempdir().expect("a directory");
    export_of(&log, dir.path());
    let (mut out, data, _) = memory(Format::Json);
    run(StatsArgs { export: ExportDir::of(dir.path()), held: held::HeldArgs::default() }, &mut out)
        .expect("counts");
    let json = data.json();
    assert_eq!((&json["entries"], &json["events"]["RelayAcceptance"]), (&json!(41), &json!(20)));
    let times = &json["times"]["received: acceptance to consignment"];
    assert_eq!((&times["median_ms"], &times["messages"]), (&json!(1500), &json!(20)));
    let (mut out, data, _) = memory(Format::Table);
    run(StatsArgs { export: ExportDir::of(dir.path()), held: held::HeldArgs::default() }, &mut out)
        .expect("counts");
    assert!(data.text().contains("1.5 s"), "{}", data.text());
    assert!(data.text().contains("2026-11: 41"), "{}", data.text());
}
