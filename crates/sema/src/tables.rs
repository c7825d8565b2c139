//! What inference knows between walks: types of maps and variables, parameters in use.

use std::collections::{BTreeMap, HashMap, HashSet};

use btc_builtins::Clock;
use btc_diagnostics::{Code, Diagnostic, Diagnostics, Span, did_you_mean, here};
use btc_hir::{self as hir, ExprKind};
use btc_syntax::ast;
use btc_types::{Type, join};

use crate::config::{Options, Settings};
use crate::constant;
use crate::facts::{Clocks, Facts};
use crate::soft::{Soft, join_soft};

/// Maps of a script.
const MAX_MAPS: usize = 10_000;
/// Parameters of a script.
const MAX_PARAMS: usize = 1_000;

/// What is known of a map.
#[derive(Clone, Debug)]
pub(crate) struct MapInfo {
    /// `None` until the first use tells whether it has keys.
    pub keyed: Option<bool>,
    /// Type of the key, `Unknown` at first.
    pub key: Type,
    /// Type of the value, `Unknown` at first.
    pub value: Type,
    /// The first use.
    pub span: Span,
    /// The declared kind and size.
    pub declared: Option<(hir::MapKind, u32)>,
    /// Whether only literals were keys, and values, so far: they take the sign of what follows.
    pub soft: (Soft, Soft),
    /// Which clock its keys, and values, are times of.
    pub clocks: (Clocks, Clocks),
    /// Whether an aggregation is read as a number.
    pub read_as_number: bool,
    /// Whether anything assigns it.
    pub assigned: bool,
    /// Whether a loop goes over it.
    pub walked: bool,
    /// Position when the walk began.
    position: u32,
}

/// What a value is assigned to.
#[derive(PartialEq, Eq, Hash)]
enum Assigned {
    Var(usize, hir::VarId),
    Map(String),
}

/// Types over the whole script.
pub(crate) struct Tables {
    /// Maps by name.
    pub maps: BTreeMap<String, MapInfo>,
    /// Their names by position, as of the beginning of the walk.
    by_position: Vec<String>,
    /// Types of variables by probe, in the order of their first appearance.
    pub vars: Vec<Vec<Type>>,
    /// Whether only literals were assigned to variables so far: they take the sign of what follows.
    soft: HashMap<(usize, hir::VarId), Soft>,
    /// Which clock the values of variables are times of.
    clocks: HashMap<(usize, hir::VarId), Clocks>,
    /// Parameters by order of first use.
    pub params: Vec<hir::Param>,
    /// Unsafe functions in use.
    pub unsafe_functions: Vec<&'static str>,
    /// Variables that this walk used before anything told their type, with their first use.
    untyped: Vec<(usize, hir::VarId, String, Span)>,
    /// Variables and values of maps that this walk has assigned to.
    assigned_to: HashSet<Assigned>,
    /// Where the first parameter stands that is too many.
    one_too_many: Option<Span>,
    /// Copies that `unroll` makes, as far as this walk has come.
    pub unrolled: u64,
    /// Whether this walk learnt something.
    pub changed: bool,
    /// Entries of a map that has no declaration.
    max_map_keys: Option<u32>,
}

/// Whether a pointer is to what an earlier walk took for a smaller type. The first assignment of a walk tells; a second one
/// to another type is a mistake of the script.
fn grows(old: &Type, new: &Type) -> bool {
    match (old, new) {
        (Type::Pointer { to: old, .. }, Type::Pointer { to: new, .. }) => old != new && join(old, new).as_ref() == Some(new),
        _ => false,
    }
}

impl Tables {
    /// Only the declared maps are known.
    pub fn new(program: &ast::Program, settings: &Settings, _: &Options, d: &mut Diagnostics) -> Self {
        let mut tables = Tables {
            maps: BTreeMap::new(),
            by_position: Vec::new(),
            vars: Vec::new(),
            soft: HashMap::new(),
            clocks: HashMap::new(),
            params: Vec::new(),
            unsafe_functions: Vec::new(),
            untyped: Vec::new(),
            assigned_to: HashSet::new(),
            one_too_many: None,
            unrolled: 0,
            changed: false,
            max_map_keys: settings.max_map_keys,
        };
        for declaration in &program.map_declarations {
            tables.declare(declaration, d);
        }
        tables
    }

    fn declare(&mut self, declaration: &ast::MapDeclaration, d: &mut Diagnostics) {
        let kind = match declaration.kind.name.as_str() {
            "hash" => hir::MapKind::Hash,
            "lruhash" => hir::MapKind::LruHash,
            "percpuhash" => hir::MapKind::PerCpuHash,
            "percpulruhash" => hir::MapKind::LruPerCpuHash,
            other => {
                let message = format!("there is no kind of map `{other}`");
                let help = "the kinds are hash, lruhash, percpuhash, percpulruhash";
                d.push(Diagnostic::error(Code::UnknownType, declaration.kind.span, message).help(help));
                return;
            }
        };
        let entries = declaration.args.first().and_then(|e| constant::eval(e, &|_| None));
        let Some(entries) = entries.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0) else {
            let message = "a map declaration takes the number of entries, a literal above 0";
            d.push(Diagnostic::error(Code::BadLiteral, declaration.span, message));
            return;
        };
        let info = self.map(&declaration.map.name, declaration.map.span);
        info.declared = Some((kind, entries));
        info.keyed = Some(true);
    }

    /// The map of that name, added when new.
    pub fn map(&mut self, name: &str, span: Span) -> &mut MapInfo {
        let changed = &mut self.changed;
        self.maps.entry(name.to_string()).or_insert_with(|| {
            // Positions of maps shift: walk again.
            *changed = true;
            MapInfo {
                keyed: None,
                key: Type::Unknown,
                value: Type::Unknown,
                span,
                declared: None,
                soft: (Soft::All(true), Soft::All(true)),
                clocks: (Facts::All(Clock::None), Facts::All(Clock::None)),
                read_as_number: false,
                assigned: false,
                walked: false,
                position: 0,
            }
        })
    }

    /// Type of a probe's variable.
    pub fn var(&mut self, probe: usize, var: hir::VarId) -> Type {
        self.slot(probe, var).clone()
    }

    fn slot(&mut self, probe: usize, var: hir::VarId) -> &mut Type {
        if self.vars.len() <= probe {
            self.vars.resize(probe + 1, Vec::new());
        }
        let vars = &mut self.vars[probe];
        if vars.len() <= var.0 as usize {
            vars.resize(var.0 as usize + 1, Type::Unknown);
        }
        &mut vars[var.0 as usize]
    }

    /// A map's key widened by a value, or its value if `key` is not set.
    pub fn join_map(&mut self, probe: usize, name: &str, key: bool, value: &hir::Expr, span: Span) -> Option<Type> {
        let (own, own_clocks) = (self.soft_of(probe, value), self.clocks_of(probe, value));
        let first = !key && self.assigned_to.insert(Assigned::Map(name.to_string()));
        let info = self.map(name, span);
        let (old, soft) = if key { (&info.key, &mut info.soft.0) } else { (&info.value, &mut info.soft.1) };
        if first && grows(old, &value.ty) {
            return Some(value.ty.clone());
        }
        let (ty, joined) = join_soft((old, soft), (&value.ty, &own))?;
        let mut changed = *soft != joined;
        *soft = joined;
        let clocks = if key { &mut info.clocks.0 } else { &mut info.clocks.1 };
        let joined = clocks.and(&own_clocks);
        changed |= *clocks != joined;
        *clocks = joined;
        self.changed |= changed;
        Some(ty)
    }

    /// Sets a variable's type.
    pub fn set_var(&mut self, probe: usize, var: hir::VarId, ty: Type) {
        let slot = self.slot(probe, var);
        if *slot != ty {
            *slot = ty;
            self.changed = true;
        }
    }

    /// Notes a use of a variable whose type is not known. In the last walk that is a mistake of the script.
    pub fn note_untyped(&mut self, probe: usize, var: hir::VarId, name: &str, span: Span) {
        if !self.untyped.iter().any(|(p, v, ..)| (*p, *v) == (probe, var)) {
            self.untyped.push((probe, var, name.to_string(), span));
        }
    }

    /// Widens a variable's type by another.
    pub fn widen(&mut self, probe: usize, var: hir::VarId, ty: Type) {
        let old = self.var(probe, var);
        let ty = join(&old, &ty).unwrap_or(ty);
        self.set_var(probe, var, ty);
    }

    /// A variable's type widened by a value.
    pub fn join_var(&mut self, probe: usize, var: hir::VarId, value: &hir::Expr) -> Option<Type> {
        let old = self.var(probe, var);
        if self.assigned_to.insert(Assigned::Var(probe, var)) && grows(&old, &value.ty) {
            return Some(value.ty.clone());
        }
        let soft = self.soft.get(&(probe, var)).cloned().unwrap_or(Soft::All(false));
        let (ty, joined) = join_soft((&old, &soft), (&value.ty, &self.soft_of(probe, value)))?;
        self.set_soft(probe, var, joined);
        self.set_clocks(probe, var, &self.clocks_of(probe, value));
        Some(ty)
    }

    /// Says whether what a variable gets is of literals only. One that ever got anything else is not.
    pub fn set_soft(&mut self, probe: usize, var: hir::VarId, soft: Soft) {
        let old = self.soft.get(&(probe, var));
        let soft = old.map_or(soft.clone(), |old| old.and(&soft));
        if old != Some(&soft) {
            self.soft.insert((probe, var), soft);
            self.changed = true;
        }
    }

    /// Says which clock what a variable gets is a time of.
    pub fn set_clocks(&mut self, probe: usize, var: hir::VarId, clocks: &Clocks) {
        let old = self.clocks.get(&(probe, var));
        let joined = old.map_or(clocks.clone(), |old| old.and(clocks));
        if old != Some(&joined) {
            self.clocks.insert((probe, var), joined);
            self.changed = true;
        }
    }

    /// Which clock a value is a time of, as far as the walks have found.
    pub fn clocks_of(&self, probe: usize, value: &hir::Expr) -> Clocks {
        Clocks::of(value, &|kind| match kind {
            ExprKind::Var(var) => self.clocks.get(&(probe, *var)).cloned(),
            ExprKind::Map { map, .. } => self.by_position.get(map.0 as usize).and_then(|name| self.maps.get(name)).map(|info| info.clocks.1.clone()),
            _ => None,
        }.unwrap_or(Facts::All(Clock::None)))
    }

    /// Whether a value is of literals only, as far as the walks have found.
    pub fn soft_of(&self, probe: usize, value: &hir::Expr) -> Soft {
        Soft::of(value, &|kind| match kind {
            ExprKind::Var(var) => self.soft.get(&(probe, *var)).cloned().unwrap_or(Soft::All(false)),
            ExprKind::Map { map, .. } => {
                let info = self.by_position.get(map.0 as usize).and_then(|name| self.maps.get(name));
                // The first walk does not know maps by position: until something else is found they hold literals.
                info.map_or(Soft::All(true), |info| info.soft.1.clone())
            }
            _ => Soft::All(false),
        })
    }

    /// The parameter, added when new.
    pub fn param(&mut self, kind: hir::ParamKind, ty: hir::ParamType, text: bool) -> hir::ParamId {
        let Some(at) = self.place_of_param(kind) else { return hir::ParamId(0) };
        let param = &mut self.params[at];
        param.ty = match (param.ty, ty) {
            _ if !param.uses_text && !param.uses_number => ty,
            (known, new) if known == new => ty,
            // Its text is kept besides.
            (hir::ParamType::Unsigned, _) | (_, hir::ParamType::Unsigned) => hir::ParamType::Unsigned,
            _ => hir::ParamType::Any,
        };
        param.uses_text |= text;
        param.uses_number |= !text;
        hir::ParamId(at as u32)
    }

    /// Says that the value of `$n` is part of the code.
    pub fn fix_param(&mut self, n: u32, value: Option<&str>) {
        if let Some(at) = self.place_of_param(hir::ParamKind::Positional(n)) {
            let param = &mut self.params[at];
            (param.fixed, param.default) = (true, value.unwrap_or_default().to_string());
        }
    }

    /// Where a parameter stands among all, added when new; `None` where there are too many.
    fn place_of_param(&mut self, kind: hir::ParamKind) -> Option<usize> {
        if let Some(at) = self.params.iter().position(|p| p.kind == kind) {
            return Some(at);
        }
        if self.params.len() >= MAX_PARAMS {
            self.one_too_many.get_or_insert_with(here::current);
            return None;
        }
        self.params.push(hir::Param {
            kind,
            ty: hir::ParamType::Any,
            uses_number: false,
            uses_text: false,
            default: String::new(),
            help: String::new(),
            fixed: false,
        });
        Some(self.params.len() - 1)
    }

    /// Position of a map in the finished program.
    pub fn map_id(&self, name: &str) -> hir::MapId {
        hir::MapId(self.maps[name].position)
    }

    /// Prepares for another walk.
    pub fn begin_walk(&mut self) {
        self.changed = false;
        self.unrolled = 0;
        self.untyped.clear();
        self.assigned_to.clear();
        self.maps.values_mut().zip(0..).for_each(|(map, n)| map.position = n);
        if self.by_position.len() != self.maps.len() {
            self.by_position = self.maps.keys().cloned().collect();
        }
    }

    /// Maps whose values come from themselves alone, as in `@n = @n + 1`, hold integers. Says
    /// whether there was any, which another walk then takes into account.
    pub fn settle_loops(&mut self) -> bool {
        let open = self.maps.values_mut().filter(|m| m.assigned && m.value == Type::Unknown);
        open.map(|map| map.value = Type::INT64).count() > 0
    }

    /// Reports the first map that is too many, if there is one.
    pub fn report_too_many(&self, d: &mut Diagnostics) -> bool {
        if self.maps.len() <= MAX_MAPS {
            return false;
        }
        let last = self.maps.values().map(|m| m.span).max_by_key(|span| (span.file, span.start)).unwrap_or_default();
        let message = format!("a script has {MAX_MAPS} maps at most, and this one {}", self.maps.len());
        d.push(Diagnostic::error(Code::TooLarge, last, message).help("use one map with keys instead"));
        true
    }

    /// Reports maps and variables that are used and get no type. After other errors it is these that left them without.
    pub fn report_untyped(&self, d: &mut Diagnostics) {
        if let Some(span) = self.one_too_many {
            let message = format!("a script has {MAX_PARAMS} parameters at most, `$1` and those of getopt() together");
            d.push(Diagnostic::error(Code::TooLarge, span, message).help("put what is constant into the script itself"));
        }
        self.report_maps(d);
        if d.has_errors() {
            return;
        }
        for (_, _, name, span) in &self.untyped {
            let message = format!("`{name}` never gets a type: nothing that has one is assigned to it");
            let help = format!("assign a value to it, or declare its type: `let {name}: int64;`");
            d.push(Diagnostic::error(Code::UnknownVariable, *span, message).help(help));
        }
    }

    fn report_maps(&self, d: &mut Diagnostics) {
        for (name, info) in &self.maps {
            // A declared map may be left unused.
            let used = info.declared.is_none() || info.key != Type::Unknown || info.walked;
            if info.value == Type::Unknown && !d.has_errors() && used {
                let message = format!("`{name}` is never assigned");
                let assigned = self.maps.iter().filter(|(_, m)| m.value != Type::Unknown);
                let help = did_you_mean(name, assigned.map(|(n, _)| n.as_str()));
                d.push(Diagnostic::error(Code::UnknownMap, info.span, message).help_opt(help));
            }
            if info.key != Type::Unknown && info.key.size() == 0 && !d.has_errors() {
                let message = format!("the key of `{name}` is of type `{}`, which has no size", info.key);
                d.push(Diagnostic::error(Code::MapType, info.span, message).help("leave the key out, or give it a part that differs"));
            }
            let per_cpu = matches!(
                info.declared,
                Some((hir::MapKind::PerCpuHash | hir::MapKind::LruPerCpuHash, _))
            );
            if per_cpu && !matches!(info.value, Type::Aggregation(_) | Type::Unknown) {
                let message = format!("`{name}` has values for each CPU, which only aggregations can use");
                d.push(
                    Diagnostic::error(Code::MapType, info.span, message)
                        .help("declare it as `hash`, or assign an aggregation such as count()"),
                );
            }
        }
    }

    /// The program.
    pub fn finish(self, probes: Vec<hir::Probe>, settings: &Settings) -> hir::Program {
        let default = self.max_map_keys;
        // A map that is declared and never used holds integers.
        let known = |ty: Type| if ty == Type::Unknown { Type::INT64 } else { ty };
        let maps = self
            .maps
            .into_iter()
            .map(|(name, info)| hir::Map {
                multi_key: matches!(info.key, Type::Tuple(_)),
                key: (info.keyed == Some(true)).then_some(known(info.key)),
                name,
                value: known(info.value),
                kind: info.declared.map(|(kind, _)| kind),
                entries: info.declared.map(|(_, n)| n).or(default),
                read_as_number: info.read_as_number,
                span: info.span,
            })
            .collect();
        hir::Program {
            maps,
            params: self.params,
            probes,
            settings: settings.set.clone(),
            license: settings.license.clone(),
            unsafe_functions: self.unsafe_functions,
            records: Vec::new(),
            kernel_types: Vec::new(),
        }
    }
}
