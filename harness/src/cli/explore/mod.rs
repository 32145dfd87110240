//! `truecut explore`: Stateright's Explorer on a scope, in the browser, for this machine only.

mod model;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use clap::Args;
use stateright::Model as _;
use truecut::counterexample::world::{Assumed, Sink, World};
use truecut::failure::Failure;

use super::{Outcome, block_on, output};
use model::JobInScope;

/// Walk through a bounded world step by step, in the browser
#[derive(Debug, Args)]
pub(super) struct Explore {
    /// The world to walk through; `truecut list scopes` names them [default: that of the mutant, or smoke]
    #[arg(long, value_name = "SCOPE")]
    scope: Option<String>,
    /// What may happen there besides, and how often: `expiry,crash=2`
    #[arg(long, value_name = "NAME[=TIMES],...", value_delimiter = ',')]
    assume: Vec<Assumed>,
    /// How the sink commits [default: as the scope says]
    #[arg(long, value_name = "STRATEGY")]
    sink: Option<Sink>,
    /// Walk with this wrong protocol
    #[arg(long, value_name = "NAME")]
    mutant: Option<String>,
    /// Port of 127.0.0.1; 0 takes any that is free
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    port: u16,
}

const USUAL_SCOPE: &str = "smoke";

impl Explore {
    pub(super) fn run(&self) -> Outcome {
        let mut world = World::of(USUAL_SCOPE, None);
        world.mutant.clone_from(&self.mutant);
        let mutant = world.mutant().map_err(Failure::usage)?;
        let usual = mutant.map_or(USUAL_SCOPE, |mutant| mutant.info().scope());
        world.scope = self.scope.clone().unwrap_or_else(|| usual.to_owned());
        world.assume.clone_from(&self.assume);
        world.sink = self.sink;
        let scope = world.scope().map_err(Failure::usage)?;

        let address = self.free()?;
        let model = JobInScope::new(&scope, mutant);
        let serving = std::thread::spawn(move || drop(model.checker().serve(address)));
        let with = mutant.map_or_else(String::new, |mutant| format!(", mutant {mutant}"));
        output::line(&format!("Scope {}{with}: http://{address}/   (Ctrl-C ends it)", scope.name));
        block_on(async {
            while !serving.is_finished() {
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            Err(Failure::internal("the Explorer ended by itself"))
        })
    }

    /// The Explorer does not say why it could not take a port: so that is found out before.
    fn free(&self) -> Result<SocketAddr, Failure> {
        let taken = |error: std::io::Error| {
            let port = self.port;
            Failure::environment(format!(
                "port {port} of 127.0.0.1 can't be used: {error}; choose another with --port"
            ))
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port)).map_err(taken)?;
        listener.local_addr().map_err(taken)
    }
}
