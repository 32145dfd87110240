//! What the engine is asked for: one broker, from an image with the interface of `apache/kafka`.

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, PortBinding};

use crate::broker::BrokerId;
use crate::clock;
use crate::container::Reach;
use crate::disk::Disk;
use crate::engine;
use crate::network::host;
use crate::options::Options;
use crate::settings::{self, Listener, Place};

// Ports inside a container.
const DIRECT: u16 = 9092;
const CONTROLLER: u16 = 9093;
const BETWEEN: u16 = 9094;
const BEHIND: u16 = 9095;

/// Where a broker keeps its data inside its container.
const DATA: &str = "/tmp/kraft-combined-logs";
/// Where a disk of its own is, and its data there: beside it there is room for what fills the disk.
const DISK: &str = "/mnt/disk";
/// What tells its wall clock, if that can jump.
pub(crate) const CLOCK_FILE: &str = "/tmp/clock";
const DATA_ON_DISK: &str = "/mnt/disk/data";

/// A broker that is reached in this way.
pub(crate) fn request(
    options: &Options,
    image: &str,
    id: BrokerId,
    reach: Reach,
    disk: Option<&Disk>,
) -> ContainerCreateBody {
    let published = match reach {
        Reach::Published { direct, behind } => {
            [Some((DIRECT, direct)), behind.map(|behind| (BEHIND, behind))].into_iter().flatten().collect()
        }
        Reach::HostNetwork(_) => Vec::new(),
    };
    let host = HostConfig {
        network_mode: matches!(reach, Reach::HostNetwork(_)).then(|| "host".to_owned()),
        port_bindings: Some(published.iter().map(|&(inside, here)| (tcp(inside), local(here))).collect()),
        mounts: disk.map(|disk| vec![volume(disk)]),
        ..HostConfig::default()
    };
    let environment = environment(options, id, reach);
    ContainerCreateBody {
        image: Some(image.to_owned()),
        env: Some(environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(engine::labels(&options.run, options.keep_data)),
        exposed_ports: Some(published.iter().map(|&(inside, _)| tcp(inside)).collect()),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    }
}

/// A port of a container, as engines write it.
fn tcp(port: u16) -> String {
    format!("{port}/tcp")
}

/// A port of this machine, which nobody outside it is let into.
fn local(port: u16) -> Option<Vec<PortBinding>> {
    Some(vec![PortBinding { host_ip: Some("127.0.0.1".to_owned()), host_port: Some(port.to_string()) }])
}

fn volume(disk: &Disk) -> Mount {
    Mount {
        target: Some(DISK.to_owned()),
        source: Some(disk.name.clone()),
        typ: Some(MountType::VOLUME),
        ..Mount::default()
    }
}

/// The broker's settings, as the image takes them.
fn environment(options: &Options, id: BrokerId, reach: Reach) -> Vec<(String, String)> {
    let properties = settings::properties(&place(options, id, reach), options);
    let mut environment: Vec<_> = properties.into_iter().map(|(k, v)| (settings::variable(&k), v)).collect();
    // A broker that comes back may have another address on its network; Java would remember the old one for 30 s.
    let mut java =
        vec!["-Dsun.net.inetaddr.ttl=1".to_owned(), "-Dsun.net.inetaddr.negative.ttl=0".to_owned()];
    java.extend(options.java_options.iter().cloned());
    environment.push(("KAFKA_OPTS".to_owned(), java.join(" ")));
    environment.push(("KAFKA_HEAP_OPTS".to_owned(), options.heap().join(" ")));
    if options.clock {
        environment.extend(clock::environment_of_java(clock::IN_IMAGE, CLOCK_FILE));
    }
    environment
}

/// Where it listens, seen from inside its container.
fn place(options: &Options, id: BrokerId, reach: Reach) -> Place {
    let data = if options.disk_mib.is_some() { DATA_ON_DISK } else { DATA };
    let (direct, behind) = match reach {
        Reach::Published { direct, behind } => (direct, behind),
        Reach::HostNetwork(ports) => return Place::here(options, ports, &[ports], data),
    };
    let host_of = |id| if options.brokers == 1 { "localhost".to_owned() } else { host(id) };
    let behind = behind
        .and_then(|_| options.proxies.get(&id))
        .map(|proxy| Listener { listen: format!(":{BEHIND}"), advertise: proxy.to_string() });
    Place {
        id,
        direct: Listener { listen: format!(":{DIRECT}"), advertise: format!("127.0.0.1:{direct}") },
        behind,
        between: Listener { listen: format!(":{BETWEEN}"), advertise: format!("{}:{BETWEEN}", host_of(id)) },
        controller: format!(":{CONTROLLER}"),
        voters: options.ids().map(|id| (id, format!("{}:{CONTROLLER}", host_of(id)))).collect(),
        data: data.to_owned(),
    }
}
