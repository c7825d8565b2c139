//! Calls of builtins: arguments against the signature, then the definition's type rule.

use btc_builtins::{Arg, Check, Function, Kind, Literal, ParamKind, Probes, Returns};
use btc_diagnostics::{Code, Diagnostic, Span, did_you_mean};
use btc_hir::{self as hir, BinaryOp, ExprKind, FieldStep};
use btc_syntax::ast;
use btc_types::{Origin, RecordType, Type};

use super::expr::text_literal;
use super::{Checker, broken};
use crate::records::step;
use crate::constant::{self, Constant};

impl Checker<'_, '_> {
    pub(super) fn call(&mut self, callee: &ast::Ident, args: &[ast::Expr], span: Span) -> hir::Expr {
        match callee.name.as_str() {
            "sizeof" => return self.sizeof(args, span),
            "offsetof" => return self.offsetof(args, span),
            "typeinfo" => return self.typeinfo(args, span),
            "config" if args.is_empty() => return self.config(span),
            "str" => {
                if let Some(text) = self.constant_text(args, span) {
                    return text;
                }
            }
            _ => {}
        }
        let Some(function) = btc_builtins::find(&callee.name) else {
            let known = btc_builtins::ALL.iter().map(|f| f.name).chain(["sizeof", "offsetof"]);
            let help = did_you_mean(&callee.name, known);
            let message = format!("there is no function `{}`", callee.name);
            self.d.push(Diagnostic::error(Code::UnknownFunction, span, message).help_opt(help));
            return broken(span);
        };
        if function.kind == Kind::Aggregation {
            let message = format!("{}() can only be assigned to a map", function.name);
            let help = format!("write `@name = {}(…)` or `@name[key] = {}(…)`", function.name, function.name);
            self.d.push(Diagnostic::error(Code::BadAssignment, span, message).help(help));
            return broken(span);
        }
        self.builtin(function, args, span)
    }

    /// `str()` of a literal or a parameter reads no memory; a length counts the bytes without a NUL.
    fn constant_text(&mut self, args: &[ast::Expr], span: Span) -> Option<hir::Expr> {
        let number = |e| match constant::fold(e, &|_| None) {
            Ok(Some(Constant::Int(n))) => usize::try_from(n).ok(),
            _ => None,
        };
        let (of, length) = match args {
            [of] => (of, None),
            [of, length] => (of, Some(number(length)?)),
            _ => return None,
        };
        if let ast::ExprKind::Positional(n) = of.kind {
            let text = self.positional_text(n, span);
            let Some(length) = length else { return Some(text) };
            let capacity = (length as u64 + 1).min(u64::from(text.ty.size())) as u32;
            let (text, of) = self.plain(text, None);
            let room = hir::Expr { kind: ExprKind::Int(i64::from(capacity)), ty: Type::INT64, span };
            let (room, length) = self.plain(room, Some(Literal::Int(i64::from(capacity))));
            let (facts, args) = (vec![of, length], vec![text, room]);
            let kind = ExprKind::Call { function: btc_builtins::find("str")?, facts, args };
            return Some(hir::Expr { kind, ty: Type::str(capacity), span });
        }
        let mut text = match constant::fold(of, &|_| None).ok()?? {
            Constant::Text(text) => text,
            Constant::Int(n) => n.to_string().into_bytes(),
            Constant::Bool(_) => return None,
        };
        text.truncate(length.unwrap_or(usize::MAX));
        Some(text_literal(text, span))
    }

    /// The right side of an assignment to a map: aggregations are allowed.
    pub(super) fn value_for_map(&mut self, e: &ast::Expr) -> hir::Expr {
        if let ast::ExprKind::Call { callee, args } = &e.kind
            && let Some(function) = btc_builtins::find(&callee.name)
                && function.kind == Kind::Aggregation {
                    return self.builtin(function, args, e.span);
                }
        self.value(e)
    }

    /// A use of a builtin.
    pub(super) fn builtin(
        &mut self,
        function: &'static Function,
        args: &[ast::Expr],
        span: Span,
    ) -> hir::Expr {
        if !self.allowed_here(function, span) {
            return broken(span);
        }
        let normal = legacy_delete(function, args);
        let args = normal.as_deref().unwrap_or(args);
        if !self.count_fits(function, args.len(), span) {
            return broken(span);
        }
        if function.params.first().is_some_and(|p| p.kind == ParamKind::Option) {
            return self.option(function, args, span);
        }
        let errors = self.d.errors();
        let mut checked = Vec::new();
        let mut facts: Vec<Arg> = Vec::new();
        for (n, arg) in args.iter().enumerate() {
            let kind = function.params.get(n).or(function.params.last()).map_or(ParamKind::Any, |p| p.kind);
            let (value, fact) = match kind {
                ParamKind::Member => {
                    let of = facts.last().map_or(Type::Unknown, |f| f.ty.clone());
                    self.member_arg(&of, arg)
                }
                _ => self.arg(function, kind, arg, args, span),
            };
            checked.push(value);
            facts.push(fact);
        }
        let ty = if self.d.errors() > errors {
            Type::Unknown
        } else {
            let (target, attach) = (self.cx.target, &self.resolved.attach);
            let symbol_type = |symbol: &str| match attach {
                btc_abi::Attach::Uprobe { path, .. } => target.symbol_type(path, symbol),
                _ => None,
            };
            let provider = self.resolved.provider;
            let mut check = Check {
                function,
                args: &facts,
                span,
                probe: &self.facts,
                settings: &self.cx.settings.types,
                symbol_type: &symbol_type,
                has_sign: &|n| (provider.has_sign)(target, attach, n),
                diagnostics: self.d,
            };
            match &function.returns {
                Returns::Fixed(ty) => ty.clone(),
                Returns::Infer(infer) => infer(&mut check),
                Returns::Time(_) => Type::UINT64,
                Returns::Known(ty, value) => {
                    let kind = ExprKind::Int(value(&mut check));
                    // The answer is that of the types here: they must be those on the target.
                    self.typed_by.extend(checked.into_iter().map(as_stored).filter(may_differ));
                    return hir::Expr { kind, ty: ty.clone(), span };
                }
            }
        };
        if matches!(ty, Type::ProbeName | Type::ProbeFunction) {
            self.uses_identity = true;
        }
        let ty = self.complete(ty);
        let ty = if self.d.errors() > errors { keep_aggregation(ty) } else { ty };
        hir::Expr { kind: ExprKind::Call { function, facts, args: checked }, ty, span }
    }

    /// Kernel records in signatures are known by name; their size comes from the target.
    fn complete(&mut self, ty: Type) -> Type {
        match ty {
            Type::Pointer { to, space } => match *to {
                Type::Record(mut r) => {
                    if let Some(layout) = self.cx.records.layout(&r) {
                        r = layout.ty.clone();
                    }
                    Type::pointer(Type::Record(r), space)
                }
                other => Type::pointer(other, space),
            },
            other => other,
        }
    }

    fn allowed_here(&mut self, function: &'static Function, span: Span) -> bool {
        let fits = match function.probes {
            Probes::Any => true,
            Probes::Arguments => self.facts.has_arguments,
            Probes::Registers => self.facts.has_registers,
            Probes::Result => {
                self.uses_result = true;
                self.facts.result.is_some()
            }
            Probes::Functions => self.facts.is_function,
        };
        if !fits {
            let name = function.name;
            let message = format!("`{name}` does not exist in `{}` probes", self.facts.provider);
            let help = match function.probes {
                Probes::Arguments if self.facts.provider == "tracepoint" => {
                    Some("the arguments of a tracepoint are `args.name`".to_string())
                }
                Probes::Result if self.resolved.provider.result.is_some() => {
                    Some("of a pattern's functions it lies in different places: name one function, or use `kretprobe`".to_string())
                }
                Probes::Arguments if self.facts.result.is_some() => {
                    Some("keep the argument in a map at the function's entry, keyed by `tid`".to_string())
                }
                _ => None,
            };
            self.d.push(Diagnostic::error(Code::NotInProbe, span, message).help_opt(help));
            return false;
        }
        if function.is_unsafe {
            if !self.cx.settings.types.allow_unsafe {
                let message = format!("{}() changes the traced system", function.name);
                self.d.push(Diagnostic::error(Code::Unsafe, span, message).help("allow it with --unsafe"));
                return false;
            }
            if !self.tables.unsafe_functions.contains(&function.name) {
                self.tables.unsafe_functions.push(function.name);
            }
        }
        true
    }

    fn count_fits(&mut self, function: &'static Function, given: usize, span: Span) -> bool {
        let rest = function.params.last().is_some_and(|p| p.kind == ParamKind::Rest);
        let least = function.params.iter().filter(|p| !p.optional && p.kind != ParamKind::Rest).count();
        let most = if rest { usize::MAX } else { function.params.len() };
        if (least..=most).contains(&given) {
            return true;
        }
        let wanted = if rest {
            format!("{least} or more")
        } else if least == most {
            format!("{least}")
        } else {
            format!("{least} to {most}")
        };
        let plural = if wanted == "1" { "" } else { "s" };
        let message = format!("{}() takes {wanted} argument{plural}, not {given}", function.name);
        self.error(Code::WrongCount, span, message);
        false
    }

    fn arg(
        &mut self,
        function: &'static Function,
        kind: ParamKind,
        arg: &ast::Expr,
        all: &[ast::Expr],
        span: Span,
    ) -> (hir::Expr, Arg) {
        let bare_map = match &arg.kind {
            ast::ExprKind::Map(name) => Some(name.clone()),
            _ => None,
        };
        match (kind, bare_map) {
            (ParamKind::Out, _) => self.out_arg(function, arg, all),
            (ParamKind::Constant, _) => self.constant_arg(function, arg),
            (ParamKind::Type, _) => self.type_arg(function, arg),
            (ParamKind::Map, Some(name)) => self.map_arg(&name, arg.span),
            (ParamKind::Any | ParamKind::Bytes, Some(name)) if takes_whole_maps(function) => self.map_arg(&name, arg.span),
            (ParamKind::Map, None) => {
                self.error(Code::WrongType, span, format!("{}() takes a map", function.name));
                self.plain(broken(arg.span), None)
            }
            (ParamKind::Word(_) | ParamKind::Any | ParamKind::Bytes, _) if self.is_word(function, kind, arg) => {
                self.word(function, kind, arg)
            }
            (ParamKind::Key, _) => {
                let name = match &all[0].kind {
                    ast::ExprKind::Map(name) => name.clone(),
                    _ => String::new(),
                };
                let key = self.value(arg);
                let key = self.use_key(&name, Some(key), span).unwrap_or_else(|| broken(arg.span));
                self.plain(key, None)
            }
            _ => self.value_arg(function, kind, arg, span),
        }
    }

    fn value_arg(
        &mut self,
        function: &'static Function,
        kind: ParamKind,
        arg: &ast::Expr,
        span: Span,
    ) -> (hir::Expr, Arg) {
        let literal = match &arg.kind {
            // What a format shows may hold NULs.
            ast::ExprKind::Str(bytes) if kind == ParamKind::LiteralStr => Some(Literal::Str(bytes.clone())),
            _ => self.literal(kind, arg),
        };
        // `print(@c[k])` of an aggregation prints the element as the map would.
        if takes_whole_maps(function)
            && let Some(element) = self.element(arg) {
                return element;
            }
        let value = match arg.kind {
            // The text of the parameter, though it may be digits.
            ast::ExprKind::Positional(n) if function.name == "str" && kind == ParamKind::Any => {
                self.positional_text(n, arg.span)
            }
            _ if kind == ParamKind::Bytes => match &arg.kind {
                ast::ExprKind::Str(bytes) => text_literal(bytes.clone(), arg.span),
                _ => self.expr(arg),
            },
            _ => self.value(arg),
        };
        // What prints it takes the short form, everything else wants a text.
        let value = if kind == ParamKind::Rest || takes_whole_maps(function) { value } else { self.spell_probe(value) };
        let wrong = |wanted: &str| format!("{}() takes {wanted}, not `{}`", function.name, value.ty);
        let complaint = match kind {
            _ if value.ty == Type::Unknown => None,
            ParamKind::LiteralStr if !matches!(literal, Some(Literal::Str(_))) => {
                Some((Code::BadLiteral, format!("{}() takes a text literal here", function.name)))
            }
            ParamKind::LiteralInt if !matches!(literal, Some(Literal::Int(_))) => {
                Some((Code::BadLiteral, format!("{}() takes a number known at compile time here", function.name)))
            }
            ParamKind::Number if !value.ty.is_numeric() && !value.ty.is_pointer() => {
                Some((Code::WrongType, wrong("a number")))
            }
            ParamKind::Int if value.ty == Type::Bool || !value.ty.is_numeric() && !value.ty.is_pointer() => {
                Some((Code::WrongType, wrong("an integer")))
            }
            ParamKind::Str if !value.ty.is_str() => Some((Code::WrongType, wrong("a text"))),
            ParamKind::Address if !value.ty.is_int() && !value.ty.is_pointer() => {
                Some((Code::WrongType, wrong("an address")))
            }
            ParamKind::Any | ParamKind::Bytes | ParamKind::Rest if value.ty == Type::None => {
                Some((Code::WrongType, "this has no value".to_string()))
            }
            _ => None,
        };
        if let Some((code, message)) = complaint {
            // The call is the place that bpftrace names; the argument is drawn in it.
            self.d.push(Diagnostic::error(code, span, message).also(arg.span, "this argument"));
        }
        self.plain(value, literal)
    }

    pub(super) fn plain(&self, value: hir::Expr, literal: Option<Literal>) -> (hir::Expr, Arg) {
        let fact = Arg {
            ty: value.ty.clone(),
            literal,
            span: value.span,
            map: None,
            keyed: false,
            remote: is_remote(&value),
            element_of: None,
            clock: self.tables.clocks_of(self.probe, &value).clock(),
        };
        (value, fact)
    }

    fn map_arg(&mut self, name: &str, span: Span) -> (hir::Expr, Arg) {
        let info = self.tables.map(name, span).clone();
        let id = self.tables.map_id(name);
        let value = hir::Expr { kind: ExprKind::MapRef(id), ty: info.value.clone(), span };
        let (value, mut fact) = self.plain(value, None);
        fact.map = Some(id.0);
        fact.keyed = info.keyed == Some(true);
        (value, fact)
    }

    /// `@c[k]` where `@c` aggregates: the key, and which map it is of.
    fn element(&mut self, arg: &ast::Expr) -> Option<(hir::Expr, Arg)> {
        let (name, index) = self.map_parts(arg)?;
        let is_aggregation = matches!(self.tables.map(name, arg.span).value, Type::Aggregation(_));
        if index.is_empty() || !is_aggregation {
            return None;
        }
        let name = name.to_string();
        let key = self.map_key(&name, index, arg.span)?;
        let id = self.tables.map_id(&name);
        let (key, mut fact) = self.plain(key, None);
        fact.element_of = Some(id.0);
        Some((key, fact))
    }

    /// The constant that an argument is. A parameter of an object is one where nothing else would do.
    fn literal(&mut self, kind: ParamKind, arg: &ast::Expr) -> Option<Literal> {
        let must_be = matches!(kind, ParamKind::LiteralInt | ParamKind::LiteralStr | ParamKind::Word(_));
        Some(match if must_be { self.known(arg) } else { self.written(arg) }? {
            Constant::Int(n) => Literal::Int(n as i64),
            Constant::Bool(b) => Literal::Bool(b),
            Constant::Text(text) => Literal::Str(text),
        })
    }

    /// Whether a bare name is one of the words that the parameter takes. Stack forms are
    /// words beside other arguments (`kstack(perf, 3)`).
    fn is_word(&self, function: &Function, kind: ParamKind, arg: &ast::Expr) -> bool {
        let ast::ExprKind::Ident(word) = &arg.kind else { return false };
        match kind {
            ParamKind::Word(_) => true,
            _ => function.params.first().is_some_and(|p| p.name == "mode") && {
                !word.is_empty() && btc_builtins::find(word).is_none()
            },
        }
    }

    fn word(&mut self, function: &Function, kind: ParamKind, arg: &ast::Expr) -> (hir::Expr, Arg) {
        let ast::ExprKind::Ident(word) = &arg.kind else { return self.plain(broken(arg.span), None) };
        if let ParamKind::Word(words) = kind
            && !words.contains(&word.as_str()) {
                let message = format!("{}() takes one of {}", function.name, words.join(", "));
                let help = did_you_mean(word, words.iter().copied());
                self.d.push(Diagnostic::error(Code::BadLiteral, arg.span, message).help_opt(help));
            }
        let value = hir::Expr { kind: ExprKind::Int(0), ty: Type::INT64, span: arg.span };
        self.plain(value, Some(Literal::Word(word.clone())))
    }

    fn sizeof(&mut self, args: &[ast::Expr], span: Span) -> hir::Expr {
        let [arg] = args else {
            self.error(Code::WrongCount, span, "sizeof() takes a type or a value");
            return broken(span);
        };
        let ty = match &arg.kind {
            ast::ExprKind::Type(ty) => self.type_expr(ty),
            // As bpftrace counts: the literals are words, though a stored boolean is a byte.
            ast::ExprKind::Bool(_) => Type::INT64,
            _ => {
                let of = self.only_typed(arg);
                if may_differ(&of) {
                    let kind = ExprKind::SizeOf { size: i64::from(of.ty.told_size()), of: Box::new(of) };
                    return hir::Expr { kind, ty: Type::UINT64, span };
                }
                of.ty
            }
        };
        if ty == Type::Unknown {
            return broken(span);
        }
        hir::Expr { ty: Type::UINT64, ..size_of(&ty, 1, span) }
    }

    fn offsetof(&mut self, args: &[ast::Expr], span: Span) -> hir::Expr {
        let [base, path] = args else {
            self.error(Code::WrongCount, span, "offsetof() takes a struct and a field");
            return broken(span);
        };
        let mut ty = match &base.kind {
            ast::ExprKind::Type(ty) => self.type_expr(ty),
            _ => self.type_of(base),
        };
        let mut names = Vec::new();
        let mut at = path;
        while let ast::ExprKind::Member { base, field } = &at.kind {
            names.push(field.name.clone());
            at = base;
        }
        let ast::ExprKind::Ident(name) = &at.kind else {
            let message = "offsetof() takes the names of fields: `a`, `a.b`";
            let help = "an element is so many times `sizeof(s.a[0])` behind `offsetof(s, a)`";
            self.d.push(Diagnostic::error(Code::WrongType, at.span, message).help(help));
            return broken(span);
        };
        names.push(name.clone());
        // The way through the script's own records, whose layout is known, and on from there
        // through the kernel's.
        let (mut bits, mut kernel_bits) = (0, 0);
        let mut kernel: Option<(RecordType, Vec<(FieldStep, Type)>)> = None;
        let outer = match &ty {
            Type::Record(r) if r.origin == Origin::Script => Some(r.clone()),
            _ => None,
        };
        for name in names.iter().rev() {
            let layout = match &ty {
                Type::Record(r) => self.cx.records.layout(r),
                Type::Unknown => return broken(span),
                _ => None,
            };
            let Some(field) = layout.as_ref().and_then(|l| l.field(name)) else {
                self.error(Code::UnknownField, span, format!("`{ty}` has no field `{name}`"));
                return broken(span);
            };
            match &ty {
                Type::Record(r) if r.is_kernel() => {
                    let (_, path) = kernel.get_or_insert_with(|| (r.clone(), Vec::new()));
                    path.push((step(field), field.ty.clone()));
                    kernel_bits += field.bit_offset;
                }
                _ => bits += field.bit_offset,
            }
            ty = field.ty.clone();
        }
        let value = i64::from(bits / 8);
        let kind = match outer {
            Some(record) => ExprKind::KernelOffset { record, path: Vec::new(), value },
            None => ExprKind::Int(value),
        };
        let own = hir::Expr { kind, ty: Type::UINT64, span };
        let Some((record, path)) = kernel else { return own };
        let kind = ExprKind::KernelOffset { record, path, value: i64::from(kernel_bits / 8) };
        let late = hir::Expr { kind, ty: Type::UINT64, span };
        if bits == 0 {
            return late;
        }
        let kind = ExprKind::Binary { op: BinaryOp::Add, left: Box::new(own), right: Box::new(late) };
        hir::Expr { kind, ty: Type::UINT64, span }
    }
}

/// The size of `count` values of a type in bytes. That of kernel records is bound on the target, and that of the script's
/// own is as laid out here only where the kernel records in them are.
pub(super) fn size_of(ty: &Type, count: i64, span: Span) -> hir::Expr {
    let number = |n| hir::Expr { kind: ExprKind::Int(n), ty: Type::INT64, span };
    match ty {
        // A record without any name cannot be asked for on the target.
        Type::Record(r) if (r.is_kernel() && !r.name.starts_with('.') || r.origin == Origin::Script) && count != 0 => {
            let one = hir::Expr { kind: ExprKind::KernelSize(r.clone()), ty: Type::INT64, span };
            if count == 1 {
                return one;
            }
            let kind = ExprKind::Binary { op: BinaryOp::Mul, left: Box::new(one), right: Box::new(number(count)) };
            hir::Expr { kind, ty: Type::INT64, span }
        }
        Type::Array { element, count: n, .. } => size_of(element, count.wrapping_mul(i64::from(*n)), span),
        ty => number(i64::from(ty.told_size()).wrapping_mul(count)),
    }
}

/// Whether a type may be another on the target: that of a field of a kernel struct or an argument, or of what may hold one.
/// The array of characters that a string was made of.
fn as_stored(e: hir::Expr) -> hir::Expr {
    match e.kind {
        ExprKind::Cast(inner) if e.ty.is_str() && inner.ty.is_str() => as_stored(*inner),
        _ => e,
    }
}

pub(super) fn may_differ(e: &hir::Expr) -> bool {
    match &e.kind {
        ExprKind::Int(_) | ExprKind::Str(_) | ExprKind::Param(_) => false,
        // A record, too: another one may be there.
        ExprKind::Field { .. } | ExprKind::Element { .. } if is_of_kernel_record(e) => true,
        ExprKind::Argument { .. } => !matches!(e.ty, Type::Record(_)),
        _ => has_numbers(&e.ty),
    }
}

fn is_of_kernel_record(e: &hir::Expr) -> bool {
    match &e.kind {
        ExprKind::Field { base, .. } => matches!(&base.ty, Type::Record(r) if r.is_kernel()),
        ExprKind::Element { base, .. } => is_of_kernel_record(base),
        _ => false,
    }
}

fn has_numbers(ty: &Type) -> bool {
    match ty {
        Type::Int { .. } | Type::Bool | Type::Enum(_) | Type::Tuple(_) | Type::Named(_) => true,
        Type::Array { element, .. } => has_numbers(element),
        _ => false,
    }
}

/// Whether a bare map as an argument means the map itself.
fn takes_whole_maps(function: &Function) -> bool {
    matches!(function.name, "print" | "len")
}

/// `delete(@m[k])` means `delete(@m, k)`.
fn legacy_delete(function: &Function, args: &[ast::Expr]) -> Option<Vec<ast::Expr>> {
    let takes_map = function.params.first().is_some_and(|p| p.kind == ParamKind::Map);
    let takes_key = function.params.get(1).is_some_and(|p| p.kind == ParamKind::Key);
    let [ast::Expr { kind: ast::ExprKind::Index { base, index }, span }] = args else { return None };
    if !takes_map || !takes_key || !matches!(base.kind, ast::ExprKind::Map(_)) {
        return None;
    }
    let key = match index.as_slice() {
        [one] => one.clone(),
        many => ast::Expr { kind: ast::ExprKind::Tuple(many.to_vec()), span: *span },
    };
    Some(vec![(**base).clone(), key])
}

/// After an error the type of an aggregation still tells what the map is.
fn keep_aggregation(ty: Type) -> Type {
    if matches!(ty, Type::Aggregation(_)) { ty } else { Type::Unknown }
}

/// Whether a value lies in memory that is not the script's own.
fn is_remote(e: &hir::Expr) -> bool {
    match &e.kind {
        ExprKind::Deref(_) | ExprKind::Argument { .. } => true,
        ExprKind::Field { base, .. } | ExprKind::Element { base, .. } | ExprKind::Part { base, .. } | ExprKind::Cast(base) => {
            is_remote(base)
        }
        _ => false,
    }
}
