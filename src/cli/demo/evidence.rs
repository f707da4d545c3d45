//! The evidence of the story: files made up on the spot, the same at every run.
//!
//! They look like what they stand for, and fit what the requests of `examples/` ask for. Nobody
//! in them exists.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use time::Duration;
use time::macros::date;

use crate::crypto::{Digest, Sha256};

/// A file that was made.
pub(super) struct Made {
    /// Its name in the package.
    pub(super) name: &'static str,
    /// As in `text/csv`.
    pub(super) media_type: &'static str,
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its size.
    pub(super) bytes: u64,
    /// What it must still have when it has arrived.
    pub(super) sha256: Digest,
}

const MIB: usize = 1 << 20;

/// What Arkesh has: records of the account, their certificate, and the image of a telephone.
pub(super) fn of_origin(dir: &Path) -> io::Result<Vec<Made>> {
    let image = "telephone/image-of-telephone-0117.bin";
    Ok(vec![
        make(dir, "bank/account-7730.csv", "text/csv", |out| bank_records(out))?,
        make(dir, "bank/certificate.pdf", "application/pdf", |out| out.write_all(&certificate()))?,
        make(dir, image, "application/octet-stream", |out| noise(0x0117, 8 * MIB, out))?,
    ])
}

/// What Belmara has: a recording, the note of who copied it, and the crossings of the van.
pub(super) fn of_transit(dir: &Path) -> io::Result<Vec<Made>> {
    let recording = "cctv/north-ford-lane-2.bin";
    Ok(vec![
        make(dir, recording, "application/octet-stream", |out| noise(0x0413, 24 * MIB, out))?,
        make(dir, "cctv/note-de-l\u{2019}op\u{e9}rateur.txt", "text/plain", |out| {
            out.write_all(OPERATOR_NOTE.as_bytes())
        })?,
        make(dir, "records/crossings-north-ford.csv", "text/csv", |out| crossings(out))?,
    ])
}

fn make(
    dir: &Path,
    name: &'static str,
    media_type: &'static str,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<Made> {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap_or(dir))?;
    let mut out = Hashing { file: File::create(&path)?, hash: Sha256::new(), bytes: 0 };
    let mut buffered = BufWriter::with_capacity(MIB, &mut out);
    write(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    Ok(Made { name, media_type, path, bytes: out.bytes, sha256: out.hash.finish() })
}

/// Writes and hashes in one pass.
struct Hashing {
    file: File,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// The 27 transfers that the request speaks of.
fn bank_records(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "number,booked,value_date,from_account_ending,amount_eur,purpose")?;
    for number in 0..27_i64 {
        let value = date!(2025 - 12 - 03) + Duration::days(number * 176 / 26);
        let (amount, cents) = (600 + number * 173 % 501, number * 37 % 100);
        let from = 4100 + number * 7 % 3;
        let purpose = if number % 4 == 0 { "consulting" } else { "services" };
        writeln!(out, "{},{value},{value},{from},{amount}.{cents:02},{purpose}", number + 1)?;
    }
    Ok(())
}

/// The night after each arrival.
fn crossings(out: &mut dyn Write) -> io::Result<()> {
    let arrivals = [
        (date!(2025 - 11 - 24), 3),
        (date!(2026 - 01 - 09), 4),
        (date!(2026 - 02 - 06), 3),
        (date!(2026 - 03 - 07), 3),
        (date!(2026 - 04 - 12), 6),
    ];
    writeln!(out, "date,time,lane,direction,vehicle,driver,travellers")?;
    for (arrival, travellers) in arrivals {
        let night = arrival + Duration::days(1);
        let minute = travellers * 7 + i64::from(arrival.day());
        writeln!(out, "{night},23:{minute:02},2,to Corvane,exhibit 2,DRIVER-1,{travellers}")?;
    }
    Ok(())
}

const OPERATOR_NOTE: &str = "\
Poste de North Ford, voie 2. Enregistrement du 13 avril 2026, 22 h 00, au 14 avril 2026, 05 h 00.\n\
Horloge du syst\u{e8}me : en avance de 41 secondes sur l\u{2019}heure l\u{e9}gale, \
v\u{e9}rifi\u{e9} le jour de la copie.\n\
Copie int\u{e9}grale, au format d\u{2019}origine, par l\u{2019}op\u{e9}rateur de service, sans \
l\u{2019}aide du personnel du poste.\n";

/// A page of text as PDF 1.4, so that readers show it.
fn certificate() -> Vec<u8> {
    let lines = [
        "CERTIFICATE OF TRUE COPY",
        "The records in account-7730.csv are a true copy of records that this bank keeps",
        "in the ordinary course of business. They show 27 transfers to the account.",
        "Compliance officer of the bank, capital of Arkesh, 18 November 2026",
    ];
    let text: String = lines.iter().map(|line| format!("({line}) Tj T* ")).collect();
    let page = format!("BT /F1 11 Tf 16 TL 60 760 Td {text}ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{page}\nendstream", page.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut pdf = String::from("%PDF-1.4\n");
    let mut table = String::from("0000000000 65535 f \n");
    for (number, object) in (1..).zip(&objects) {
        table.push_str(&format!("{:010} 00000 n \n", pdf.len()));
        pdf.push_str(&format!("{number} 0 obj\n{object}\nendobj\n"));
    }
    let (start, size) = (pdf.len(), objects.len() + 1);
    pdf.push_str(&format!("xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\n"));
    pdf.push_str(&format!("startxref\n{start}\n%%EOF\n"));
    pdf.into_bytes()
}

/// Bytes that nothing compresses, as those of images and recordings (xorshift64*).
fn noise(seed: u64, bytes: usize, out: &mut dyn Write) -> io::Result<()> {
    let mut state = seed;
    for _ in 0..bytes / 8 {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        out.write_all(&state.wrapping_mul(0x2545_f491_4f6c_dd1d).to_le_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_are_those_that_the_requests_speak_of() {
        let mut csv = Vec::new();
        bank_records(&mut csv).expect("written");
        let csv = String::from_utf8(csv).expect("text");
        let rows: Vec<&str> = csv.lines().skip(1).collect();
        assert_eq!(rows.len(), 27);
        assert!(rows[0].contains(",2025-12-03,") && rows[26].contains(",2026-05-28,"), "{csv}");
        for row in rows {
            let amount: f64 = row.split(',').nth(4).expect("a field").parse().expect("a number");
            assert!((600.0..=1101.0).contains(&amount), "{row}");
        }
        let mut csv = Vec::new();
        crossings(&mut csv).expect("written");
        let csv = String::from_utf8(csv).expect("text");
        let travellers =
            csv.lines().skip(1).filter_map(|row| row.rsplit(',').next()?.parse::<u32>().ok());
        assert_eq!(travellers.sum::<u32>(), 19, "as many as were recruited in Arkesh");
        let minutes = csv.lines().skip(1).filter_map(|row| row.get(14..16)?.parse().ok());
        assert!(minutes.into_iter().all(|minute: u32| minute < 60), "{csv}");
    }

    #[test]
    fn the_cross_reference_table_of_the_certificate_is_right() {
        let pdf = String::from_utf8(certificate()).expect("ASCII");
        let start = pdf.lines().rev().nth(1).and_then(|line| line.parse().ok()).expect("a number");
        let table = &pdf[start..];
        assert!(table.starts_with("xref\n"));
        for (number, line) in table.lines().skip(3).take(5).enumerate() {
            let at: usize = line[..10].parse().expect("a number");
            assert!(pdf[at..].starts_with(&format!("{} 0 obj", number + 1)), "object {number}");
        }
    }

    #[test]
    fn what_is_made_is_what_is_hashed_and_the_same_again() {
        let dir = tempfile::tempdir().expect("made");
        let first = of_origin(dir.path()).expect("written");
        for made in &first {
            let bytes = fs::read(&made.path).expect("there");
            assert_eq!(made.sha256, crate::crypto::sha256(&bytes), "{}", made.name);
            assert_eq!(made.bytes, bytes.len() as u64);
        }
        let again = of_origin(dir.path()).expect("written");
        assert!(first.iter().zip(&again).all(|(a, b)| a.sha256 == b.sha256));
    }
}
