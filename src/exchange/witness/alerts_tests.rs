use super::*;
use crate::exchange::retention::Rules;
use crate::exchange::testing::Lone;

#[test]
fn an_alert_stays_until_it_is_settled() {
    let alerts = Alerts::default();
    let all = || alerts.lock().values().cloned().collect::<Vec<_>>();
    alerts.raise("a", "one".into());
    alerts.raise("b", "two".into());
    alerts.raise("a", "three".into());
    assert_eq!(all(), ["three", "two"]);
    alerts.settle("a");
    alerts.settle("c");
    assert_eq!(all(), ["two"]);
}

#[tokio::test]
async fn a_policy_that_does_not_list_the_log_of_the_new_year_is_told() {
    let mut lone = Lone::new("xa.oag", Rules::default());
    let key = lone.x().card().log_keys()[0].to_string();
    lone.go_by(&format!("log {key}\nquorum none\n"));
    lone.x().log_node(crate::audit::entry::Event::NodeStarted).await.expect("logged");
    assert_eq!(lone.x().witness_alerts(), [""; 0]);
    lone.wait_days(60);
    lone.x().follow_calendar().await.expect("begun").expect("another year");
    let alerts = lone.x().witness_alerts();
    let next = lone.x().card().log_keys_of("xa.oag/log/2027")[0].to_string();
    assert!(matches!(&alerts[..], [one] if one.contains(&format!("`log {next}`"))), "{alerts:?}");
    lone.go_by(&format!("log {next}\nquorum none\n"));
    assert_eq!(lone.x().witness_alerts(), [""; 0]);
    lone.go_by("quorum none\n");
    assert_eq!(
        lone.x().witness_alerts(),
        [""; 0],
        "it leaves to others which log is the right one"
    );
}
