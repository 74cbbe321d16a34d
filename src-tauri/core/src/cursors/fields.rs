//! Chosen fields of a list's items.

use serde_json::Value;

use super::{
    Column, Outline, Page, Span, Spot, Unit, budget, errors,
    read::{Reading, Start, TOOL},
};
use crate::Result;

/// Items fetched at once: few enough to waste little, many enough to fill a page in few reads.
const BATCH: u32 = 256;

/// The fields to print, in the order asked for.
pub(super) struct Selection {
    names: Vec<String>,
}

impl Selection {
    /// The selection, if there is one, checked against what the cursor has.
    pub(super) fn parse(names: Option<&[String]>, outline: &Outline) -> Result<Option<Self>> {
        let Some(names) = names.filter(|names| !names.is_empty()) else {
            return Ok(None);
        };
        if outline.fields.is_none() {
            let problem = match outline.unit {
                Unit::Lines => "Invalid input: fields are for lists, this cursor holds lines",
                Unit::Items => "Invalid input: the items of this cursor have no fields",
            };
            return Err(errors::invalid(TOOL, problem, "fields"));
        }
        if let Some((at, _)) = names.iter().enumerate().find(|(_, name)| !outline.names.contains(name)) {
            let known: Vec<String> = outline.names.iter().map(|name| format!("\"{name}\"")).collect();
            let problem = format!("Invalid option: expected one of {}", known.join("|"));
            return Err(errors::invalid(TOOL, &problem, &format!("fields[{at}]")));
        }
        Ok(Some(Self { names: names.to_vec() }))
    }

    /// `{"url":"...","status":200}`: the chosen fields that the item has.
    pub(super) fn print(&self, object: &str) -> String {
        let value: Value = serde_json::from_str(object).unwrap_or_default();
        let members: Vec<String> = self
            .names
            .iter()
            .filter_map(|name| Some(format!("{}:{}", Value::from(name.as_str()), value.get(name)?)))
            .collect();
        format!("{{{}}}", members.join(","))
    }

    /// The JSON member that keeps the selection on the next page.
    pub(super) fn argument(&self) -> String {
        format!(",\"fields\":{}", Value::from(self.names.clone()))
    }
}

impl Reading<'_> {
    /// A page of chosen fields.
    pub(super) async fn selected(&self, selection: &Selection, start: Start) -> Result<Page> {
        let total = self.outline().total();
        let mut lines: Vec<String> = Vec::new();
        let mut spent = 0;
        let (mut from, mut to) = match start {
            Start::From(spot) => (spot.unit, spot.unit),
            Start::To(spot) => (spot.unit + u32::from(spot.is_inside()), spot.unit + u32::from(spot.is_inside())),
        };
        let forward = matches!(start, Start::From(_));
        'page: while if forward { to < total } else { from > 0 } {
            let batch = if forward { to..(to + BATCH).min(total) } else { from.saturating_sub(BATCH)..from };
            let objects = self.units(Column::Fields, batch.start, batch.end).await?;
            let mut objects: Vec<&str> = objects.as_str().split('\n').collect();
            if !forward {
                objects.reverse();
            }
            for object in objects {
                let line = self.fit(selection.print(object));
                let weight = budget::weigh(&line) + 1;
                if spent + weight > self.budget && !lines.is_empty() {
                    break 'page;
                }
                spent += weight;
                lines.push(line);
                if forward {
                    to += 1;
                } else {
                    from -= 1;
                }
            }
        }
        if !forward {
            lines.reverse();
        }
        let span = Span { from: Spot::before(from), to: Spot::before(to) };
        self.finish(span, lines.join("\n"), &selection.argument())
    }

    /// One line no larger than a page.
    pub(super) fn fit(&self, mut line: String) -> String {
        if budget::weigh(&line) > self.budget {
            // In bytes a text is never heavier than twice its length.
            line.truncate(line.floor_char_boundary(self.budget as usize / 2));
            line.push_str("...");
        }
        line
    }
}
