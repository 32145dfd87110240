//! What the brokers of one run share when they are containers: the engine, the image, the network.

use bollard::Docker;

use crate::clean;
use crate::container::run_lives;
use crate::engine::{self, LABEL_RUN};
use crate::error::ClusterError;
use crate::image::{ensure_built, ensure_image};
use crate::network::RunNetwork;
use crate::options::Options;
use crate::reaper::{self, Leftover};

/// The surroundings of a run's containers.
pub(crate) struct Site {
    pub(crate) docker: Docker,
    pub(crate) image: String,
    /// None for a single broker.
    pub(crate) network: Option<RunNetwork>,
    /// The broker listens on this machine's own network.
    pub(crate) host_network: bool,
    leftover: Leftover,
    keep: bool,
}

impl Site {
    /// Makes everything that containers of this run need.
    pub(crate) async fn prepare(options: &Options) -> Result<Self, ClusterError> {
        let docker = engine::connect().await?;
        // What earlier runs left behind when they were killed and had no reaper. Their reaper may be at it just now, or
        // another harness: what cannot be removed is theirs to remove.
        let _swept = clean::sweep_engine(&docker, false).await;
        let image = match &options.image {
            Some(image) => image.clone(),
            // Of Apache's image the C library is another.
            None if options.clock => ensure_built(options.release, &options.progress).await?,
            None => ensure_image(options.release, &options.progress).await?,
        };
        if !engine::labelled(&docker, &format!("{LABEL_RUN}={}", options.run)).await?.is_empty() {
            return Err(run_lives(&options.run));
        }
        let leftover = Leftover::Run(options.run.clone());
        if !options.keep_data {
            reaper::watch(&leftover);
        }
        let network = match options.brokers {
            1 => None,
            _ => Some(RunNetwork::create(&docker, &options.run, options.keep_data).await?),
        };
        let host_network = options.host_network && engine::shares_network(&docker).await;
        Ok(Self { docker, image, network, host_network, leftover, keep: options.keep_data })
    }

    /// Takes everything away once the containers are gone, unless it is to be kept.
    pub(crate) async fn end(self) -> Result<(), ClusterError> {
        if self.keep {
            return Ok(());
        }
        // A client of its own: this may run on another runtime than the one that made it.
        let docker = engine::connect().await?;
        if let Some(network) = &self.network {
            network.remove(&docker).await?;
        }
        reaper::release(&self.leftover);
        Ok(())
    }
}
