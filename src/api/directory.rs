//! `DirectoryService`: who takes part, and what each has said of itself and its law.

use std::sync::Arc;

use tonic::{Request, Response, Status};

use super::convert::{card_changes, optional, parse};
use super::identity;
use super::status::{invalid, to_status};
use crate::card::Card;
use crate::domain::request::{FrameworkSubject, FrameworkUpdate};
use crate::domain::time::DAY_MS;
use crate::domain::{AuthorityId, Timestamp};
use crate::envelope::wire::{framework_to_pb, subject_from_pb};
use crate::exchange::cards::CardVersion;
use crate::exchange::framework::{Stated, Wanted};
use crate::exchange::lookup::{Listed, Lookup};
use crate::exchange::{ActionError, Caller, Exchange, Role};
use crate::pb::v1 as pb;
use pb::directory_service_server::DirectoryService;

/// Characters of the words that are looked for.
const WORDS_MAX_CHARS: usize = 200;

/// The service.
pub struct DirectoryApi {
    exchange: Arc<Exchange>,
}

impl DirectoryApi {
    /// Of a node.
    pub fn new(exchange: Arc<Exchange>) -> Self {
        Self { exchange }
    }

    /// Cards are public among those who take part, and operators deal with them.
    fn either<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        identity::caller_with_either(&self.exchange, request, (Role::Read, Role::Operate))
    }

    /// What stands in messages is content.
    fn reader<T>(&self, request: &Request<T>) -> Result<Caller, Status> {
        identity::caller(&self.exchange, request, Role::Read)
    }

    async fn statements(
        &self,
        caller: &Caller,
        wanted: Wanted,
    ) -> Result<(Vec<pb::Statement>, bool), Status> {
        let pass = self.exchange.gates().statements.enter(&caller.name).map_err(to_status)?;
        let found = self.exchange.statements(caller, wanted).await.map_err(to_status)?;
        drop(pass);
        Ok((found.statements.into_iter().map(statement).collect(), found.truncated))
    }
}

#[tonic::async_trait]
impl DirectoryService for DirectoryApi {
    async fn list_authorities(
        &self,
        request: Request<pb::ListAuthoritiesRequest>,
    ) -> Result<Response<pb::ListAuthoritiesResponse>, Status> {
        self.either(&request)?;
        let request = request.into_inner();
        let lookup = Lookup {
            country: request.country,
            function: request.function,
            convention: request.convention,
            language: request.language,
            words: request.words,
        };
        let texts = [
            ("country", &lookup.country),
            ("function", &lookup.function),
            ("convention", &lookup.convention),
            ("language", &lookup.language),
            ("words", &lookup.words),
        ];
        if let Some((field, _)) = texts.iter().find(|(_, t)| t.chars().count() > WORDS_MAX_CHARS) {
            let rule = format!("must have {WORDS_MAX_CHARS} characters at most");
            return Err(invalid(field, rule));
        }
        let found = self.exchange.look_up(&lookup).map_err(to_status)?;
        let authorities = found.iter().map(authority).collect();
        Ok(Response::new(pb::ListAuthoritiesResponse { authorities }))
    }

    async fn get_authority(
        &self,
        request: Request<pb::GetAuthorityRequest>,
    ) -> Result<Response<pb::Authority>, Status> {
        self.either(&request)?;
        let request = request.get_ref();
        let id: AuthorityId = parse("authority", &request.authority)?;
        let listed = match request.as_of.as_str() {
            "" => self.exchange.listed_one(&id).map_err(to_status)?,
            text => {
                let version = self.exchange.card_as_of(&id, instant(text)?).map_err(to_status)?;
                let gone = || ActionError::NotFound(format!("{id} was not in the directory then"));
                Listed {
                    card: version.card.ok_or_else(|| to_status(gone()))?,
                    since: version.since,
                    is_own: id == *self.exchange.me(),
                    suspended: None,
                }
            }
        };
        Ok(Response::new(whole_authority(&listed)))
    }

    async fn list_cards(
        &self,
        request: Request<pb::ListCardsRequest>,
    ) -> Result<Response<pb::ListCardsResponse>, Status> {
        self.either(&request)?;
        let id: AuthorityId = parse("authority", &request.get_ref().authority)?;
        let history = self.exchange.card_history(&id).map_err(to_status)?;
        if history.is_empty() {
            let unknown = format!("{id} was never in the directory");
            return Err(to_status(ActionError::NotFound(unknown)));
        }
        Ok(Response::new(pb::ListCardsResponse { cards: versions(&history) }))
    }

    async fn list_statements(
        &self,
        request: Request<pb::ListStatementsRequest>,
    ) -> Result<Response<pb::ListStatementsResponse>, Status> {
        let caller = self.reader(&request)?;
        let request = request.get_ref();
        let wanted = Wanted {
            authority: optional("authority", &request.authority)?,
            subject: subject(request.subject)?,
            reference: None,
            day: self.day(&request.as_of)?,
            in_effect: !request.as_of.is_empty(),
        };
        let (statements, truncated) = self.statements(&caller, wanted).await?;
        Ok(Response::new(pb::ListStatementsResponse { statements, truncated }))
    }

    async fn get_statement(
        &self,
        request: Request<pb::GetStatementRequest>,
    ) -> Result<Response<pb::Statement>, Status> {
        let caller = self.reader(&request)?;
        let request = request.get_ref();
        let form = "must be an authority id, a slash and a code, as in xb.pps/LAW-2026-1";
        let (id, reference) = request.name.split_once('/').ok_or_else(|| invalid("name", form))?;
        let wanted = Wanted {
            authority: Some(parse("name", id)?),
            subject: None,
            reference: Some(reference.to_owned()),
            day: self.day(&request.as_of)?,
            in_effect: false,
        };
        let (statements, _) = self.statements(&caller, wanted).await?;
        let unknown = || ActionError::NotFound(format!("there is no statement {:?}", request.name));
        let found = statements.into_iter().next();
        Ok(Response::new(found.ok_or_else(|| to_status(unknown()))?))
    }
}

impl DirectoryApi {
    /// A day that is given, or today's, in UTC.
    fn day(&self, text: &str) -> Result<String, Status> {
        match text {
            "" => Ok(self.exchange.now().to_string().chars().take(10).collect()),
            text => instant_of_day(text).map(|_| text.to_owned()),
        }
    }
}

/// A time, or the end of a day.
fn instant(text: &str) -> Result<Timestamp, Status> {
    match text.len() {
        10 => Ok(instant_of_day(text)?.plus_ms(DAY_MS - 1)),
        _ => parse_time(text),
    }
}

fn parse_time(text: &str) -> Result<Timestamp, Status> {
    Timestamp::parse(text).map_err(|error| invalid("as_of", format!("{error}, or a day")))
}

/// The first moment of a day.
fn instant_of_day(text: &str) -> Result<Timestamp, Status> {
    let day = Timestamp::parse(&format!("{text}T00:00:00.000Z"));
    day.map_err(|_| invalid("as_of", "is not a day of the calendar in the form YYYY-MM-DD"))
}

fn subject(number: i32) -> Result<Option<FrameworkSubject>, Status> {
    match number {
        0 => Ok(None),
        number => subject_from_pb(number).map(Some).map_err(|error| invalid("subject", error.rule)),
    }
}

fn authority(listed: &Listed) -> pb::Authority {
    let (card, body) = (&listed.card, listed.card.body());
    pb::Authority {
        authority: body.authority.to_string(),
        kind: body.kind.to_string(),
        display_name: body.name.clone(),
        country: body.country.clone(),
        functions: body.functions.clone(),
        languages: body.languages.clone(),
        conventions: card.conventions(),
        endpoint: body.endpoint.clone(),
        card_version: body.version,
        issue_time: body.issued.to_string(),
        expire_time: body.expires.to_string(),
        since_time: listed.since.to_string(),
        is_own: listed.is_own,
        suspended: listed.suspended.clone().unwrap_or_default(),
        fingerprint: card.fingerprint().hex(),
        profile: String::new(),
        card: String::new(),
    }
}

fn whole_authority(listed: &Listed) -> pb::Authority {
    let card = listed.card.text().to_owned();
    pb::Authority { card, profile: listed.card.profile_json(), ..authority(listed) }
}

/// Each with what it changed, and until when: the one before it in the list is the one that follows.
fn versions(history: &[CardVersion]) -> Vec<pb::CardVersion> {
    let mut versions = Vec::new();
    for (number, version) in history.iter().enumerate() {
        let next = number.checked_sub(1).and_then(|next| history.get(next));
        let before = history.get(number + 1).and_then(|before| before.card.as_ref());
        let changes = match (&version.card, before) {
            (Some(now), Some(before)) => card_changes(now.body(), before.body()),
            _ => Vec::new(),
        };
        versions.push(pb::CardVersion {
            version: version.card.as_ref().map_or(0, Card::version),
            since_time: version.since.to_string(),
            until_time: next.map(|next| next.since.to_string()).unwrap_or_default(),
            log_index: version.index(),
            log: version.log(),
            changes,
            card_digest: version.card.as_ref().map(|c| hex::encode(c.digest())).unwrap_or_default(),
        });
    }
    versions
}

fn statement(stated: Stated) -> pb::Statement {
    let name = format!("{}/{}", stated.authority, stated.statement.reference);
    let update = FrameworkUpdate { statements: vec![stated.statement] };
    pb::Statement {
        name,
        authority: stated.authority.to_string(),
        message: format!("messages/{}", stated.message),
        create_time: stated.made.to_string(),
        statement: framework_to_pb(&update).statements.pop(),
        holding: stated.holding.as_str().to_owned(),
        superseded_by: stated.superseded_by.unwrap_or_default(),
    }
}
