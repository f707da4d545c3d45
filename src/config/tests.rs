use super::*;

const GOOD: &str = "authority = \"th.oag\"\n[exchange]\nlisten = \"127.0.0.1:7443\"\n\
                    [agencies]\nlisten = \"127.0.0.1:8443\"\n";

fn parse(text: &str) -> Result<Config, ConfigError> {
    Config::parse(Path::new("/etc/rogatory/rogatory.toml"), text)
}

/// What is wrong with a text, a line each.
fn wrong(text: &str) -> Vec<String> {
    let error = parse(text).expect_err(text);
    for finding in error.findings() {
        assert!(!finding.hint.is_empty(), "{finding}");
    }
    let shown = error.findings().iter().map(Finding::to_string);
    let without = |text: String| text.replace("/etc/rogatory/rogatory.toml:", "");
    shown.map(without).collect()
}

#[test]
fn the_least_configuration_has_every_default() {
    let config = parse(GOOD).expect("valid");
    assert_eq!(config.data, Path::new("/etc/rogatory/data"));
    assert_eq!(config.mark, Path::new("/etc/rogatory/high-water"));
    assert_eq!(config.delivery_window_ms, DELIVERY_WINDOW_DEFAULT_MS);
    assert_eq!((config.retry_first_ms, config.retry_cap_ms, config.suite), (500, 300_000, 1));
    assert_eq!(config.retention, Rules::default(), "nothing is erased unless it is said");
}

#[test]
fn what_is_kept_is_said_by_direction() {
    let text = format!("{GOOD}[retention]\nerase_received_after_days = 3650\n");
    let rules = parse(&text).expect("valid").retention;
    assert_eq!(rules, Rules { sent_ms: None, received_ms: Some(3650 * DAY_MS) });
}

#[test]
fn the_file_that_init_writes_and_the_one_in_deploy_are_sound() {
    let written = include_str!("../home/rogatory.toml.in")
        .replace("@AUTHORITY@", "th.oag")
        .replace("@LISTEN@", "0.0.0.0:7443")
        .replace("@AGENCY_LISTEN@", "127.0.0.1:8443")
        .replace("@PASSPHRASE@", "passphrase_file = \"p\"")
        .replace("@SUITE@", "2");
    let config = parse(&written).expect("valid");
    assert_eq!(config.passphrase_file.as_deref(), Some(Path::new("/etc/rogatory/p")));
    assert_eq!(config.suite, 2);
    // What is commented out there shows the defaults, so it must be valid too.
    let uncommented: Vec<_> = written
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if rest.contains(" = ") => rest,
            _ => line,
        })
        .collect();
    let config = parse(&uncommented.join("\n")).expect("valid");
    assert_eq!(config.retry_cap_ms, 300_000);
    let deployed =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/rogatory.example.toml"));
    assert_eq!(parse(deployed).expect("valid").delivery_window_ms, DELIVERY_WINDOW_DEFAULT_MS);
    let sections = |text: &str| -> Vec<String> {
        text.lines().filter(|line| line.starts_with('[')).map(str::to_owned).collect()
    };
    let template = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/home/rogatory.toml.in"));
    assert_eq!(sections(deployed), sections(template));
}

#[test]
fn no_listener_takes_the_address_of_another() {
    for (text, says) in [
        (
            format!("{GOOD}[witness]\nlisten = \"127.0.0.1:7443\"\n"),
            "7: witness.listen: 127.0.0.1:7443 is taken by exchange.listen = 127.0.0.1:7443",
        ),
        (
            format!("{GOOD}[witness]\nlisten = \"0.0.0.0:8443\"\n"),
            "7: witness.listen: 0.0.0.0:8443 is taken by agencies.listen = 127.0.0.1:8443",
        ),
    ] {
        let wrong = wrong(&text);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].starts_with(says), "{says:?} is not how {:?} begins", wrong[0]);
    }
}

#[test]
fn errors_name_line_key_and_rule() {
    for (text, says) in [
        (GOOD.replace("th.oag", "TH"), "1: authority: "),
        (GOOD.replace("\"th.oag\"", "7"), "1: authority: must be a text"),
        (
            GOOD.replace("127.0.0.1:7443", "localhost"),
            "3: exchange.listen: \"localhost\" is not ADDRESS:PORT",
        ),
        (
            GOOD.replace("7443", "8443"),
            "5: agencies.listen: 127.0.0.1:8443 is taken by exchange.listen = 127.0.0.1:8443",
        ),
        (
            GOOD.replace("127.0.0.1:7443", "0.0.0.0:8443"),
            "5: agencies.listen: 127.0.0.1:8443 is taken by exchange.listen = 0.0.0.0:8443",
        ),
        (
            GOOD.replace("127.0.0.1:7443", "[::]:8443"),
            "5: agencies.listen: 127.0.0.1:8443 is taken by exchange.listen = [::]:8443",
        ),
        (
            format!("{GOOD}endpoint = \"mla.example\"\n"),
            "6: agencies.endpoint: \"mla.example\" is not HOST:PORT",
        ),
        (format!("{GOOD}[store]\nmark = \"data/mark\"\n"), "7: store.mark: lies inside store.data"),
        (format!("{GOOD}[store]\ndata = 7\n"), "7: store.data: must be a text"),
        (format!("{GOOD}[stor]\n"), "6: stor: is not a key"),
        (format!("{GOOD}[trace]\nfitler = \"info\"\n"), "7: trace.fitler: is not a key"),
        (
            format!("{GOOD}[keys]\nsignature_suite = 3\n"),
            "7: keys.signature_suite: must be a whole number from 1 to 2",
        ),
        (
            format!("{GOOD}[delivery]\nwindow_days = 401\n"),
            "7: delivery.window_days: must be a whole number from 1 to 400",
        ),
        (
            format!("{GOOD}[delivery]\nretry_first_ms = 0\n"),
            "7: delivery.retry_first_ms: must be a whole number from 1 to 86400000",
        ),
        (
            format!("{GOOD}[delivery]\nretry_cap_seconds = -1\n"),
            "7: delivery.retry_cap_seconds: must be a whole number from 1 to 86400",
        ),
        (
            format!("{GOOD}[retention]\nerase_sent_after_days = 0\n"),
            "7: retention.erase_sent_after_days: must be a whole number from 1 to 36525",
        ),
        (
            format!("{GOOD}[retention]\nerase_received_after_days = 36526\n"),
            "7: retention.erase_received_after_days: must be a whole number from 1 to 36525",
        ),
        (format!("{GOOD}[retention]\nerase_after_days = 9\n"), "7: retention.erase_after_days: is"),
        (
            format!("{GOOD}[trace]\nfilter = \"inof\"\n"),
            "7: trace.filter: \"inof\" is neither a level nor target=level",
        ),
        (
            format!("{GOOD}[trace]\nfilter = \"rogatory=loud\"\n"),
            "7: trace.filter: \"rogatory=loud\" is no filter",
        ),
        (format!("{GOOD}[trace]\njson = \"yes\"\n"), "7: trace.json: must be true or false"),
        (format!("operator = 1\n{GOOD}"), "1: operator: must be a table"),
    ] {
        let wrong = wrong(&text);
        assert_eq!(wrong.len(), 1, "{wrong:?}");
        assert!(wrong[0].starts_with(says), "{says:?} is not how {:?} begins", wrong[0]);
    }
}

#[test]
fn everything_is_told_at_once() {
    let text = "[exchange]\nlisten = 1\nlister = 2\n[agencies]\n[keys]\nsignature_suite = 0\n";
    let expected = [
        " authority: is missing",
        " agencies.listen: is missing",
        "2: exchange.listen: must be a text",
        "3: exchange.lister: is not a key",
        "6: keys.signature_suite: must be a whole number from 1 to 2",
    ];
    assert_eq!(wrong(text), expected);
}

#[test]
fn every_fault_of_form_is_told() {
    let wrong = wrong("authority = th.oag\n[exchange\nlisten = \"x\"\n");
    assert!(wrong.len() >= 2, "{wrong:?}");
    assert!(wrong[0].starts_with("1: "), "{wrong:?}");
}

#[test]
fn addresses_that_do_not_collide_are_taken() {
    for (nodes, own) in [
        ("127.0.0.1:0", "127.0.0.1:0"),
        ("127.0.0.1:7443", "127.0.0.2:7443"),
        ("0.0.0.0:7443", "0.0.0.0:8443"),
        ("0.0.0.0:7443", "[::1]:7443"),
    ] {
        let text = GOOD.replace("127.0.0.1:7443", nodes).replace("127.0.0.1:8443", own);
        assert!(parse(&text).is_ok(), "{nodes} {own}");
    }
}

#[test]
fn filters_are_levels_and_targets() {
    for good in
        ["info", "DEBUG", "off", "warn,rogatory=debug", "rogatory[span]=trace", "info,h2=off"]
    {
        assert_eq!(check_filter(good), Ok(()), "{good}");
    }
    for bad in ["inof", "warn,rogatory", "=", "rogatory=loud", "info, h2=off"] {
        assert!(check_filter(bad).is_err(), "{bad}");
    }
}

#[test]
fn what_is_wrong_does_not_hide_the_rest_of_the_home() {
    let text = GOOD.replace("th.oag", "TH") + "[store]\ndata = \"d\"\n";
    let (config, findings) = Config::judge(Path::new("/h/rogatory.toml"), &text);
    assert_eq!(config.expect("tables").data, Path::new("/h/d"));
    assert_eq!(findings.len(), 1);
}
