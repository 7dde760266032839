//! The terminal client: asks an ingester's query API and prints the answer.
//!
//! It knows the API alone: no database, no file of a server. A command turns its flags into a request, and the rows that come into text
//! while they come; nothing is held that isn't needed to print it.

mod args;
mod events;
mod failure;
mod filter;
mod follow;
mod inert;
mod lines;
mod logs;
mod profile;
mod row;
mod screen;
mod service;
mod sql;
mod table;
mod tables;

use clap::CommandFactory as _;

pub use args::{Cli, Command};
pub use failure::Failure;

use args::Global;
use profile::Profile;
use screen::Screen;
use service::Service;

/// Does what the command line says.
pub fn execute(cli: &Cli) -> Result<(), Failure> {
    if let Command::Completions { shell } = &cli.command {
        clap_complete::generate(*shell, &mut Cli::command(), "trunkline", &mut std::io::stdout());
        return Ok(());
    }
    let Global { profile, profiles, .. } = &cli.global;
    let profile = Profile::load(profiles.as_deref(), profile.as_deref(), cli.global.chosen())?;
    let service = Service::new(&profile)?;
    let follows = match &cli.command {
        Command::Tail(_) => true,
        Command::Logs(args) => args.follow,
        _ => false,
    };
    let mut screen = Screen::open(cli.global.color, !cli.global.no_pager && !follows);
    match &cli.command {
        Command::Logs(args) if args.follow => {
            follow::follow(&service, &args.filter, args.limit, &args.print, &mut screen)?;
        }
        Command::Tail(args) => {
            follow::follow(&service, &args.filter, args.limit, &args.print, &mut screen)?;
        }
        Command::Patterns(args) => tables::patterns(&service, args, &mut screen)?,
        Command::Logs(args) => logs::logs(&service, args, &mut screen)?,
        Command::Histogram(args) => tables::histogram(&service, args, &mut screen)?,
        Command::Facets(args) => tables::facets(&service, args, &mut screen)?,
        Command::Sql(args) => sql::sql(&service, args, &mut screen)?,
        Command::Clusters(args) => tables::clusters(&service, args, &mut screen)?,
        Command::Completions { .. } => {}
    }
    screen.close()
}
