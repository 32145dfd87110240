//! Starting all brokers of a cluster, as containers or as processes: all of them or none.

use futures::future::join_all;

use crate::broker::{Broker, BrokerId, PROCESS_DISK};
use crate::choice::KafkaChoice;
use crate::cluster::end_all;
use crate::container::ContainerBroker;
use crate::error::ClusterError;
use crate::options::Options;
use crate::port::Ports;
use crate::process::ProcessBroker;
use crate::site::Site;
use crate::{clean, engine, jars};

/// Brokers that were started and are not ready yet.
pub(crate) struct Fleet {
    pub(crate) kind: &'static str,
    pub(crate) version: String,
    /// Broker 1 first.
    pub(crate) brokers: Vec<(BrokerId, Broker)>,
    /// What containers share.
    pub(crate) site: Option<Site>,
}

impl Fleet {
    /// Starts what `choice` names, which is not someone else's cluster.
    pub(crate) async fn start(choice: &KafkaChoice, options: &Options) -> Result<Self, ClusterError> {
        match choice {
            KafkaChoice::Container => Self::containers(options).await,
            KafkaChoice::Process => Self::processes(options).await,
            KafkaChoice::Auto | KafkaChoice::Bootstrap(_) => match engine::connect().await {
                Ok(_) => Self::containers(options).await,
                Err(no_engine) => {
                    let why = |java: ClusterError| {
                        ClusterError::Tools(format!("{no_engine}. As a process: {java}"))
                    };
                    jars::demand_java().await.map_err(why)?;
                    (options.progress)("no container engine answers");
                    Self::processes(options).await
                }
            },
        }
    }

    async fn containers(options: &Options) -> Result<Self, ClusterError> {
        let site = Site::prepare(options).await?;
        let version = options.release.to_string();
        (options.progress)(&format!(
            "starting Kafka {version} in {} from {}",
            counted(options, "container"),
            site.image
        ));
        let start = |id| {
            let site = &site;
            async move {
                let container = ContainerBroker::start(site, options, id).await;
                container.map(|container| (id, Broker::Container(Box::new(container))))
            }
        };
        let started = join_all(options.ids().map(start)).await;
        let (brokers, site) = all_or_none(started, Some(site), options).await?;
        Ok(Self { kind: "container", version, brokers, site })
    }

    async fn processes(options: &Options) -> Result<Self, ClusterError> {
        if options.disk_mib.is_some() {
            return Err(ClusterError::Refused(PROCESS_DISK.to_owned()));
        }
        jars::demand_java().await?;
        clean::sweep_folders();
        let libs = jars::ensure(options.release, &options.progress).await?;
        (options.progress)(&format!(
            "starting Kafka {} as {} of this machine",
            options.release,
            counted(options, "process")
        ));
        let all = Ports::choose(options)?;
        let start = |(id, ports)| {
            let (libs, all) = (&libs, &all);
            async move {
                let process = ProcessBroker::start(libs, options, ports, all).await;
                process.map(|process| (id, Broker::Process(Box::new(process))))
            }
        };
        let started = join_all(options.ids().zip(all.iter().copied()).map(start)).await;
        let (brokers, site) = all_or_none(started, None, options).await?;
        Ok(Self { kind: "process", version: options.release.to_string(), brokers, site })
    }
}

type Started = Result<(BrokerId, Broker), ClusterError>;
type Whole = (Vec<(BrokerId, Broker)>, Option<Site>);

/// Takes away what started if something did not.
async fn all_or_none(
    started: Vec<Started>,
    site: Option<Site>,
    options: &Options,
) -> Result<Whole, ClusterError> {
    let (mut brokers, mut failure) = (Vec::new(), None);
    for one in started {
        match one {
            Ok(broker) => brokers.push(broker),
            Err(e) => failure = failure.or(Some(e)),
        }
    }
    match failure {
        None => Ok((brokers, site)),
        Some(failure) => {
            let brokers = brokers.into_iter().map(|(_, broker)| broker).collect();
            // Why it could not start matters more; what is left then, the reaper takes away.
            let _ended = end_all(brokers, site, options).await;
            Err(failure)
        }
    }
}

fn counted(options: &Options, noun: &str) -> String {
    match (options.brokers, noun) {
        (1, noun) => format!("a {noun}"),
        (count, "process") => format!("{count} processes"),
        (count, noun) => format!("{count} {noun}s"),
    }
}
