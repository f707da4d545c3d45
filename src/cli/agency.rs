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
use super::files::{create, create_directory, sync_directory};
use super::out::Out;
use super::view;
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
        /// What it may do: submit, read, audit, operate
        #[arg(long, required = true, value_delimiter = ',', value_name = "ROLE,…")]
        #[arg(value_parser = ["submit", "read", "audit", "operate"])]
        roles: Vec<String>,
        /// Lets it see all cases of the authority, not only its own
        #[arg(long)]
        all_cases: bool,
        #[command(flatten)]
        profile: NewProfile,
    },
    /// Gives an agency a new profile; the old one ends
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
    /// Days that the certificate is valid; 365 if absent
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    days: Option<u32>,
    /// Where the profile is written; HOME/agencies/NAME.profile.toml if absent
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
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
                let file = ProfileFile::begin(&name.0, profile.out, home, Old::IsRefused)?;
                let valid_days = profile.days.unwrap_or(0);
                let agency = name.0;
                let request = pb::AddAgencyRequest { agency, roles, all_cases, valid_days };
                let given = client.add_agency(request).await?.into_inner();
                file.finish(given, out)
            }
            AgencyCommand::Renew { name, profile } => {
                let file = ProfileFile::begin(&name.0, profile.out, home, Old::IsReplaced)?;
                let valid_days = profile.days.unwrap_or(0);
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

/// What becomes of a profile that is there, where no file was named.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Old {
    IsRefused,
    IsReplaced,
}

/// The file that a profile will be in. Made before the node issues the certificate: what is shown
/// once must have a place to go.
struct ProfileFile {
    path: PathBuf,
    partial: PathBuf,
    file: fs::File,
    done: bool,
}

impl ProfileFile {
    fn begin(
        name: &str,
        named: Option<PathBuf>,
        home: Option<PathBuf>,
        old: Old,
    ) -> Result<Self, Failure> {
        let path = match (&named, home) {
            (Some(path), _) => path.clone(),
            (None, Some(home)) => home.join("agencies").join(format!("{name}.profile.toml")),
            (None, None) => {
                let failure = Failure::new(Exit::Usage, "there is no place for the profile");
                return Err(failure.hint("name its file with --out"));
            }
        };
        // A named file is never replaced; a renewed profile takes the place of its predecessor.
        let replaces = old == Old::IsReplaced && named.is_none();
        if path.symlink_metadata().is_ok() && !replaces {
            let message = format!("{} exists, and is not overwritten", path.display());
            return Err(Failure::new(Exit::Failed, message).hint("name another with --out"));
        }
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            create_directory(parent)?;
        }
        let mut partial = path.clone().into_os_string();
        partial.push(".partial");
        let partial = PathBuf::from(partial);
        // Left over by one that was interrupted, with nothing in it that still has a use.
        let _ = fs::remove_file(&partial);
        Ok(Self { file: create(&partial)?, path, partial, done: false })
    }

    fn finish(mut self, given: pb::AgencyCredential, out: &mut Out) -> Result<(), Failure> {
        let profile = Zeroizing::new(given.profile);
        let agency = given.agency.unwrap_or_default();
        self.write(&profile).map_err(|e| {
            Failure::file(&self.path, "cannot be written, and the profile is lost", &e)
                .hint(format!("`rogatory agency renew {}` makes another", agency.agency))
        })?;
        self.done = true;
        sync_directory(
            self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")),
        )?;
        let profile = self.path.display().to_string();
        let mut json = view::agency(&agency);
        json["profile"] = json!(profile);
        let fields = [
            ("agency", agency.agency.clone()),
            ("roles", agency.roles.join(", ")),
            ("profile", profile),
            ("expires", agency.expire_time.clone()),
        ];
        out.record(&fields, &json);
        out.talk("the profile has a private key: hand it over safely, then remove it here");
        Ok(())
    }

    fn write(&mut self, profile: &str) -> std::io::Result<()> {
        self.file.write_all(profile.as_bytes())?;
        self.file.sync_all()?;
        fs::rename(&self.partial, &self.path)
    }
}

impl Drop for ProfileFile {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.partial);
        }
    }
}

async fn revoke(mut client: Client, name: AgencyName, out: &mut Out) -> Result<(), Failure> {
    let request = pb::RevokeAgencyRequest { agency: name.0 };
    let agency = client.revoke_agency(request).await?.into_inner();
    out.record(&[("revoked", agency.agency.clone())], &view::agency(&agency));
    Ok(())
}

async fn list(mut client: Client, out: &mut Out) -> Result<(), Failure> {
    let agencies = client.list_agencies(pb::ListAgenciesRequest {}).await?.into_inner().agencies;
    let row = |a: &pb::Agency| {
        let cases = if a.all_cases { "all" } else { "own" };
        let access = if a.revoked { "revoked" } else { "yes" };
        let (roles, expires) = (a.roles.join(", "), a.expire_time.clone());
        vec![a.agency.clone(), roles, cases.to_owned(), access.to_owned(), expires]
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

    #[test]
    fn a_profile_is_private_and_not_overwritten_but_by_its_renewal() {
        let home = tempfile::tempdir().expect("a directory");
        let begin = |out, old| ProfileFile::begin("desk", out, Some(home.path().to_owned()), old);
        let path = home.path().join("agencies/desk.profile.toml");
        let (mut out, data, _) = memory(Format::Json);
        let file = begin(None, Old::IsRefused).expect("no file yet");
        file.finish(given("one"), &mut out).expect("written");
        assert_eq!(data.json()["profile"], path.display().to_string());
        assert_eq!(fs::metadata(&path).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(begin(None, Old::IsRefused).err().expect("it is there").code, Exit::Failed);
        let named = Some(path.clone());
        assert!(begin(named, Old::IsReplaced).is_err(), "a named file is never replaced");
        let file = begin(None, Old::IsReplaced).expect("may be replaced");
        file.finish(given("two"), &mut out).expect("written");
        assert_eq!(fs::read_to_string(&path).expect("there"), "two");
    }

    #[test]
    fn nothing_is_left_where_the_node_refuses() {
        let home = tempfile::tempdir().expect("a directory");
        let file = ProfileFile::begin("desk", None, Some(home.path().into()), Old::IsRefused);
        drop(file.expect("no file yet"));
        let left = fs::read_dir(home.path().join("agencies")).expect("there").count();
        assert_eq!(left, 0);
        let nowhere = ProfileFile::begin("desk", None, None, Old::IsRefused);
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
