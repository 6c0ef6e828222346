//! Packet filters: rulesets in, the fate of one packet out.
