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
mod firewall_packets;
mod house;
mod lab;
mod nginx_config;
mod other_route;
mod pages;
mod terminal;
