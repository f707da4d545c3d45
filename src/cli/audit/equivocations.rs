//! `rogatory audit equivocations`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::connect::OperatorAccess;
use crate::cli::exit::Failure;
use crate::cli::files::{create_directory, sync_directory, write_new};
use crate::cli::out::Out;
use crate::pb::v1 as pb;
use crate::pb::v1::audit_service_client::AuditServiceClient;

/// Lists the logs that this node has caught signing two pasts, and saves the evidence
///
/// Each file stands on its own: `rogatory audit evidence FILE --card CARD` verifies it anywhere.
#[derive(Args)]
pub(super) struct EquivocationsArgs {
    #[command(flatten)]
    access: OperatorAccess,
    /// Where to save the files: a directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

pub(super) async fn run(args: EquivocationsArgs, out: &mut Out) -> Result<(), Failure> {
    let EquivocationsArgs { access, out: dir } = args;
    let ask = async |channel, _: &mut Out| {
        let mut client = AuditServiceClient::new(channel);
        let list = client.list_evidence(pb::ListEvidenceRequest {}).await?;
        Ok(list.into_inner().evidence)
    };
    let evidence = access.at(out, ask).await?;
    let row = |e: &pb::Evidence| vec![e.origin.clone(), e.create_time.clone(), e.digest.clone()];
    let json = |e: &pb::Evidence| json!({ "log_origin": e.origin, "create_time": e.create_time, "digest": e.digest });
    out.list(&["log", "found", "digest"], &evidence, row, json);
    if let Some(dir) = dir {
        create_directory(&dir)?;
        for one in &evidence {
            let path = dir.join(format!("{}.equivocation", one.digest));
            write_new(&path, one.text.as_bytes())?;
            out.talk(&format!("saved: {}", path.display()));
        }
        sync_directory(&dir)?;
    }
    Ok(())
}
