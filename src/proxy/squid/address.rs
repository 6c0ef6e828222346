//! Ranges of addresses as `acl src` and `acl dst` write them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a text is no range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is a host name: only a look-up tells.
    Name,
    /// It is no address and no name.
    Address,
    /// What follows the slash is no mask.
    Mask,
}

/// First and last address, all as IPv6; a mask takes bits away from both sides of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    first: u128,
    last: u128,
    mask: u128,
    /// No address is in it.
    is_empty: bool,
}

fn wide(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// An address as the C library takes it: also `10.1` and `0x7f.1`.
fn numeric(text: &str) -> Option<IpAddr> {
    if text.contains(':') {
        return text
            .trim_start_matches('[')
            .trim_end_matches(']')
            .parse::<Ipv6Addr>()
            .ok()
            .map(IpAddr::V6);
    }
    let parts: Vec<&str> = text.split('.').collect();
    if parts.len() > 4 {
        return None;
    }
    let mut value = 0_u32;
    for (index, part) in parts.iter().enumerate() {
        let number = u32::try_from(super::words::integer(part)?).ok()?;
        if index.saturating_add(1) == parts.len() {
            let free_bits = 8_u32.saturating_mul(super::words::number(5_usize.saturating_sub(parts.len())));
            if free_bits < 32 && number >> free_bits != 0 {
                return None;
            }
            value = value.checked_shl(free_bits).unwrap_or(0) | number;
        } else {
            if number > 255 {
                return None;
            }
            value = (value << 8) | number;
        }
    }
    Some(IpAddr::V4(Ipv4Addr::from(value)))
}

impl Range {
    /// Reads one value.
    pub(super) fn read(text: &str) -> Result<Self, Fault> {
        let all = |is_empty| Self {
            first: 0,
            last: u128::MAX,
            mask: 0,
            is_empty,
        };
        match text {
            "all"
            | "0/0"
            | "0.0.0.0/0"
            | "0.0.0.0/0.0.0.0"
            | "0.0.0.0-255.255.255.255"
            | "0.0.0.0-0.0.0.0/0" => {
                return Ok(all(false));
            }
            // Contrary to what the manual says, they match nobody: measured with 5.7.
            "ipv4" | "ipv6" => return Ok(all(true)),
            _ => {}
        }
        let (addresses, mask) = match text.split_once('/') {
            Some((addresses, mask)) => (addresses, Some(mask)),
            None => (text, None),
        };
        let (first, last) = addresses.split_once('-').unwrap_or((addresses, ""));
        let Some(first) = numeric(first) else {
            let is_name =
                addresses.bytes().any(|byte| byte.is_ascii_alphabetic()) && !addresses.contains(':');
            return Err(if is_name { Fault::Name } else { Fault::Address });
        };
        let last = if last.is_empty() {
            first
        } else {
            numeric(last).ok_or(Fault::Address)?
        };
        let width: u32 = if first.is_ipv4() { 32 } else { 128 };
        let mask = match mask {
            None => u128::MAX,
            Some(mask) => {
                let bits = if mask.contains(['.', ':']) {
                    wide_mask(numeric(mask).ok_or(Fault::Mask)?)
                } else {
                    let length: u32 = mask.parse().map_err(|_| Fault::Mask)?;
                    if length > width {
                        return Err(Fault::Mask);
                    }
                    u128::MAX.checked_shl(width.saturating_sub(length)).unwrap_or(0)
                };
                // The bits above an IPv4 address always count.
                if first.is_ipv4() {
                    bits | (u128::MAX << 32)
                } else {
                    bits
                }
            }
        };
        Ok(Self {
            first: wide(first) & mask,
            last: wide(last) & mask,
            mask,
            is_empty: false,
        })
    }

    /// True when the address is in the range.
    pub(super) fn holds(&self, address: IpAddr) -> bool {
        if self.is_empty {
            return false;
        }
        let address = wide(address) & self.mask;
        (self.first..=self.last).contains(&address)
    }

    /// True when every address is in the range.
    pub(super) fn holds_all(&self) -> bool {
        !self.is_empty && self.mask == 0
    }
}

fn wide_mask(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}
