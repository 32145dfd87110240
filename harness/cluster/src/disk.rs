//! A small disk in memory for one broker's data, so that it can be filled.
//!
//! It is a tmpfs volume. What is on such a volume is gone when the last container that uses it ends, and a broker must
//! find its data after a kill: so a second container, which only sleeps, holds on to it, and fills and empties it.

use bollard::Docker;
use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType, VolumeCreateRequest};
use bollard::query_parameters::{CreateContainerOptionsBuilder, StartContainerOptions};

use crate::broker::BrokerId;
use crate::engine::{self, Kind, with_causes};
use crate::error::ClusterError;
use crate::exec::exec;
use crate::options::Options;

/// Where the disk is in its holder.
const HERE: &str = "/disk";
/// What takes up the space. It lies beside the broker's data folder.
const FILLER: &str = "/disk/filler";

/// Why there is nothing to fill.
pub(crate) const NO_DISK: &str = "the broker has no disk of its own to fill: give `Options::disk_mib`";

/// The disk of one broker.
pub(crate) struct Disk {
    docker: Docker,
    /// The name of the volume, and of the container that holds on to it.
    pub(crate) name: String,
}

impl Disk {
    /// Makes the disk of a broker, `mib` large.
    pub(crate) async fn create(
        docker: &Docker,
        image: &str,
        options: &Options,
        id: BrokerId,
        mib: u32,
    ) -> Result<Self, ClusterError> {
        let disk = Self { docker: docker.clone(), name: format!("truecut-{}-disk-{id}", options.run) };
        match disk.make(image, options, mib).await {
            Ok(()) => Ok(disk),
            Err(e) => {
                // Why it could not be made matters more; what is left then, the reaper takes away.
                let _removed = disk.remove(docker).await;
                Err(ClusterError::engine(format!("make the disk {}", disk.name), with_causes(&e)))
            }
        }
    }

    async fn make(&self, image: &str, options: &Options, mib: u32) -> Result<(), bollard::errors::Error> {
        let driver = [("type", "tmpfs"), ("device", "tmpfs"), ("o", &format!("size={mib}m,mode=1777"))];
        let volume = VolumeCreateRequest {
            name: Some(self.name.clone()),
            driver_opts: Some(driver.map(|(name, value)| (name.to_owned(), value.to_owned())).into()),
            labels: Some(engine::labels(&options.run, false)),
            ..VolumeCreateRequest::default()
        };
        self.docker.create_volume(volume).await?;
        let mount = Mount {
            target: Some(HERE.to_owned()),
            source: Some(self.name.clone()),
            typ: Some(MountType::VOLUME),
            ..Mount::default()
        };
        let host = HostConfig {
            mounts: Some(vec![mount]),
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        };
        let holder = ContainerCreateBody {
            image: Some(image.to_owned()),
            entrypoint: Some(vec!["sleep".to_owned()]),
            cmd: Some(vec!["2147483647".to_owned()]),
            labels: Some(engine::labels(&options.run, false)),
            host_config: Some(host),
            ..ContainerCreateBody::default()
        };
        let named = CreateContainerOptionsBuilder::new().name(&self.name).build();
        self.docker.create_container(Some(named), holder).await?;
        self.docker.start_container(&self.name, None::<StartContainerOptions>).await
    }

    /// Takes up all that is free.
    pub(crate) async fn fill(&self) -> Result<(), ClusterError> {
        let (status, said) = exec(&self.docker, &self.name, &format!("cat /dev/zero > {FILLER}")).await?;
        if status != 0 && said.contains("No space left") {
            return Ok(());
        }
        Err(ClusterError::engine(format!("fill {}", self.name), said))
    }

    /// Frees what was taken up.
    pub(crate) async fn unfill(&self) -> Result<(), ClusterError> {
        match exec(&self.docker, &self.name, &format!("rm -f {FILLER}")).await? {
            (0, _) => Ok(()),
            (_, said) => Err(ClusterError::engine(format!("empty {}", self.name), said)),
        }
    }

    /// Takes it away, once the broker's container is gone.
    pub(crate) async fn remove(&self, docker: &Docker) -> Result<(), ClusterError> {
        engine::remove(docker, Kind::Container, &self.name).await?;
        engine::remove(docker, Kind::Volume, &self.name).await
    }
}
