//! The one integration test binary.
mod nginx_config;
mod pages;
