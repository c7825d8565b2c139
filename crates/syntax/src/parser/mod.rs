//! Drives filter and grammar over the items of a script and gathers the program.
//!
//! Each item is parsed alone, so a mistake in one costs one error and the others
//! are still checked.

pub mod build;
mod explain;

use btc_diagnostics::{Code, Diagnostic, Diagnostics, Span};
use lalrpop_util::{ParseError, lalrpop_mod};

use crate::ast::{CDefinition, Expr, Program};
use crate::cdef;
use crate::filter::items::{Item, ItemKind};
use crate::filter::types::Types;
use crate::filter::{self, Refined};
use crate::preprocess::Source;
use crate::token::{Tok, Token};
use build::Entry;
use explain::Place;

lalrpop_mod!(
    #[allow(clippy::all, clippy::wildcard_enum_match_arm, missing_docs, unused, dead_code)]
    grammar,
    "/bt.rs"
);

type Failure = ParseError<Span, Tok, Diagnostic>;

/// More errors than this are noise.
const MAX_ERRORS: usize = 20;

/// Parses all items of `source`.
pub fn parse(source: Source, d: &mut Diagnostics) -> Program {
    let mut program = Program { includes: source.includes, comments: source.comments, ..Program::default() };
    let mut p = Parser { grammar: grammar::ItemParser::new(), types: Types::default(), end: source.end };
    // C definitions come first, since the names of types decide what is a cast.
    for item in source.items.iter().filter(|i| i.kind == ItemKind::Definition) {
        if d.len() >= MAX_ERRORS {
            break;
        }
        let found = cdef::parse(item, &p, d);
        p.types.typedefs.extend(found.iter().filter_map(|f| match f {
            CDefinition::Typedef(t) => Some(t.name.name.clone()),
            _ => None,
        }));
        program.definitions.extend(found);
    }
    let mut main_part = None;
    let mut config = None;
    for item in source.items.iter().filter(|i| i.kind != ItemKind::Definition) {
        if d.len() >= MAX_ERRORS {
            break;
        }
        let whole = item.tokens.first().map_or(source.end, |t| t.span);
        match p.item(item) {
            Ok(Entry::Config(span, entries)) => {
                if let Some(error) = misplaced_config(span, main_part, config) {
                    d.push(error);
                }
                config = Some(span);
                program.config.extend(entries);
                continue;
            }
            Ok(Entry::Import(import)) => {
                program.imports.push(import);
                continue;
            }
            Ok(Entry::Probe(probe)) => program.probes.push(probe),
            Ok(Entry::Macro(m)) => program.macros.push(m),
            Ok(Entry::Map(map)) => program.map_declarations.push(map),
            Ok(Entry::Expr(_)) => {}
            // The lexer has told already.
            Err(_) if item.faulty => {}
            Err(error) => d.push(*error),
        }
        main_part = main_part.or(Some(whole));
    }
    program
}

/// The config block stands once, before everything that it may change.
fn misplaced_config(span: Span, main_part: Option<Span>, config: Option<Span>) -> Option<Diagnostic> {
    if let Some(first) = config {
        return Some(
            Diagnostic::error(Code::Redefined, span, "a script has one `config` block")
                .label("second block")
                .also(first, "first block"),
        );
    }
    let before = main_part?;
    Some(
        Diagnostic::error(Code::BadConfig, span, "the `config` block must come first")
            .label("too late")
            .also(before, "this comes before it")
            .help("move it above all probes, macros and map declarations"),
    )
}

/// The grammar with what it needs to know.
pub struct Parser {
    grammar: grammar::ItemParser,
    /// Types of the script.
    pub types: Types,
    end: Span,
}

impl Parser {
    fn item(&self, item: &Item) -> Result<Entry, Box<Diagnostic>> {
        if let Some(first) = item.tokens.first()
            && first.is_word("fn")
            && item.kind == ItemKind::Keyword
        {
            return Err(Box::new(
                Diagnostic::error(Code::Unsupported, first.span, "functions are not supported yet")
                    .help("a macro can do the same: `macro name(x) { … }`"),
            ));
        }
        let refined = filter::refine(&item.tokens, &self.types, item.kind == ItemKind::Keyword)?;
        self.run(&refined, Place { end: self.end, definition: false })
    }

    /// Parses an expression inside of a C definition, such as the value of an enumerator.
    pub fn expression(&self, tokens: &[Token]) -> Result<Expr, Box<Diagnostic>> {
        let mut refined = filter::refine(tokens, &self.types, false)?;
        let span = tokens.first().map_or(self.end, |t| t.span);
        refined.tokens.insert(0, Token { tok: Tok::Key("expression"), span });
        let end = tokens.last().map_or(self.end, |t| t.span);
        match self.run(&refined, Place { end, definition: true })? {
            Entry::Expr(e) => Ok(e),
            _ => Err(Box::new(Diagnostic::error(Code::CDefinition, span, "an expression is wanted here"))),
        }
    }

    fn run(&self, refined: &Refined, place: Place) -> Result<Entry, Box<Diagnostic>> {
        let tokens = refined.tokens.iter().map(|t| Ok((t.span, t.tok.clone(), t.span)));
        self.grammar.parse(tokens).map_err(|failure: Failure| Box::new(explain::explain(failure, refined, place)))
    }
}
