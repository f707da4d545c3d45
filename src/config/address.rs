//! Addresses that listeners are bound to.

use std::net::SocketAddr;

use super::file::{Reader, Section};

pub(super) fn address<'a>(
    reader: &mut Reader<'a>,
    section: &mut Section<'a>,
    key: &'static str,
) -> Option<SocketAddr> {
    let text = reader.needed(section, key)?;
    parsed(reader, key, &text)
}

/// One that may be left away.
pub(super) fn optional_address<'a>(
    reader: &mut Reader<'a>,
    section: &mut Section<'a>,
    key: &'static str,
) -> Option<SocketAddr> {
    let text = reader.text(section, key)?;
    parsed(reader, key, &text)
}

fn parsed(reader: &mut Reader<'_>, key: &'static str, text: &str) -> Option<SocketAddr> {
    let address = text.parse().ok();
    if address.is_none() {
        let hint = "as in \"0.0.0.0:7443\" or \"[::]:7443\"; names are not looked up";
        reader.refuse(key, format!("{text:?} is not ADDRESS:PORT"), hint);
    }
    address
}

/// Whether the second of two listeners would find its address taken. Port 0 is a free one.
fn collide(one: SocketAddr, other: SocketAddr) -> bool {
    let anywhere = |at: SocketAddr| at.ip().is_unspecified();
    // The IPv6 wildcard takes IPv4 too, where the system is as it comes.
    let all = |at: SocketAddr, of: SocketAddr| anywhere(at) && (at.is_ipv6() || of.is_ipv4());
    let same = one.ip() == other.ip() || all(one, other) || all(other, one);
    one.port() != 0 && one.port() == other.port() && same
}

/// Refuses the address of a listener that another one takes.
pub(super) fn refuse_taken(
    reader: &mut Reader<'_>,
    (key, own): (&'static str, SocketAddr),
    others: &[(&'static str, SocketAddr)],
) {
    if let Some((other, taken)) = others.iter().find(|(_, other)| collide(*other, own)) {
        let message = format!("{own} is taken by {other} = {taken:?}");
        reader.refuse(key, message, "give each listener a port of its own");
    }
}
