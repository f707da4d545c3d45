//! `rogatory annex`, and the annexes of `submit` and `reply`.

mod seal;

pub(crate) use seal::AnnexArgs as SealArgs;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::connect::{AgencyAccess, AgencyClient, OperatorAccess};
use super::erase::{help, reason};
use super::exit::{Exit, Failure};
use super::files::{create_new_name, read_passphrase, write_new};
use super::official::key_failure;
use super::out::Out;
use super::view;
use crate::crypto::SealingSecret;
use crate::domain::{AnnexId, MessageId, Reason};
use crate::envelope::{AnnexError, OfficialPart, SealedAnnex};
use crate::home::OfficialKeyFile;
use crate::pb::v1 as pb;
use crate::pb::v1::operator_service_client::OperatorServiceClient;

/// The particulars of victims and witnesses, sealed to named officials
///
/// `rogatory submit --annex FILE --for AUTHORITY/OFFICIAL` sends one with a request.
#[derive(Args)]
pub(crate) struct AnnexArgs {
    #[command(subcommand)]
    command: AnnexCommand,
}

#[derive(Subcommand)]
enum AnnexCommand {
    /// Opens an annex as the official whom it is sealed to, and writes it to a file
    ///
    /// The node releases its part of the key after its log says to whom (ContentAccessTracking), and
    /// the sender gets a receipt of the first time. Without the official's key nobody opens it.
    ///
    ///   rogatory annex open MESSAGE --as victims-desk.key --out p3.json
    #[command(verbatim_doc_comment)]
    Open(Open),
    /// Destroys an annex at this node, for good; its message and all proofs stay
    ///
    ///   rogatory annex erase MESSAGE --reason RETENTION_ENDED
    #[command(verbatim_doc_comment)]
    Erase(Erase),
}

#[derive(Args)]
struct Open {
    #[command(flatten)]
    access: AgencyAccess,
    /// The message that it came with
    #[arg(value_name = "MESSAGE")]
    message: MessageId,
    /// Which annex, where there is more than one
    #[arg(long, value_name = "ANNEX")]
    annex: Option<AnnexId>,
    /// The private key that `rogatory official new` wrote
    #[arg(long = "as", value_name = "FILE")]
    key: PathBuf,
    /// The passphrase of that key
    #[arg(
        long,
        env = "ROGATORY_OFFICIAL_PASSPHRASE_FILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    passphrase_file: Option<PathBuf>,
    /// Where it is written, JSON; only you can read the file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Where the receipt of this opening is written
    #[arg(long, value_name = "FILE")]
    receipt: Option<PathBuf>,
}

#[derive(Args)]
struct Erase {
    #[command(flatten)]
    access: OperatorAccess,
    /// The message that it goes with
    #[arg(value_name = "MESSAGE")]
    message: MessageId,
    /// Which annex, where there is more than one
    #[arg(long, value_name = "ANNEX")]
    annex: Option<AnnexId>,
    /// Why: a code that stands in the log for ever, as in RETENTION_ENDED
    #[arg(long, value_name = "CODE", long_help = help(&Reason::ERASURE),
        value_parser = |given: &str| reason(given, &Reason::ERASURE))]
    reason: Reason,
}

pub(crate) async fn run(args: AnnexArgs, out: &mut Out) -> Result<(), Failure> {
    match args.command {
        AnnexCommand::Open(args) => open(args, out).await,
        AnnexCommand::Erase(args) => erase(args, out).await,
    }
}

async fn open(args: Open, out: &mut Out) -> Result<(), Failure> {
    // Before the log says that it was opened: where could it not be written.
    create_new_name(&args.out)?;
    args.receipt.as_deref().map(create_new_name).transpose()?;
    let secret = unlock(&args)?;
    let mut client = args.access.connect(out).await?;
    let (annex, envelope) = fetch(&mut client, &args).await?;
    let official = annex.official_part(&secret).map_err(|error| not_ours(&annex, &error))?;
    let released = release(&mut client, &args, &annex, &official, &secret).await?;
    let sealed = (released.encapsulated.as_ref(), released.ciphertext.as_ref());
    let text = annex.open(&official, &secret, sealed, (args.message, envelope));
    let text = text.map_err(|error| Failure::new(Exit::VerificationFailed, error.to_string()))?;
    write_new(&args.out, &text)?;
    let receipt = released.receipt.unwrap_or_default();
    if let Some(path) = &args.receipt {
        write_new(path, receipt.text.as_bytes())?;
    }
    tell(&args, &annex, &official, &receipt, out);
    Ok(())
}

fn unlock(args: &Open) -> Result<SealingSecret, Failure> {
    let file = OfficialKeyFile::read(&args.key).map_err(|error| key_failure(&error))?;
    let passphrase = match file.is_insecure() {
        true => None,
        false => args.passphrase_file.as_deref().map(read_passphrase).transpose()?,
    };
    let passphrase = passphrase.as_ref().map(|passphrase| passphrase.as_slice());
    file.unlock(&args.key, passphrase).map_err(|error| key_failure(&error))
}

async fn fetch(client: &mut AgencyClient, args: &Open) -> Result<(SealedAnnex, [u8; 32]), Failure> {
    let request = pb::GetAnnexRequest {
        parent: format!("messages/{}", args.message),
        annex: args.annex.map(|id| format!("annexes/{id}")).unwrap_or_default(),
    };
    let answer = client.get_annex(request).await.map_err(|status| {
        Failure::from(status).or_hint("`rogatory show MESSAGE` lists the annexes of a message")
    })?;
    let answer = answer.into_inner();
    let broken =
        |why: &str| Failure::new(Exit::Fault, format!("the node's answer is broken: {why}"));
    let annex = SealedAnnex::parse(answer.sealed).map_err(|error| broken(&error.to_string()))?;
    let mut envelope = [0; 32];
    hex::decode_to_slice(&answer.envelope_digest, &mut envelope)
        .map_err(|_| broken("the digest of the envelope"))?;
    Ok((annex, envelope))
}

async fn release(
    client: &mut AgencyClient,
    args: &Open,
    annex: &SealedAnnex,
    official: &OfficialPart,
    secret: &SealingSecret,
) -> Result<pb::OpenAnnexResponse, Failure> {
    let request = pb::OpenAnnexRequest {
        parent: format!("messages/{}", args.message),
        annex: format!("annexes/{}", annex.id()),
        key_id: secret.public().id().to_string(),
        token: official.token.to_vec().into(),
    };
    let answer = client.open_annex(request).await.map_err(|status| {
        let hint = "only an official whom the authority's card names now opens an annex: \
                    `rogatory official list`";
        Failure::from(status).or_hint(hint)
    })?;
    Ok(answer.into_inner())
}

fn not_ours(annex: &SealedAnnex, error: &AnnexError) -> Failure {
    let named: Vec<&str> = annex.officials().map(|(id, _)| id).collect();
    let hint = format!("it is sealed to {} of {}", named.join(", "), annex.recipient());
    Failure::new(Exit::Failed, error.to_string()).hint(hint)
}

fn tell(
    args: &Open,
    annex: &SealedAnnex,
    official: &OfficialPart,
    receipt: &pb::Receipt,
    out: &mut Out,
) {
    let id = annex.id().to_string();
    let place = format!("{}, entry {} of {}", receipt.event, receipt.index, receipt.log_origin);
    let written = args.out.display().to_string();
    let fields = [
        ("annex", id.clone()),
        ("official", official.official.clone()),
        ("persons", annex.refs().join(", ")),
        ("written", written.clone()),
        ("receipt", place),
    ];
    let json = json!({
        "message_id": args.message.to_string(),
        "annex_id": id,
        "official": official.official,
        "persons": annex.refs(),
        "file": written,
        "receipt": view::receipt(receipt),
    });
    out.record(&fields, &json);
    out.talk("note: the file is in clear now, and nobody but you looks after it");
}

async fn erase(args: Erase, out: &mut Out) -> Result<(), Failure> {
    let Erase { access, message, annex, reason } = args;
    let erase = async |channel, _: &mut Out| {
        let request = pb::EraseAnnexRequest {
            message_id: message.to_string(),
            annex_id: annex.map(String::from).unwrap_or_default(),
            reason: reason.to_string(),
        };
        let mut client = OperatorServiceClient::new(channel);
        Ok(client.erase_annex(request).await?.into_inner())
    };
    let erased = access.at(out, erase).await?;
    let fields = [
        ("message", erased.message_id.clone()),
        ("annex", erased.annex_id.clone()),
        ("erased", erased.erase_time.clone()),
        ("reason", erased.reason.clone()),
        ("entry", view::place(erased.log, erased.log_index)),
    ];
    let json = json!({
        "message_id": erased.message_id,
        "annex_id": erased.annex_id,
        "erase_time": erased.erase_time,
        "reason": erased.reason,
        "log_index": erased.log_index,
        "log": erased.log,
        "earlier": erased.earlier,
    });
    out.record(&fields, &json);
    if erased.earlier {
        out.talk("note: it had been erased before: nothing was changed");
    }
    out.talk(
        "note: out of reach are what the other authority holds, what officials have opened, and \
         old copies of the file data/slots: replace its backups now (docs/storage.md)",
    );
    Ok(())
}
