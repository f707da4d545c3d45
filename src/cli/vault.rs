//! `rogatory vault`.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::connect::OperatorAccess;
use super::exit::{Exit, Failure};
use super::out::{Out, Unit};
use super::view;
use crate::pb::v1 as pb;
use crate::pb::v1::operator_service_client::OperatorServiceClient;

/// The evidence that a node keeps: how much, whose, and whether it is sound
#[derive(Args)]
pub(crate) struct VaultArgs {
    #[command(flatten)]
    access: OperatorAccess,
    #[command(subcommand)]
    command: VaultCommand,
}

#[derive(Subcommand)]
enum VaultCommand {
    /// Shows what evidence takes on the disk, and who has evidence here that no message carries
    Usage,
    /// Reads all evidence, and names each package that is damaged or missing
    ///
    /// Every chunk is held against the root that its message was signed over. Nothing is changed.
    Check,
}

/// Packages that are listed; the others are counted.
const LISTED_MAX: usize = 1000;

pub(crate) async fn run(args: VaultArgs, out: &mut Out) -> Result<(), Failure> {
    let VaultArgs { access, command } = args;
    match command {
        VaultCommand::Usage => {
            let ask = async |channel, _: &mut Out| {
                let mut client = OperatorServiceClient::new(channel);
                Ok(client.get_vault_usage(pb::GetVaultUsageRequest {}).await?.into_inner())
            };
            let usage = access.at(out, ask).await?;
            show_usage(&usage, out);
            Ok(())
        }
        VaultCommand::Check => access.at(out, check).await?.tell(out),
    }
}

fn show_usage(usage: &pb::VaultUsage, out: &mut Out) {
    let free = format!(
        "{}, of which {} stay free",
        view::bytes(usage.free_bytes),
        view::bytes(usage.reserve_bytes)
    );
    let fields = [
        ("packages", usage.packages.to_string()),
        ("evidence", view::bytes(usage.bytes)),
        ("coming and going", view::bytes(usage.passing_bytes)),
        ("left on the disk", free),
    ];
    let unclaimed = |all: &[pb::UnclaimedEvidence]| -> Value {
        let each = all.iter().map(|one| {
            json!({
                "owner": one.owner,
                "packages": one.packages,
                "bytes": one.bytes,
                "quota_bytes": one.quota_bytes,
            })
        });
        each.collect()
    };
    let json = json!({
        "packages": usage.packages,
        "bytes": usage.bytes,
        "passing_bytes": usage.passing_bytes,
        "free_bytes": usage.free_bytes,
        "reserve_bytes": usage.reserve_bytes,
        "agencies": unclaimed(&usage.agencies),
        "peers": unclaimed(&usage.peers),
    });
    out.record(&fields, &json);
    let all: Vec<_> = usage.agencies.iter().chain(&usage.peers).collect();
    if !all.is_empty() && !out.is_json() {
        out.data("");
        let row = |one: &&pb::UnclaimedEvidence| {
            let (has, may) = (view::bytes(one.bytes), view::bytes(one.quota_bytes));
            vec![one.owner.clone(), one.packages.to_string(), has, may]
        };
        out.list(&["peer or agency", "packages", "has", "may have"], &all, row, |_| Value::Null);
    }
}

/// What a check has found.
#[derive(Default)]
struct Found {
    packages: u64,
    bytes: u64,
    faults: Vec<pb::VaultFault>,
    faulty: u64,
    done: bool,
}

async fn check(channel: tonic::transport::Channel, out: &mut Out) -> Result<Found, Failure> {
    let mut client = OperatorServiceClient::new(channel);
    let usage = client.get_vault_usage(pb::GetVaultUsageRequest {}).await?.into_inner();
    let bar = out.progress("checking", usage.bytes, Unit::Bytes);
    let mut told = client.check_vault(pb::CheckVaultRequest {}).await?.into_inner();
    let mut found = Found::default();
    while let Some(checked) = told.message().await? {
        bar.at(checked.bytes);
        (found.packages, found.bytes, found.done) = (checked.packages, checked.bytes, checked.done);
        let Some(fault) = checked.fault else { continue };
        found.faulty += 1;
        if found.faults.len() < LISTED_MAX {
            found.faults.push(fault);
        }
    }
    Ok(found)
}

impl Found {
    fn tell(&self, out: &mut Out) -> Result<(), Failure> {
        if !self.done {
            return Err(Failure::new(Exit::Unavailable, "the check ended early")
                .hint("is the node being stopped? check again"));
        }
        let fields = [
            ("packages", self.packages.to_string()),
            ("read", view::bytes(self.bytes)),
            ("damaged or missing", self.faulty.to_string()),
        ];
        let faults = self.faults.iter().map(|fault| {
            json!({
                "package_id": fault.package_id,
                "message_id": fault.message_id,
                "owner": fault.owner,
                "detail": fault.detail,
            })
        });
        let json = json!({
            "ok": self.faulty == 0,
            "packages": self.packages,
            "bytes": self.bytes,
            "faulty": self.faulty,
            "faults": faults.collect::<Vec<_>>(),
        });
        out.record(&fields, &json);
        if !self.faults.is_empty() && !out.is_json() {
            out.data("");
            let row = |fault: &pb::VaultFault| {
                let pb::VaultFault { package_id, message_id, owner, detail } = fault.clone();
                vec![package_id, message_id, owner, detail]
            };
            let header = ["package", "message", "peer or agency", "what is wrong"];
            out.list(&header, &self.faults, row, |_| Value::Null);
        }
        match self.faulty {
            0 => Ok(()),
            faulty => {
                let all = self.packages;
                let message = format!("{faulty} of {all} packages are damaged or missing");
                Err(Failure::new(Exit::VerificationFailed, message).hint(
                    "put vault/packages back from a backup, or ask the peer to send the message again",
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::out::{Format, testing::memory};

    fn found(faulty: u64, done: bool) -> Found {
        let fault = |_| pb::VaultFault { package_id: "p".into(), ..Default::default() };
        let faults = (0..faulty).map(fault).collect();
        Found { packages: 3, bytes: 4096, faults, faulty, done }
    }

    #[test]
    fn damage_ends_in_a_failure_and_a_check_that_ended_early_is_none() {
        let (mut out, data, _) = memory(Format::Json);
        let failure = found(2, true).tell(&mut out).expect_err("damaged");
        assert_eq!(failure.code, Exit::VerificationFailed);
        assert_eq!(data.json()["faults"][1]["package_id"], "p");
        let (mut out, data, _) = memory(Format::Table);
        found(0, true).tell(&mut out).expect("sound");
        assert!(
            data.text().contains("4 KiB") || data.text().contains("4.00 KiB"),
            "{}",
            data.text()
        );
        let (mut out, ..) = memory(Format::Table);
        let failure = found(0, false).tell(&mut out).expect_err("not to its end");
        assert_eq!(failure.code, Exit::Unavailable);
    }
}
