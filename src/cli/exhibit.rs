//! `rogatory exhibit`: one exhibit, shown to belong to a package, without the rest of it.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use serde::{Deserialize, Serialize};
use serde_json::json;
use zeroize::Zeroizing;

use super::connect::{AgencyAccess, AgencyClient};
use super::exit::{Exit, Failure};
use super::files::{read_card, read_long_text, write_new};
use super::out::{Out, Unit};
use super::view;
use crate::card::Card;
use crate::domain::{MessageId, PackageId};
use crate::pb::v1 as pb;
use crate::receipt::exhibit::{ExhibitCheck, ExhibitProof, ShownExhibit};

/// Bytes of the exhibit that are read at once.
const PIECE_BYTES: usize = 256 << 10;
/// The envelope in base64, with room for keys and hashes.
const PROOF_MAX_BYTES: u64 = 2 << 20;
const VERSION: u32 = 1;

/// One exhibit of a package by itself: what proves that it belongs to it, and nothing of the others
#[derive(Args)]
pub(crate) struct ExhibitArgs {
    #[command(subcommand)]
    command: ExhibitCommand,
}

#[derive(Subcommand)]
enum ExhibitCommand {
    /// Writes the proof that an exhibit belongs to the package of a message
    ///
    /// Give it away together with the exhibit, as `rogatory fetch` has written that. It has the keys of
    /// this exhibit and of no other, and the envelope of the message, whose content stays sealed. Of the
    /// other exhibits it tells how many chunks stand before and behind, and what the header says in clear:
    /// how many exhibits and bytes, and which packages.
    Prove {
        #[command(flatten)]
        access: AgencyAccess,
        /// The message
        id: MessageId,
        /// The exhibit: its name in the package
        #[arg(long, value_name = "NAME")]
        exhibit: String,
        /// The package, where the message carries several
        #[arg(long, value_name = "ID")]
        package: Option<PackageId>,
        /// The file of the proof, which must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Checks that a file is the exhibit of a proof; needs no node
    ///
    /// Proven are its bytes, that nothing of it is missing, and whose package it is of: the sender of the
    /// message signed for it. Its name and its custody records stand in the manifest of the package, and
    /// are not proven by this.
    Verify {
        /// The exhibit
        file: PathBuf,
        /// The proof
        #[arg(long, value_name = "FILE")]
        proof: PathBuf,
        /// The card of the authority that sent the message, whose fingerprint you have compared
        #[arg(long, value_name = "FILE")]
        card: PathBuf,
    },
}

/// The file of a proof.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofFile {
    v: u32,
    package: String,
    exhibit: u32,
    first_chunk: u64,
    before: Vec<String>,
    behind: Vec<String>,
    keys: Vec<String>,
    envelope: String,
}

pub(crate) async fn run(args: ExhibitArgs, out: &mut Out) -> Result<(), Failure> {
    match args.command {
        ExhibitCommand::Prove { access, id, exhibit, package, out: file } => {
            let mut client = access.connect(out).await?;
            let package = package_of(&mut client, id, package).await?;
            let number = number_of(&mut client, id, &package, &exhibit).await?;
            let request = pb::GetExhibitProofRequest {
                parent: format!("messages/{id}"),
                package: format!("packages/{package}"),
                exhibit: number,
            };
            let proof = client.get_exhibit_proof(request).await?.into_inner();
            write_new(&file, to_text(&package, &proof)?.as_bytes())?;
            told_proof(&file, &package, &exhibit, number, out);
            Ok(())
        }
        ExhibitCommand::Verify { file, proof, card } => verify(&file, &proof, &card, out),
    }
}

/// The package that is meant, of those that the message carries.
async fn package_of(
    client: &mut AgencyClient,
    id: MessageId,
    package: Option<PackageId>,
) -> Result<String, Failure> {
    if let Some(package) = package {
        return Ok(package.to_string());
    }
    let request = pb::GetMessageRequest { name: format!("messages/{id}") };
    let message = client.get_message(request).await?.into_inner();
    match message.packages.as_slice() {
        [package] => Ok(package.package_id.clone()),
        [] => Err(Failure::new(Exit::NotFound, format!("message {id} carries no package"))),
        several => {
            let ids: Vec<_> = several.iter().map(|package| package.package_id.as_str()).collect();
            let message = format!("message {id} carries {} packages", several.len());
            Err(Failure::new(Exit::Usage, message)
                .hint(format!("name one with --package: {}", ids.join(", "))))
        }
    }
}

/// The number of the exhibit of that name.
async fn number_of(
    client: &mut AgencyClient,
    id: MessageId,
    package: &str,
    name: &str,
) -> Result<u32, Failure> {
    let mut request = pb::ListExhibitsRequest {
        parent: format!("messages/{id}"),
        package: format!("packages/{package}"),
        page_size: 1000,
        page_token: String::new(),
    };
    loop {
        let page = client.list_exhibits(request.clone()).await?.into_inner();
        if let Some(found) = page.exhibits.iter().find(|exhibit| exhibit.original_name == name) {
            return Ok(found.number);
        }
        if page.next_page_token.is_empty() {
            let message = format!("package {package} has no exhibit {name:?}");
            return Err(Failure::new(Exit::NotFound, message)
                .hint("`rogatory fetch` writes the exhibits under their names"));
        }
        request.page_token = page.next_page_token;
    }
}

/// The text of a proof, as it is written.
pub(super) fn to_text(package: &str, proof: &pb::ExhibitProof) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(&to_file(package, proof));
    Ok(text.map_err(anyhow::Error::new)? + "\n")
}

fn to_file(package: &str, proof: &pb::ExhibitProof) -> ProofFile {
    let text = |all: &[bytes::Bytes]| all.iter().map(hex::encode).collect();
    ProofFile {
        v: VERSION,
        package: package.to_owned(),
        exhibit: proof.exhibit,
        first_chunk: proof.first_chunk,
        before: text(&proof.before),
        behind: text(&proof.behind),
        keys: text(&proof.keys),
        envelope: STANDARD.encode(&proof.envelope),
    }
}

/// Reads the file of a proof.
pub(super) fn read_proof(path: &Path) -> Result<ExhibitProof, Failure> {
    let text = Zeroizing::new(read_long_text(path, PROOF_MAX_BYTES)?);
    let bad = |why: String| {
        Failure::bad_file(path, format!("is no proof of an exhibit: {why}"))
            .hint("`rogatory exhibit prove` writes one")
    };
    let file: ProofFile = serde_json::from_str(&text).map_err(|error| bad(error.to_string()))?;
    if file.v != VERSION {
        return Err(bad(format!("v: is {}, and this program reads {VERSION}", file.v)));
    }
    let package = file.package.parse::<PackageId>();
    let envelope = STANDARD.decode(&file.envelope);
    Ok(ExhibitProof {
        envelope: envelope.map_err(|error| bad(format!("envelope: {error}")))?.into(),
        package: package.map_err(|error| bad(format!("package: {error}")))?,
        exhibit: file.exhibit,
        first_chunk: file.first_chunk,
        before: fixed("before", &file.before).map_err(bad)?,
        behind: fixed("behind", &file.behind).map_err(bad)?,
        keys: fixed("keys", &file.keys).map_err(bad)?.into_iter().map(Zeroizing::new).collect(),
    })
}

/// Texts of hexadecimal digits, each of so many bytes.
fn fixed<const N: usize>(field: &str, texts: &[String]) -> Result<Vec<[u8; N]>, String> {
    let one = |(n, text): (usize, &String)| {
        let mut bytes = [0; N];
        let read = hex::decode_to_slice(text, &mut bytes);
        read.map(|()| bytes)
            .map_err(|_| format!("{field}[{n}]: must have {} hexadecimal digits", 2 * N))
    };
    texts.iter().enumerate().map(one).collect()
}

fn verify(path: &Path, proof: &Path, card: &Path, out: &mut Out) -> Result<(), Failure> {
    let (proof, card) = (read_proof(proof)?, read_card(card)?);
    told(&check(path, proof, &card, out)?, &card, out);
    Ok(())
}

/// Checks that a file is the exhibit of a proof, with the card of the message's sender.
pub(super) fn check(
    path: &Path,
    proof: ExhibitProof,
    card: &Card,
    out: &Out,
) -> Result<ShownExhibit, Failure> {
    let failed = |why: String| {
        Failure::new(Exit::VerificationFailed, format!("{}: {why}", path.display()))
            .hint("give the exhibit as it was fetched, its own proof, and the card of the sender")
    };
    let keys = |at| card.signing_keys(at);
    let check = ExhibitCheck::begin(proof, card.authority(), &keys);
    let mut check = check.map_err(|error| failed(error.to_string()))?;
    let unreadable = |e| Failure::file(path, "cannot be read", &e);
    let mut file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    let (bar, mut piece) = (out.progress("checking", size, Unit::Bytes), vec![0; PIECE_BYTES]);
    loop {
        let count = file.read(&mut piece).map_err(unreadable)?;
        if count == 0 {
            break;
        }
        check.push(&piece[..count]).map_err(|error| failed(error.to_string()))?;
        bar.add(count as u64);
    }
    check.finish().map_err(|error| failed(error.to_string()))
}

fn told_proof(path: &Path, package: &str, exhibit: &str, number: u32, out: &mut Out) {
    let fields = [
        ("file", path.display().to_string()),
        ("package", package.to_owned()),
        ("exhibit", format!("{exhibit} ({number})")),
    ];
    let json = json!({
        "file": path,
        "package_id": package,
        "exhibit": exhibit,
        "number": number,
    });
    out.record(&fields, &json);
}

fn told(shown: &ShownExhibit, card: &Card, out: &mut Out) {
    let ShownExhibit { header, package, sha256, bytes, .. } = shown;
    let fields = [
        ("exhibit", "proven".to_owned()),
        ("sha256", hex::encode(sha256)),
        ("size", view::bytes(*bytes)),
        ("package", package.to_string()),
        ("message", header.message.to_string()),
        ("sender", header.sender.to_string()),
        ("recipient", header.recipient.to_string()),
        ("created, as it says", header.created.to_string()),
    ];
    let json = json!({
        "ok": true,
        "sha256": hex::encode(sha256),
        "bytes": bytes,
        "package_id": package.to_string(),
        "message_id": header.message.to_string(),
        "sender": header.sender.as_str(),
        "recipient": header.recipient.as_str(),
        "create_time": header.created.to_string(),
        "card_fingerprint": card.fingerprint().hex(),
    });
    out.record(&fields, &json);
    out.talk(&format!(
        "this rests on the card with the fingerprint {}",
        card.fingerprint().words()
    ));
    out.talk("note: not proven are when it was signed, its name and its custody records");
}
