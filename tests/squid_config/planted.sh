#!/bin/sh
# Does the routing oracle see mistakes? Each line below is a deliberate error in the model of Squid. All are
# made in one copy of the sources, each asleep until FIX502_PLANT holds its number, so that one build is
# enough; the oracle must find every one. Prints after how many comparisons it did.
# Usage, from the root of the sources: tests/squid_config/planted.sh [COPY [TARGET_DIRECTORY]]
# FIX502_PLANTS="4 11" tries these alone.
set -eu
copy=${1:-$(mktemp -d)}
export CARGO_TARGET_DIR="${2:-$copy/target}"
mkdir -p "$copy"
names="$copy/names"
: >"$names"
missed=0
number=0

rm -rf "$copy/src" "$copy/tests"
tar cf - --exclude=tests/fuzz Cargo.toml Cargo.lock src tests docs | tar xf - -C "$copy"
for extra in .clippy.toml build.rs README.md CHANGELOG.md; do
    if [ -e "$extra" ]; then cp "$extra" "$copy/"; fi
done
cat >>"$copy/src/proxy/squid/mod.rs" <<'END'
pub(super) fn planted(number: u32) -> bool {
    static ASKED: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();
    let asked = ASKED.get_or_init(|| std::env::var("FIX502_PLANT").ok()?.parse().ok());
    *asked == Some(number)
}
END

# plant WHAT FILE SED-EXPRESSION: in it, PLANTED is whether this error is awake.
plant() {
    number=$((number + 1))
    echo "$1" >>"$names"
    file="$copy/src/proxy/squid/$2"
    cp "$file" "$copy/before"
    sed -i "$3; s/PLANTED/super::planted($number)/g" "$file"
    if cmp -s "$file" "$copy/before"; then
        echo "$number. $1: NOT PLANTED (the source has changed)"
        missed=$((missed + 1))
    fi
}

plant "without a match the answer is that of the last line" access.rs 's/map_or(when_empty, |line| !line.allow)/map_or(when_empty, |line| line.allow == PLANTED)/'
plant "never_direct is not asked" route.rs 's/            ask("never_direct")/            ask(if PLANTED { "no_such_list" } else { "never_direct" })/'
plant "a negated list counts as it is" matching.rs 's/if term.negated { one.not() }/if term.negated \&\& !PLANTED { one.not() }/'
plant "a domain with a dot does not hold itself" matching.rs 's/host == suffix || host.strip_suffix/host == suffix \&\& !PLANTED || host.strip_suffix/'
plant "a POST is asked of the peers first" route.rs 's/(asked.method == "GET" || asked.method == "TRACE")/(asked.method == "GET" || PLANTED \&\& asked.method == "POST")/'
plant "an origin server is sent the whole URL" route.rs 's/if peer.origin_server \&\& asked.method != "CONNECT"/if !PLANTED \&\& peer.origin_server \&\& asked.method != "CONNECT"/'
plant "forceddomain is not looked at" route.rs 's/peer.forced_domain.clone().unwrap_or_else/peer.forced_domain.clone().filter(|_| !PLANTED).unwrap_or_else/'
plant "a port of accel may always ask directly" route.rs 's/self.port.mode == Mode::Accelerator \&\& !self.port.allow_direct/self.port.mode == Mode::Accelerator \&\& !self.port.allow_direct \&\& !PLANTED/'
plant "siblings are asked as parents are" route.rs 's/if peer.kind != Kind::Parent || /if (peer.kind != Kind::Parent \&\& !PLANTED) || /'
plant "a vport does not replace the port of Host" select.rs 's/host.truncate(colon);/if !PLANTED { host.truncate(colon); }/'
plant "the trailing dot of a host is kept" select.rs "s/let host = host.trim_end_matches('.')/let host = host.trim_end_matches(if PLANTED { '!' } else { '.' })/"
plant "carp does not go before the others" route.rs 's/members(|peer| peer.picked.carp)/members(|peer| peer.picked.carp \&\& !PLANTED)/'
plant "prefer_direct is not looked at" route.rs 's/config.is_on("prefer_direct")/config.is_on("prefer_direct") \&\& !PLANTED/'
plant "lists of ipv4 hold every address" address.rs 's/return Ok(all(true)),/return Ok(all(!PLANTED)),/'

if ! (cd "$copy" && cargo test -q --test main --no-run >build.log 2>&1); then
    echo "the copy does not build: $copy/build.log"
    exit 1
fi
total=$number
number=0
while [ "$number" -lt "$total" ]; do
    number=$((number + 1))
    case " ${FIX502_PLANTS:-$number} " in *" $number "*) ;; *) continue ;; esac
    what=$(sed -n "${number}p" "$names")
    rm -f "$copy/report"
    (cd "$copy" && FIX502_PLANT=$number FIX502_ORACLE_REPORT="$copy/report" \
        cargo test -q --test main squid_config::oracle::requests >run.log 2>&1) || true
    if [ -s "$copy/report" ]; then
        echo "$number. $what: found $(sed -n '1s/ comparisons.*//p' "$copy/report") comparisons"
    else
        echo "$number. $what: MISSED"
        missed=$((missed + 1))
    fi
done
echo "$total planted, $missed not found"
[ "$missed" -eq 0 ]
