//! The agencies of this authority: who may call, and what each may do.

use std::fmt;

use prost::Message as _;

use super::rows::{self, AgencyRow, load_in};
use super::{ActionError, Exchange};
use crate::audit::entry::{EntryDraft, Event};
use crate::crypto::Digest;
use crate::domain::Timestamp;
use crate::store::Table;

/// What an agency may do. A method demands one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Submit messages and upload evidence.
    Submit,
    /// Read messages, fetch evidence, confirm hand-overs.
    Read,
    /// Approve what other agencies of this authority have written.
    Approve,
    /// Read and export the audit log.
    Audit,
    /// Run the node: peers, agencies, queue.
    Operate,
}

impl Role {
    /// All of them.
    pub const ALL: [Role; 5] =
        [Role::Submit, Role::Read, Role::Approve, Role::Audit, Role::Operate];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Submit => "submit",
            Role::Read => "read",
            Role::Approve => "approve",
            Role::Audit => "audit",
            Role::Operate => "operate",
        }
    }

    /// From its word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who calls, as its certificate or the home's socket says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The agency's name; `operator` on the home's socket.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// Whether it sees all cases.
    pub all_cases: bool,
}

impl Caller {
    /// The name of whoever calls over the home's socket; no agency has it.
    pub const OPERATOR: &str = "operator";

    /// Whoever can open the home's socket runs the node: it operates and audits, and sees no
    /// content, for which it has no role.
    pub fn local_operator() -> Self {
        let roles = vec![Role::Operate, Role::Audit];
        Self { name: Self::OPERATOR.into(), roles, all_cases: false }
    }
}

/// An agency as it is registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Agency {
    /// Its name.
    pub name: String,
    /// What it may do.
    pub roles: Vec<Role>,
    /// Whether it sees all cases.
    pub all_cases: bool,
    /// SHA-256 of the public key (SPKI) of its certificate in force.
    pub key_digest: Digest,
    /// When that certificate ends.
    pub expires: Timestamp,
    /// Whether its access has ended.
    pub revoked: bool,
}

/// The longest name of an agency, in bytes.
const NAME_MAX_BYTES: usize = 48;

impl Agency {
    fn from_row(row: AgencyRow) -> Result<Self, ActionError> {
        let key_digest = row.key_digest.as_slice().try_into().map_err(ActionError::fault)?;
        Ok(Self {
            name: row.name,
            roles: row.roles.iter().filter_map(|role| Role::parse(role)).collect(),
            all_cases: row.all_cases,
            key_digest,
            expires: Timestamp::from_unix_ms(row.expires_ms),
            revoked: row.revoked,
        })
    }

    /// Whether it may be given a new certificate.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] with code `AGENCY_REVOKED`.
    pub fn check_renewable(&self) -> Result<(), ActionError> {
        if !self.revoked {
            return Ok(());
        }
        let message = format!(
            "the access of {:?} has ended: what is to call again gets a name of its own",
            self.name
        );
        Err(ActionError::conflict("AGENCY_REVOKED", message))
    }

    fn to_row(&self) -> AgencyRow {
        AgencyRow {
            name: self.name.clone(),
            roles: self.roles.iter().map(Role::to_string).collect(),
            all_cases: self.all_cases,
            key_digest: self.key_digest.to_vec(),
            expires_ms: self.expires.unix_ms(),
            revoked: self.revoked,
        }
    }
}

/// Checks the name of an agency.
///
/// # Errors
/// [`ActionError::Invalid`], which quotes the rule.
pub fn check_name(name: &str) -> Result<(), ActionError> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let ok = (1..=NAME_MAX_BYTES).contains(&name.len())
        && name.bytes().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
        && name != Caller::OPERATOR;
    let rule = "must be 1 to 48 lower-case letters, digits and inner hyphens, and not \"operator\"";
    if ok { Ok(()) } else { Err(ActionError::invalid("agency", rule)) }
}

impl Exchange {
    fn agency_key(&self, name: &str) -> [u8; 16] {
        self.home.blind("agency", name.as_bytes())
    }

    /// An agency.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when the row cannot be read.
    pub fn agency(&self, name: &str) -> Result<Option<Agency>, ActionError> {
        let row = rows::load(&self.store, Table::Agencies, &self.agency_key(name))?;
        row.map(Agency::from_row).transpose()
    }

    /// All agencies, by name.
    ///
    /// # Errors
    /// [`ActionError::Fault`] when a row cannot be read.
    pub fn agencies(&self) -> Result<Vec<Agency>, ActionError> {
        let rows = rows::all::<AgencyRow>(&self.store, Table::Agencies)?;
        let mut agencies: Vec<_> =
            rows.into_iter().map(Agency::from_row).collect::<Result<_, _>>()?;
        agencies.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(agencies)
    }

    /// The caller whose certificate has this name and key, if it may call now.
    ///
    /// # Errors
    /// [`ActionError::Forbidden`] says why it may not.
    pub fn caller(&self, name: &str, key_digest: &Digest) -> Result<Caller, ActionError> {
        let forbidden = |why: &str| ActionError::Forbidden(format!("agency {name:?} {why}"));
        let agency = self.agency(name)?.ok_or_else(|| forbidden("is not registered"))?;
        if agency.revoked {
            return Err(forbidden("has no access any more"));
        }
        if agency.key_digest != *key_digest {
            return Err(forbidden("has been given a newer certificate: use that one"));
        }
        if agency.expires < self.now() {
            return Err(forbidden("has a certificate that has ended: renew it"));
        }
        Ok(Caller { name: agency.name, roles: agency.roles, all_cases: agency.all_cases })
    }

    /// Ends an agency's access; gives what is registered then.
    ///
    /// # Errors
    /// [`ActionError::NotFound`] when there is no such agency.
    pub async fn revoke_agency(&self, name: &str) -> Result<Agency, ActionError> {
        self.change_agency(name, Event::AgencyRevoked, |agency| {
            agency.revoked = true;
            Ok(())
        })
        .await
    }

    /// Registers an agency with the key of its certificate.
    ///
    /// # Errors
    /// [`ActionError::Conflict`] with code `AGENCY_EXISTS` when the name is taken.
    pub async fn add_agency(&self, agency: Agency) -> Result<(), ActionError> {
        self.check_writable()?;
        let key = self.agency_key(&agency.name);
        let draft = EntryDraft::new(Event::AgencyAdded).who(&self.handle(&agency.name));
        let adding = self.store.commit(move |tx| {
            if tx.get(Table::Agencies, &key).is_some() {
                let message = format!("there is an agency {:?} already", agency.name);
                return Err(ActionError::conflict("AGENCY_EXISTS", message));
            }
            tx.put(Table::Agencies, &key, agency.to_row().encode_to_vec());
            tx.append(draft);
            Ok(())
        });
        adding.await?;
        self.agencies_changed.send_modify(|generation| *generation += 1);
        Ok(())
    }

    /// Gives an agency a new certificate. What it may do stays as it is when this is committed: it
    /// may have lost its access since somebody looked.
    ///
    /// # Errors
    /// [`ActionError::NotFound`]; [`ActionError::Conflict`] with code `AGENCY_REVOKED`.
    pub async fn renew_agency(
        &self,
        name: &str,
        key_digest: Digest,
        expires: Timestamp,
    ) -> Result<Agency, ActionError> {
        self.change_agency(name, Event::AgencyRenewed, move |agency| {
            agency.check_renewable()?;
            (agency.key_digest, agency.expires) = (key_digest, expires);
            Ok(())
        })
        .await
    }

    /// Changes what is registered when the change is committed, whatever somebody saw before.
    async fn change_agency(
        &self,
        name: &str,
        event: Event,
        change: impl FnOnce(&mut Agency) -> Result<(), ActionError> + Send + 'static,
    ) -> Result<Agency, ActionError> {
        self.check_writable()?;
        let key = self.agency_key(name);
        let unknown = ActionError::NotFound(format!("there is no agency {name:?}"));
        let draft = EntryDraft::new(event).who(&self.handle(name));
        let changing = self.store.commit(move |tx| {
            let row = load_in::<AgencyRow>(tx, Table::Agencies, &key)?.ok_or(unknown)?;
            let mut agency = Agency::from_row(row)?;
            change(&mut agency)?;
            tx.put(Table::Agencies, &key, agency.to_row().encode_to_vec());
            tx.append(draft);
            Ok(agency)
        });
        let changed = changing.await?.value;
        // Calls that are open look again.
        self.agencies_changed.send_modify(|generation| *generation += 1);
        Ok(changed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::retention::Rules;
    use crate::exchange::testing::{Lone, conflict};

    fn agency() -> Agency {
        Agency {
            name: "desk".into(),
            roles: vec![Role::Submit],
            all_cases: true,
            key_digest: [1; 32],
            expires: Timestamp::from_unix_ms(9_000_000_000_000),
            revoked: false,
        }
    }

    #[tokio::test]
    async fn a_renewal_gives_nobody_access_back() {
        let lone = Lone::new("xa.oag", Rules::default());
        let x = lone.x();
        x.add_agency(agency()).await.expect("added");
        assert_eq!(conflict(x.add_agency(agency()).await), "AGENCY_EXISTS");
        let renewed = x.renew_agency("desk", [2; 32], agency().expires).await.expect("renewed");
        assert_eq!(renewed, Agency { key_digest: [2; 32], ..agency() });
        assert_eq!(x.agency("desk"), Ok(Some(renewed.clone())));
        // Whoever renews has looked before; then it is revoked; then the renewal comes.
        renewed.check_renewable().expect("it may be");
        let revoked = x.revoke_agency("desk").await.expect("revoked");
        assert_eq!(revoked, Agency { revoked: true, ..renewed });
        let late = x.renew_agency("desk", [3; 32], agency().expires).await;
        assert_eq!(conflict(late), "AGENCY_REVOKED");
        assert_eq!(x.agency("desk"), Ok(Some(revoked)));
        assert_eq!(lone.entries(Event::AgencyRenewed).len(), 1);
        let unknown = x.renew_agency("other", [3; 32], agency().expires).await;
        assert!(matches!(unknown, Err(ActionError::NotFound(_))), "{unknown:?}");
    }
}
