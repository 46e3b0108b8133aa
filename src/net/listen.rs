//! What is listened for, and where: sockets that are opened, not yet accepted
//! on.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener as StdListener};

use rustix::io::Errno;

use super::connection::prepare;

/// Connections that wait to be accepted: a few hundred PCs may poll in the same
/// second. The standard library asks for 128, and who comes when those are taken
/// waits for a second.
const BACKLOG: i32 = 1024;

/// What is spoken on a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Mail comes in.
    Smtp,
    /// PCs collect it.
    Pop3,
}

/// How connections begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// In the clear; TLS by command.
    Plain,
    /// With a TLS handshake (RFC 8314).
    Tls,
}

/// What is listened for, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listen {
    /// What is spoken.
    pub protocol: Protocol,
    /// How it begins.
    pub security: Security,
    /// The local address; port 0 lets the system choose.
    pub address: SocketAddr,
}

impl Listen {
    /// The listener's name in the log: `smtp`, `smtps`, `pop3`, `pop3s`.
    pub fn name(&self) -> &'static str {
        match (self.protocol, self.security) {
            (Protocol::Smtp, Security::Plain) => "smtp",
            (Protocol::Smtp, Security::Tls) => "smtps",
            (Protocol::Pop3, Security::Plain) => "pop3",
            (Protocol::Pop3, Security::Tls) => "pop3s",
        }
    }

    /// Opens the socket. `[::]` means IPv4 alone where the system has no IPv6.
    ///
    /// # Errors
    /// The port is taken or may not be used; [`explain_bind_error`] says it.
    pub fn bind(&self) -> io::Result<StdListener> {
        let socket = match StdListener::bind(self.address) {
            Err(why) if self.address.ip().is_unspecified() && self.needs_missing_ipv6(&why) => {
                let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
                StdListener::bind(SocketAddr::new(any, self.address.port()))
            }
            bound => bound,
        }?;
        prepare(&socket)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(socket)
    }

    /// Whether `why` says that the system has no IPv6: then a listener on `[::1]`
    /// has nothing to wait for, and the one on 127.0.0.1 beside it does.
    pub fn needs_missing_ipv6(&self, why: &io::Error) -> bool {
        let ip = self.address.ip();
        let no_address = why.kind() == io::ErrorKind::AddrNotAvailable && ip.is_loopback();
        let no_family = Errno::from_io_error(why) == Some(Errno::AFNOSUPPORT);
        ip.is_ipv6() && (no_address || no_family)
    }

    /// The protocol's name: `smtp` or `pop3`.
    pub fn protocol_name(&self) -> &'static str {
        match self.protocol {
            Protocol::Smtp => "smtp",
            Protocol::Pop3 => "pop3",
        }
    }
}

/// Why a socket could not be opened, and what helps.
pub fn explain_bind_error(listen: &Listen, why: &io::Error) -> String {
    let (name, address) = (listen.name(), listen.address);
    let help = match why.kind() {
        io::ErrorKind::AddrInUse => {
            "another program listens there (ss -ltnp shows which): stop it, or change the listen line"
        }
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 need CAP_NET_BIND_SERVICE, which the systemd unit gives: start it by that, \
             or use a higher port"
        }
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address: correct the listen line"
        }
        _ => "correct the listen line",
    };
    format!("cannot listen for {name} on {address}: {why}; {help}")
}
