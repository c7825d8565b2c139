//! C definitions in a script: `struct`, `union`, `enum`, `typedef`.
//!
//! Written by hand, for C's declarators read from the inside out.

mod attributes;

use btc_diagnostics::{Code, Diagnostic, Diagnostics, Span};

use crate::ast::{
    CAttributes, CDefinition, CEnum, CField, CRecord, CTypedef, Expr, Ident, RecordKind, TypeExpr, TypeExprKind,
};
use crate::filter::items::Item;
use crate::filter::types::{C_WORDS, normalise};
use crate::parser::Parser;
use crate::token::{Form, FormKind, Tok, Token};

/// How deep records may nest.
const MAX_NESTING: usize = 32;
/// How many `*` and `[n]` one type may have.
const MAX_DECLARATOR: usize = 32;

type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// The definitions of one item. In a header of the system only enums are read, and mistakes are passed over.
pub fn parse(item: &Item, parser: &Parser, d: &mut Diagnostics) -> Vec<CDefinition> {
    let mut c = CParser { tokens: &item.tokens, at: 0, parser, pack: item.pack, system: item.system, found: Vec::new(), nesting: 0, unnamed: 0 };
    let result = c.definition();
    let found = c.found;
    match result {
        Ok(()) => {}
        Err(_) if item.system || item.faulty => return Vec::new(),
        Err(error) => d.push(*error),
    }
    if item.system {
        return found.into_iter().filter(|f| matches!(f, CDefinition::Enum(_))).collect();
    }
    found
}

struct CParser<'a> {
    tokens: &'a [Token],
    at: usize,
    parser: &'a Parser,
    /// The `#pragma pack(n)` that holds.
    pack: Option<u32>,
    system: bool,
    found: Vec<CDefinition>,
    nesting: usize,
    unnamed: usize,
}

/// What a declarator makes of a type.
struct Declared {
    name: Option<Ident>,
    ty: TypeExpr,
    attributes: CAttributes,
}

/// The type before the declarators, with the attributes that all of them have.
struct Specifiers {
    ty: TypeExpr,
    attributes: CAttributes,
}

impl<'a> CParser<'a> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn is(&self, sign: &str) -> bool {
        self.peek().is_some_and(|t| t.is(sign))
    }

    fn is_word(&self, word: &str) -> bool {
        self.peek().is_some_and(|t| t.is_word(word))
    }

    fn eat(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        self.at += usize::from(found);
        found
    }

    /// The place of the current token, or of the last one at the end.
    fn span(&self) -> Span {
        self.peek().or(self.tokens.last()).map_or(Span::default(), |t| t.span)
    }

    fn last_span(&self) -> Span {
        self.at.checked_sub(1).and_then(|n| self.tokens.get(n)).map_or(self.span(), |t| t.span)
    }

    fn fail<T>(&self, wanted: &str) -> Result<T> {
        let message = match self.peek() {
            Some(token) => format!("`{}` found where {wanted} is wanted", token.tok.text()),
            None => format!("the definition ends where {wanted} is wanted"),
        };
        Err(Box::new(Diagnostic::error(Code::CDefinition, self.span(), message).label(format!("{wanted} is wanted here"))))
    }

    fn expect(&mut self, sign: &str) -> Result<()> {
        if self.eat(sign) { Ok(()) } else { self.fail(&format!("`{sign}`")) }
    }

    fn name(&mut self) -> Option<Ident> {
        let token = self.peek()?;
        let name = token.word()?.to_string();
        let span = token.span;
        self.at += 1;
        Some(Ident { name, span })
    }

    /// A whole item.
    fn definition(&mut self) -> Result<()> {
        let typedef = self.is_word("typedef");
        self.at += usize::from(typedef);
        let before = self.found.len();
        let Specifiers { ty: base, attributes } = self.specifiers()?;
        let forward = matches!(base.kind, TypeExprKind::Struct(_) | TypeExprKind::Union(_) | TypeExprKind::Enum(_));
        if typedef {
            loop {
                let declared = self.declarator(base.clone(), 0)?;
                let Some(name) = declared.name else { return self.fail("the new name") };
                let attributes = declared.attributes.and(&attributes).and(&self.attributes()?);
                if let Some(packed) = attributes.packed {
                    let error = Diagnostic::error(Code::CDefinition, packed, "`packed` means nothing behind the name of a type")
                        .help("it belongs to the record: `typedef struct { … } __attribute__((packed)) name;`");
                    return Err(Box::new(error));
                }
                self.found.push(CDefinition::Typedef(CTypedef { name, ty: declared.ty, attributes }));
                if !self.eat(",") {
                    break;
                }
            }
        } else if self.found.len() == before && !(forward && self.is(";")) {
            return self.fail("`{`");
        } else {
            self.nothing(&attributes)?;
        }
        if self.at < self.tokens.len() && !self.is(";") {
            return self.fail("`;`");
        }
        Ok(())
    }

    /// The type before the declarators; records and enums with a body are noted.
    fn specifiers(&mut self) -> Result<Specifiers> {
        let mut attributes = self.attributes()?;
        let start = self.span();
        let kind = match self.peek().and_then(Token::word) {
            Some("struct") => self.record(RecordKind::Struct, &mut attributes)?,
            Some("union") => self.record(RecordKind::Union, &mut attributes)?,
            Some("enum") => self.enumeration(&mut attributes)?,
            Some(word) if C_WORDS.contains(&word) => {
                let mut words = Vec::new();
                while let Some(word) = self.peek().and_then(Token::word) {
                    if C_WORDS.contains(&word) {
                        words.push(word.to_string());
                    } else if !matches!(word, "const" | "volatile") {
                        break;
                    }
                    self.at += 1;
                }
                TypeExprKind::Name(normalise(words.iter().map(String::as_str)))
            }
            Some(_) => TypeExprKind::Name(self.name().map_or(String::new(), |i| i.name)),
            None => return self.fail("a type"),
        };
        let mut ty = TypeExpr { kind, span: start.to(self.last_span()) };
        // The language's own `int32[4] x` and `string[16] s` are accepted too.
        while self.is("[") {
            let size = self.array_size()?;
            ty = crate::parser::build::array(ty, size, self.last_span());
        }
        let attributes = attributes.and(&self.attributes()?);
        Ok(Specifiers { ty, attributes })
    }

    fn unnamed(&mut self, span: Span) -> Ident {
        let name = format!("anonymous.{}.{}", span.start, self.unnamed);
        self.unnamed += 1;
        Ident { name, span }
    }

    /// `struct x`, with its body if there is one. `outer` gets the attributes that are not the record's own.
    fn record(&mut self, kind: RecordKind, outer: &mut CAttributes) -> Result<TypeExprKind> {
        let start = self.span();
        self.at += 1;
        let before = self.attributes()?;
        let tag = self.name();
        let behind = self.attributes()?;
        let name = match (tag, self.is("{")) {
            (Some(name), _) => name,
            (None, true) => self.unnamed(start),
            (None, false) => return self.fail("a name or `{`"),
        };
        let reference = match kind {
            RecordKind::Struct => TypeExprKind::Struct(name.name.clone()),
            RecordKind::Union => TypeExprKind::Union(name.name.clone()),
        };
        if !self.is("{") {
            self.nothing(&before)?;
            *outer = std::mem::take(outer).and(&behind);
            return Ok(reference);
        }
        self.nothing(&behind)?;
        let fields = self.members(start)?;
        let span = start.to(self.last_span());
        let attributes = before.and(&self.attributes()?);
        self.found.push(CDefinition::Record(CRecord { kind, name, fields, attributes, pack: self.pack, span }));
        Ok(reference)
    }

    /// `{ … }`
    fn members(&mut self, start: Span) -> Result<Vec<CField>> {
        self.expect("{")?;
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return Err(Box::new(Diagnostic::error(Code::TooDeep, start, "this definition nests too deep")));
        }
        let open = self.last_span();
        let mut fields = Vec::new();
        while !self.eat("}") {
            if self.peek().is_none() {
                return Err(Box::new(
                    Diagnostic::error(Code::MissingBrace, self.span(), "the definition has no `}`")
                        .label("`}` is wanted after this")
                        .also(open, "opened here"),
                ));
            }
            self.field(&mut fields)?;
        }
        self.nesting -= 1;
        Ok(fields)
    }

    /// One declaration in a record, which may declare several members.
    fn field(&mut self, fields: &mut Vec<CField>) -> Result<()> {
        if self.eat(";") {
            return Ok(());
        }
        let start = self.span();
        let Specifiers { ty: base, attributes } = self.specifiers()?;
        if self.eat(";") {
            // Without a declarator only a record without a tag gives members.
            if matches!(&base.kind, TypeExprKind::Struct(name) | TypeExprKind::Union(name) if name.contains('.')) {
                fields.push(CField { name: None, ty: base, bits: None, attributes, span: start.to(self.last_span()) });
            }
            return Ok(());
        }
        loop {
            let declared = if self.is(":") {
                Declared { name: None, ty: base.clone(), attributes: CAttributes::default() }
            } else {
                self.declarator(base.clone(), 0)?
            };
            let bits = if self.eat(":") { Some(self.expression(&[",", ";"])?) } else { None };
            if declared.name.is_none() && bits.is_none() {
                return self.fail("the name of a member");
            }
            let attributes = declared.attributes.and(&attributes).and(&self.attributes()?);
            let span = start.to(self.last_span());
            fields.push(CField { name: declared.name, ty: declared.ty, bits, attributes, span });
            if !self.eat(",") {
                break;
            }
        }
        self.expect(";").map_err(|e| Box::new(e.help("each member ends with `;`")))
    }

    /// `*name[n]`, `(*name)(…)`, …
    fn declarator(&mut self, mut ty: TypeExpr, nesting: usize) -> Result<Declared> {
        if nesting > MAX_DECLARATOR {
            return Err(Box::new(Diagnostic::error(Code::TooDeep, self.span(), "this declaration nests too deep")));
        }
        let attributes = self.attributes()?;
        if nesting > 0 {
            self.nothing(&attributes)?;
        }
        let mut stars = 0;
        while self.eat("*") {
            ty = crate::parser::build::pointer(ty, self.last_span());
            let of_pointer = self.attributes()?;
            self.nothing(&of_pointer)?;
            stars += 1;
            if stars > MAX_DECLARATOR {
                return Err(Box::new(Diagnostic::error(Code::TooDeep, self.span(), "too many pointers")));
            }
        }
        let inner = if self.is("(") { Some(self.inner_declarator()?) } else { None };
        let name = if inner.is_none() { self.name() } else { None };
        if self.is("(") {
            // A function: only pointers to one can be members, and all look like `void *`.
            self.skip_parentheses();
            ty = TypeExpr { kind: TypeExprKind::Name("void".to_string()), span: ty.span };
        }
        let mut sizes = Vec::new();
        while self.is("[") && sizes.len() < MAX_DECLARATOR {
            sizes.push(self.array_size()?);
        }
        let end = self.last_span();
        for size in sizes.into_iter().rev() {
            // `char x[4][8]` is four times eight.
            let span = ty.span.to(end);
            ty = TypeExpr { kind: TypeExprKind::Array(Box::new(ty), size.map(Box::new)), span };
        }
        match inner {
            None => Ok(Declared { name, ty, attributes }),
            Some((from, to)) => {
                let after = self.at;
                self.at = from;
                let declared = self.declarator(ty, nesting + 1)?;
                if self.at != to {
                    return self.fail("`)`");
                }
                self.at = after;
                Ok(Declared { attributes, ..declared })
            }
        }
    }

    /// The bounds of the declarator in parentheses, which is read once its type is known.
    fn inner_declarator(&mut self) -> Result<(usize, usize)> {
        let from = self.at + 1;
        self.skip_parentheses();
        if !self.tokens.get(self.at - 1).is_some_and(|t| t.is(")")) || self.at <= from {
            return self.fail("`)`");
        }
        Ok((from, self.at - 1))
    }

    /// `[n]`, or `[]`.
    fn array_size(&mut self) -> Result<Option<Expr>> {
        self.expect("[")?;
        if self.eat("]") {
            return Ok(None);
        }
        let size = self.expression(&["]"])?;
        self.expect("]")?;
        Ok(Some(size))
    }

    /// The tokens up to one of `ends` outside of parentheses, to attributes, or to the `)` that nothing opened.
    fn until(&mut self, ends: &[&str]) -> &'a [Token] {
        let (from, mut depth) = (self.at, 0usize);
        while let Some(token) = self.peek() {
            match token.tok {
                Tok::Sym("(") => depth += 1,
                Tok::Sym(")") if depth == 0 => break,
                Tok::Sym(")") => depth -= 1,
                Tok::Sym(sign) if depth == 0 && ends.contains(&sign) => break,
                Tok::Ident(ref word) if attributes::WORDS.contains(&word.as_str()) => break,
                _ => {}
            }
            self.at += 1;
        }
        &self.tokens[from..self.at]
    }

    /// An expression up to one of `ends`; its numbers have the types that C gives them.
    fn expression(&mut self, ends: &[&str]) -> Result<Expr> {
        let here = self.span();
        let mut tokens = self.until(ends).to_vec();
        if tokens.is_empty() {
            return Err(Box::new(Diagnostic::error(Code::CDefinition, here, "a number is missing here")));
        }
        for token in &mut tokens {
            match &mut token.tok {
                Tok::Int(_, Form { kind: FormKind::Duration, .. }) => {
                    let error = Diagnostic::error(Code::CDefinition, token.span, "C knows no durations");
                    return Err(Box::new(error));
                }
                Tok::Int(_, form) => form.kind = FormKind::C,
                _ => {}
            }
        }
        self.parser.expression(&tokens)
    }

    /// `enum x`, with its body if there is one.
    fn enumeration(&mut self, outer: &mut CAttributes) -> Result<TypeExprKind> {
        let start = self.span();
        self.at += 1;
        let before = self.attributes()?;
        let name = self.name();
        let behind = self.attributes()?;
        if !self.is("{") {
            self.nothing(&before)?;
            *outer = std::mem::take(outer).and(&behind);
            return match name {
                Some(name) => Ok(TypeExprKind::Enum(name.name)),
                None => self.fail("a name or `{`"),
            };
        }
        self.nothing(&behind)?;
        self.at += 1;
        let mut variants = Vec::new();
        while !self.eat("}") {
            let Some(variant) = self.name() else { return self.fail("a name or `}`") };
            let on_name = self.attributes()?;
            self.nothing(&on_name)?;
            let value = if self.eat("=") { Some(self.expression(&[",", "}"])?) } else { None };
            variants.push((variant, value));
            if !self.eat(",") && !self.is("}") {
                return self.fail("`,` or `}`");
            }
        }
        let attributes = before.and(&self.attributes()?);
        if !attributes.aligned.is_empty() {
            let error = Diagnostic::error(Code::CDefinition, self.last_span(), "an enum with an alignment of its own is not supported")
                .help("give the alignment to the members that are of that type");
            return Err(Box::new(error));
        }
        let name = name.unwrap_or_else(|| self.unnamed(start));
        let reference = TypeExprKind::Enum(name.name.clone());
        let (packed, span) = (attributes.packed.is_some(), start.to(self.last_span()));
        self.found.push(CDefinition::Enum(CEnum { name, variants, packed, system: self.system, span }));
        Ok(reference)
    }
}
