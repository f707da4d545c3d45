//! How a command reaches a node: with a profile as an agency, or at the home as its operator.

use std::path::{Path, PathBuf};

use clap::Args;
use tonic::transport::Channel;

use super::exit::{Exit, Failure};
use super::files::must_be_there;
use super::out::Out;
use crate::client::{Profile, ProfileError};
use crate::node::{CONFIG_FILE, Local};
use crate::pb::v1::agency_service_client::AgencyServiceClient;

/// The agency API.
pub(crate) type AgencyClient = AgencyServiceClient<Channel>;

const NO_PROFILE: &str = "an operator makes a profile with `rogatory agency add NAME --roles \
                          submit,read`; name its file with --profile or ROGATORY_PROFILE";

/// How an agency reaches its node.
#[derive(Args)]
pub(crate) struct AgencyAccess {
    /// The profile that `rogatory agency add` wrote for you
    #[arg(
        long,
        global = true,
        env = "ROGATORY_PROFILE",
        hide_env_values = true,
        value_name = "FILE"
    )]
    profile: Option<PathBuf>,
}

impl AgencyAccess {
    /// Connects to the node.
    pub(crate) async fn connect(&self, out: &mut Out) -> Result<AgencyClient, Failure> {
        Ok(AgencyServiceClient::new(self.channel(out).await?))
    }

    /// The same for the node's other services.
    pub(crate) async fn channel(&self, out: &mut Out) -> Result<Channel, Failure> {
        let missing = || Failure::new(Exit::Usage, "there is no profile").hint(NO_PROFILE);
        let path = self.profile.as_deref().ok_or_else(missing)?;
        with_profile(path, out).await
    }

    /// The profile, for what needs no node; none where none is named.
    pub(crate) fn profile(&self, out: &mut Out) -> Result<Option<Profile>, Failure> {
        self.profile.as_deref().map(|path| read_profile(path, out)).transpose()
    }
}

async fn with_profile(path: &Path, out: &mut Out) -> Result<Channel, Failure> {
    Ok(read_profile(path, out)?.connect().await?)
}

fn read_profile(path: &Path, out: &mut Out) -> Result<Profile, Failure> {
    let failed = |error: ProfileError| Failure::from(anyhow::Error::new(error)).or_hint(NO_PROFILE);
    let profile = Profile::read(path).map_err(failed)?;
    if let Some(mode) = Profile::exposed(path) {
        let path = path.display();
        out.talk(&format!(
            "warning: {path}: others may read this profile and call the node with it (mode \
             {mode:o})"
        ));
        out.talk(&format!("hint: chmod 600 {path}; if somebody has read it, have it renewed"));
    }
    Ok(profile)
}

/// A home that a command opens itself, while no node runs there.
#[derive(Args)]
pub(crate) struct HomeAccess {
    /// The node's home
    #[arg(
        long,
        global = true,
        env = "ROGATORY_HOME",
        hide_env_values = true,
        value_name = "DIR",
        help_heading = "Node"
    )]
    home: Option<PathBuf>,
    /// The passphrase of the home
    #[arg(
        long,
        global = true,
        env = "ROGATORY_PASSPHRASE_FILE",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Node"
    )]
    passphrase_file: Option<PathBuf>,
}

impl HomeAccess {
    /// The home, which is one.
    pub(crate) fn home(&self) -> Result<&Path, Failure> {
        let home = self.home.as_deref().ok_or_else(|| {
            let hint = "name it with --home or ROGATORY_HOME";
            Failure::new(Exit::Usage, "there is no home").hint(hint)
        })?;
        must_be_there(
            &home.join(CONFIG_FILE),
            "--home names a node's home; `rogatory init` makes one",
        )?;
        Ok(home)
    }

    /// The file of the passphrase.
    pub(crate) fn passphrase_file(&self) -> Option<&Path> {
        self.passphrase_file.as_deref()
    }
}

/// How an operator reaches the node.
#[derive(Args)]
pub(crate) struct OperatorAccess {
    /// The node's home: its socket where the node runs, else the home itself
    #[arg(
        long,
        global = true,
        env = "ROGATORY_HOME",
        hide_env_values = true,
        value_name = "DIR",
        help_heading = "Node"
    )]
    pub(crate) home: Option<PathBuf>,
    /// The profile of an agency that has the role, instead of the home
    #[arg(long, global = true, value_name = "FILE", help_heading = "Node")]
    profile: Option<PathBuf>,
    /// The passphrase of the home, where no node runs
    #[arg(
        long,
        global = true,
        env = "ROGATORY_PASSPHRASE_FILE",
        hide_env_values = true,
        value_name = "FILE",
        help_heading = "Node"
    )]
    passphrase_file: Option<PathBuf>,
}

impl OperatorAccess {
    /// Does something at the node, and takes leave of it however that ends.
    pub(crate) async fn at<T>(
        &self,
        out: &mut Out,
        act: impl AsyncFnOnce(Channel, &mut Out) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.reach(false, out, act).await
    }

    /// Does something at a node that runs: what comes from outside is taken by nothing else.
    pub(crate) async fn at_running<T>(
        &self,
        out: &mut Out,
        act: impl AsyncFnOnce(Channel, &mut Out) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        self.reach(true, out, act).await
    }

    async fn reach<T>(
        &self,
        must_run: bool,
        out: &mut Out,
        act: impl AsyncFnOnce(Channel, &mut Out) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        if let Some(profile) = &self.profile {
            return act(with_profile(profile, out).await?, out).await;
        }
        let home = self.home.as_deref().ok_or_else(|| {
            let hint = "name the node's home with --home or ROGATORY_HOME, or give --profile";
            Failure::new(Exit::Usage, "there is no home and no profile").hint(hint)
        })?;
        must_be_there(
            &home.join(CONFIG_FILE),
            "--home names a node's home; `rogatory init` makes one",
        )?;
        let local = Local::connect(home, self.passphrase_file.as_deref()).await?;
        let result = match (local.is_offline(), must_run) {
            (true, true) => {
                Err(Failure::new(Exit::Unavailable, format!("no node runs at {}", home.display()))
                    .hint("start it with `rogatory serve`, and do this again"))
            }
            (offline, _) => {
                if offline {
                    out.talk(&format!("note: no node runs at {}: opened here", home.display()));
                }
                act(local.channel(), out).await
            }
        };
        local.close().await;
        result
    }
}
