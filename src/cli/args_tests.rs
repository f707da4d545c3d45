use clap::CommandFactory as _;
use clap::error::ErrorKind;

use super::*;

const ID: &str = "01934f3e-0000-7000-8000-000000000001";

fn parse(line: &str) -> Result<Cli, ErrorKind> {
    let words = std::iter::once("rogatory").chain(line.split(' '));
    let words = words.map(|word| if word == "ID" { ID } else { word });
    Cli::try_parse_from(words).map_err(|error| error.kind())
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_says_in_one_line_what_it_does() {
    let mut open = vec![Cli::command()];
    while let Some(command) = open.pop() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        assert!(!about.is_empty() && !about.contains('\n'), "{}: {about:?}", command.get_name());
        assert!(!about.ends_with('.'), "{}: {about:?}", command.get_name());
        open.extend(command.get_subcommands().filter(|c| c.get_name() != "help").cloned());
    }
}

#[test]
fn every_option_says_what_it_is() {
    let mut open = vec![Cli::command()];
    while let Some(command) = open.pop() {
        // The demo has its own file and its own options.
        if command.get_name() == "demo" {
            continue;
        }
        for arg in command.get_arguments() {
            assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
        }
        open.extend(command.get_subcommands().cloned());
    }
}

#[test]
fn these_command_lines_are_taken() {
    for line in [
        "init --authority th.oag --name x --country TH --home h --insecure-plain-keys",
        "init --authority th.oag --name x --home h --passphrase-file p --languages en,th --suite 2",
        "serve --config c",
        "config check --config c",
        "card show --home h",
        "card show f",
        "card export --home h --out f",
        "peer add card --fingerprint a-b --home h",
        "peer --home h list",
        "peer test xb.pps --profile p",
        "agency add desk --roles submit,read --all-cases --days 30 --home h",
        "agency list --output json",
        "status --home h --passphrase-file p",
        "queue",
        "queue hold ID --home h",
        "erase --message ID --reason COURT_ORDER --home h",
        "hold set --message ID --reason ARTICLE_7 --home h",
        "hold --home h release --message ID",
        "hold list --profile p",
        "submit --to xb.pps --request r.toml --evidence a b --case ROG-XA-OAG-2026-000001",
        "submit --to xb.pps --kind status-report --text hello --language fr --expire-days 3",
        "inbox --watch --after 4 --profile p",
        "list --sent --peer xb.pps --state queued",
        "reply ID --decision refuse --ground POLITICAL --text x",
        "reply ID --evidence a --more-to-follow",
        "show ID",
        "fetch ID --out d",
        "confirm ID --fetched d",
        "cancel ID",
        "receipt show ID",
        "receipt save ID --out d",
        "receipt verify f --card c --message ID",
        "audit export --home h --out d",
        "audit verify d --card c --fingerprint f",
        "audit export --home h --out d --without-receipts",
        "audit replay d",
        "audit replay d --card c --message ID --disclosure f",
        "audit replay d --until 41 --dump f",
        "audit replay d --until 2026-11-23T16:28:01Z",
        "audit reconcile a b --card-a c --card-b d --since 2026-11-01 --grace 24h",
        "audit show d 4 17",
        "audit show d --message ID --card c",
        "audit show d --peer xb.pps --event RelayAcceptance --limit 5",
        "audit prove d 17 --out p",
        "audit prove d --old 12",
        "audit stats d --card c",
        "audit compare a b --card c --evidence e",
        "audit anchors --home h --out d --policy p",
        "audit check --home h --bodies",
        "disclose --message ID --message ID --out f --profile p",
        "completions zsh",
        "--output json status --home h",
    ] {
        assert!(parse(line).is_ok(), "{line}: {:?}", parse(line).err());
    }
}

#[test]
fn these_are_refused() {
    use ErrorKind::*;
    for (line, kind) in [
        ("init --authority th.oag --name x --home h", MissingRequiredArgument),
        ("init --authority TH --name x --home h --insecure-plain-keys", ValueValidation),
        (
            "init --authority th.oag --name x --home h --insecure-plain-keys --passphrase-file p",
            ArgumentConflict,
        ),
        ("card show", MissingRequiredArgument),
        ("agency add desk --home h", MissingRequiredArgument),
        ("agency add desk --roles king --home h", InvalidValue),
        ("agency add ../desk --roles read --home h", ValueValidation),
        ("submit --to xb.pps", MissingRequiredArgument),
        ("submit --to xb.pps --text hello", MissingRequiredArgument),
        ("submit --to xb.pps --request r.toml --text hello", ArgumentConflict),
        ("submit --to xb.pps --request r.toml --expire-days 401", ValueValidation),
        ("erase --message ID", MissingRequiredArgument),
        ("erase --message ID --reason because", ValueValidation),
        ("hold set --reason AUDIT", MissingRequiredArgument),
        ("show 1234", ValueValidation),
        ("list --sent --received", ArgumentConflict),
        ("list --state lost", ValueValidation),
        ("receipt verify f", MissingRequiredArgument),
        ("receipt verify f --card c --envelope abc", ValueValidation),
        ("audit replay d --until yesterday", ValueValidation),
        ("audit reconcile a", MissingRequiredArgument),
        ("audit reconcile a b --grace 3x", ValueValidation),
        ("audit show d", MissingRequiredArgument),
        ("audit show d 4 --peer xb.pps", ArgumentConflict),
        ("audit show d --event Nothing", ValueValidation),
        ("audit prove d", MissingRequiredArgument),
        ("audit prove d 4 --old 3", ArgumentConflict),
        ("disclose --out f", MissingRequiredArgument),
        ("nonsense", InvalidSubcommand),
    ] {
        assert_eq!(parse(line).err(), Some(kind), "{line}");
    }
}

#[test]
fn the_long_help_has_the_exit_codes() {
    let help = Cli::command().render_long_help().to_string();
    assert!(help.contains("6   verification failed"), "{help}");
}
