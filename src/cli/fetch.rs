//! `rogatory fetch`.
//!
//! Writes a message and its evidence to a directory. Each exhibit gets its name only when its
//! bytes fit the digest that its sender sealed, and [`MESSAGE_FILE`] is written last: a directory
//! that has it is complete. One that has it not is gone on with by the same command.

mod bag;
mod case;
mod check;
mod container;
mod custody;
mod defects;
mod download;
mod place;
mod tree;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::connect::{AgencyAccess, AgencyClient};
use super::evidence::tell_differing;
use super::exit::{Exit, Failure};
use super::files::{create_directory, sync_directory, write_new};
use super::out::{Out, Unit};
use super::pack::SealArgs;
use super::{receipt, show, view};
use crate::domain::{MessageId, PackageId};
use crate::envelope::wire::custody_from_pb;
use crate::pb::v1 as pb;
use bag::Bag;
use case::Case;
pub(super) use check::Said;
pub(super) use custody::custody_of;
pub(super) use defects::verdicts;
use defects::{DEFECTS, Defects};
use download::Source;
use place::{Place, clear};
pub(super) use tree::{Directory, Tree, kept};

/// The message itself, in the directory that it was fetched into.
pub(crate) const MESSAGE_FILE: &str = "message.json";
/// The directory of its receipts there.
pub(crate) const RECEIPTS: &str = "receipts";

/// Fetches a message with its evidence into a directory
///
/// The directory gets message.json, the receipts, and for each evidence package a BagIt bag
/// (RFC 8493), which other tools can check too:
///
///   rogatory fetch ID --out case-42/1
///   cd case-42/1/PACKAGE && sha256sum --check manifest-sha256.txt
///
/// What was cut off goes on when the command is run again, behind the last chunk that came;
/// where the node is away, it is waited for.
///
/// An exhibit that is not what its sender sealed is left out, and keeps no other from being
/// fetched. The directory then has defects.json, and `rogatory confirm --fetched` refuses it:
/// `rogatory reply ID --fetched DIR` tells its sender.
///
/// Below metadata/ a bag has the chain of custody of its exhibits, as a table and as CASE/UCO
/// JSON-LD.
///
/// With --format asic-e all of it becomes one signed file, as `rogatory pack` makes it:
///
///   rogatory fetch ID --format asic-e --out case-42-1.asice
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct FetchArgs {
    #[command(flatten)]
    access: AgencyAccess,
    /// The message
    id: MessageId,
    /// Where: a new directory, or one in which a fetch of this message was cut off
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// What --out becomes: the directory, or a container that one is packed into
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    format: Shape,
    /// Writes manifest-sha512.txt beside the manifest of SHA-256: each exhibit is read once more for it
    #[arg(long)]
    sha512: bool,
    #[command(flatten)]
    seal: SealArgs,
}

/// What a message is fetched into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// A directory
    #[default]
    Directory,
    /// A signed file that stands alone, of ETSI EN 319 162-1; its parts lie in FILE.parts until then
    AsicE,
}

pub(crate) async fn run(args: FetchArgs, out: &mut Out) -> Result<(), Failure> {
    match args.format {
        Shape::AsicE => return container::fetch(args, out).await,
        Shape::Directory if args.seal.is_given() => {
            let message = "--key and --tsa are for containers";
            let failure = Failure::new(Exit::Usage, message);
            return Err(failure.hint("add --format asic-e, or leave them out"));
        }
        Shape::Directory => {}
    }
    let mut client = args.access.connect(out).await?;
    let fetched = tokio::select! {
        fetched = fetch(&mut client, args.id, (&args.out, args.sha512), out) => fetched?,
        () = interrupted() => return Err(cut_short(&args.out)),
    };
    fetched.print(&args.out, out);
    let next = match is_draft(&fetched.message) {
        true => format!("rogatory draft approve {}", args.id),
        false => format!("rogatory confirm {} --fetched {}", args.id, args.out.display()),
    };
    out.talk(&format!("next: {next}"));
    Ok(())
}

/// A signal that ends the command. What has come stays.
pub(super) async fn interrupted() {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut int), Ok(mut term)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}

fn cut_short(dir: &Path) -> Failure {
    let message =
        format!("interrupted: {} is not complete, and has no {MESSAGE_FILE}", dir.display());
    Failure::new(Exit::Interrupted, message).hint("run the command again: it goes on where it was")
}

pub(super) struct Fetched {
    message: pb::Message,
    packages: Packages,
    receipts: usize,
}

async fn fetch(
    client: &mut AgencyClient,
    id: MessageId,
    (dir, sha512): (&Path, bool),
    out: &mut Out,
) -> Result<Fetched, Failure> {
    let (message, packages) = listed(client, id).await?;
    // A draft has gone nowhere, and nobody has acknowledged it.
    let receipts = match is_draft(&message) {
        true => Vec::new(),
        false => receipt::receipts_of(client, id).await?,
    };
    let case = Case::of(&message, &receipts);
    let place = Place::take(dir, &message)?;
    let total = packages.iter().flat_map(|(_, exhibits)| exhibits).map(|e| e.size_bytes);
    let total = total.fold(0, u64::saturating_add);
    let reads = if sha512 { 2 } else { 1 };
    let progress = out.progress("fetching", total.saturating_mul(reads), Unit::Bytes);
    let mut defects = Defects::of(id, &message);
    for (package, exhibits) in &packages {
        let mut bag = Bag::create(&dir.join(package.to_string()))?;
        let mut source = Source::new(client, id, *package, is_draft(&message));
        for exhibit in exhibits {
            let mut came = download::exhibit(&mut source, exhibit, &mut bag, &progress, out).await;
            if came.as_ref().is_err_and(|fault| fault.verdict.is_some()) {
                source.alone = true;
                came = download::exhibit(&mut source, exhibit, &mut bag, &progress, out).await;
                source.alone = false;
            }
            came.or_else(|fault| defects.note(*package, exhibit, fault))?;
        }
        if defects.has(*package) {
            // Its manifest would be that of another package.
            bag.leave()?;
            continue;
        }
        bag.tag(bag::CUSTODY, |out| custody::write_csv(out, exhibits))?;
        bag.tag(bag::CASE, |out| case.write(out, *package, exhibits))?;
        if sha512 {
            bag.sha512(&progress)?;
        }
        bag.finish(&bag_info(&message, *package))?;
    }
    if !defects.is_empty() {
        return Err(defects.conclude(dir, &message));
    }
    clear(&dir.join(RECEIPTS))?;
    create_directory(&dir.join(RECEIPTS))?;
    receipt::save(&receipts, &dir.join(RECEIPTS))?;
    let text = format!("{:#}\n", message_json(&message, &packages));
    sync_directory(dir)?;
    write_new(&dir.join(MESSAGE_FILE), text.as_bytes())?;
    sync_directory(dir)?;
    place.whole()?;
    Ok(Fetched { message, packages, receipts: receipts.len() })
}

/// Whether it waits for an approval.
fn is_draft(message: &pb::Message) -> bool {
    message.state() == pb::DeliveryState::AwaitingApproval
}

const UNLISTED: &str = "what the package holds cannot be read where it arrived: ask the node's operator \
                        (`rogatory vault check`); `rogatory reply ID --kind EVIDENCE_RECEIPT --file FILE` \
                        can tell its sender";

/// The exhibits of each package.
type Packages = Vec<(PackageId, Vec<pb::Exhibit>)>;

/// A message, and what its packages hold.
async fn listed(
    client: &mut AgencyClient,
    id: MessageId,
) -> Result<(pb::Message, Packages), Failure> {
    let message = show::message(client, id).await?;
    show::refuse_without_content(&message)?;
    let mut packages = Vec::new();
    for package in &message.packages {
        packages.push(list_exhibits(client, id, package).await?);
    }
    Ok((message, packages))
}

/// Checks that a directory or container is what was fetched into it, and that this is what the node
/// has; gives the digest of the envelope.
pub(super) async fn compare(
    client: &mut AgencyClient,
    said: &Said,
    tree: &dyn Tree,
    out: &Out,
) -> Result<String, Failure> {
    let progress = out.progress("checking", said.bytes(), Unit::Bytes);
    said.check(tree, &progress).map_err(|failure| {
        failure.hint("nothing was sent: keep these files apart, and fetch the message again")
    })?;
    let (message, packages) = listed(client, said.message_id).await?;
    let has = message_json(&message, &packages);
    // What cannot change once a message is there.
    for field in
        ["envelope_digest", "peer", "kind", "case_id", "in_reply_to", "packages", "content"]
    {
        if said.whole[field] != has[field] {
            let path = tree.shown(MESSAGE_FILE);
            let message = format!("{path}: its {field} is not what the node has");
            let hint = "nothing was sent: fetch the message again";
            return Err(Failure::new(Exit::VerificationFailed, message).hint(hint));
        }
    }
    Ok(said.envelope_digest.clone())
}

async fn list_exhibits(
    client: &mut AgencyClient,
    id: MessageId,
    package: &pb::Package,
) -> Result<(PackageId, Vec<pb::Exhibit>), Failure> {
    let package_id = PackageId::parse(&package.package_id)
        .map_err(|error| Failure::new(Exit::Fault, error.to_string()))?;
    let mut exhibits = Vec::new();
    let mut request = pb::ListExhibitsRequest {
        parent: format!("messages/{id}"),
        package: format!("packages/{package_id}"),
        page_size: 1000,
        page_token: String::new(),
    };
    loop {
        let page = client.list_exhibits(request.clone()).await;
        let page = page.map_err(|status| Failure::from(status).or_hint(UNLISTED))?.into_inner();
        page.exhibits.iter().try_for_each(check_custody)?;
        exhibits.extend(page.exhibits);
        if page.next_page_token.is_empty() {
            break;
        }
        request.page_token = page.next_page_token;
    }
    match exhibits.len() == package.exhibits as usize {
        true => Ok((package_id, exhibits)),
        false => {
            let message = format!(
                "package {package_id} lists {} exhibits, and should have {}",
                exhibits.len(),
                package.exhibits
            );
            Err(Failure::new(Exit::VerificationFailed, message))
        }
    }
}

/// That what the node says of the custody of an exhibit can be read.
fn check_custody(exhibit: &pb::Exhibit) -> Result<(), Failure> {
    for record in &exhibit.custody {
        custody_from_pb(record.clone()).map_err(|error| {
            let name = &exhibit.original_name;
            let message = format!("{name}: a custody record cannot be read: {error}");
            Failure::new(Exit::VerificationFailed, message)
                .hint("the node may be newer than this program: fetch it with one of its version")
        })?;
    }
    Ok(())
}

fn bag_info(message: &pb::Message, package: PackageId) -> Vec<(&'static str, String)> {
    vec![
        ("Source-Organization", message.peer.clone()),
        ("External-Identifier", package.to_string()),
        ("Internal-Sender-Identifier", message.message_id.clone()),
        ("Bag-Group-Identifier", message.case_id.clone()),
        ("Bag-Software-Agent", concat!("rogatory ", env!("CARGO_PKG_VERSION")).to_owned()),
    ]
}

fn message_json(message: &pb::Message, packages: &[(PackageId, Vec<pb::Exhibit>)]) -> Value {
    let mut json = view::message(message);
    for ((_, exhibits), said) in packages.iter().zip(&message.packages) {
        let listed: Vec<Value> = exhibits.iter().map(view::exhibit).collect();
        let package = json["packages"].as_array_mut().and_then(|all| {
            all.iter_mut().find(|one| one["package_id"] == said.package_id.as_str())
        });
        if let Some(package) = package {
            package["exhibits"] = Value::Array(listed);
        }
    }
    json
}

impl Fetched {
    fn print(&self, dir: &Path, out: &mut Out) {
        let exhibits: usize = self.packages.iter().map(|(_, exhibits)| exhibits.len()).sum();
        let of = |(_, exhibits): &(PackageId, Vec<pb::Exhibit>)| -> u64 {
            exhibits.iter().map(|exhibit| exhibit.size_bytes).fold(0, u64::saturating_add)
        };
        let bytes: u64 = self.packages.iter().map(of).fold(0, u64::saturating_add);
        let records = |(_, exhibits): &(PackageId, Vec<pb::Exhibit>)| -> usize {
            exhibits.iter().map(|exhibit| exhibit.custody.len()).sum()
        };
        let records: usize = self.packages.iter().map(records).sum();
        let differing = self.differing();
        let shown = dir.display().to_string();
        let fields = [
            ("message", self.message.message_id.clone()),
            ("directory", shown.clone()),
            ("packages", self.packages.len().to_string()),
            ("exhibits", format!("{exhibits}, all as their sender sealed them")),
            ("size", view::bytes(bytes)),
            ("custody records", if records == 0 { String::new() } else { records.to_string() }),
            ("receipts", self.receipts.to_string()),
        ];
        let json = json!({
            "message_id": self.message.message_id,
            "envelope_digest": self.message.envelope_digest,
            "directory": shown,
            "packages": self.packages.iter().map(|(id, _)| id).collect::<Vec<_>>(),
            "exhibits": exhibits,
            "bytes": bytes,
            "custody_records": records,
            "custody_differences": differing.iter().map(|(package, exhibit)| json!({
                "package_id": package,
                "number": exhibit.number,
                "original_name": exhibit.original_name,
            })).collect::<Vec<_>>(),
            "receipts": self.receipts,
        });
        out.record(&fields, &json);
        self.warn(out);
    }

    /// Tells which exhibits are not what their custody says.
    fn warn(&self, out: &mut Out) {
        let differing = self.differing();
        let names: Vec<&str> =
            differing.iter().map(|(_, exhibit)| exhibit.original_name.as_str()).collect();
        tell_differing(&names, out);
    }

    /// The exhibits that are not what their last custody record says.
    fn differing(&self) -> Vec<(&PackageId, &pb::Exhibit)> {
        let all = self
            .packages
            .iter()
            .flat_map(|(package, exhibits)| exhibits.iter().map(move |exhibit| (package, exhibit)));
        all.filter(|(_, exhibit)| view::custody_differs(exhibit)).collect()
    }
}

#[cfg(test)]
#[path = "fetch_tests.rs"]
pub(super) mod tests;
