//! What testcontainers is asked for: one broker, from an image with the interface of `apache/kafka`.

use std::borrow::Cow;

use testcontainers::core::{ContainerPort, Mount, WaitFor};
use testcontainers::{ContainerRequest, Image, ImageExt as _};

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

/// A broker that is called `name` and reached in this way.
pub(crate) fn request(
    options: &Options,
    image: &str,
    name: &str,
    id: BrokerId,
    reach: Reach,
    disk: Option<&Disk>,
) -> ContainerRequest<KafkaImage> {
    let (repository, tag) = image.rsplit_once(':').unwrap_or((image, "latest"));
    let environment = environment(options, id, reach);
    let mut request = KafkaImage { repository: repository.to_owned(), tag: tag.to_owned(), environment }
        .with_container_name(name)
        .with_labels(engine::labels(&options.run, options.keep_data));
    if let Reach::Published { direct, behind } = reach {
        request = request.with_mapped_port(direct, ContainerPort::Tcp(DIRECT));
        if let Some(behind) = behind {
            request = request.with_mapped_port(behind, ContainerPort::Tcp(BEHIND));
        }
    }
    if let Some(disk) = disk {
        request = request.with_mount(Mount::volume_mount(&disk.name, DISK));
    }
    request.with_host_config_modifier(move |host| {
        if matches!(reach, Reach::HostNetwork(_)) {
            host.network_mode = Some("host".to_owned());
            host.publish_all_ports = None;
        }
        // Nobody outside this machine is let in.
        for binding in host.port_bindings.iter_mut().flat_map(|all| all.values_mut()).flatten().flatten() {
            binding.host_ip = Some("127.0.0.1".to_owned());
        }
    })
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

/// An image with the interface of `apache/kafka`, for testcontainers. Readiness is asked by protocol, not here.
#[derive(Debug)]
pub(crate) struct KafkaImage {
    repository: String,
    tag: String,
    environment: Vec<(String, String)>,
}

impl Image for KafkaImage {
    fn name(&self) -> &str {
        &self.repository
    }

    fn tag(&self) -> &str {
        &self.tag
    }

    fn ready_conditions(&self) -> Vec<WaitFor> {
        Vec::new()
    }

    fn env_vars(&self) -> impl IntoIterator<Item = (impl Into<Cow<'_, str>>, impl Into<Cow<'_, str>>)> {
        self.environment.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
