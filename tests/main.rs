//! The one integration test binary.

mod cli;
mod nginx_config;
mod pages;
