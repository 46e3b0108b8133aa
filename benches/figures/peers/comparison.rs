//! The table of `scripts/bench`: the same work on a peer and on postroom, in
//! turn in one run. It is Markdown, so that README can quote it as it is.

use std::fmt;

use crate::table::{amount, spread};

/// What is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// A rate.
    More,
    /// A cost.
    Less,
}

/// One work, done several times on each.
pub struct Line {
    /// What was done, with its unit at the end: `…, messages/s`.
    pub work: String,
    /// What is better of it.
    pub better: Better,
    /// Who else did it; none where there is no peer.
    pub peer: Option<(&'static str, Vec<f64>)>,
    /// What postroom came to, work by work.
    pub postroom: Vec<f64>,
    /// What cannot be passed, or what is aimed at, in words.
    pub limit: String,
}

/// The lines so far.
#[derive(Default)]
pub struct Comparison {
    rows: Vec<[String; 5]>,
}

impl Comparison {
    /// The next line.
    pub fn line(&mut self, line: &Line) {
        let (peer, ratio) = match &line.peer {
            None => ("–".to_string(), "–".to_string()),
            Some((name, works)) => {
                let ratio = times_better(line.better, works, &line.postroom);
                (format!("{name}: {}", in_words(works)), ratio)
            }
        };
        let own = in_words(&line.postroom);
        self.rows
            .push([line.work.clone(), peer, own, ratio, line.limit.clone()]);
    }

    /// A line that could not be measured, and why.
    pub fn missing(&mut self, work: &str, why: &str) {
        let row = ["NOT MEASURED", "", "", why].map(str::to_string);
        let [peer, own, ratio, limit] = row;
        self.rows.push([work.to_string(), peer, own, ratio, limit]);
    }
}

/// The median of the ratios within each turn; above 1 is in postroom's favour.
fn times_better(better: Better, peer: &[f64], postroom: &[f64]) -> String {
    let ratios: Vec<f64> = peer
        .iter()
        .zip(postroom)
        .map(|(peer, own)| match better {
            Better::More => own / peer,
            Better::Less => peer / own,
        })
        .collect();
    match spread(&ratios) {
        Some([_, median, _]) if median.is_finite() => format!("{} ×", amount(median)),
        _ => "–".to_string(),
    }
}

/// `596 (493 … 638)`: the median, the least and the most.
fn in_words(works: &[f64]) -> String {
    match spread(works) {
        None => "not measured".to_string(),
        Some([least, median, most]) if least == most => amount(median),
        Some([least, median, most]) => {
            format!("{} ({} … {})", amount(median), amount(least), amount(most))
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["work", "peer", "postroom", "ratio", "limit"].map(str::to_string);
        let line = |row: &[String; 5]| format!("| {} |", row.join(" | "));
        writeln!(f, "{}\n|---|---|---|---|---|", line(&heads))?;
        self.rows
            .iter()
            .try_for_each(|row| writeln!(f, "{}", line(row)))
    }
}
