#!/bin/sh
# Does the routing oracle see mistakes? Each line below is a deliberate error in the model of nginx, made in a
# copy of the sources; the oracle must find every one. Prints after how many comparisons it did.
# Usage, from the root of the sources: tests/nginx_config/planted.sh [COPY [TARGET_DIRECTORY]]
# FIX502_PLANTS="4 11" tries these alone.
set -eu
copy=${1:-$(mktemp -d)}
export CARGO_TARGET_DIR="${2:-$copy/target}"
mkdir -p "$copy"
missed=0
number=0

fresh() {
    rm -rf "$copy/src" "$copy/tests"
    tar cf - --exclude=tests/fuzz Cargo.toml Cargo.lock src tests docs | tar xf - -C "$copy"
    for extra in .clippy.toml build.rs README.md; do
        if [ -e "$extra" ]; then cp "$extra" "$copy/"; fi
    done
}

# plant WHAT FILE SED-EXPRESSION
plant() {
    number=$((number + 1))
    case " ${FIX502_PLANTS:-$number} " in *" $number "*) ;; *) return ;; esac
    cp "src/proxy/nginx/$2" "$copy/src/proxy/nginx/$2"
    sed -i "$3" "$copy/src/proxy/nginx/$2"
    if cmp -s "src/proxy/nginx/$2" "$copy/src/proxy/nginx/$2"; then
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
            cargo test -q --test main nginx_config::routing >run.log 2>&1) || true
        if [ -s "$copy/report" ]; then
            echo "$number. $1: found $(sed -n '1s/ comparisons.*//p' "$copy/report") comparisons"
        else
            echo "$number. $1: MISSED"
            missed=$((missed + 1))
        fi
    fi
    cp "src/proxy/nginx/$2" "$copy/src/proxy/nginx/$2"
}

fresh
plant "the shortest prefix wins" location_select.rs 's/location.2.len() > known.2.len()/location.2.len() < known.2.len()/'
plant "a regular expression beats an exact location" location_select.rs 's/if !below_regex {/if below_regex {/'
plant "the outer ^~ does not hold back regular expressions" location_select.rs 's/regexes_wanted = \*kind != Kind::PrefixNoRegex;/regexes_wanted = true;/'
plant "no 301 for a missing slash" location_select.rs 's/if same.iter().any(|(node, _, _)| has_pass(tree, \*node))/if false \&\& same.iter().any(|(node, _, _)| has_pass(tree, *node))/'
plant "regular expressions are all caseless" location_select.rs 's/Kind::Regex => false,/Kind::Regex => true,/'
plant "the last of equal names takes the request" server_select.rs 's/names.exact.iter().find(/names.exact.iter().rev().find(/; s/} else if !taken.insert(text) {/} else if !taken.insert(text) \&\& false {/'
plant "a name at the end beats one at the start" server_select.rs 's/if let Some((_, _, server)) = head {/if let Some((_, _, server)) = head.filter(|_| !names.tails.iter().any(|(prefix, _)| host.starts_with(prefix))) {/'
plant "the last server is the default" server_select.rs 's/\.or(servers.first())?;/.or(servers.last())?;/'
plant "a wildcard listener takes what a specific one should" server_select.rs 's/\.find(|socket| found.iter().any(|listen| listen.socket == \*socket))/.rfind(|socket| found.iter().any(|listen| listen.socket == *socket))/'
plant "a break keeps the URI of proxy_pass" rewrite.rs 's/state.valid_location = false;/state.valid_location = true;/'
plant "arguments are dropped by a rewrite" rewrite.rs 's/if keeps_arguments \&\& !state.arguments.is_empty()/if !keeps_arguments \&\& !state.arguments.is_empty()/'
plant "captures outlive a pattern that does not match" rewrite.rs 's/state.forget_captures();//'
plant "the raw target is sent after a rewrite" rewrite.rs 's/state.valid_raw = false;/state.valid_raw = true;/'
plant "slashes are not merged" uri.rs 's/if !merge_slashes {/if merge_slashes {/'
plant "%2F does not divide a path" uri.rs "s/decoded.push(value);/decoded.push(if value == b'\/' { b'_' } else { value });/"
plant "nothing is escaped for the upstream" pass.rs 's/if state.quoted || state.internal/if false \&\& state.internal/'
plant "a group with a port is found" pass.rs 's/filter(|_| !has_variables || port.is_none())/filter(|_| true)/'
plant "the default port is shown in Host" pass.rs 's/port.filter(|port| \*port != fallback)/port.filter(|_| true)/'
plant "header sets of all levels are joined" settings.rs 's/for node in tree.nearest_all(self.block, directive) {/for node in tree.around(self.block).flat_map(|level| tree.named(level, directive)) {/'
plant "an error page keeps the method" route.rs 's/"GET".clone_into(&mut state.method);//'
plant "error pages are followed again and again" route.rs 's/self.pages_done = !recursive;/self.pages_done = false;/'
plant "limit_except is not seen" route.rs 's/        .unwrap_or(location)/        .map_or(location, |_| location)/'
plant "internal locations are open" route.rs 's/if !state.internal \&\& state.config.tree.nearest(node, "internal").is_some()/if false \&\& state.config.tree.nearest(node, "internal").is_some()/'
plant "the last deny wins" access.rs 's/let refuses = tree.name(rule) == "deny";/let refuses = tree.name(rule) == "allow";/'
plant "a map forgets its default" map.rs 's/chosen.or(default).map_or/chosen.map_or/'
plant "a map is evaluated again after a rewrite" variables.rs 's/if !volatile {/if volatile {/'
plant "the smallest network of geo does not win" map.rs 's/|(known, _)| length >= known/|(known, _)| length < known/'
plant "split_clients hashes another way" map.rs 's/word ^= word >> 24;/word ^= word >> 23;/'
echo "$number planted, $missed not found"
[ "$missed" -eq 0 ]
