//! `sluice tls`: the appliance's private authority.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Subcommand;
use media::wall::Clock as _;

use crate::clock::SystemClock;
use crate::config::{Config, EXIT_CONFIG};
use crate::tls::private_ca::PrivateCa;
use crate::tls::{FOLDER, Source};

/// TLS.
#[derive(Subcommand)]
pub(crate) enum Tls {
    /// Print the certificate of the private authority, for browsers and players to trust. It is made where there is none yet.
    Ca {
        /// Configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
    },
}

impl Tls {
    /// Does it.
    pub(super) fn run(self) -> ExitCode {
        let Self::Ca { config } = self;
        let config = match Config::load(&config) {
            Ok(config) => config,
            Err(faults) => {
                eprintln!("{faults}");
                return ExitCode::from(EXIT_CONFIG);
            }
        };
        match certificate(&config) {
            Ok(text) => {
                print!("{text}");
                ExitCode::SUCCESS
            }
            Err(error) => super::failed(&error),
        }
    }
}

fn certificate(config: &Config) -> anyhow::Result<String> {
    let settings = config.tls.as_ref().filter(|settings| matches!(settings.source, Source::PrivateCa { .. }));
    let settings = settings.context("there is no private authority; set tls.private_ca = true")?;
    let ca = PrivateCa::new(config.state_path.join(FOLDER));
    let names = settings.names(config.sessions.public_host.as_deref(), &[config.api.listen.ip()]);
    ca.make(&names, SystemClock::start().wall())?;
    let path = ca.certificate();
    std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}
