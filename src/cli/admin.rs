//! `sluice admin`: what is done to an appliance that does not run.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use control_api::bootstrap::first_account;
use control_api::ledger::Ledger;
use control_api::registers::user::LoginName;
use control_api::store::Store;
use media::wall::Clock;

use crate::appliance::private_folder;
use crate::clock::SystemClock;
use crate::config::{Config, EXIT_CONFIG};

/// Administration.
#[derive(Subcommand)]
pub(crate) enum Admin {
    /// Make the first account, a security administrator, and print its one-time secret. Once per appliance.
    Bootstrap {
        /// Configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Login name of the account.
        #[arg(long, default_value = "security-admin")]
        user: String,
    },
    /// Take the second factor from an account whose holder has lost it and whom no other security administrator can help.
    ResetSecondFactor {
        /// Configuration file.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Login name of the account.
        #[arg(long)]
        user: String,
    },
}

impl Admin {
    /// Does it.
    pub(super) fn run(self) -> ExitCode {
        let (file, user) = match &self {
            Self::Bootstrap { config, user } | Self::ResetSecondFactor { config, user } => (config, user),
        };
        let config = match Config::load(file) {
            Ok(config) => config,
            Err(faults) => {
                eprintln!("{faults}");
                return ExitCode::from(EXIT_CONFIG);
            }
        };
        let done = match self {
            Self::Bootstrap { .. } => bootstrap(&config, user),
            Self::ResetSecondFactor { .. } => reset_second_factor(&config, user),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => super::failed(&error),
        }
    }
}

fn reset_second_factor(config: &Config, user: &str) -> anyhow::Result<()> {
    let login: LoginName = user.parse()?;
    let clock = Arc::new(SystemClock::start());
    let store = Store::open(&config.state_path.join("store"))?;
    let ledger = Ledger::open(&config.ledger_path, clock.clone(), &prometheus::Registry::new())?;
    let found = control_api::bootstrap::reset_second_factor(&store, &ledger, clock.wall(), &login);
    ledger.close();
    anyhow::ensure!(found?, "nobody signs in as {login}; GET /api/v1/users lists the accounts");
    println!(
        "The second factor of {login} is gone, and that is on the ledger. It is enrolled anew at the next sign-in."
    );
    Ok(())
}

fn bootstrap(config: &Config, user: &str) -> anyhow::Result<()> {
    let login: LoginName = user.parse()?;
    for folder in [&config.state_path, &config.ledger_path] {
        private_folder(folder)?;
    }
    let clock = Arc::new(SystemClock::start());
    let store = Store::open(&config.state_path.join("store"))?;
    let ledger = Ledger::open(&config.ledger_path, clock.clone(), &prometheus::Registry::new())?;
    let first = first_account(&store, &ledger, &config.api.settings, clock.wall(), login);
    ledger.close();
    let first = first?;
    println!("user    {}\nsecret  {}", first.login, first.secret);
    println!("The secret is shown this once. Sign in with it and choose a password: POST /api/v1/me/password.");
    Ok(())
}
