//! The one integration test binary.
#![expect(
    clippy::disallowed_methods,
    reason = "tests play the host: they run commands and read the environment"
)]

mod apache_config;
mod bundle;
mod causes;
mod cli;
mod demo;
mod demo_nginx;
mod files;
mod firewall_packets;
mod formats;
mod house;
mod html;
mod lab;
mod logs;
mod many_endpoints;
mod nginx_config;
mod other_route;
mod pages;
mod programs;
mod reader_memory;
mod rules;
mod rules_scale;
mod squid_config;
mod systems;
mod terminal;
mod triage;
