//! Variables that tables give a value: `map`, `geo`, `split_clients`.

use super::tree::NodeId;
use super::variables::{State, Value};
use super::{Config, access, pattern};

/// The block that makes a variable.
pub(super) fn find(config: &Config, name: &str) -> Option<NodeId> {
    let tree = &config.tree;
    ["map", "geo", "split_clients"].into_iter().find_map(|kind| {
        tree.http_blocks().find_map(|http| {
            tree.named(http, kind).find(|block| {
                let target = tree.arguments(*block).last().unwrap_or_default();
                let target = target.strip_prefix('$');
                target.is_some_and(|target| target.eq_ignore_ascii_case(name))
            })
        })
    })
}

/// The value that a table gives for this request.
pub(super) fn value(state: &State<'_>, block: NodeId, depth: usize) -> Value {
    match state.config.tree.name(block) {
        "map" => mapped(state, block, depth),
        "geo" => geo(state, block, depth),
        _ => split(state, block, depth),
    }
}

fn mapped(state: &State<'_>, map: NodeId, depth: usize) -> Value {
    let tree = &state.config.tree;
    let source = state.evaluate_parts(tree.argument(map, 0), depth, None)?;
    let lower = source.to_ascii_lowercase();
    let hostnames = tree.first(map, "hostnames").is_some();
    let looked = if hostnames {
        lower.strip_suffix('.').unwrap_or(&lower)
    } else {
        lower.as_str()
    };
    let mut default = None;
    let mut heads: Option<(usize, NodeId)> = None;
    let mut tails: Option<(usize, NodeId)> = None;
    let mut exact = None;
    for entry in tree.children(map) {
        let key = tree.name(entry);
        if tree.argument_count(entry) == 0 || key.starts_with('~') {
            continue;
        }
        let lower_key = key.strip_prefix('\\').unwrap_or(key).to_ascii_lowercase();
        let longer =
            |known: Option<(usize, NodeId)>, length: usize| known.is_none_or(|(best, _)| length > best);
        if key == "default" {
            default = Some(entry);
        } else if lower_key == looked {
            exact = exact.or(Some(entry));
        } else if hostnames {
            if let Some(suffix) = lower_key.strip_prefix("*.").or_else(|| lower_key.strip_prefix('.')) {
                let itself = lower_key.starts_with('.') && looked == suffix;
                let below = looked
                    .strip_suffix(suffix)
                    .is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'));
                if (itself || below) && longer(heads, suffix.len()) {
                    heads = Some((suffix.len(), entry));
                }
            } else if let Some(prefix) = lower_key.strip_suffix(".*")
                && looked
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
                && longer(tails, prefix.len())
            {
                tails = Some((prefix.len(), entry));
            }
        }
    }
    let found = exact
        .or(heads.map(|(_, entry)| entry))
        .or(tails.map(|(_, entry)| entry));
    // An empty source takes no regular expression.
    let entries: Vec<NodeId> = tree.children(map).collect();
    let mut chosen = found;
    for entry in entries {
        let Some(key) = tree.name(entry).strip_prefix('~').filter(|_| chosen.is_none()) else {
            continue;
        };
        if source.is_empty() {
            break;
        }
        let (key, caseless) = key.strip_prefix('*').map_or((key, false), |key| (key, true));
        if let Some(captures) = pattern::matches(key, caseless, &source)? {
            state.caught(captures);
            chosen = Some(entry);
        }
    }
    chosen.or(default).map_or(Ok(String::new()), |entry| {
        state.evaluate_parts(tree.argument(entry, 0), depth, None)
    })
}

/// The longest network that holds the address. Without an argument it is that of the client.
fn geo(state: &State<'_>, block: NodeId, depth: usize) -> Value {
    let tree = &state.config.tree;
    let by_client = tree.argument_count(block) == 1;
    let name = tree.arguments(block).last().unwrap_or_default().to_owned();
    let uncertain = ["ranges", "proxy", "proxy_recursive", "include", "delete"]
        .iter()
        .any(|word| tree.first(block, word).is_some());
    if uncertain {
        return Err(name.trim_start_matches('$').to_owned());
    }
    let address = if by_client {
        if state.request.unix_socket.is_some() {
            None
        } else {
            let known = state.request.client_address;
            Some(known.ok_or_else(|| name.trim_start_matches('$').to_owned())?)
        }
    } else {
        state
            .evaluate_parts(tree.argument(block, 0), depth, None)?
            .parse()
            .ok()
    };
    // What is no address counts as 255.255.255.255.
    let address = address.unwrap_or(std::net::IpAddr::V4(std::net::Ipv4Addr::BROADCAST));
    let mut default = None;
    let mut best: Option<(u32, NodeId)> = None;
    for entry in tree.children(block) {
        let key = tree.name(entry);
        if key == "default" {
            default = Some(entry);
        } else if access::in_network(address, key)
            && let Some((_, length)) = access::prefix(key)
            && best.is_none_or(|(known, _)| length >= known)
        {
            best = Some((length, entry));
        }
    }
    let chosen = best.map(|(_, entry)| entry).or(default);
    Ok(chosen.map_or("", |entry| tree.argument(entry, 0)).to_owned())
}

/// The part into which the hash of the key falls.
fn split(state: &State<'_>, block: NodeId, depth: usize) -> Value {
    let tree = &state.config.tree;
    let key = state.evaluate_parts(tree.argument(block, 0), depth, None)?;
    let hash = u64::from(murmur(&super::uri::bytes_of(&key)));
    let mut sum = 0_u64;
    for entry in tree.children(block) {
        let share = tree.name(entry);
        if share != "*" {
            sum = sum.saturating_add(hundredths(share).unwrap_or(0));
        }
        if share == "*" || hash < sum.saturating_mul(u64::from(u32::MAX)) / 10_000 {
            return state.evaluate_parts(tree.argument(entry, 0), depth, None);
        }
    }
    Ok(String::new())
}

/// `33.3%` in hundredths of a percent.
fn hundredths(text: &str) -> Option<u64> {
    let number = text.strip_suffix('%')?;
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    let part = format!("{part:0<2}");
    whole
        .parse::<u64>()
        .ok()?
        .checked_mul(100)?
        .checked_add(part.get(..2)?.parse().ok()?)
}

/// `MurmurHash2`, as nginx has it.
fn murmur(bytes: &[u8]) -> u32 {
    const FACTOR: u32 = 0x5bd1_e995;
    let mut hash = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    let mut chunks = bytes.chunks_exact(4);
    for chunk in &mut chunks {
        let word = chunk
            .iter()
            .rev()
            .fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
        let mut word = word.wrapping_mul(FACTOR);
        word ^= word >> 24;
        hash = hash.wrapping_mul(FACTOR) ^ word.wrapping_mul(FACTOR);
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let word = rest
            .iter()
            .rev()
            .fold(0_u32, |word, byte| (word << 8) | u32::from(*byte));
        hash = (hash ^ word).wrapping_mul(FACTOR);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(FACTOR);
    hash ^ (hash >> 15)
}
