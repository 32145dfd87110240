//! What a task needs of the machine, and how to get what is missing.
//!
//! Decides which packages are missing and whether they may be installed: as root on Debian, after asking a person
//! (unless `--yes`), without asking under CI; anywhere else the task ends by saying exactly what to install.

use std::process::{Command, Stdio};

use crate::step::{self, Failure};
use crate::{engine, host};

/// The oldest Java that Kafka's brokers run on.
const JAVA_MIN: u32 = 17;

/// Something that can be missing: how to see it, what brings it on Debian, what to tell others.
struct Need {
    what: &'static str,
    present: bool,
    packages: Vec<&'static str>,
}

/// Sets up what compiling needs: librdkafka is built from source, with its C++ binding, its own copy of zlib, and the system's OpenSSL.
///
/// # Errors
/// [`Failure::Environment`] when something is missing and cannot be installed from here.
pub(crate) fn toolchain(yes: bool) -> Result<(), Failure> {
    supply(
        yes,
        vec![
            program("a C compiler", "cc", &["gcc", "libc6-dev"]),
            program("a C++ compiler", "c++", &["g++"]),
            program("make", "make", &["make"]),
            program("pkg-config", "pkg-config", &["pkg-config"]),
            Need {
                what: "OpenSSL to compile with",
                present: host::library("openssl"),
                packages: vec!["libssl-dev"],
            },
        ],
    )
}

/// Sets up Kafka as a container; where that cannot be set up, Kafka as a process will do if Java and Maven are here.
///
/// # Errors
/// [`Failure::Environment`] when neither is there and neither can be installed or started from here.
pub(crate) fn some_kafka(yes: bool) -> Result<(), Failure> {
    let can_set_up = host::is_root() && host::is_debian_like();
    if !can_set_up && !engine::answers() && java_and_maven().iter().all(|need| need.present) {
        eprintln!("    no container engine answers: Kafka will run as a process");
        return Ok(());
    }
    containers(yes)
}

/// Sets up a container engine that answers, and the tools that build Kafka's image if none can be had.
///
/// # Errors
/// [`Failure::Environment`] when something is missing and cannot be installed or started from here.
pub(crate) fn containers(yes: bool) -> Result<(), Failure> {
    if !engine::answers() {
        let installed = host::program("dockerd").is_some();
        let needs = vec![
            Need { what: "a container engine that answers", present: installed, packages: vec!["docker.io"] },
            program("iptables", "iptables", &["iptables"]),
        ];
        supply(yes, needs)?;
        if !engine::answers() {
            if !host::is_root() {
                return Err(Failure::Environment(
                    "the container engine does not answer, and only root can start it: sudo systemctl start docker \
                     (and add yourself to the group docker)"
                        .to_owned(),
                ));
            }
            engine::start()?;
        }
    }
    clock_faults(yes)?;
    if engine::has_or_can_pull_image() {
        return Ok(());
    }
    eprintln!("    no Kafka image is here and none can be pulled: one will be built");
    supply(yes, java_and_maven())
}

/// Sets up what one kind of fault needs, wall clocks that jump. Where it can't be installed all others do without.
fn clock_faults(yes: bool) -> Result<(), Failure> {
    let here = |folder: std::fs::DirEntry| folder.path().join("faketime/libfaketime.so.1").is_file();
    let present =
        std::fs::read_dir("/usr/lib").is_ok_and(|mut folders| folders.any(|one| one.is_ok_and(here)));
    let need = Need { what: "libfaketime, for faults of clocks", present, packages: vec!["libfaketime"] };
    if present || (host::is_root() && host::is_debian_like()) {
        return supply(yes, vec![need]);
    }
    eprintln!("    {} is not here: chaos runs whose clocks jump will be refused", need.what);
    Ok(())
}

/// Sets up what building Java programs needs.
///
/// # Errors
/// [`Failure::Environment`] when something is missing and cannot be installed from here.
pub(crate) fn java_builds(yes: bool) -> Result<(), Failure> {
    let compiler = if host::package_is_known("openjdk-17-jdk-headless") {
        "openjdk-17-jdk-headless"
    } else {
        "default-jdk-headless"
    };
    let mut needs = java_and_maven();
    needs.push(program("a Java compiler", "javac", &[compiler]));
    supply(yes, needs)
}

/// What a broker as a plain process needs, and what building the image needs: Java and Maven.
fn java_and_maven() -> Vec<Need> {
    let java = if host::package_is_known("openjdk-17-jre-headless") {
        "openjdk-17-jre-headless"
    } else {
        "default-jre-headless"
    };
    vec![
        Need {
            what: "Java 17 or newer",
            present: host::java_major().is_some_and(|major| major >= JAVA_MIN),
            packages: vec![java],
        },
        program("Maven", "mvn", &["maven"]),
    ]
}

/// A need that is met by a program in `PATH`.
fn program(what: &'static str, name: &str, packages: &[&'static str]) -> Need {
    Need { what, present: host::program(name).is_some(), packages: packages.to_vec() }
}

/// Installs what is missing, if it may.
fn supply(yes: bool, needs: Vec<Need>) -> Result<(), Failure> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !need.present).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().flat_map(|need| need.packages.iter().copied()).collect();
    let whats: Vec<&str> = missing.iter().map(|need| need.what).collect();
    let packages_text = packages.join(" ");
    eprintln!("    missing: {}", whats.join(", "));
    let advice = format!(
        "missing: {}. Install it and run this again. On Debian or Ubuntu, as root:\n    \
         apt-get install --no-install-recommends {packages_text}",
        whats.join(", ")
    );
    if !host::is_debian_like() || !host::is_root() {
        return Err(Failure::Environment(advice));
    }
    let may_install = yes || host::is_ci() || (host::has_person() && agrees(&packages_text)?);
    if !may_install {
        return Err(Failure::Environment(format!("{advice}\n    (or answer yes, or pass --yes)")));
    }
    install(&packages)
}

/// Asks the person whether these packages may be installed.
fn agrees(packages: &str) -> Result<bool, Failure> {
    eprint!("    install these Debian packages: {packages}? [y/N] ");
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .map_err(|e| Failure::Environment(format!("no answer could be read: {e}")))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// Installs packages; refreshes the package lists first when they do not know one of them.
fn install(packages: &[&str]) -> Result<(), Failure> {
    if !packages.iter().all(|name| host::package_is_known(name)) {
        step::run("refresh the package lists", &mut apt(&["update", "-q"]))?;
    }
    let mut arguments = vec!["install", "-q", "-y", "--no-install-recommends"];
    arguments.extend(packages);
    step::run(&format!("install {}", packages.join(" ")), &mut apt(&arguments))
        .map_err(|failure| Failure::Environment(failure.to_string()))
}

/// `apt-get` that asks nothing and is quiet unless it fails.
fn apt(arguments: &[&str]) -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["-o", "Dpkg::Use-Pty=0", "-o", "Acquire::Retries=3"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    command
}
