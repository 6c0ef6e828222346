#!/bin/sh
# Does the routing oracle see mistakes? Each line below is a deliberate error in the model of Squid, made in a
# copy of the sources; the oracle must find every one. Prints after how many comparisons it did.
# Usage, from the root of the sources: tests/squid_config/planted.sh [COPY [TARGET_DIRECTORY]]
set -eu
copy=${1:-$(mktemp -d)}
export CARGO_TARGET_DIR="${2:-$copy/target}"
mkdir -p "$copy"
missed=0
number=0

rm -rf "$copy/src" "$copy/tests"
cp -r Cargo.toml Cargo.lock src tests docs "$copy/"
for extra in .clippy.toml build.rs README.md CHANGELOG.md; do
    if [ -e "$extra" ]; then cp "$extra" "$copy/"; fi
done

# plant WHAT FILE SED-EXPRESSION
plant() {
    number=$((number + 1))
    file="src/proxy/squid/$2"
    sed "$3" "$file" >"$copy/$file"
    if cmp -s "$file" "$copy/$file"; then
        echo "$number. $1: NOT PLANTED (the source has changed)"
        missed=$((missed + 1))
        return
    fi
    if ! (cd "$copy" && cargo test -q --test main --no-run >build.log 2>&1); then
        echo "$number. $1: DOES NOT BUILD"
        missed=$((missed + 1))
    else
        rm -f "$copy/report"
        (cd "$copy" && FIX502_ORACLE_REPORT="$copy/report" \
            cargo test -q --test main squid_config::oracle::requests >run.log 2>&1) || true
        if [ -s "$copy/report" ]; then
            echo "$number. $1: found $(sed -n '1s/ comparisons.*//p' "$copy/report") comparisons"
        else
            echo "$number. $1: MISSED"
            missed=$((missed + 1))
        fi
    fi
    cp "$file" "$copy/$file"
}

plant "without a match the answer is that of the last line" access.rs 's/map_or(when_empty, |line| !line.allow)/map_or(when_empty, |line| line.allow)/'
plant "never_direct is not asked" route.rs 's/            ask("never_direct")/            ask("no_such_list")/'
plant "a negated list counts as it is" matching.rs 's/if term.negated { one.not() } else { one }/one/'
plant "a domain with a dot does not hold itself" matching.rs 's/host == suffix || host.strip_suffix/host.strip_suffix/'
plant "a POST is asked of the peers first" route.rs 's/(asked.method == "GET" || asked.method == "TRACE")/(asked.method != "CONNECT")/'
plant "an origin server is sent the whole URL" route.rs 's/if peer.origin_server \&\& asked.method != "CONNECT"/if false \&\& peer.origin_server/'
plant "forceddomain is not looked at" route.rs 's/peer.forced_domain.clone().unwrap_or_else(|| host_header(asked))/host_header(asked)/'
plant "allow-direct is taken as set" route.rs 's/self.port.mode == Mode::Accelerator \&\& !self.port.allow_direct/self.port.mode == Mode::Accelerator \&\& false/'
plant "siblings are asked as parents are" route.rs 's/if peer.kind != Kind::Parent || /if /'
plant "a vport does not replace the port of Host" select.rs 's/host.truncate(colon);/let _ = colon;/'
plant "the trailing dot of a host is kept" select.rs "s/let host = host.trim_end_matches('.').to_ascii_lowercase();/let host = host.to_ascii_lowercase();/"
plant "carp does not go before the others" route.rs 's/("CARP", members(|peer| peer.picked.carp)),/("CARP", Vec::new()),/'
plant "prefer_direct is not looked at" route.rs 's/config.is_on("prefer_direct")/config.is_on("no_such_switch")/'
plant "the lists of ipv4 hold every IPv4 address" address.rs 's/"ipv4" | "ipv6" => return Ok(all(true)),/"ipv4" => return Ok(all(false)),/'
echo "$number planted, $missed not found"
[ "$missed" -eq 0 ]
