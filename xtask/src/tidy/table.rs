//! The layer table and the table of shared crates, read out of docs/architecture.md.

use std::collections::{BTreeMap, BTreeSet};

/// Who may name a crate.
#[derive(Debug, PartialEq, Eq)]
enum Who {
    All,
    Only(BTreeSet<String>),
}

/// Layers of modules and owners of crates.
#[derive(Debug, Default)]
pub(crate) struct Table {
    layers: BTreeMap<String, u32>,
    /// By crate, or by a path inside one (`tokio::process`); the longest prefix of what is named decides.
    crates: BTreeMap<String, Who>,
}

impl Table {
    /// Reads both tables; they are found by their header rows.
    pub(crate) fn parse(markdown: &str) -> Result<Self, String> {
        let mut table = Self::default();
        for row in rows(markdown, &["L", "module"]) {
            let [layer, module, .., owns] = row.as_slice() else { return Err(format!("short row: {row:?}")) };
            let layer = layer.parse().map_err(|_| format!("layer {layer:?} is not a number"))?;
            let [module] = ticked(module)[..] else { return Err(format!("one module in backticks, not {module:?}")) };
            if table.layers.insert(module.to_owned(), layer).is_some() {
                return Err(format!("module `{module}` has two rows"));
            }
            for name in ticked(owns) {
                table.insert(name, Who::Only(BTreeSet::from([module.to_owned()])))?;
            }
        }
        for row in rows(markdown, &["shared crate"]) {
            let [names, who, ..] = row.as_slice() else { return Err(format!("short row: {row:?}")) };
            for name in ticked(names) {
                let modules: BTreeSet<String> = ticked(who).into_iter().map(str::to_owned).collect();
                if let Some(stranger) = modules.iter().find(|m| !table.layers.contains_key(*m)) {
                    return Err(format!("`{name}` is shared with `{stranger}`, which has no row in the layer table"));
                }
                table.insert(name, if modules.is_empty() { Who::All } else { Who::Only(modules) })?;
            }
        }
        if table.layers.is_empty() { Err("no table with the header `| L | module | … | owns |`".to_owned()) } else { Ok(table) }
    }

    fn insert(&mut self, name: &str, who: Who) -> Result<(), String> {
        match self.crates.insert(in_code(name), who) {
            None => Ok(()),
            Some(_) => Err(format!("crate `{name}` is listed twice: one owner, or one row of shared crates")),
        }
    }

    /// The layer of a module of the table.
    pub(crate) fn layer(&self, module: &str) -> Option<u32> {
        self.layers.get(module).copied()
    }

    /// Whether code in `module` may name `path`; if not, the rule and what to do.
    pub(crate) fn judge(&self, module: &str, path: &[String], crates: &BTreeSet<String>) -> Option<(&'static str, String)> {
        match path {
            [first, rest @ ..] if first == "crate" => self.judge_own(module, rest.first().map(String::as_str)),
            [first, ..] if crates.contains(first) => self.judge_foreign(module, path),
            _ => None,
        }
    }

    fn judge_own(&self, module: &str, target: Option<&str>) -> Option<(&'static str, String)> {
        let here = self.layer(module)?;
        let Some((target, there)) = target.and_then(|t| Some((t, self.layer(t)?))) else {
            let shown = target.map_or("crate".to_owned(), |t| format!("crate::{t}"));
            return Some(("layer", format!("`{shown}` is no module of the layer table: name the module that defines it")));
        };
        if target == module || there < here {
            return None;
        }
        let which = if there == here { "its sibling" } else { "the higher layer's" };
        Some((
            "layer",
            format!(
                "`{module}` (layer {here}) imports {which} `{target}` (layer {there}): take a value or a trait from a lower layer, \
                 or let `agent` join the two"
            ),
        ))
    }

    fn judge_foreign(&self, module: &str, path: &[String]) -> Option<(&'static str, String)> {
        let mut prefixes = (1..=path.len()).rev().map(|n| path[..n].join("::"));
        let Some((name, who)) = prefixes.find_map(|prefix| self.crates.get_key_value(&prefix)) else {
            return Some((
                "owner",
                format!("crate `{}` has neither an owner nor a row of shared crates in docs/architecture.md: add one", path[0]),
            ));
        };
        match who {
            Who::Only(modules) if !modules.contains(module) => {
                let owners: Vec<String> = modules.iter().map(|m| format!("`{m}`")).collect();
                Some(("owner", format!("`{name}` may be named only in {}: use what that module offers", owners.join(", "))))
            }
            _ => None,
        }
    }
}

/// A package's name as code spells it.
pub(crate) fn in_code(name: &str) -> String {
    name.replace('-', "_")
}

/// The cells of every row under a header that starts with `header`, in order.
fn rows<'a>(markdown: &'a str, header: &'a [&str]) -> impl Iterator<Item = Vec<&'a str>> {
    let mut inside = false;
    markdown.lines().filter_map(move |line| {
        let Some(row) = line.trim().strip_prefix('|') else {
            inside = false;
            return None;
        };
        let cells: Vec<&str> = row.trim_end_matches('|').split('|').map(str::trim).collect();
        if cells.starts_with(header) {
            inside = true;
            return None;
        }
        let dashes = cells.iter().all(|cell| cell.chars().all(|c| matches!(c, '-' | ':' | ' ')));
        Some(cells).filter(|_| inside && !dashes)
    })
}

/// What stands in backticks.
fn ticked(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}
