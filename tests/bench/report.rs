//! Rows, the table that people read, JSON for programs, and the block in the README.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result, bail};
use serde::Serialize;

/// Where the figures stand in the README.
const FIGURES: &str = "bench";

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Unit {
    /// Milliseconds.
    #[serde(rename = "ms")]
    Ms,
    /// Units of 1,048,576 bytes.
    #[serde(rename = "MB")]
    Mb,
    /// Things.
    #[serde(rename = "count")]
    Count,
    /// Of a hundred.
    #[serde(rename = "percent")]
    Percent,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    subject: String,
    measure: String,
    unit: Unit,
    measured: f64,
    /// Not more than this.
    goal: Option<f64>,
    /// The same without Ebb, in the same run.
    floor: Option<f64>,
}

impl Row {
    /// The goal, by which lower is better.
    pub(crate) fn goal(&mut self, goal: f64) -> &mut Self {
        self.goal = Some(goal);
        self
    }

    /// What the same costs without Ebb.
    pub(crate) fn floor(&mut self, floor: f64) -> &mut Self {
        self.floor = Some(floor);
        self
    }

    fn figure(&self, value: f64) -> String {
        let digits = match value.abs() {
            value if self.unit == Unit::Count => usize::from(value.fract() > 0.0),
            value if value >= 100.0 => 0,
            value if value >= 10.0 => 1,
            value if value >= 1.0 => 2,
            value if value >= 0.1 || value == 0.0 => 3,
            _ => 4,
        };
        let unit = match self.unit {
            Unit::Ms => " ms",
            Unit::Mb => " MB",
            Unit::Count => "",
            Unit::Percent => " %",
        };
        format!("{value:.digits$}{unit}")
    }

    fn cells(&self) -> [String; 4] {
        let goal = self.goal.map(|goal| {
            let verdict = if self.measured <= goal { "" } else { " (missed)" };
            format!("<= {}{verdict}", trimmed(self.unit, goal))
        });
        let floor = self.floor.map(|floor| {
            let ratio = self.measured / floor;
            let ratio = if ratio < 10.0 { format!("{ratio:.1}") } else { format!("{ratio:.0}") };
            format!("{} (x {ratio})", self.figure(floor))
        });
        [self.measure.clone(), goal.unwrap_or_default(), self.figure(self.measured), floor.unwrap_or_default()]
    }
}

/// A goal as it was set: `0.02 ms`, not `0.020 ms`.
fn trimmed(unit: Unit, goal: f64) -> String {
    match unit {
        Unit::Ms => format!("{goal} ms"),
        Unit::Mb => format!("{goal} MB"),
        Unit::Count => format!("{goal}"),
        Unit::Percent => format!("{goal} %"),
    }
}

/// Figures of many things side by side, with a place of their own in the README.
#[derive(Debug)]
pub(crate) struct Table {
    marker: &'static str,
    head: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// An empty one with these columns, which stands between `<!-- marker:begin -->` and `<!-- marker:end -->`.
    pub(crate) fn new(marker: &'static str, head: &[&str]) -> Self {
        Self { marker, head: head.iter().map(|cell| (*cell).to_owned()).collect(), rows: Vec::new() }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        eprintln!("  {}", cells.join(" | "));
        self.rows.push(cells);
    }

    fn markdown(&self) -> String {
        let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
        let rule = format!("|{}\n", "---|".repeat(self.head.len()));
        line(&self.head) + &rule + &self.rows.iter().map(|row| line(row)).collect::<String>()
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Report {
    subject: String,
    rows: Vec<Row>,
    tables: Vec<Table>,
}

impl Report {
    /// What comes now belongs to this subject.
    pub(crate) fn begin(&mut self, subject: &str) {
        subject.clone_into(&mut self.subject);
    }

    /// Adds a figure.
    pub(crate) fn row(&mut self, measure: impl Into<String>, unit: Unit, measured: f64) -> &mut Row {
        let (subject, measure) = (self.subject.clone(), measure.into());
        eprintln!("  {measure}: {measured:.3}");
        self.rows.push(Row { subject, measure, unit, measured, goal: None, floor: None });
        self.rows.last_mut().expect("it was just added")
    }

    /// Adds a whole table.
    pub(crate) fn table(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// The tables, on standard output.
    pub(crate) fn print(&self) {
        for table in &self.tables {
            println!("{}", table.markdown());
        }
        if self.rows.is_empty() {
            return;
        }
        let rows: Vec<[String; 4]> = self.rows.iter().map(Row::cells).collect();
        let head = ["measure", "goal", "measured", "floor in this run"].map(str::to_owned);
        let width =
            |column: usize| rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths = [0, 1, 2, 3].map(width);
        for row in [&head].into_iter().chain(&rows) {
            let [measure, goal, measured, floor] = row;
            let [a, b, c, _] = widths;
            println!("{measure:a$}  {goal:b$}  {measured:>c$}  {floor}");
        }
    }

    /// All figures as JSON.
    ///
    /// # Errors
    /// A file that cannot be written.
    pub(crate) fn write_json(&self, file: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.rows)? + "\n";
        fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }

    /// Replaces what stands between the markers of everything that was measured.
    ///
    /// # Errors
    /// A README without markers, or one that cannot be written.
    pub(crate) fn write_readme(&self, file: &Path) -> Result<()> {
        let mut text = fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        for table in &self.tables {
            text = between(&text, table.marker, &format!("\n{}", table.markdown()))?;
        }
        if !self.rows.is_empty() {
            text = between(&text, FIGURES, &self.figures())?;
        }
        fs::write(file, text).with_context(|| format!("{} cannot be written", file.display()))
    }

    fn figures(&self) -> String {
        let mut block = String::from("\n| Measure | Goal | Measured | Floor in the same run |\n|---|---|---|---|\n");
        for row in &self.rows {
            let [measure, goal, measured, floor] = row.cells();
            // Writing to a string cannot fail.
            writeln!(block, "| {measure} | {goal} | {measured} | {floor} |").unwrap_or_default();
        }
        block
    }
}

/// The text with `block` between the lines of `marker`.
fn between(text: &str, marker: &str, block: &str) -> Result<String> {
    let (first, last) = (format!("<!-- {marker}:begin -->"), format!("<!-- {marker}:end -->"));
    let (Some(begin), Some(end)) = (text.find(&first), text.find(&last)) else {
        bail!("the README has no lines {first} and {last}");
    };
    Ok(format!("{}{block}{}", &text[..begin + first.len()], &text[end..]))
}
