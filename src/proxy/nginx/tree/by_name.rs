//! All directives of one name, wherever they stand: so that nobody goes over all of them for a few.

use super::super::directives::{self, Symbol};
use super::super::lexer::number;
use super::{Node, NodeId, Tree, index};

impl Tree {
    /// Every directive whose name is wanted, in the order in which they were read: asked of each name once, not
    /// of each directive.
    pub(in super::super) fn every_of(&self, wanted: impl Fn(&str) -> bool) -> Vec<NodeId> {
        let names = directives::names().iter().enumerate();
        let lots = names
            .filter(|(symbol, name)| !self.lot(symbol + 1).is_empty() && wanted(name))
            .map(|(symbol, _)| self.lot(symbol + 1));
        let mut found: Vec<NodeId> = lots.flatten().map(|id| index(*id)).collect();
        let others = self.lot(0).iter().map(|id| index(*id));
        found.extend(others.filter(|id| wanted(self.name(*id))));
        // Several lots, each in order: the sort only merges them.
        found.sort_unstable();
        found
    }

    /// Every directive of a name that is nginx's own, in the order in which they were read.
    pub(in super::super) fn every(&self, name: &str) -> impl Iterator<Item = NodeId> + '_ {
        let lot = directives::symbol(name).map_or(&[][..], |name| self.lot(name.index() + 1));
        lot.iter().map(|id| index(*id))
    }

    /// Every directive whose name is not nginx's own, in the order in which they were read.
    pub(in super::super) fn every_other(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.lot(0).iter().map(|id| index(*id))
    }

    /// The directives of one name: lot 0 is of all names without a symbol.
    fn lot(&self, lot: usize) -> &[u32] {
        let ends = |lot: usize| self.name_ends.get(lot).map_or(0, |end| index(*end));
        let start = lot.checked_sub(1).map_or(0, ends);
        self.by_name.get(start..ends(lot)).unwrap_or_default()
    }

    /// Lists all directives by name, as a counting sort does.
    pub(super) fn list_by_name(&mut self) {
        let lot = |node: &Node| node.name.map_or(0, |name| name.index() + 1);
        let mut ends = vec![0_u32; directives::names().len() + 1];
        for node in self.nodes.iter().skip(1) {
            if let Some(count) = ends.get_mut(lot(node)) {
                *count = count.saturating_add(1);
            }
        }
        let mut before = 0_u32;
        for end in &mut ends {
            // Where a lot begins; with each directive that is put there it comes nearer to its end.
            (*end, before) = (before, before.saturating_add(*end));
        }
        let mut listed = vec![0_u32; self.nodes.len().saturating_sub(1)];
        for (id, node) in self.nodes.iter().enumerate().skip(1) {
            let Some(end) = ends.get_mut(lot(node)) else {
                continue;
            };
            if let Some(place) = listed.get_mut(index(*end)) {
                *place = number(id);
            }
            *end = end.saturating_add(1);
        }
        (self.by_name, self.name_ends) = (listed, ends);
    }

    /// True when no directive has this name.
    pub(super) fn is_nowhere(&self, symbol: Symbol) -> bool {
        // Before the tree is complete this is not known.
        !self.name_ends.is_empty() && self.lot(symbol.index() + 1).is_empty()
    }
}
