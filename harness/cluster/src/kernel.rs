//! What this machine's kernel can do to packets: tried, in a network namespace that is thrown away at once.

use std::path::Path;
use std::time::Duration;

use tokio::process::Command;

use crate::doctor::Check;
use crate::{network, tool};

/// How long one try may take.
const TRY_LIMIT: Duration = Duration::from_secs(10);

/// The checks of what the kernel can do.
pub(crate) async fn checks() -> Vec<Check> {
    vec![iptables(), one_way().await, netem().await]
}

fn iptables() -> Check {
    let name = "iptables";
    if tool::is_here("iptables") {
        return Check::ok(name, "is here");
    }
    let remedy = "on Debian, as root: apt-get install iptables";
    Check::warn(name, "not found; container engines publish ports with it", remedy)
}

/// Cutting one direction off between brokers.
async fn one_way() -> Check {
    let name = "one-way isolation";
    if let Err(e) = network::demand_one_way() {
        return Check::warn(name, e.to_string(), "brokers can be isolated fully without it");
    }
    match in_throwaway_namespace(&["iptables", "--wait", "--append", "OUTPUT", "--jump", "DROP"]).await {
        Ok(()) => Check::ok(name, "nsenter is here, and iptables filters in a namespace of its own"),
        Err(said) => Check::warn(
            name,
            format!("iptables cannot filter in a namespace of its own: {said}"),
            "a kernel with CONFIG_NET_NS and ip_tables or nf_tables, and root's CAP_NET_ADMIN and CAP_SYS_ADMIN",
        ),
    }
}

/// The kernel's network emulator: tried as root, else looked for.
async fn netem() -> Check {
    let name = "netem";
    let said = match in_throwaway_namespace(&["tc", "qdisc", "add", "dev", "lo", "root", "netem"]).await {
        Ok(()) => return Check::ok(name, "the kernel has it"),
        Err(said) => said,
    };
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let release = release.trim();
    let listed = ["modules.builtin", "modules.dep"].iter().any(|list| {
        let text = std::fs::read_to_string(format!("/lib/modules/{release}/{list}")).unwrap_or_default();
        text.contains("sch_netem")
    });
    if listed || Path::new("/sys/module/sch_netem").exists() {
        return Check::ok(name, format!("the kernel {release} brings it; using it here fails: {said}"));
    }
    let detail = format!("the kernel {release} shows no sign of it: {said}");
    Check::warn(name, detail, "none needed: truecut delays and loses answers in a proxy, not in the kernel")
}

/// Runs a command where it can change nobody's network; the error is what it said, on one line.
async fn in_throwaway_namespace(command: &[&str]) -> Result<(), String> {
    let mut unshare = Command::new("unshare");
    unshare.arg("--net").args(command);
    let said = tool::run(unshare, TRY_LIMIT).await;
    said.map(|_| ()).map_err(|said| said.lines().map(str::trim).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_fails_in_a_namespace_is_quoted_on_one_line() {
        let said = in_throwaway_namespace(&["sh", "-c", "echo one >&2; echo two >&2; exit 3"]).await;
        let said = said.expect_err("it fails");
        assert!(!said.contains('\n') && (said.contains("one two") || said.contains("unshare")), "{said}");
    }
}
