//! `__attribute__((…))`, `_Alignas(…)` and their like. What may change a layout and is not known is an error.

use btc_diagnostics::{Code, Diagnostic};

use super::{CParser, Result};
use crate::ast::{CAlign, CAttributes};
use crate::filter::types::C_WORDS;
use crate::token::{Tok, Token};

/// Attributes that leave every layout alone.
const HARMLESS: &[&str] = &[
    "address_space", "availability", "btf_decl_tag", "btf_type_tag", "counted_by", "deprecated", "designated_init",
    "enum_extensibility", "flag_enum", "gcc_struct", "may_alias", "noderef", "nonstring", "preserve_access_index",
    "preserve_static_offset", "transparent_union", "unavailable", "unused", "used", "user", "visibility",
    "warn_if_not_aligned",
];

/// Words that begin attributes, and so end an expression.
pub(super) const WORDS: &[&str] =
    &["__attribute__", "__attribute", "__packed", "__aligned", "_Alignas", "alignas"];

impl CAttributes {
    /// Whether they say nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.packed.is_none() && self.aligned.is_empty()
    }

    /// These and others.
    pub(super) fn and(mut self, other: &CAttributes) -> CAttributes {
        self.packed = self.packed.or(other.packed);
        self.aligned.extend(other.aligned.iter().cloned());
        self
    }
}

impl CParser<'_> {
    /// Attributes, and words that say nothing here.
    pub(super) fn attributes(&mut self) -> Result<CAttributes> {
        let mut all = CAttributes::default();
        while let Some(word) = self.peek().and_then(Token::word) {
            match word {
                "__packed" => all.packed = Some(self.span()),
                "__attribute__" | "__attribute" => {
                    self.at += 1;
                    self.expect("(")?;
                    self.expect("(")?;
                    self.attribute_list(&mut all)?;
                    self.expect(")")?;
                    self.expect(")")?;
                    continue;
                }
                "__aligned" | "_Alignas" | "alignas" => {
                    self.at += 1;
                    self.expect("(")?;
                    let align = self.alignment()?;
                    all.aligned.push(align);
                    self.expect(")")?;
                    continue;
                }
                "const" | "volatile" | "static" | "extern" | "inline" | "__extension__" | "register" | "restrict"
                | "__restrict" => {}
                _ => return Ok(all),
            }
            self.at += 1;
        }
        Ok(all)
    }

    /// What stands between the inner parentheses.
    fn attribute_list(&mut self, all: &mut CAttributes) -> Result<()> {
        while !self.is(")") {
            if self.eat(",") {
                continue;
            }
            let Some(name) = self.name() else { return self.fail("an attribute") };
            let plain = name.name.strip_prefix("__").and_then(|n| n.strip_suffix("__")).unwrap_or(&name.name);
            match plain {
                "packed" => all.packed = Some(name.span),
                "aligned" if self.eat("(") => {
                    let align = CAlign::Value(self.expression(&[])?);
                    all.aligned.push(align);
                    self.expect(")")?;
                }
                "aligned" => all.aligned.push(CAlign::Most),
                known if HARMLESS.contains(&known) => {
                    self.skip_parentheses();
                }
                _ => {
                    let message = format!("the attribute `{plain}` is not known");
                    let error = Diagnostic::error(Code::CDefinition, name.span, message)
                        .label("it may change how the definition is laid out")
                        .help("leave it out if it does not; `packed` and `aligned(n)` are known");
                    return Err(Box::new(error));
                }
            }
        }
        Ok(())
    }

    /// The argument of `_Alignas`: a number or a type.
    fn alignment(&mut self) -> Result<CAlign> {
        let word = self.peek().and_then(Token::word);
        let is_type = word.is_some_and(|w| {
            C_WORDS.contains(&w) || matches!(w, "struct" | "union" | "enum") || self.parser.types.typedefs.contains(w)
        });
        if !is_type {
            return Ok(CAlign::Value(self.expression(&[])?));
        }
        let specifiers = self.specifiers()?;
        Ok(CAlign::Type(self.declarator(specifiers.ty, 0)?.ty))
    }

    /// Refuses attributes where C gives them another meaning than that of a member or record.
    pub(super) fn nothing(&self, attributes: &CAttributes) -> Result<()> {
        if attributes.is_empty() {
            return Ok(());
        }
        let error = Diagnostic::error(Code::CDefinition, self.last_span(), "this attribute stands where it means nothing")
            .help("write it behind the name of a member, behind the `}` of a record, or behind `struct`");
        Err(Box::new(error))
    }

    /// Passes over `( … )`, if it stands here.
    pub(super) fn skip_parentheses(&mut self) {
        let mut depth = 0usize;
        while let Some(token) = self.peek() {
            match token.tok {
                Tok::Sym("(") => depth += 1,
                Tok::Sym(")") if depth > 1 => depth -= 1,
                Tok::Sym(")") if depth == 1 => {
                    self.at += 1;
                    return;
                }
                _ if depth == 0 => return,
                _ => {}
            }
            self.at += 1;
        }
    }
}
