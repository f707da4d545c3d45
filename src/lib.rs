//! # rogatory
#![forbid(unsafe_code)]

pub mod api;
pub mod audit;
pub mod card;
pub mod cli;
pub mod client;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod envelope;
pub mod exchange;
pub mod home;
pub mod node;
pub mod pb;
pub mod receipt;
pub mod store;
mod telemetry;
