//! Whether the time of a refusal tells a user from nobody.

use std::time::Instant;

use postroom::auth::{PasswordHash, Settings, Turn, Verdict, Verifier, hash_password};

use crate::table::{Table, ratio};
use crate::{Outcome, Plan};

/// A wrong password for a user, for nobody, and for a user whose right password
/// is remembered, turn by turn: a machine that is busy for a while is so for
/// all three. The delays that failures cost come on top, and are the same.
pub fn measure(plan: &Plan, table: &mut Table) -> Outcome<()> {
    let verifier = Verifier::start(&Settings::default())?;
    let hash = hash_password("secret")?;
    let verify = |name: &str, stored: Option<&PasswordHash>, password: &[u8]| {
        let began = Instant::now();
        let verdict = smol::block_on(verifier.verify(name, stored, password, Turn::First));
        (verdict, began.elapsed().as_secs_f64() * 1000.0)
    };
    verify("remembered", Some(&hash), b"secret");
    let refused = |name: &str, stored: Option<&PasswordHash>| match verify(name, stored, b"guess") {
        (Verdict::Wrong, took) => Ok(took),
        (verdict, _) => Err(format!("a guess is found {verdict:?}")),
    };
    let (mut user, mut nobody, mut remembered) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..plan.guesses {
        user.push(refused("user", Some(&hash))?);
        nobody.push(refused("nobody", None)?);
        remembered.push(refused("remembered", Some(&hash))?);
    }
    table.part(&format!("a wrong password, {} times each", plan.guesses));
    table.figure("of a user", "ms", &user, &tenths(&user));
    let beside =
        |works: &[f64]| format!("{}; {}", tenths(works), ratio(works, &user, "the user's"));
    table.figure("of nobody", "ms", &nobody, &beside(&nobody));
    table.figure(
        "of a user whose password is remembered",
        "ms",
        &remembered,
        &beside(&remembered),
    );
    Ok(())
}

/// How the works are spread between their least and their most.
fn tenths(works: &[f64]) -> String {
    let mut sorted = works.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |tenth: usize| {
        sorted
            .get(sorted.len() * tenth / 10)
            .copied()
            .unwrap_or(f64::NAN)
    };
    format!("1/10 below {:.2}, 9/10 below {:.2}", at(1), at(9))
}
