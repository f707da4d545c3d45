//! The custody records of a package as a table: `metadata/custody.csv`.

use std::io::{self, Write};

use super::listed;
use crate::cli::connect::AgencyClient;
use crate::cli::evidence::Came;
use crate::cli::exit::{Exit, Failure};
use crate::domain::MessageId;
use crate::domain::custody::CustodyRecord;
use crate::envelope::wire::custody_from_pb;
use crate::pb::v1 as pb;

/// The columns, in their order.
const COLUMNS: [&str; 18] = [
    "exhibit",
    "name",
    "sha256",
    "record",
    "action",
    "at",
    "by_name",
    "by_organisation",
    "to_name",
    "to_organisation",
    "place",
    "reason",
    "tool_name",
    "tool_version",
    "seals",
    "digest",
    "digest_is_sealed",
    "note",
];

/// What came with a message, by the names of the exhibits: their digests and custody records, as the node
/// has verified and keeps them.
pub(in crate::cli) async fn custody_of(
    client: &mut AgencyClient,
    id: MessageId,
) -> Result<Came, Failure> {
    let (_, packages) = listed(client, id).await?;
    let mut came = Came::new();
    for exhibit in packages.into_iter().flat_map(|(_, exhibits)| exhibits) {
        let records = exhibit.custody.iter().map(read).collect::<io::Result<Vec<_>>>();
        let records = records.map_err(|error| {
            let message = format!("{}: {error}", exhibit.original_name);
            Failure::new(Exit::VerificationFailed, message)
        })?;
        came.entry(exhibit.original_name).or_default().push((exhibit.sha256, records));
    }
    Ok(came)
}

/// Writes a row for each custody record of the exhibits (RFC 4180).
pub(super) fn write_csv(out: &mut dyn Write, exhibits: &[pb::Exhibit]) -> io::Result<()> {
    row(out, COLUMNS)?;
    for exhibit in exhibits {
        for (number, record) in exhibit.custody.iter().enumerate() {
            let record = read(record)?;
            write_record(out, exhibit, number, &record)?;
        }
    }
    Ok(())
}

/// A record that the node gave; what is none was found when the exhibits were listed.
pub(super) fn read(record: &pb::CustodyRecord) -> io::Result<CustodyRecord> {
    custody_from_pb(record.clone()).map_err(|error| io::Error::other(error.to_string()))
}

fn write_record(
    out: &mut dyn Write,
    exhibit: &pb::Exhibit,
    number: usize,
    record: &CustodyRecord,
) -> io::Result<()> {
    let (to_name, to_organisation) =
        record.to.as_ref().map_or(("", ""), |to| (&to.name, &to.organisation));
    let (tool, version) = record.tool.as_ref().map_or(("", ""), |tool| (&tool.name, &tool.version));
    let is_sealed = match (record.digest.as_str(), exhibit.sha256.as_str()) {
        ("", _) => "",
        (then, sealed) if then == sealed => "yes",
        _ => "no",
    };
    let cells = [
        &exhibit.number.to_string(),
        &exhibit.original_name,
        &exhibit.sha256,
        &number.to_string(),
        record.action.as_str(),
        &record.at.to_string(),
        &record.by.name,
        &record.by.organisation,
        to_name,
        to_organisation,
        &record.place,
        &record.reason,
        tool,
        version,
        &record.seals.join("; "),
        &record.digest,
        is_sealed,
        &record.note,
    ];
    row(out, cells)
}

fn row(out: &mut dyn Write, cells: [&str; COLUMNS.len()]) -> io::Result<()> {
    let cells: Vec<String> = cells.into_iter().map(cell).collect();
    write!(out, "{}\r\n", cells.join(","))
}

/// What begins a formula, also in full width.
const FORMULA: [char; 10] =
    ['=', '+', '-', '@', '\t', '\r', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A cell, in quotes where it needs them. What a spreadsheet would take for a formula has an apostrophe
/// in front, which makes it text there. Behind a semicolon, too: where the comma is the decimal sign, it
/// parts columns.
fn cell(text: &str) -> String {
    let text = text.split(';').map(as_text).collect::<Vec<_>>().join(";");
    match text.contains([',', '"', '\r', '\n']) || text.trim() != text {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text,
    }
}

fn as_text(part: &str) -> String {
    let (blank, rest) = part.split_at(part.len() - part.trim_start_matches(' ').len());
    if rest.starts_with(FORMULA) { format!("{blank}'{rest}") } else { part.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::fetch::tests::{exhibit, held};

    #[test]
    fn each_record_has_a_row() {
        let mut csv = Vec::new();
        let mut one = exhibit(0, "=cmd, \"x\".txt", b"one").0;
        one.custody = held(&one.sha256);
        let none = exhibit(1, "none.txt", b"two").0;
        write_csv(&mut csv, &[one.clone(), none]).expect("written");
        let csv = String::from_utf8(csv).expect("text");
        let rows: Vec<&str> = csv.split_terminator("\r\n").collect();
        assert_eq!(rows.len(), 3, "{csv}");
        assert_eq!(rows[0], COLUMNS.join(","));
        let name = "\"'=cmd, \"\"x\"\".txt\"";
        assert!(rows[1].starts_with(&format!("0,{name},{},0,transferred,", one.sha256)), "{csv}");
        assert!(rows[2].contains(",yes,'-1 degree"), "{csv}");
        assert_eq!(rows[1].matches(',').count(), COLUMNS.len(), "one of them is in the name");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (text, written) in [
            ("=1+1", "'=1+1"),
            ("+49", "'+49"),
            ("-1", "'-1"),
            ("@x", "'@x"),
            ("\tx", "'\tx"),
            ("\rx", "\"'\rx\""),
            ("a;=1+1", "a;'=1+1"),
            ("A-1; =x", "A-1; '=x"),
            (" =1", "\" '=1\""),
            ("\u{ff1d}1", "'\u{ff1d}1"),
            ("plain", "plain"),
            ("a\"b", "\"a\"\"b\""),
            (" x", "\" x\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), written, "{text:?}");
        }
    }
}
