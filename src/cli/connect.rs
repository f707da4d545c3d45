//! How a command reaches a node: with a profile as an agency, or at the home as its operator.

use std::path::{Path, PathBuf};

use clap::Args;
use tonic::transport::Channel;

use super::exit::{Exit, Failure};
use super::out::Out;
use crate::client::Profile;
use crate::node::Local;
use crate::pb::v1::agency_service_client::AgencyServiceClient;

/// The agency API.
pub(crate) type AgencyClient = AgencyServiceClient<Channel>;

const NO_PROFILE: &str = "an operator makes a profile with `rogatory agency add NAME --roles \
                          submit,read`; name its file with --profile or ROGATORY_PROFILE";

/// How an agency reaches its node.
#[derive(Args)]
pub(crate) struct AgencyAccess {
    /// The profile that `rogatory agency add` wrote for you
    #[arg(long, env = "ROGATORY_PROFILE", hide_env_values = true, value_name = "FILE")]
    profile: Option<PathBuf>,
}

impl AgencyAccess {
    /// Connects to the node.
    pub(crate) async fn connect(&self) -> Result<AgencyClient, Failure> {
        Ok(AgencyServiceClient::new(self.channel().await?))
    }

    /// The same for the node's other services.
    pub(crate) async fn channel(&self) -> Result<Channel, Failure> {
        let missing = || Failure::new(Exit::Usage, "there is no profile").hint(NO_PROFILE);
        let path = self.profile.as_deref().ok_or_else(missing)?;
        with_profile(path).await
    }
}

async fn with_profile(path: &Path) -> Result<Channel, Failure> {
    let profile = Profile::read(path).map_err(|e| Failure::from(e).or_hint(NO_PROFILE))?;
    Ok(profile.connect().await?)
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
        if let Some(profile) = &self.profile {
            return act(with_profile(profile).await?, out).await;
        }
        let home = self.home.as_deref().ok_or_else(|| {
            let hint = "name the node's home with --home or ROGATORY_HOME, or give --profile";
            Failure::new(Exit::Usage, "there is no home and no profile").hint(hint)
        })?;
        let local = Local::connect(home, self.passphrase_file.as_deref()).await?;
        if local.is_offline() {
            out.talk(&format!("note: no node runs at {}: opened here", home.display()));
        }
        let result = act(local.channel(), out).await;
        local.close().await;
        result
    }
}
