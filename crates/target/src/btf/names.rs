//! Types by name. btf-rs reads all types at each question for a name, some milliseconds for a kernel's.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use btf_rs::{Btf, Type};

/// Names that are looked for one by one; for more an index of all is made. One look takes a fifth of what the index takes.
const FEW: usize = 4;

/// Ids of the types of some kinds, by name.
pub struct Names {
    is_wanted: fn(&Type) -> bool,
    known: RefCell<HashMap<String, Rc<[u32]>>>,
    /// Whether `known` holds all names.
    is_whole: Cell<bool>,
}

impl Names {
    /// No names yet, of types of these kinds.
    pub fn new(is_wanted: fn(&Type) -> bool) -> Self {
        Names { is_wanted, known: RefCell::default(), is_whole: Cell::default() }
    }

    /// The types of a name in order, those of a module's base first; none for no name.
    pub fn ids(&self, name: &str, btf: &Btf) -> Rc<[u32]> {
        if name.is_empty() {
            return Rc::default();
        }
        if !self.is_whole.get() && self.known.borrow().len() >= FEW {
            self.known.replace(self.index(btf));
            self.is_whole.set(true);
        }
        if let Some(known) = self.known.borrow().get(name) {
            return known.clone();
        }
        if self.is_whole.get() {
            return Rc::default();
        }
        let mut ids = btf.resolve_ids_by_name(name).unwrap_or_default();
        ids.retain(|id| btf.resolve_type_by_id(*id).is_ok_and(|raw| (self.is_wanted)(&raw)));
        let found: Rc<[u32]> = ids.into();
        self.known.borrow_mut().insert(name.to_string(), found.clone());
        found
    }

    fn index(&self, btf: &Btf) -> HashMap<String, Rc<[u32]>> {
        let mut all: HashMap<String, Vec<u32>> = HashMap::new();
        let (_, last) = btf.split().unwrap_or(btf.base()).type_id_range();
        for id in 1..=last {
            let Some(raw) = btf.resolve_type_by_id(id).ok().filter(self.is_wanted) else { continue };
            let name = raw.as_btf_type().and_then(|t| btf.resolve_name(t).ok());
            if let Some(name) = name.filter(|n| !n.is_empty()) {
                all.entry(name).or_default().push(id);
            }
        }
        all.into_iter().map(|(name, ids)| (name, ids.into())).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::{Btf, FEW, Names, Type};

    #[test]
    fn the_index_knows_what_single_looks_find() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/target/vmlinux.btf");
        let btf = Btf::from_file(file).expect("btf-rs reads the types");
        let (_, last) = btf.base().type_id_range();
        let named = (1..=last).filter_map(|id| btf.resolve_name(btf.resolve_type_by_id(id).ok()?.as_btf_type()?).ok());
        let names: BTreeSet<String> = named.chain(["no_such_type".into(), String::new()]).collect();
        assert!(names.len() > 10 * FEW);
        let kinds: [fn(&Type) -> bool; 2] = [|raw| matches!(raw, Type::Func(_)), |raw| !matches!(raw, Type::Func(_))];
        let mut found = 0;
        for is_wanted in kinds {
            let whole = Names::new(is_wanted);
            for name in &names {
                let ids = whole.ids(name, &btf);
                assert_eq!(ids, Names::new(is_wanted).ids(name, &btf), "{name}");
                found += ids.len();
            }
            assert!(whole.is_whole.get());
        }
        assert!(found > names.len() / 2, "{found} of {}", names.len());
    }
}
