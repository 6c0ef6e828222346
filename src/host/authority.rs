//! What the nameservers responsible for a name say: the answer that no cache between them and us has kept.
//!
//! The way there is short and known: the nameserver that this host uses anyway tells the end of the chain of
//! aliases, the zone of that name and who serves it; then one of those servers is asked, without recursion. An
//! answer counts only when it is marked as authoritative. Nothing here walks down from the root, retries, or asks
//! over TCP: where the short way does not lead to an answer, there is none.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use hickory_resolver::proto::op::{Edns, Message, MessageType, Query as Question, ResponseCode};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use serde::Serialize;

use super::names::socket_for;
use super::{Identity, Live, Query};
use crate::evidence::{AuthorityAnswer, NameOutcome, Observed, Obstacle};

/// What a nameserver of the name's own zone says of its addresses.
#[derive(Clone, Debug, Serialize)]
pub struct AuthorityLookup {
    /// The name, taken as fully qualified.
    pub name: String,
    /// The nameserver that this host uses, which tells who is responsible: `127.0.0.53:53`.
    pub through: String,
    /// Limit in milliseconds for all questions together.
    pub limit_ms: u64,
    /// In whose network.
    #[serde(skip_serializing_if = "Identity::is_own")]
    pub identity: Identity,
}

/// How many nameservers of a zone are asked, one after the other.
const MOST_SERVERS: usize = 2;
/// What a datagram may carry without being split on its way, the value that DNS servers agreed on in 2020.
const PAYLOAD_BYTES: u16 = 1_232;

impl Query for AuthorityLookup {
    type Answer = AuthorityAnswer;
    const NAME: &'static str = "authority_lookup";

    fn perform(&self, live: &Live) -> Observed<AuthorityAnswer> {
        let Ok(through) = self.through.parse::<SocketAddr>() else {
            return Observed::Unavailable(Obstacle::Failed(format!("{:?} is no address", self.through)));
        };
        let (name, limit) = (self.name.clone(), live.within(self.limit_ms));
        self.identity
            .network_only()
            .act(move || {
                let Ok(mut question) = Name::from_utf8(&name) else {
                    return Observed::Unavailable(Obstacle::Failed("not a host name".to_owned()));
                };
                question.set_fqdn(true);
                answer(&question, through, Instant::now() + limit)
                    .map_or_else(Observed::Unavailable, Observed::Seen)
            })
            .unwrap_or_else(Observed::Unavailable)
    }
}

fn answer(name: &Name, through: SocketAddr, until: Instant) -> Result<AuthorityAnswer, Obstacle> {
    let addresses = ask(through, name, RecordType::A, true, until)?;
    let name = end_of_aliases(name, &addresses);
    let (zone, servers) = zone(&name, through, until)?;
    let mut obstacle = Obstacle::Failed(format!("{through} names no nameserver of its zone"));
    for server in servers {
        match ask_server(&server, &name, through, until) {
            Ok((address, outcome)) => {
                return Ok(AuthorityAnswer {
                    name: plain(&name),
                    zone: plain(&zone),
                    nameserver: plain(&server),
                    server: address.to_string(),
                    outcome,
                });
            }
            Err(why) => obstacle = why,
        }
    }
    Err(obstacle)
}

/// The zone of a name, and its nameservers: none when nobody names any.
fn zone(name: &Name, through: SocketAddr, until: Instant) -> Result<(Name, Vec<Name>), Obstacle> {
    // The owner of the SOA record is the zone, whether the name is its top (an answer) or below it (authority).
    let start = ask(through, name, RecordType::SOA, true, until)?;
    let owner = start
        .answers
        .iter()
        .chain(&start.authorities)
        .find(|record| matches!(record.data, RData::SOA(_)) && record.name.zone_of(name));
    // A nameserver that only forwards may leave the record out: then the names above it are tried in turn, but no
    // top-level domain.
    let tried = match owner {
        Some(owner) => vec![owner.name.clone()],
        None => std::iter::successors(Some(name.base_name()), |name| Some(name.base_name()))
            .take_while(|name| name.num_labels() >= 2)
            .take(4)
            .collect(),
    };
    for zone in tried {
        let reply = ask(through, &zone, RecordType::NS, true, until)?;
        let servers: Vec<Name> = reply
            .answers
            .iter()
            .filter_map(|record| match &record.data {
                RData::NS(server) if record.name == zone => Some(server.0.clone()),
                _ => None,
            })
            .take(MOST_SERVERS)
            .collect();
        if !servers.is_empty() {
            return Ok((zone, servers));
        }
    }
    Ok((Name::root(), Vec::new()))
}

/// What this nameserver of the zone says, and its address.
fn ask_server(
    server: &Name,
    name: &Name,
    through: SocketAddr,
    until: Instant,
) -> Result<(SocketAddr, NameOutcome), Obstacle> {
    let known = ask(through, server, RecordType::A, true, until)?;
    let address = known.answers.iter().find_map(address_of);
    let address = match address {
        Some(address) => address,
        None => ask(through, server, RecordType::AAAA, true, until)?
            .answers
            .iter()
            .find_map(address_of)
            .ok_or_else(|| Obstacle::Failed(format!("{} has no address", plain(server))))?,
    };
    let address = SocketAddr::new(address.0, 53);
    if address == through {
        return Err(Obstacle::Failed(format!(
            "{through}, which was asked already, serves the zone itself"
        )));
    }
    let mut addresses = Vec::new();
    let mut code = None;
    for kind in [RecordType::A, RecordType::AAAA] {
        let reply = ask(address, name, kind, false, until)?;
        if !reply.metadata.authoritative {
            return Err(Obstacle::Failed(format!(
                "{} does not answer for the zone",
                plain(server)
            )));
        }
        addresses.extend(reply.answers.iter().filter_map(address_of));
        code = code.or(Some(reply.metadata.response_code));
    }
    let outcome = match code {
        _ if !addresses.is_empty() => NameOutcome::Addresses(addresses),
        Some(ResponseCode::NXDomain) => NameOutcome::NxDomain,
        _ => NameOutcome::NoAddress,
    };
    Ok((address, outcome))
}

fn address_of(record: &Record) -> Option<(IpAddr, u32)> {
    match &record.data {
        RData::A(address) => Some((IpAddr::V4(address.0), record.ttl)),
        RData::AAAA(address) => Some((IpAddr::V6(address.0), record.ttl)),
        _ => None,
    }
}

/// Where the aliases of an answer lead; no further than there are records.
fn end_of_aliases(name: &Name, reply: &Message) -> Name {
    let mut name = name.clone();
    for _ in 0..reply.answers.len() {
        let next = reply.answers.iter().find_map(|record| match &record.data {
            RData::CNAME(alias) if record.name == name => Some(alias.0.clone()),
            _ => None,
        });
        let Some(next) = next else { break };
        name = next;
    }
    name
}

/// Without the dot at the end, as people write it.
fn plain(name: &Name) -> String {
    name.to_ascii().trim_end_matches('.').to_owned()
}

/// One question in one datagram, and the reply to it. Only "no such name" and "no error" are replies.
fn ask(
    server: SocketAddr,
    name: &Name,
    kind: RecordType,
    recursion: bool,
    until: Instant,
) -> Result<Message, Obstacle> {
    let failed = |error: &dyn std::fmt::Display| Obstacle::Failed(error.to_string().to_lowercase());
    let mut question = Message::query();
    question.metadata.recursion_desired = recursion;
    question.add_query(Question::query(name.clone(), kind));
    let mut edns = Edns::new();
    edns.set_max_payload(PAYLOAD_BYTES);
    question.set_edns(edns);
    let bytes = question.to_vec().map_err(|error| failed(&error))?;
    let socket = socket_for(server).map_err(|error| failed(&error))?;
    // Connected: nobody else can answer, and a closed port is heard of.
    let sent = socket.connect(server).and_then(|()| socket.send(&bytes));
    sent.map_err(|error| failed(&error))?;
    let mut buffer = vec![0_u8; usize::from(PAYLOAD_BYTES)];
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left < Duration::from_millis(1) {
            return Err(Obstacle::TimedOut);
        }
        socket.set_read_timeout(Some(left)).map_err(|error| failed(&error))?;
        let length = match socket.recv(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Err(Obstacle::TimedOut),
            Err(error) => return Err(failed(&error)),
        };
        let Ok(reply) = Message::from_vec(&buffer[..length.min(buffer.len())]) else {
            continue;
        };
        let metadata = &reply.metadata;
        if metadata.id != question.metadata.id
            || metadata.message_type != MessageType::Response
            || reply.queries != question.queries
        {
            continue;
        }
        if metadata.truncation {
            return Err(Obstacle::Failed(format!(
                "{server} answers more than fits a datagram"
            )));
        }
        return match metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Ok(reply),
            other => Err(failed(&format!("{server} answers {other}"))),
        };
    }
}
