//! Addresses → other addresses, with the relations that a diagnosis lives on.
//!
//! An address stays of its family and of its kind (private stays private, in the same block), two addresses
//! that share their first bits share as many afterwards, so that every network of a route, a rule or an
//! access list holds the same addresses as before. Bits are given in the order in which addresses are met,
//! so that nothing of the originals is in them. Public addresses get a number in 240.0.0.0/4 or `3fff::/20`,
//! which nobody owns; a public network that is named somewhere gets a block of its own size there.
//!
//! To add a block that keeps its first bits: a line in [`BLOCKS`].

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

/// Blocks whose first bits stay.
const BLOCKS: &[(&str, u8)] = &[
    ("10.0.0.0", 8),
    ("172.16.0.0", 12),
    ("192.168.0.0", 16),
    ("100.64.0.0", 10),
    ("169.254.0.0", 16),
    ("fc00::", 8),
    ("fd00::", 8),
    ("fe80::", 64),
    ("fe80::", 10),
];

/// Networks whose addresses say nothing about anybody: they stay as they are.
const LEFT: &[(&str, u8)] = &[
    ("0.0.0.0", 8),
    ("127.0.0.0", 8),
    ("192.0.2.0", 24),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("192.0.0.0", 24),
    ("198.18.0.0", 15),
    // The metadata service of clouds.
    ("169.254.169.254", 32),
    ("169.254.169.253", 32),
    ("224.0.0.0", 4),
    // Where pseudonyms are; nobody owns it.
    ("240.0.0.0", 4),
    ("3fff::", 20),
    ("::", 96),
    ("2001:db8::", 32),
    ("ff00::", 8),
    ("100::", 64),
];

/// The first and the last number of the pool for public networks.
const POOL_V4: (u128, u128) = (0xF100_0000, 0xFF00_0000);
const POOL_V6: (u128, u128) = (0x3FFF_0010 << 96, 0x3FFF_0FF0 << 96);

/// An address as a number with its width, so that both families are treated alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bits {
    value: u128,
    width: u8,
}

impl Bits {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self {
                value: u128::from(u32::from(address)),
                width: 32,
            },
            IpAddr::V6(address) => Self {
                value: u128::from(address),
                width: 128,
            },
        }
    }

    fn address(self) -> IpAddr {
        if self.width == 32 {
            IpAddr::V4(Ipv4Addr::from(u32::try_from(self.value).unwrap_or_default()))
        } else {
            IpAddr::V6(Ipv6Addr::from(self.value))
        }
    }

    /// The first bits, the others zero.
    fn first(self, bits: u8) -> u128 {
        self.value & !ones(self.width.saturating_sub(bits))
    }

    fn within(self, network: Self, bits: u8) -> bool {
        self.width == network.width && self.first(bits) == network.first(bits)
    }

    /// The bit at this place, counted from the left.
    fn bit(self, place: u8) -> u128 {
        (self.value >> self.width.saturating_sub(place).saturating_sub(1)) & 1
    }
}

/// That many ones at the right end.
fn ones(count: u8) -> u128 {
    1_u128
        .checked_shl(u32::from(count))
        .map_or(u128::MAX, |power| power.wrapping_sub(1))
}

/// A block and where it lies afterwards.
#[derive(Clone, Copy, Debug)]
struct Block {
    from: Bits,
    bits: u8,
    to: u128,
}

/// The addresses of one bundle.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    /// Addresses by the order in which they were met; `true`: met where a program computes with them.
    met: Vec<IpAddr>,
    machines: foldhash::HashMap<IpAddr, bool>,
    networks: Vec<(Bits, u8)>,
    ranges: Vec<(Bits, u8)>,
    blocks: Vec<Block>,
    flips: BTreeMap<(u8, u8, u128), u128>,
    given: foldhash::HashMap<IpAddr, Box<str>>,
    /// Addresses of IPv4 in those of IPv6: what stands for them is given to the inner one.
    mapped: foldhash::HashMap<IpAddr, Box<str>>,
    last_number: u32,
    settled: bool,
}

/// True for an address that needs no pseudonym.
pub(super) fn is_left(address: IpAddr) -> bool {
    if let IpAddr::V6(six) = address
        && let Some(four) = six.to_ipv4_mapped()
    {
        return is_left(IpAddr::V4(four));
    }
    let bits = Bits::of(address);
    inside(&LEFT_BITS, bits)
}

/// [`LEFT`] and [`BLOCKS`], as numbers.
static LEFT_BITS: LazyLock<Vec<(Bits, u8)>> = LazyLock::new(|| parsed(LEFT));
static BLOCKS_BITS: LazyLock<Vec<(Bits, u8)>> = LazyLock::new(|| parsed(BLOCKS));

fn parsed(list: &[(&str, u8)]) -> Vec<(Bits, u8)> {
    list.iter()
        .filter_map(|(network, length)| Some((Bits::of(network.parse().ok()?), *length)))
        .collect()
}

fn inside(list: &[(Bits, u8)], address: Bits) -> bool {
    list.iter().any(|(network, length)| address.within(*network, *length))
}

impl Addresses {
    /// True when an address is known to stand where it is computed with: where else it stands is no news.
    pub(super) fn is_machine(&self, address: IpAddr) -> bool {
        self.machines.get(&address) == Some(&true)
    }

    /// Takes note of an address; `machine`: it stands where it is computed with, and not as the client of a
    /// line in a log.
    pub(super) fn meet(&mut self, address: IpAddr, machine: bool) {
        if let IpAddr::V6(six) = address
            && let Some(four) = six.to_ipv4_mapped()
        {
            self.meet(IpAddr::V4(four), machine);
            return;
        }
        if let IpAddr::V4(four) = address
            && four.octets()[0] == 240
        {
            self.note_number(u32::from(four) & 0x00FF_FFFF);
        }
        if is_left(address) {
            return;
        }
        if let Some(known) = self.machines.get_mut(&address) {
            *known |= machine;
        } else {
            self.machines.insert(address, machine);
            self.met.push(address);
        }
    }

    /// Takes note of a network.
    pub(super) fn meet_network(&mut self, address: IpAddr, length: u8) {
        let network = Bits::of(address);
        // Half of the Internet belongs to nobody.
        let (least, most) = if network.width == 32 { (8, 31) } else { (24, 127) };
        let known = inside(&BLOCKS_BITS, network) || is_left(address);
        let entry = (
            Bits {
                value: network.first(length),
                ..network
            },
            length,
        );
        if !known && (least..=most).contains(&length) && !self.networks.contains(&entry) {
            self.networks.push(entry);
        }
    }

    /// Takes note of a range of addresses: what comes behind their common first bits keeps its order.
    pub(super) fn meet_range(&mut self, first: IpAddr, last: IpAddr) {
        let (first, last) = (Bits::of(first), Bits::of(last));
        if first.width != last.width {
            return;
        }
        let common = (0..first.width)
            .take_while(|place| first.bit(*place) == last.bit(*place))
            .count();
        let common = u8::try_from(common).unwrap_or(first.width);
        self.meet_network(first.address(), common);
        self.ranges.push((first, common));
    }

    /// Takes note of a number that is given already.
    pub(super) fn note_number(&mut self, number: u32) {
        self.last_number = self.last_number.max(number);
    }

    /// Gives every public network its block. From now on addresses are given.
    fn settle(&mut self) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        for (from, length) in BLOCKS_BITS.iter() {
            self.blocks.push(Block {
                from: *from,
                bits: *length,
                to: from.value,
            });
        }
        // The widest first: a network within another one lies within its block.
        self.networks.sort_by_key(|(_, length)| *length);
        let (mut next_v4, mut next_v6) = (POOL_V4.0, POOL_V6.0);
        for (network, length) in std::mem::take(&mut self.networks) {
            if self.blocks.iter().any(|block| network.within(block.from, block.bits)) {
                continue;
            }
            let (next, end) = if network.width == 32 {
                (&mut next_v4, POOL_V4.1)
            } else {
                (&mut next_v6, POOL_V6.1)
            };
            let size = ones(network.width.saturating_sub(length)).saturating_add(1);
            let start = next.div_ceil(size).saturating_mul(size);
            if start.saturating_add(size) <= end {
                *next = start.saturating_add(size);
                self.blocks.push(Block {
                    from: network,
                    bits: length,
                    to: start,
                });
            }
        }
    }

    /// What stands for this address.
    pub(super) fn pseudonym(&mut self, address: IpAddr) -> String {
        if let Some(given) = self.given.get(&address) {
            return given.to_string();
        }
        self.settle();
        let text = match address {
            IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => {
                let four = IpAddr::V4(six.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED));
                let inner = self.pseudonym(four);
                if inner.parse::<Ipv4Addr>().is_ok() {
                    return format!("::ffff:{inner}");
                }
                return inner;
            }
            _ if is_left(address) => return address.to_string(),
            _ if self.machines.get(&address) == Some(&false) => {
                format!("ip-{}", self.next_number())
            }
            _ => self.machine(address, Bits::of(address).width).to_string(),
        };
        self.given.insert(address, text.as_str().into());
        text
    }

    /// What stands for this address, unless it stays.
    pub(super) fn other(&mut self, address: IpAddr) -> Option<&str> {
        if !self.given.contains_key(&address) && !self.mapped.contains_key(&address) {
            if is_left(address) {
                return None;
            }
            let new = self.pseudonym(address);
            if !self.given.contains_key(&address) {
                self.mapped.insert(address, new.into());
            }
        }
        self.given
            .get(&address)
            .or_else(|| self.mapped.get(&address))
            .map(AsRef::as_ref)
    }

    /// The network of so many bits; what stands behind them in a network's own address stays zero.
    pub(super) fn network(&mut self, address: IpAddr, length: u8) -> String {
        self.settle();
        let bits = Bits::of(address);
        let (least, _) = if bits.width == 32 { (8, 31) } else { (20, 127) };
        if length < least && !inside(&BLOCKS_BITS, bits) || is_left(address) {
            return address.to_string();
        }
        if bits.first(length) == bits.value && length < bits.width {
            let mapped = Bits::of(self.machine(address, length));
            return Bits {
                value: mapped.first(length),
                ..mapped
            }
            .address()
            .to_string();
        }
        self.pseudonym(address)
    }

    /// An address of which the first bits count.
    fn machine(&mut self, address: IpAddr, count: u8) -> IpAddr {
        let bits = Bits::of(address);
        let block = self
            .blocks
            .iter()
            .enumerate()
            .find(|(_, block)| bits.within(block.from, block.bits))
            .map(|(index, block)| (index, *block));
        let Some((index, block)) = block else {
            let number = u128::from(self.next_number());
            let value = if bits.width == 32 {
                0xF000_0000 | (number & 0x00FF_FFFF)
            } else {
                (0x3FFF_0000 << 96) | number
            };
            return Bits { value, ..bits }.address();
        };
        let plain = self
            .ranges
            .iter()
            .filter(|(range, common)| bits.within(*range, *common))
            .map(|(_, common)| *common)
            .min()
            .unwrap_or(u8::MAX);
        let mut value = block.to;
        for place in block.bits..count.min(bits.width) {
            let bit = bits.bit(place);
            let wanted = u128::from(place == bits.width.saturating_sub(1));
            let key = (u8::try_from(index).unwrap_or(u8::MAX), place, bits.first(place));
            let flip = if place >= plain {
                0
            } else {
                *self.flips.entry(key).or_insert(bit ^ wanted)
            };
            value |= (bit ^ flip) << bits.width.saturating_sub(place).saturating_sub(1);
        }
        Bits { value, ..bits }.address()
    }

    fn next_number(&mut self) -> u32 {
        self.last_number = self.last_number.saturating_add(1);
        self.last_number
    }

    /// Every pseudonym with what it stands for.
    pub(super) fn given(&self) -> impl Iterator<Item = (String, String)> {
        self.given
            .iter()
            .map(|(address, pseudonym)| (pseudonym.to_string(), address.to_string()))
    }

    /// Gives the pseudonyms in the order in which the addresses were met.
    pub(super) fn give_all(&mut self) {
        for address in self.met.clone() {
            self.pseudonym(address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn loopback_documentation_and_masks_are_left() {
        for text in [
            "127.0.0.53",
            "0.0.0.0",
            "192.0.2.7",
            "255.255.240.0",
            "::1",
            "2001:db8::7",
            "224.0.0.251",
        ] {
            assert!(is_left(ip(text)), "{text}");
        }
        for text in ["10.0.0.1", "8.8.8.8", "fe80::1", "2a00::1", "192.168.0.1"] {
            assert!(!is_left(ip(text)), "{text}");
        }
    }

    #[test]
    fn private_addresses_stay_private_and_in_the_networks_they_were_in() {
        let mut addresses = Addresses::default();
        assert_eq!(addresses.pseudonym(ip("10.20.30.40")), "10.0.0.1");
        let near = addresses.pseudonym(ip("10.20.30.77"));
        assert!(near.starts_with("10.0.0."), "{near}");
        assert!(!addresses.pseudonym(ip("10.99.30.77")).starts_with("10.0.0."));
        assert_eq!(addresses.network(ip("10.20.30.0"), 24), "10.0.0.0");
        assert_eq!(addresses.network(ip("10.0.0.0"), 8), "10.0.0.0");
        assert_eq!(addresses.pseudonym(ip("172.16.9.9")), "172.16.0.1");
        assert_eq!(addresses.pseudonym(ip("fe80::aabb:ccff:fedd:1")), "fe80::1");
        assert_eq!(addresses.pseudonym(ip("::ffff:10.20.30.40")), "::ffff:10.0.0.1");
    }

    #[test]
    fn a_public_network_gets_a_block_and_its_addresses_lie_in_it() {
        let mut addresses = Addresses::default();
        addresses.meet_network(ip("173.245.48.0"), 20);
        assert_eq!(addresses.network(ip("173.245.48.0"), 20), "241.0.0.0");
        assert_eq!(addresses.pseudonym(ip("173.245.50.9")), "241.0.0.1");
        assert_eq!(addresses.pseudonym(ip("8.8.8.8")), "240.0.0.1");
        assert_eq!(addresses.pseudonym(ip("2a00:1450::5")), "3fff::2");
    }

    #[test]
    fn a_client_of_a_log_is_a_number_unless_it_is_met_elsewhere() {
        let mut addresses = Addresses::default();
        addresses.meet(ip("8.8.8.8"), false);
        addresses.meet(ip("9.9.9.9"), false);
        addresses.meet(ip("9.9.9.9"), true);
        assert_eq!(addresses.pseudonym(ip("8.8.8.8")), "ip-1");
        assert_eq!(addresses.pseudonym(ip("9.9.9.9")), "240.0.0.2");
    }

    #[test]
    fn a_range_keeps_its_order() {
        let mut addresses = Addresses::default();
        addresses.meet_range(ip("10.1.2.10"), ip("10.1.2.50"));
        let number = |text: String| u32::from(text.parse::<Ipv4Addr>().expect("an address"));
        let low = number(addresses.pseudonym(ip("10.1.2.10")));
        let inner = number(addresses.pseudonym(ip("10.1.2.33")));
        let high = number(addresses.pseudonym(ip("10.1.2.50")));
        let out = number(addresses.pseudonym(ip("10.1.2.51")));
        assert!(low < inner && inner < high && high < out);
    }

    proptest::proptest! {
        #[test]
        fn as_many_first_bits_are_shared_as_before(all in proptest::collection::vec(proptest::prelude::any::<u32>(), 2..30)) {
            let mut addresses = Addresses::default();
            let all: Vec<u32> = all.into_iter().map(|number| 0x0A00_0000 | number & 0x00FF_FFFF).collect();
            let given: Vec<u32> = all
                .iter()
                .map(|number| u32::from(addresses.pseudonym(Ipv4Addr::from(*number).into()).parse::<Ipv4Addr>().expect("an address")))
                .collect();
            for (one, other) in all.iter().zip(&given) {
                for (second, image) in all.iter().zip(&given) {
                    proptest::prop_assert_eq!((one ^ second).leading_zeros(), (other ^ image).leading_zeros());
                }
            }
        }
    }
}
