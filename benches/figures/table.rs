//! What is printed: one line for each figure.

use std::fmt;

/// The figures so far.
#[derive(Default)]
pub struct Table {
    rows: Vec<[String; 4]>,
}

impl Table {
    /// Begins a part of the table.
    pub fn part(&mut self, title: &str) {
        let empty = String::new;
        self.rows
            .push([format!("[{title}]"), empty(), empty(), empty()]);
    }

    /// A figure of several works; `beside` is what it is to be compared with.
    pub fn figure(&mut self, name: &str, unit: &str, works: &[f64], beside: &str) {
        let range = match spread(works) {
            None => [String::new(), "not measured".to_string()],
            Some([least, _, most]) if works.len() == 1 || least == most => {
                [amount(least), String::new()]
            }
            Some([least, median, most]) => [
                amount(median),
                format!("{} … {}", amount(least), amount(most)),
            ],
        };
        let [median, range] = range;
        let name = format!("{name}, {unit}");
        self.rows.push([name, median, range, beside.to_string()]);
    }

    /// A remark in place of a figure.
    pub fn remark(&mut self, name: &str, words: &str) {
        let empty = String::new;
        self.rows
            .push([name.to_string(), empty(), empty(), words.to_string()]);
    }
}

/// The median of `works[i] / limits[i]`, in words: `0.83 x` and `what`.
pub fn ratio(works: &[f64], limits: &[f64], what: &str) -> String {
    let ratios: Vec<f64> = works
        .iter()
        .zip(limits)
        .map(|(work, limit)| work / limit)
        .collect();
    match spread(&ratios) {
        Some([_, median, _]) if median.is_finite() => format!("{} x {what}", amount(median)),
        _ => format!("too small to compare with {what}"),
    }
}

/// The least, the median, the most.
pub fn spread(works: &[f64]) -> Option<[f64; 3]> {
    let mut sorted = works.to_vec();
    sorted.sort_by(f64::total_cmp);
    let median = *sorted.get(sorted.len() / 2)?;
    Some([*sorted.first()?, median, *sorted.last()?])
}

/// Of several works; not a number without any.
pub fn median(works: &[f64]) -> f64 {
    spread(works).map_or(f64::NAN, |[_, median, _]| median)
}

/// With as many digits as mean something.
pub fn amount(number: f64) -> String {
    match number.abs() {
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 10.0 => format!("{number:.1}"),
        size if size >= 0.1 => format!("{number:.2}"),
        _ => format!("{number:.4}"),
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = ["figure", "median", "least … most", "beside"].map(str::to_string);
        let width = |column: usize| {
            let cells = self.rows.iter().chain([&heads]);
            let widths = cells.map(|row| row.get(column).map_or(0, |cell| cell.chars().count()));
            widths.max().unwrap_or(0)
        };
        let widths = [width(0), width(1), width(2)];
        for [name, median, range, beside] in [&heads].into_iter().chain(&self.rows) {
            let [first, second, third] = widths;
            let line = format!("{name:first$}  {median:>second$}  {range:third$}  {beside}");
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
