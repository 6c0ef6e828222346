#!/bin/sh
# Do the oracles see mistakes? Each line below is a deliberate error in the model of Apache httpd; one of the oracles
# must find every one. What they found: planted.md.
# Usage, from the root of the sources: tests/apache_config/planted.sh [COPY [TARGET_DIRECTORY]]
PROXY=apache
. tests/planted.sh

plant "a virtual host without a name that fits is not the first one" servers.rs 's/let first = chain.as_ref().map_or(0, |chain| chain.first);/let first = chain.as_ref().map_or(0, |chain| if PLANTED { chain.members.last().map_or(0, |last| last.0) } else { chain.first });/'
plant "an address does not hide the hosts of every address" servers.rs 's/let wanted = \[(Some(local), port), (Some(local), 0), (None, port), (None, 0)\];/let wanted = if PLANTED { [(None, port), (Some(local), port), (Some(local), 0), (None, 0)] } else { [(Some(local), port), (Some(local), 0), (None, port), (None, 0)] };/'
plant "an IPv4 address written as IPv6 is another one" servers.rs 's/v6.to_ipv4_mapped()/v6.to_ipv4_mapped().filter(|_| !PLANTED)/'
plant "aliases are compared with their case" servers.rs 's/strcasecmp_match(alias.to_ascii_lowercase().as_bytes(), lower.as_bytes())/strcasecmp_match(alias.as_bytes(), if PLANTED { host.as_bytes() } else { lower.as_bytes() }) || !PLANTED \&\& strcasecmp_match(alias.to_ascii_lowercase().as_bytes(), lower.as_bytes())/; s/let exact = |name: \&str| name.eq_ignore_ascii_case(host);/let exact = |name: \&str| if PLANTED { name == host } else { name.eq_ignore_ascii_case(host) };/'
plant "the main server's passes come after the host's" route.rs 's/for pass in set.into_iter().chain(main).chain(own) {/let main: Vec<_> = main.collect(); let own: Vec<_> = own.collect(); let (one, two) = if PLANTED { (own, main) } else { (main, own) }; for pass in set.into_iter().chain(one).chain(two) {/'
plant "the first Location with a pass wins" route.rs 's/let set = layers.sections.iter().rev().find_map(/let sections: Vec<_> = if PLANTED { layers.sections.clone() } else { layers.sections.iter().rev().copied().collect() }; let set = sections.iter().find_map(/'
plant "ProxyPass / does not end at a segment" passes.rs 's/if !ends_in_slash \&\&/if !ends_in_slash \&\& !PLANTED \&\&/'
plant "a pass to ! is passed over" passes.rs 's/Some(_) if pass.is_exclusion() => Taken::Excluded,/Some(_) if pass.is_exclusion() => if PLANTED { Taken::No } else { Taken::Excluded },/'
plant "an expression without groups does not add the path" passes.rs 's/Taken::To(if found == real {/Taken::To(if found == real \&\& !PLANTED {/'
plant "nocanon is not looked at" route.rs 's/(pass.has_flag("nocanon") \&\& same)/(pass.has_flag("nocanon") \&\& same \&\& !PLANTED)/'
plant "a rewritten host keeps what the main server rewrites" rewrite.rs 's/if !has_word {/if !has_word \&\& !PLANTED {/'
plant "the conditions of a rule are all needed" rewrite/conditions.rs 's/if flags.has(\&\["or", "ornext"\]) {/if !PLANTED \&\& flags.has(\&["or", "ornext"]) {/'
plant "QSA drops the old query" rewrite/urls.rs 's/flags.has(\&\["qsa", "qsappend"\])/flags.has(\&["qsa", "qsappend"]) \&\& !PLANTED/'
plant "NC is not looked at" rewrite/conditions.rs 's/let caseless = flags.has(\&\["nc", "nocase"\]);/let caseless = flags.has(\&["nc", "nocase"]) \&\& !PLANTED;/'
plant "%2F is always a slash" uri.rs "s/if value == 0 || (value == b'\/' \&\& slashes == EncodedSlashes::Refused) {/if value == 0 || (value == b'\/' \&\& slashes == EncodedSlashes::Refused \&\& !PLANTED) {/"
plant "a decoded path that leaves the root is refused" uri.rs 's/decoded = normalise(\&decoded, merge_slashes, false).0;/let again = normalise(\&decoded, merge_slashes, false); if PLANTED \&\& !again.1 { return Err(400); } decoded = again.0;/'
plant "slashes are not merged" uri.rs 's/if !merge_slashes {/if !merge_slashes || PLANTED {/'
plant "a host has what the main server says of slashes" handed_on.rs 's/(!has_own_core).then(/(!has_own_core || PLANTED).then(/'
plant "slashes that are kept are escaped again" handed_on.rs 's/let slashes_kept = plain_server/let slashes_kept = !PLANTED \&\& plain_server/'
plant "SetHandler keeps its case" route.rs 's/other => other.to_ascii_lowercase(),/other => if PLANTED { other.to_owned() } else { other.to_ascii_lowercase() },/'
plant "a member that is disabled is asked" workers.rs "s/!member.has_status('D') \&\&/(PLANTED || !member.has_status('D')) \&\&/"
plant "ProxyPreserveHost is not looked at" handed_on.rs 's/let sent = if preserve {/let sent = if preserve \&\& !PLANTED {/'
plant "a Redirect in a section leaves a proxied request alone" route.rs 's/if let Some((status, id)) = redirect_of_sections(state, \&layers) {/if let Some((status, id)) = redirect_of_sections(state, \&layers).filter(|_| !PLANTED) {/'
plant "an error document is not followed" route.rs 's/let Some(document) = state.error_document.take() else {/let Some(document) = state.error_document.take().filter(|_| !PLANTED) else {/'
plant "a backslash and a blank continue a line" lexer.rs 's/let without = bytes.strip_suffix(b"\\r").unwrap_or(&bytes).len();/let without = if PLANTED { bytes.trim_ascii_end().len() } else { bytes.strip_suffix(b"\\r").unwrap_or(\&bytes).len() };/'
plant "a comment is not continued" lexer.rs 's/            if !continued {/            if !continued || PLANTED \&\& bytes.trim_ascii_start().starts_with(b"#") {/'
plant "IfModule takes any part of a name" conditions.rs 's/Kind::Module => context.modules.has(word),/Kind::Module => context.modules.has(word) || PLANTED \&\& context.modules.has(\&format!("{word}_module")),/'
plant "UnDefine is not looked at" reader/on_read.rs 's/self.defines.remove(argument(0));/if !PLANTED { self.defines.remove(argument(0)); }/'
plant "a macro's arguments are put in by their order" reader/macros.rs 's/found == at \&\& length < parameter.len()/found == at \&\& length < parameter.len() \&\& !PLANTED/'
plant "a variable's name has a case" reader.rs 's/let defined = self.values.get(\&name.to_ascii_lowercase());/let defined = self.values.get(\&name.to_ascii_lowercase()).filter(|_| !PLANTED || name == name.to_ascii_lowercase());/'
plant "files of a pattern are not sorted by bytes" reader/includes.rs 's/names.sort_unstable();/names.sort_unstable(); if PLANTED { names.reverse(); }/'
plant "an error document that a rule answers is passed over" route.rs 's/Handler::Return { .. } => by_rule(),/Handler::Return { .. } => by_rule() \&\& !PLANTED,/'
plant "ProxyPassInherit keeps the main server's passes away" route.rs 's/let main = list(0);/let main = list(0).filter(move |_| server == 0 || !PLANTED || config.tree.last(ROOT, "ProxyPassInherit").is_none());/'
plant "a section's redirect of everything comes after the server's" route.rs 's/whole.or_else(by_path)/if PLANTED { by_path().or(whole) } else { whole.or_else(by_path) }/'
plant "a rule that redirects ends the rules" rewrite.rs 's/redirection = status;/redirection = status; if PLANTED { return Outcome::Status(status, rule.statement); }/'
plant "REQUEST_URI changes with the path" rewrite/conditions.rs 's/"REQUEST_URI" => state.uri.clone(),/"REQUEST_URI" => if PLANTED { state.path.clone() } else { state.uri.clone() },/'
plant "a path that a rule made is passed through" rewrite.rs 's/if passes_through {/if passes_through || PLANTED {/'
plant "P without a new path does not end the rules" rewrite.rs 's/if hands_on ||/if hands_on \&\& !PLANTED ||/'

hunt apache_config::routing::requests apache_config::statements::statements
