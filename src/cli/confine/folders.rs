//! Which files a confined program can reach, by Landlock. Whatever is not named here cannot be opened, whoever owns it.

use std::path::Path;

use anyhow::{Context, bail};
use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetStatus,
    Scope, path_beneath_rules,
};

/// What every program reads: libraries, fonts and their settings. Those that a system lacks are passed over.
const SYSTEM: [&str; 8] =
    ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share", "/etc/fonts", "/etc/alternatives", "/etc/ld.so.cache"];
/// Where the loader is, which the kernel runs with every program.
const LOADERS: [&str; 4] = ["/usr/lib", "/usr/lib64", "/lib", "/lib64"];
/// Devices without a memory.
const DEVICES: [&str; 3] = ["/dev/null", "/dev/zero", "/dev/urandom"];

/// Confines this process, and what it becomes, to reading `read` and the system's libraries, running `program`, and writing
/// `write`. Fails where the kernel cannot: without it nothing is rendered.
pub(super) fn restrict(program: &Path, read: &Path, write: &Path) -> anyhow::Result<()> {
    let looks = AccessFs::ReadFile | AccessFs::ReadDir;
    let writes = looks | AccessFs::WriteFile | AccessFs::MakeReg | AccessFs::RemoveFile | AccessFs::Truncate;
    let read_system = SYSTEM.iter().map(Path::new).chain([read]);
    let status = Ruleset::default()
        // Linux 5.13 has the first; what came later is taken where it is: the filter of calls shuts the network too.
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(ABI::V1))
        .context(UNAVAILABLE)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI::V5))?
        .handle_access(AccessNet::from_all(ABI::V4))?
        .scope(Scope::from_all(ABI::V6))?
        .create()
        .context(UNAVAILABLE)?
        .add_rules(path_beneath_rules(read_system, looks))?
        .add_rules(path_beneath_rules(LOADERS, AccessFs::Execute | AccessFs::ReadFile))?
        .add_rules(path_beneath_rules([program], AccessFs::Execute | AccessFs::ReadFile))?
        .add_rules(path_beneath_rules(DEVICES, AccessFs::ReadFile | AccessFs::WriteFile))?
        .add_rules(path_beneath_rules([write], writes))?
        .restrict_self()
        .context(UNAVAILABLE)?;
    if status.ruleset == RulesetStatus::NotEnforced || !status.no_new_privs {
        bail!(UNAVAILABLE);
    }
    Ok(())
}

const UNAVAILABLE: &str = "this kernel has no Landlock, which confines what renders recordings; use Linux 5.13 or later with \
    `landlock` among its security modules (lsm=)";
