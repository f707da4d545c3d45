//! The keys of a home whose node is stopped: what there is, and changing one.

use std::path::Path;

use anyhow::Context as _;

use super::open::{OpenNode, in_use, is_held};
use super::{check, config_of, now};
use crate::card::Card;
use crate::config::Config;
use crate::crypto::PublicKey;
use crate::crypto::keys::Role;
use crate::exchange::KeysChanged;
use crate::home::{self, HomeKeys, KeyChange, OfficialChange};

/// What changing a key has come to.
pub struct Changed {
    /// The card that peers are to have now.
    pub card: Card,
    /// What the log tells of it.
    pub logged: KeysChanged,
    /// An earlier change had been cut off: it was ended, and nothing else was done.
    pub resumed: bool,
}

/// Changes a key of a home, and logs that.
///
/// # Errors
/// When a node runs there, the home does not open, or nothing of the kind can be changed.
pub async fn change_key(
    home: &Path,
    passphrase_file: Option<&Path>,
    change: KeyChange,
) -> anyhow::Result<Changed> {
    let node = open_stopped(home, passphrase_file)?;
    let changed = change_in(&node, change).await;
    close(node).await?;
    changed
}

/// Names an official in the card of a home, or removes one, and logs that.
///
/// # Errors
/// As [`change_key`].
pub async fn change_officials(
    home: &Path,
    passphrase_file: Option<&Path>,
    change: OfficialChange,
) -> anyhow::Result<Changed> {
    let node = open_stopped(home, passphrase_file)?;
    let changed = change_officials_in(&node, change).await;
    close(node).await?;
    changed
}

async fn change_officials_in(node: &OpenNode, change: OfficialChange) -> anyhow::Result<Changed> {
    let (home, keys) = (&node.config.home, &node.keys);
    node.exchange.log_keys(&in_use(keys, &node.exchange.card())?).await?;
    let card = home::change_officials(home, keys, change, now())?;
    let logged = node.exchange.log_keys(&in_use(keys, &card)?).await?;
    Ok(Changed { card, logged, resumed: false })
}

fn open_stopped(home: &Path, passphrase_file: Option<&Path>) -> anyhow::Result<OpenNode> {
    let config = Config::read(&config_of(home))?;
    let secret = check::home(&config, passphrase_file, check::Why::Open).sound()?;
    let opened = OpenNode::open(config, secret.as_ref().map(|secret| secret.as_slice()));
    opened.map_err(|error| match is_held(&error) {
        true => error.context("the keys of a home are changed while no node runs in it: stop it"),
        false => error,
    })
}

async fn close(node: OpenNode) -> anyhow::Result<()> {
    let store = node.store.clone();
    drop(node);
    tokio::task::spawn_blocking(move || store.stop()).await.context("the store does not stop")
}

async fn change_in(node: &OpenNode, change: KeyChange) -> anyhow::Result<Changed> {
    let (home, keys) = (&node.config.home, &node.keys);
    let resumed = home::is_cut_off(home);
    let card = match resumed {
        true => {
            home::finish(home, &node.config.keys)?;
            check::read_card(&node.config)?
        }
        false => {
            // What was there before: an older home has not said so yet.
            node.exchange.log_keys(&in_use(keys, &node.exchange.card())?).await?;
            home::change_key(home, keys, change, now())?
        }
    };
    let logged = node.exchange.log_keys(&in_use(keys, &card)?).await?;
    node.exchange.publish_card(card.clone(), None).await?;
    Ok(Changed { card, logged, resumed })
}

/// A key of a home.
pub struct KeyShown {
    /// What it is for: a role, and whether it is in use, announced, or kept.
    pub role: Role,
    /// `in use`, `next` (announced to peers, and not in use yet) or `retired` (kept for what was
    /// sealed to it).
    pub state: &'static str,
    /// Its public key.
    pub public: PublicKey,
}

/// All keys of a home but one that is not there: the root key may be kept elsewhere, and older
/// homes have no [`Role::WitnessPq`]. With the home's card.
///
/// # Errors
/// When the home's key does not open, or a key file.
pub fn list_keys(
    home: &Path,
    passphrase_file: Option<&Path>,
) -> anyhow::Result<(Card, Vec<KeyShown>)> {
    let config = Config::read(&config_of(home))?;
    let secret = check::home(&config, passphrase_file, check::Why::Open).sound()?;
    let card = check::read_card(&config)?;
    let keys = HomeKeys::unlock(&config.keys, secret.as_ref().map(|secret| secret.as_slice()))?;
    let mut shown = Vec::new();
    for role in Role::ALL {
        if keys.has(role) {
            shown.push(KeyShown { role, state: "in use", public: keys.public(role)? });
        }
        if let Some(public) = keys.next(role)? {
            shown.push(KeyShown { role, state: "next", public });
        }
    }
    for seed in keys.retired_sealing()? {
        let public = seed.public(Role::Sealing.algorithm());
        shown.push(KeyShown { role: Role::Sealing, state: "retired", public });
    }
    Ok((card, shown))
}
