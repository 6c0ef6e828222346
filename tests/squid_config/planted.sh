#!/bin/sh
# Do the oracles see mistakes? Each line below is a deliberate error in the model of Squid; one of the oracles
# must find every one. What they found: planted.md.
# Usage, from the root of the sources: tests/squid_config/planted.sh [COPY [TARGET_DIRECTORY]]
PROXY=squid
. tests/planted.sh

plant "without a match the answer is that of the last line" access.rs 's/map_or(when_empty, |line| !line.allow)/map_or(when_empty, |line| line.allow == PLANTED)/'
plant "never_direct is not asked" route.rs 's/            ask("never_direct")/            ask(if PLANTED { "no_such_list" } else { "never_direct" })/'
plant "a negated list counts as it is" matching.rs 's/if term.negated() { one.not() }/if term.negated() \&\& !PLANTED { one.not() }/'
plant "a domain with a dot does not hold itself" matching.rs 's/host == suffix || host.strip_suffix/host == suffix \&\& !PLANTED || host.strip_suffix/'
plant "a POST is asked of the peers first" route.rs 's/(asked.method == "GET" || asked.method == "TRACE")/(asked.method == "GET" || PLANTED \&\& asked.method == "POST")/'
plant "an origin server is sent the whole URL" route.rs 's/if peer.origin_server \&\& asked.method != "CONNECT"/if !PLANTED \&\& peer.origin_server \&\& asked.method != "CONNECT"/'
plant "forceddomain is not looked at" route.rs 's/                .map_or_else(|| host_header(asked), String::from),/                .filter(|_| !PLANTED)\n&/'
plant "a port of accel may always ask directly" route.rs 's/self.port.mode == Mode::Accelerator \&\& !self.port.allow_direct/self.port.mode == Mode::Accelerator \&\& !self.port.allow_direct \&\& !PLANTED/'
plant "siblings are asked as parents are" route.rs 's/if peer.kind != Kind::Parent || /if (peer.kind != Kind::Parent \&\& !PLANTED) || /'
plant "a vport does not replace the port of Host" select.rs 's/host.truncate(colon);/if !PLANTED { host.truncate(colon); }/'
plant "the trailing dot of a host is kept" select.rs "s/let host = host.trim_end_matches('.')/let host = host.trim_end_matches(if PLANTED { '!' } else { '.' })/"
plant "carp does not go before the others" route.rs 's/members(|peer| peer.picked.carp)/members(|peer| peer.picked.carp \&\& !PLANTED)/'
plant "prefer_direct is not looked at" route.rs 's/config.is_on("prefer_direct")/config.is_on("prefer_direct") \&\& !PLANTED/'
plant "lists of ipv4 hold every address" address.rs 's/return Ok(all(true)),/return Ok(all(!PLANTED)),/'

hunt squid_config::oracle::requests
