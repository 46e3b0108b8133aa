//! What follows the last answer: files, certificate, a look by `check`, sheets, the
//! hub, a test mail.

use std::process::ExitCode;

use super::asker::{Asker, Stop};
use super::interrupt::{Interrupt, Stage};
use super::{Arguments, Plan, hub, sheets};
use crate::cli::Failure;
use crate::cli::check::{self, Severity};
use crate::cli::init::make_certificates;
use crate::cli::output::{Table, say, wrapped};
use crate::cli::test_mail;
use crate::config::Configuration;

pub fn run(
    asker: Asker,
    plan: &Plan,
    arguments: &Arguments,
    interrupt: &Interrupt,
) -> Result<ExitCode, Stop> {
    interrupt.enter(Stage::Writing);
    let configuration = write(plan)?;
    // Before anything else can fail: nobody knows them but this run.
    show_passwords(plan);
    sheets::write(&configuration, plan, &arguments.sheets)?;
    interrupt.enter(Stage::Written);

    say!("\nWhat “postroom check” finds:\n");
    // A warning, of a slow disk for instance, is no reason not to begin.
    let is_good = check::tell(&configuration.path) != Some(Severity::Error);
    if hub::start(asker, &configuration, arguments, is_good)? {
        send_test_mail(&configuration, plan)?;
    }
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// The files and the certificate: all of them, or none.
fn write(plan: &Plan) -> Result<Configuration, Stop> {
    let init = &plan.init;
    hub::make_folders(init)?;
    let configuration = init.write()?;
    let given = plan.kept.give(&configuration);
    given.inspect_err(|_| init.take_back())?;
    let ca = make_certificates(&configuration, &init.domain, init.reach)
        .inspect_err(|_| init.take_back())?;
    let file = configuration.path.display();
    say!(
        "\nwritten: {file} and {}",
        configuration.directory.display()
    );
    if let Some(ca) = ca {
        let hostname = &configuration.hostname;
        say!("made: an office CA and a certificate of {hostname}");
        say!("every PC imports this file once: {}", ca.display());
    }
    Ok(configuration)
}

fn show_passwords(plan: &Plan) {
    say!("");
    let mut table = Table::new(&["USER", "PASSWORD (not shown again)"]);
    for (person, password) in plan.init.answers.people.iter().zip(&plan.passwords) {
        table.row(vec![person.name.clone(), password.clone()]);
    }
    table.print();
}

fn send_test_mail(configuration: &Configuration, plan: &Plan) -> Result<(), Stop> {
    let people = &plan.init.answers.people;
    let (Some(first), Some(password)) = (people.first(), plan.passwords.first()) else {
        return Ok(());
    };
    let journey = test_mail::send(configuration, &first.name, password);
    let journey = journey.map_err(|Failure(why)| {
        Stop::Failed(format!(
            "the hub runs, but the test mail failed: {why}. Once that is mended: postroom test-mail {}",
            first.name
        ))
    })?;
    say!("{}", wrapped(&journey));
    Ok(())
}
