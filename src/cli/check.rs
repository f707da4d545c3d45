//! `rogatory check`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::connect::AgencyAccess;
use super::exit::{Exit, Failure};
use super::files::{read_card, read_text};
use super::out::Out;
use super::refusal::in_file;
use super::send;
use super::submit::read_content;
use crate::card::{Card, CardEdit};
use crate::domain::nearest::with_nearest;
use crate::domain::request::{Annex, Content, Finding, Severity, Target};
use crate::domain::{AuthorityId, MessageKind, Profile};
use crate::envelope::wire::content_to_pb;
use crate::pb::v1 as pb;

/// Says what a request lacks before it is sent, and what to do about it
///
/// It is checked against the instruments that it names, and against what the authority that it
/// goes to publishes: with --to your node's directory is asked, with --card a card that you have.
/// Without either only the instruments count, and no node is needed. Nothing is sent or logged.
///
///   rogatory check request.toml --to xb.pps
///   rogatory check request.toml --card xb.pps.card
///
/// It ends with 3 where something must be mended. Other kinds of message are checked alike.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The request, or another message: a .json or .toml file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The authority that it is to go to, as in xb.pps: your node is asked
    #[arg(long, value_name = "AUTHORITY", conflicts_with_all = ["card", "asks"])]
    to: Option<AuthorityId>,
    /// The card of the authority that it is to go to: no node is needed
    #[arg(long, value_name = "CARD")]
    card: Option<PathBuf>,
    /// What that authority asks of requests: a .json or .toml file as docs/request.md has it
    #[arg(long, value_name = "ASKS")]
    asks: Option<PathBuf>,
    /// The kind of message, where the file does not say it
    #[arg(long, value_parser = send::kind)]
    kind: Option<MessageKind>,
}

/// What was found, and how much more.
struct Checked {
    findings: Vec<pb::Finding>,
    left_off: u32,
}

pub(crate) async fn run(args: CheckArgs, out: &mut Out) -> Result<(), Failure> {
    let mut content =
        read_content(&args.file).map_err(|failure| another_file(&args.file).unwrap_or(failure))?;
    content.kind = args.kind.unwrap_or(content.kind);
    let checked = match &args.to {
        Some(to) => at_the_node(&args.access, to, &content, out).await?,
        None => here(&args, &content)?,
    };
    tell(&args.file, &content, &checked, out)
}

async fn at_the_node(
    access: &AgencyAccess,
    to: &AuthorityId,
    content: &Content,
    out: &mut Out,
) -> Result<Checked, Failure> {
    let request = pb::CheckContentRequest {
        recipient: to.to_string(),
        content: Some(content_to_pb(content)),
    };
    let answer = access.connect(out).await?.check_content(request).await?.into_inner();
    Ok(Checked { findings: answer.findings, left_off: answer.left_off })
}

fn here(args: &CheckArgs, content: &Content) -> Result<Checked, Failure> {
    let card = args.card.as_deref().map(read_card).transpose()?;
    let asks = args.asks.as_deref().map(read_profile).transpose()?;
    let body = card.as_ref().map(|card| card.body());
    let target = Target {
        sender: None,
        languages: body.map_or(&[], |body| &body.languages),
        functions: body.map_or(&[], |body| &body.functions),
        profile: asks.as_ref().or_else(|| card.as_ref().and_then(|card| card.profile())),
    };
    let findings = content.check_for(&target).into_iter().map(as_answered).collect();
    Ok(Checked { findings, left_off: 0 })
}

/// What a file is that is no message, and the command that takes it; `None` where that cannot be told.
fn another_file(file: &Path) -> Option<Failure> {
    let text = Zeroizing::new(read_text(file).ok()?);
    let is_json = file.extension().is_some_and(|ending| ending == "json");
    let annex = || if is_json { Annex::from_json(&text) } else { Annex::from_toml(&text) };
    let (is, hint) = if Card::parse(&text).is_ok() {
        ("is the card of an authority, and no message", CHECKS_WITH_CARD)
    } else if annex().is_ok() {
        ("is an annex for officials, and no message", SEALS_ANNEX)
    } else if CardEdit::parse(&text).is_ok() {
        ("is a file of changes of a card, and no message", PUBLISHES_CARD)
    } else if read_profile(file).is_ok() {
        ("is what an authority asks of requests, and no message", CHECKS_WITH_ASKS)
    } else {
        return None;
    };
    Some(Failure::bad_file(file, is).hint(hint))
}

const CHECKS_WITH_CARD: &str = "`rogatory check REQUEST --card CARD` checks a request against it, and \
                                `rogatory card show CARD` shows it";
const SEALS_ANNEX: &str = "`rogatory submit` and `rogatory reply` check and seal it: give it with \
                           --annex, and its readers with --for";
const PUBLISHES_CARD: &str = "`rogatory card publish FILE --home DIR` takes it";
const CHECKS_WITH_ASKS: &str = "`rogatory check REQUEST --asks ASKS` checks a request against it";

/// Reads what an authority asks of requests.
fn read_profile(file: &Path) -> Result<Profile, Failure> {
    let text = read_text(file)?;
    let profile: Profile = match file.extension().and_then(|ending| ending.to_str()) {
        Some("json") => {
            let bad = |e: serde_json::Error| bad_word(file, &e.to_string());
            serde_json::from_str(&text).map_err(bad)?
        }
        Some("toml") => toml::from_str(&text).map_err(|e| bad_word(file, e.message()))?,
        _ => {
            return Err(Failure::bad_file(file, "has a name that ends in neither .json nor .toml"));
        }
    };
    profile.check().map_err(|error| Failure::bad_file(file, error))?;
    Ok(profile)
}

fn bad_word(file: &Path, problem: &str) -> Failure {
    Failure::bad_file(file, with_nearest(problem))
}

/// A finding as a node would answer it.
fn as_answered(found: Finding) -> pb::Finding {
    let severity = match found.severity {
        Severity::Warning => pb::FindingSeverity::Warning,
        Severity::Error => pb::FindingSeverity::Error,
    };
    pb::Finding {
        instrument: found.instrument,
        paragraph: found.paragraph,
        need: found.need.to_string(),
        field: found.field,
        severity: severity as i32,
        message: found.message,
        explanation: found.explanation,
    }
}

fn tell(file: &Path, content: &Content, checked: &Checked, out: &mut Out) -> Result<(), Failure> {
    let findings = &checked.findings;
    let is_error = |one: &&pb::Finding| one.severity() == pb::FindingSeverity::Error;
    let errors = findings.iter().filter(is_error).count();
    let warnings = findings.len() - errors;
    if out.is_json() {
        out.json(&json!({
            "kind": content.kind.as_str(),
            "errors": errors,
            "warnings": warnings,
            "left_off": checked.left_off,
            "findings": findings.iter().map(finding_json).collect::<Vec<_>>(),
        }));
    } else {
        findings.iter().for_each(|one| out.data(&for_people(one, out)));
    }
    if checked.left_off > 0 {
        out.talk(&format!("note: {} more are not shown", checked.left_off));
    }
    let sum = format!("{}, {}", errors_told(errors), warnings_told(warnings));
    if errors > 0 {
        let message = format!("{}: {sum}", file.display());
        let hint = "mend the errors; docs/request.md has every field";
        return Err(Failure::new(Exit::BadInput, message).hint(hint));
    }
    out.talk(&format!("note: {}: {sum}: it may be sent", file.display()));
    Ok(())
}

/// A finding for programs.
pub(crate) fn finding_json(one: &pb::Finding) -> Value {
    json!({
        "instrument": one.instrument,
        "paragraph": one.paragraph,
        "need": one.need,
        "field": in_file(&one.field),
        "severity": severity(one),
        "message": one.message,
        "explanation": one.explanation,
    })
}

fn severity(one: &pb::Finding) -> &'static str {
    match one.severity() {
        pb::FindingSeverity::Error => Severity::Error.as_str(),
        pb::FindingSeverity::Warning | pb::FindingSeverity::Unspecified => {
            Severity::Warning.as_str()
        }
    }
}

/// What is wrong, which rule it is, and what to do.
fn for_people(one: &pb::Finding, out: &Out) -> String {
    let (severity, message) = (out.told(severity(one)), out.told(&one.message));
    let head = format!("{severity}: {}: {message}", in_file(&one.field));
    let why = format!("{}: {}", one.paragraph, out.told(&one.explanation));
    let why: Vec<String> = wrapped(&why).into_iter().map(|line| format!("  {line}")).collect();
    format!("{head}\n{}\n", why.join("\n"))
}

/// Lines of [`WIDTH`] characters at most, unless one word is longer.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn errors_told(number: usize) -> String {
    match number {
        0 => "no errors".to_owned(),
        1 => "1 error".to_owned(),
        more => format!("{more} errors"),
    }
}

fn warnings_told(number: usize) -> String {
    match number {
        0 => "no warnings".to_owned(),
        1 => "1 warning".to_owned(),
        more => format!("{more} warnings"),
    }
}

/// Characters of a line of an explanation: what is read without losing the line.
const WIDTH: usize = 90;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explanations_are_wrapped_between_words() {
        let text = format!("{} {}", "word ".repeat(40).trim(), "x".repeat(120));
        let lines = wrapped(&text);
        assert!(lines.iter().take(lines.len() - 1).all(|line| line.chars().count() <= WIDTH));
        assert_eq!(lines.join(" "), text);
        assert_eq!(wrapped(" "), Vec::<String>::new());
    }

    #[test]
    fn a_file_that_is_no_message_is_told_with_the_command_that_takes_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let told = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            another_file(&path).map(|failure| (failure.message, failure.hint.unwrap_or_default()))
        };
        let annex = "[[persons]]\nref = \"V-7F3A\"\n[[persons.names]]\ntext = \"N\"";
        for (name, text, is, takes) in [
            ("a.toml", annex, "an annex", "--annex"),
            ("b.toml", "endpoint = \"x:1\"", "changes of a card", "card publish"),
            ("c.toml", "undertakings = [\"specialty\"]", "asks of requests", "--asks"),
        ] {
            let (message, hint) = told(name, text).expect(name);
            assert!(message.contains(is) && hint.contains(takes), "{message} {hint}");
        }
        assert_eq!(told("d.toml", "subjekt = 1"), None);
    }

    #[test]
    fn a_profile_is_read_by_its_ending_and_its_rules_are_held() {
        let dir = tempfile::tempdir().expect("a directory");
        let read = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, text).expect("written");
            read_profile(&path)
        };
        let good = read("a.toml", "undertakings = [\"specialty\"]").expect("a profile");
        assert_eq!(good.undertakings.len(), 1);
        assert_eq!(read("b.json", "{}").expect("silent"), Profile::default());
        for (name, text, told) in [
            ("c.toml", "undertaking = []", "did you mean `undertakings`?"),
            ("d.json", "{", "EOF"),
            ("e.txt", "", ".json nor .toml"),
            ("f.toml", "[thresholds]\nmin_penalty_months = 0", "thresholds.min_penalty_months"),
        ] {
            let failure = read(name, text).expect_err(name);
            assert_eq!(failure.code, Exit::BadInput);
            assert!(failure.message.contains(told), "{failure}");
        }
    }
}
