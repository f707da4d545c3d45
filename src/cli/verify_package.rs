//! `rogatory verify-package`: all that can be said of a container or a fetched directory without a
//! node.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};

use super::container::{Container, KEEP_IT, Signature, Stamp};
use super::exit::{Exit, Failure};
use super::fetch::{Directory, RECEIPTS, Said, Tree};
use super::out::{Out, Unit};
use super::pack::certificates;
use super::view;
use crate::crypto::{Certificate, sha256};
use crate::node::now;
use crate::receipt::Receipt;

/// Checks a container, or what was fetched into a directory, offline
///
/// The structure of the file, the digest of everything in it, the bags, the signature, the
/// time-stamp if it has one, and the form of the receipts:
///
///   rogatory verify-package case-42-1.asice --ca agencies.pem
///
/// What proves that a receipt is true is the card of its issuer: `rogatory receipt verify`.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct VerifyPackageArgs {
    /// The container, or the directory that `rogatory fetch` wrote
    #[arg(value_name = "FILE")]
    pub(crate) path: PathBuf,
    /// The certificates that the signer's must lead to, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,
    /// The certificates that the time-stamp's signer must lead to, in PEM
    #[arg(long, value_name = "FILE")]
    pub(crate) tsa_ca: Option<PathBuf>,
}

pub(crate) fn run(args: VerifyPackageArgs, out: &mut Out) -> Result<(), Failure> {
    let roots = |path: &Option<PathBuf>| path.as_deref().map(certificates).transpose();
    let (ca, tsa_ca) = (roots(&args.ca)?, roots(&args.tsa_ca)?);
    let data = args.path.metadata();
    let data = data.map_err(|e| Failure::file(&args.path, "cannot be read", &e))?;
    if data.is_dir() {
        if ca.is_some() || tsa_ca.is_some() {
            let message = format!("{}: a directory has no signature", args.path.display());
            let hint = "leave out --ca and --tsa-ca, or name a container";
            return Err(Failure::new(Exit::Usage, message).hint(hint));
        }
        let directory = Directory(args.path.clone());
        let (said, receipts) = checked(&directory, out)?;
        print("directory", &args.path, &said, receipts, None, out);
        return Ok(());
    }
    let container = Container::open(&args.path, out)?;
    let (said, receipts) = checked(&container, out)?;
    if container.top() != said.message_id.to_string() {
        let message = format!(
            "{}: its directory {} is not named after its message",
            args.path.display(),
            container.top()
        );
        return Err(Failure::new(Exit::VerificationFailed, message).hint(KEEP_IT));
    }
    let vouched = vouched(&container, ca.as_deref(), tsa_ca.as_deref())?;
    print("container", &args.path, &said, receipts, Some(&vouched), out);
    Ok(())
}

/// What stands for a container.
struct Vouched {
    files: usize,
    bytes: u64,
    signature: Signature,
    /// Whether the certificate was checked.
    trusted: bool,
    stamp: Option<Stamp>,
}

/// The signature and the time-stamp. The certificate must have been valid when the time-stamp was
/// issued, if that is verified, and otherwise must be now: the signer's own clock proves nothing.
fn vouched(
    container: &Container,
    ca: Option<&[Certificate]>,
    tsa_ca: Option<&[Certificate]>,
) -> Result<Vouched, Failure> {
    let signature = container.signature()?;
    let stamp = container.stamp(tsa_ca)?;
    if stamp.is_none() && tsa_ca.is_some() {
        let message = format!("{}: it has no time-stamp", container.path().display());
        return Err(Failure::new(Exit::VerificationFailed, message).hint("leave out --tsa-ca"));
    }
    if let Some(ca) = ca {
        let stamped = stamp.as_ref().filter(|stamp| stamp.issuer.is_some());
        container.trusted(&signature, ca, stamped.map_or_else(now, |stamp| stamp.at))?;
    }
    Ok(Vouched {
        files: container.files(),
        bytes: container.bytes(),
        signature,
        trusted: ca.is_some(),
        stamp,
    })
}

/// The bags, the message, and the receipts, which must be about it; gives how many those are.
fn checked(tree: &dyn Tree, out: &Out) -> Result<(Said, usize), Failure> {
    let said = Said::read(tree)?;
    let progress = out.progress("checking", said.bytes(), Unit::Bytes);
    let hint = match tree.is_closed() {
        true => KEEP_IT,
        false => "keep these files apart, and fetch the message again",
    };
    said.check(tree, &progress).map_err(|failure| failure.hint(hint))?;
    let names = tree.names_below(RECEIPTS)?;
    for name in &names {
        let path = format!("{RECEIPTS}/{name}");
        let fault = |what: &str| {
            let message = format!("{} {what}", tree.shown(&path));
            Failure::new(Exit::VerificationFailed, message).hint(hint)
        };
        let bytes = tree.read(&path).map_err(|e| fault(&format!("cannot be read: {e}")))?;
        let text = String::from_utf8(bytes).map_err(|_| fault("is not UTF-8"))?;
        let receipt = Receipt::parse(&text).map_err(|e| fault(&format!("is none: {e}")))?;
        let entry = &receipt.facts().entry;
        let envelope = entry.envelope.map(hex::encode);
        let other = envelope.is_some_and(|digest| digest != said.envelope_digest);
        if other || entry.message != Some(said.message_id) {
            return Err(fault("is about another message"));
        }
        receipt.is_included().map_err(|e| fault(&format!("proves nothing: {e}")))?;
    }
    Ok((said, names.len()))
}

const UNTRUSTED: &str = "not checked: --ca FILE says whom it must lead to";

fn print(
    what: &'static str,
    path: &Path,
    said: &Said,
    receipts: usize,
    vouched: Option<&Vouched>,
    out: &mut Out,
) {
    let shown = path.display().to_string();
    let packages = said.packages().count();
    let mut fields = vec![
        (what, shown.clone()),
        ("message", said.message_id.to_string()),
        ("envelope", said.envelope_digest.clone()),
        ("packages", packages.to_string()),
        ("exhibits", format!("{}, all as the message lists them", said.exhibits())),
        ("size", view::bytes(said.bytes())),
        ("receipts", receipts.to_string()),
    ];
    fields.extend(vouched.into_iter().flat_map(Vouched::fields));
    let mut json = json!({
        (what): shown,
        "message_id": said.message_id,
        "envelope_digest": said.envelope_digest,
        "packages": said.packages().collect::<Vec<_>>(),
        "exhibits": said.exhibits(),
        "bytes": said.bytes(),
        "receipts": receipts,
    });
    if let Some(vouched) = vouched {
        json["files"] = json!(vouched.files);
        json["container_bytes"] = json!(vouched.bytes);
        json["signature"] = vouched.signature_json();
        json["time_stamp"] = vouched.stamp_json();
    }
    out.record(&fields, &json);
    if receipts > 0 {
        out.talk(
            "note: the receipts are of the right form, and about this message: `rogatory receipt \
             verify` proves each with the card of its issuer",
        );
    }
}

impl Vouched {
    fn fields(&self) -> Vec<(&'static str, String)> {
        let Signature { signer, at, .. } = &self.signature;
        let trusted = if self.trusted { "leads to those that you trust" } else { UNTRUSTED };
        let stamp = match &self.stamp {
            None => String::new(),
            Some(Stamp { at, issuer: Some(issuer) }) => format!("{at}, by {issuer}"),
            Some(Stamp { at, issuer: None }) => {
                format!("{at}; its own signature was not checked: give --tsa-ca FILE")
            }
        };
        vec![
            ("files", format!("{}, all as its manifest lists them", self.files)),
            ("signed by", signer.subject()),
            ("signed at", at.to_string()),
            ("certificate", hex::encode(sha256(signer.der()))),
            ("trust", trusted.to_owned()),
            ("time-stamp", stamp),
        ]
    }

    fn signature_json(&self) -> Value {
        let Signature { signer, at, .. } = &self.signature;
        json!({
            "signer": signer.subject(),
            "certificate_sha256": hex::encode(sha256(signer.der())),
            "signing_time": at,
            "trusted": self.trusted,
        })
    }

    fn stamp_json(&self) -> Value {
        self.stamp.as_ref().map_or(Value::Null, |stamp| {
            json!({
                "time": stamp.at,
                "issuer": stamp.issuer,
                "trusted": stamp.issuer.is_some(),
            })
        })
    }
}
