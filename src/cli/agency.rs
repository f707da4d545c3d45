//! `rogatory agency`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use tonic::transport::Channel;
use zeroize::Zeroizing;

use super::connect::OperatorAccess;
use super::exit::{Exit, Failure};
use super::files::{Partial, create_directory, sync_directory};
use super::out::Out;
use super::view;
use crate::client::Profile;
use crate::pb::v1 as pb;
use crate::pb::v1::operator_service_client::OperatorServiceClient;

/// The agencies (police, prosecutors, courts) that may call this node
#[derive(Args)]
pub(crate) struct AgencyArgs {
    #[command(flatten)]
    access: OperatorAccess,
    #[command(subcommand)]
    command: AgencyCommand,
}

#[derive(Subcommand)]
enum AgencyCommand {
    /// Gives an agency access: writes the profile that it calls the node with
    ///
    /// The profile has a private key, which is kept nowhere else: hand it over safely.
    ///
    ///   rogatory agency add fraud-desk --roles submit,read
    #[command(verbatim_doc_comment)]
    Add {
        /// Lower-case letters, digits and hyphens, as in fraud-desk
        name: AgencyName,
        /// What it may do: submit, read, approve, audit, operate
        #[arg(long, required = true, value_delimiter = ',', value_name = "ROLE,…")]
        #[arg(value_parser = ["submit", "read", "approve", "audit", "operate"])]
        roles: Vec<String>,
        /// Lets it see all cases of the authority, not only its own
        #[arg(long)]
        all_cases: bool,
        #[command(flatten)]
        profile: NewProfile,
    },
    /// Gives an agency a new profile; the old one ends at once
    ///
    ///   rogatory agency renew fraud-desk --replace
    #[command(verbatim_doc_comment)]
    Renew {
        /// Its name
        name: AgencyName,
        #[command(flatten)]
        profile: NewProfile,
    },
    /// Ends an agency's access
    Revoke {
        /// Its name
        name: AgencyName,
    },
    /// Lists the agencies
    List,
}

#[derive(Args)]
struct NewProfile {
    /// Days that the certificate is valid, 825 at most; 365 if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=825))]
    days: Option<u32>,
    /// Where the profile is written; HOME/agencies/NAME.profile.toml if absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Puts the profile in the place of a file that is there
    #[arg(long)]
    replace: bool,
}

/// The name of an agency: safe as a file's name.
#[derive(Clone)]
struct AgencyName(String);

impl std::str::FromStr for AgencyName {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        match (1..=48).contains(&text.len()) && text.bytes().all(allowed) {
            true => Ok(Self(text.to_owned())),
            false => Err("an agency's name has 1 to 48 lower-case letters, digits and hyphens"),
        }
    }
}

type Client = OperatorServiceClient<Channel>;

pub(crate) async fn run(args: AgencyArgs, out: &mut Out) -> Result<(), Failure> {
    let AgencyArgs { access, command } = args;
    let home = access.home.clone();
    let act = async |channel, out: &mut Out| {
        let mut client = OperatorServiceClient::new(channel);
        match command {
            AgencyCommand::Add { name, roles, all_cases, profile } => {
                let valid_days = profile.days.unwrap_or(0);
                let file = ProfileFile::begin(&name.0, profile, home)?;
                let agency = name.0;
                let request = pb::AddAgencyRequest { agency, roles, all_cases, valid_days };
                let given = client.add_agency(request).await?.into_inner();
                file.finish(given, out)
            }
            AgencyCommand::Renew { name, profile } => {
                let valid_days = profile.days.unwrap_or(0);
                let file = ProfileFile::begin(&name.0, profile, home)?;
                let request = pb::RenewAgencyRequest { agency: name.0, valid_days };
                let given = client.renew_agency(request).await?.into_inner();
                file.finish(given, out)
            }
            AgencyCommand::Revoke { name } => revoke(client, name, out).await,
            AgencyCommand::List => list(client, out).await,
        }
    };
    access.at(out, act).await
}

/// The file that a profile will be in. Made before the node issues the certificate: what is shown
/// once must have a place to go.
struct ProfileFile {
    path: PathBuf,
    partial: Partial,
    file: fs::File,
    replace: bool,
}

impl ProfileFile {
    fn begin(name: &str, given: NewProfile, home: Option<PathBuf>) -> Result<Self, Failure> {
        let path = match (given.out, home) {
            (Some(path), _) => path,
            (None, Some(home)) => home.join("agencies").join(format!("{name}.profile.toml")),
            (None, None) => {
                let failure = Failure::new(Exit::Usage, "there is no place for the profile");
                return Err(failure.hint("name its file with --out"));
            }
        };
        if path.symlink_metadata().is_ok() && !given.replace {
            let message = format!("{} exists, and is not overwritten", path.display());
            let hint = "--replace puts the new profile in its place; --out names another";
            return Err(Failure::new(Exit::Failed, message).hint(hint));
        }
        create_directory(directory_of(&path))?;
        let partial = Partial::of(&path);
        let file = partial.create()?;
        if Profile::exposed(partial.path()).is_some() {
            let message = format!("others could read a profile at {}", path.display());
            let hint = "its disk keeps no modes: name a file on another with --out";
            return Err(Failure::new(Exit::Failed, message).hint(hint));
        }
        Ok(Self { path, partial, file, replace: given.replace })
    }

    fn finish(self, given: pb::AgencyCredential, out: &mut Out) -> Result<(), Failure> {
        let profile = Zeroizing::new(given.profile);
        let agency = given.agency.unwrap_or_default();
        let path = self.path.clone();
        self.write(&profile).map_err(|e| {
            Failure::file(&path, "cannot be written, and the profile is lost", &e)
                .hint(format!("`rogatory agency renew {}` makes another", agency.agency))
        })?;
        sync_directory(directory_of(&path))?;
        let profile = path.display().to_string();
        let mut json = view::agency(&agency);
        json["profile"] = json!(profile);
        let fields = [
            ("agency", agency.agency.clone()),
            ("roles", agency.roles.join(", ")),
            ("cases", cases(&agency).to_owned()),
            ("profile", profile),
            ("expires", agency.expire_time.clone()),
        ];
        out.record(&fields, &json);
        out.talk("the profile has a private key: hand it over safely, then remove it here");
        let has = |role: &str| agency.roles.iter().any(|one| one == role);
        if has("approve") && !has("read") {
            out.talk(
                "warning: this agency can approve nothing: who approves a message must have read it, and \
                 it does not have the role read",
            );
        }
        Ok(())
    }

    fn write(mut self, profile: &str) -> std::io::Result<()> {
        self.file.write_all(profile.as_bytes())?;
        self.file.sync_all()?;
        match self.replace {
            true => self.partial.replace(&self.path),
            false => self.partial.admit(&self.path),
        }
    }
}

fn directory_of(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

async fn revoke(mut client: Client, name: AgencyName, out: &mut Out) -> Result<(), Failure> {
    let request = pb::RevokeAgencyRequest { agency: name.0 };
    let agency = client.revoke_agency(request).await?.into_inner();
    out.record(&[("revoked", agency.agency.clone())], &view::agency(&agency));
    Ok(())
}

/// Which cases it sees.
fn cases(agency: &pb::Agency) -> &'static str {
    if agency.all_cases { "all" } else { "own" }
}

async fn list(mut client: Client, out: &mut Out) -> Result<(), Failure> {
    let agencies = client.list_agencies(pb::ListAgenciesRequest {}).await?.into_inner().agencies;
    let row = |a: &pb::Agency| {
        let access = if a.revoked { "revoked" } else { "yes" };
        let (roles, expires) = (a.roles.join(", "), a.expire_time.clone());
        vec![a.agency.clone(), roles, cases(a).to_owned(), access.to_owned(), expires]
    };
    out.list(&["agency", "roles", "cases", "access", "expires"], &agencies, row, view::agency);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::cli::out::{Format, testing::memory};

    fn given(profile: &str) -> pb::AgencyCredential {
        let agency = pb::Agency { agency: "desk".into(), ..Default::default() };
        pb::AgencyCredential { agency: Some(agency), profile: profile.into() }
    }

    fn wanted(out: Option<&Path>, replace: bool) -> NewProfile {
        NewProfile { days: None, out: out.map(Path::to_owned), replace }
    }

    #[test]
    fn a_profile_is_private_and_only_overwritten_when_that_is_said() {
        let home = tempfile::tempdir().expect("a directory");
        let begin = |profile| ProfileFile::begin("desk", profile, Some(home.path().to_owned()));
        let path = home.path().join("agencies/desk.profile.toml");
        let (mut out, data, _) = memory(Format::Json);
        let file = begin(wanted(None, false)).expect("no file yet");
        file.finish(given("one"), &mut out).expect("written");
        assert_eq!(data.json()["profile"], path.display().to_string());
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        for named in [None, Some(path.as_path())] {
            let failure = begin(wanted(named, false)).err().expect("it is there");
            assert_eq!(failure.code, Exit::Failed);
            assert!(failure.hint.expect("a hint").contains("--replace"));
        }
        let file = begin(wanted(None, true)).expect("may be replaced");
        file.finish(given("two"), &mut out).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("there"), "two");
        assert_eq!(fs::read_dir(home.path().join("agencies")).expect("there").count(), 1);
    }

    #[test]
    fn nothing_is_left_where_the_node_refuses() {
        let home = tempfile::tempdir().expect("a directory");
        let file = ProfileFile::begin("desk", wanted(None, false), Some(home.path().into()));
        drop(file.expect("no file yet"));
        let left = fs::read_dir(home.path().join("agencies")).expect("there").count();
        assert_eq!(left, 0);
        let nowhere = ProfileFile::begin("desk", wanted(None, false), None);
        assert_eq!(nowhere.err().expect("no place").code, Exit::Usage);
    }

    #[test]
    fn names_cannot_lead_elsewhere() {
        for bad in ["", "../x", "a/b", "A", "a b", &"a".repeat(49)] {
            assert!(bad.parse::<AgencyName>().is_err(), "{bad:?}");
        }
        assert!("fraud-desk-2".parse::<AgencyName>().is_ok());
    }
}
