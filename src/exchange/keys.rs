//! The private keys that the exchange uses, in memory.

mod in_use;

pub use self::in_use::{KeysChanged, KeysInUse};
use crate::audit::note::WitnessKey;
use crate::audit::witness::Cosigner;
use crate::crypto::{PublicKey, SealingSecret, SigningSecret};

/// The keys of this authority that the exchange needs. Root, TLS and agency keys are not among
/// them: the exchange can neither change the card nor let anybody in.
pub struct Keys {
    /// Signs messages.
    pub signing: SigningSecret,
    /// Signs them beside it in suite 2; absent where the operator chose suite 1.
    pub signing_pq: Option<SigningSecret>,
    /// Opens what is sealed to us.
    pub sealing: SealingSecret,
    /// Open what was sealed to us before the present key was in the card.
    pub sealing_retired: Vec<SealingSecret>,
    /// Opens our own copies of what we sent.
    pub archive: SealingSecret,
    /// Signs the manifests of exports; the store has its own copy for checkpoints.
    pub log: SigningSecret,
    /// Cosigns the checkpoints of others.
    pub witness: Cosigner,
    /// Cosigns those of rounds beside it, with ML-DSA-44; absent where the operator did not ask.
    pub witness_pq: Option<Cosigner>,
}

impl Keys {
    /// Those that sign a message, in the order of the suite.
    pub fn signers(&self) -> Vec<&SigningSecret> {
        std::iter::once(&self.signing).chain(&self.signing_pq).collect()
    }

    /// The public keys of [`Keys::signers`].
    pub fn signer_publics(&self) -> Vec<&PublicKey> {
        self.signers().into_iter().map(SigningSecret::public).collect()
    }

    /// The keys with which this node is a witness.
    pub fn witness_keys(&self) -> Vec<WitnessKey> {
        let cosigners = std::iter::once(&self.witness).chain(&self.witness_pq);
        cosigners.map(|cosigner| cosigner.key().clone()).collect()
    }

    /// Those that open what others seal to this node, whichever card of it they have.
    pub fn sealed_to(&self) -> Vec<&SealingSecret> {
        std::iter::once(&self.sealing).chain(&self.sealing_retired).collect()
    }

    /// Those that open what this node has stored.
    pub fn openers(&self) -> Vec<&SealingSecret> {
        std::iter::once(&self.archive).chain(self.sealed_to()).collect()
    }
}
