//! What an operator should know before a server is put in front of people: whether this machine
//! and these settings suit it, and what to do about what does not.

mod machine;
mod place;

use std::path::Path;

use creneau::{SystemWallClock, WallClock};
use serde::Serialize;

use crate::http::{Tls, Tokens, tls};
use crate::settings::{Fault, Settings};

/// How much something matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Verdict {
    /// It is as it should be.
    Good,
    /// It may be meant so: look at it.
    Look,
    /// A server would not start, or not keep its promises.
    Bad,
}

/// Something that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Finding {
    pub(crate) name: &'static str,
    pub(crate) verdict: Verdict,
    /// What was found.
    pub(crate) what: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) advice: Option<&'static str>,
}

impl Finding {
    fn good(name: &'static str, what: impl Into<String>) -> Self {
        Self { name, verdict: Verdict::Good, what: what.into(), advice: None }
    }

    fn look(name: &'static str, what: impl Into<String>, advice: &'static str) -> Self {
        Self { name, verdict: Verdict::Look, what: what.into(), advice: Some(advice) }
    }

    fn bad(name: &'static str, what: impl Into<String>, advice: &'static str) -> Self {
        Self { name, verdict: Verdict::Bad, what: what.into(), advice: Some(advice) }
    }
}

/// Looks at everything.
pub(crate) fn examine(settings: Result<Settings, Vec<Fault>>) -> Vec<Finding> {
    let settings = match settings {
        Ok(settings) => settings,
        Err(faults) => {
            let advice = "set it right; creneau config print shows every setting and its range";
            let faults = faults.iter().map(ToString::to_string);
            let mut findings: Vec<_> =
                faults.map(|what| Finding::bad("settings", what, advice)).collect();
            findings.extend(machine::examine(None));
            return findings;
        }
    };
    let mut findings = vec![Finding::good("settings", "they are sound")];
    findings.extend(tokens(settings.token_file.as_deref()));
    if let Some(files) = &settings.tls {
        findings.push(certificate(&files.certificate, &files.key));
    }
    findings.push(address(&settings));
    match &settings.data {
        Some(directory) => findings.extend(place::examine(directory)),
        None => findings.push(Finding::look(
            "directory",
            "everything is kept in memory",
            "name a directory with --data: otherwise every booking is gone with the process",
        )),
    }
    findings.extend(machine::examine(Some(settings.limits.connections_max)));
    findings
}

fn tokens(file: Option<&Path>) -> Option<Finding> {
    const NAME: &str = "tokens";
    Some(match Tokens::open(file?) {
        Ok(tokens) => Finding::good(NAME, format!("{} are known", tokens.count())),
        Err(why) => Finding::bad(NAME, why, "mend the file, or make one with creneau token"),
    })
}

fn certificate(certificate: &Path, key: &Path) -> Finding {
    const NAME: &str = "certificate";
    const DAY_MINUTES: i64 = 24 * 60;
    const RENEW: &str = "renew it, then send the server SIGHUP";
    let tls = match Tls::open(certificate, key) {
        Ok(tls) => tls,
        Err(why) => {
            let advice = "name a certificate in PEM, and the key it was made for";
            return Finding::bad(NAME, why, advice);
        }
    };
    let (now, ends) = (SystemWallClock.now(), tls.ends());
    if ends <= now {
        return Finding::bad(NAME, format!("it ended at {ends}"), RENEW);
    }
    if tls::signs_others(certificate) {
        let advice = "make one for this server alone (CA:FALSE): clients such as creneau's own \
                      commands refuse one that signs others";
        return Finding::look(NAME, "it is the certificate of an authority", advice);
    }
    if place::others_may_read(key) {
        return Finding::look(NAME, "other users may read its key", "chmod o-rwx the key");
    }
    match ends <= now.plus_minutes(14 * DAY_MINUTES) {
        true => Finding::look(NAME, format!("it ends at {ends}, in less than 14 days"), RENEW),
        false => Finding::good(NAME, format!("it ends at {ends}")),
    }
}

/// Whether the port can be had, and who can reach it.
fn address(settings: &Settings) -> Finding {
    const NAME: &str = "address";
    let listen = &settings.listen;
    let addresses: Vec<_> = match std::net::ToSocketAddrs::to_socket_addrs(listen.as_str()) {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let advice = "name an address and a port, such as 127.0.0.1:8080";
            return Finding::bad(NAME, format!("{listen}: {error}"), advice);
        }
    };
    let guarded = settings.token_file.is_some() && settings.tls.is_some();
    let beyond = addresses.iter().any(|address| !address.ip().to_canonical().is_loopback());
    if beyond && !guarded && !settings.insecure {
        let what = format!("{listen} can be reached from other machines");
        return Finding::bad(NAME, what, "give tokens and TLS, or listen on 127.0.0.1");
    }
    if let Err(error) = std::net::TcpListener::bind(&*addresses) {
        let advice = "stop what has it, which may be the server, or choose another port";
        return Finding::look(NAME, format!("{listen} cannot be had now: {error}"), advice);
    }
    match beyond {
        true if !guarded => Finding::look(
            NAME,
            format!("{listen} can be reached from other machines, without tokens or without TLS"),
            "let only a proxy that has both reach it",
        ),
        true => Finding::good(NAME, format!("{listen}, with tokens and TLS")),
        false => Finding::good(NAME, format!("{listen}, for this machine alone")),
    }
}
