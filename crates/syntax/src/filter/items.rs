//! Cuts the tokens of a file into items and finds the raw text of attach points.
//!
//! These rules need the text itself, so they run while tokens are read; each is a
//! method with its reason. An item is a probe, a macro, a declaration, a config
//! block, an import or a C definition.

use btc_diagnostics::{Code, Diagnostic, FileId, Span};

use crate::lexer;
use crate::token::{Tok, Token};

/// What an item begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// `config`, `import`, `let`, `macro`, `fn`: the keyword is its first token.
    Keyword,
    /// `struct`, `union`, `enum`, `typedef`, …
    Definition,
    /// Anything else.
    Probe,
}

/// One item of a file.
#[derive(Clone, Debug)]
pub struct Item {
    /// What it begins with.
    pub kind: ItemKind,
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// Whether the lexer found a mistake in it; the parser then keeps quiet.
    pub faulty: bool,
    /// Whether it stands in a header of the system, where mistakes are passed over.
    pub system: bool,
    /// The `#pragma pack(n)` that holds there.
    pub pack: Option<u32>,
}

/// Where in an item the next token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Before an item.
    Start,
    /// Before an attach point, behind `,` or `name =`.
    Attach,
    /// Behind an attach point or a predicate.
    Head,
    /// In a predicate.
    Predicate,
    /// In an item that ends with a `}`.
    Braced,
    /// In an item that ends with a `;`.
    Line,
    /// In a C definition, which ends with `;`, or with `}` where the `;` was left out.
    Definition,
}

/// The state machine.
pub struct Splitter {
    header: bool,
    place: Place,
    /// Open braces.
    braces: usize,
    /// Open parentheses and brackets of a predicate.
    parens: usize,
    items: Vec<Item>,
    current: Item,
}

/// A token that was read as raw text.
pub struct Raw {
    /// Reading goes on here.
    pub end: usize,
    /// What makes going on senseless.
    pub error: Option<Diagnostic>,
}

fn empty_item() -> Item {
    Item { kind: ItemKind::Probe, tokens: Vec::new(), faulty: false, system: false, pack: None }
}

impl Splitter {
    /// A splitter for a script or a header; a header has C definitions only.
    pub fn new(header: bool) -> Self {
        Splitter {
            header,
            place: Place::Start,
            braces: 0,
            parens: 0,
            items: Vec::new(),
            current: empty_item(),
        }
    }

    /// The items; the last one may lack its end.
    pub fn finish(mut self) -> Vec<Item> {
        self.end_item();
        self.items
    }

    /// Notes that the lexer found a mistake in the current item.
    pub fn fault(&mut self) {
        self.current.faulty = true;
    }

    /// Notes the `#pragma pack(n)` that holds.
    pub fn pack(&mut self, pack: Option<u32>) {
        self.current.pack = pack;
    }

    /// Whether a C definition has begun and not ended.
    pub fn in_definition(&self) -> bool {
        self.place == Place::Definition
    }

    /// Whether an item of a script would begin here.
    pub fn at_start(&self) -> bool {
        !self.header && self.place == Place::Start
    }

    /// Whether macros are expanded here: everywhere but at the start of an item.
    pub fn expands(&self) -> bool {
        self.header || !matches!(self.place, Place::Start | Place::Attach)
    }

    fn end_item(&mut self) {
        let item = std::mem::replace(&mut self.current, empty_item());
        if !item.tokens.is_empty() || item.faulty {
            self.items.push(item);
        }
        self.place = Place::Start;
        self.braces = 0;
        self.parens = 0;
    }

    /// Reads an attach point or the name of a probe at `start`, where one stands there.
    ///
    /// Reason: `uprobe:/lib/libc.so.6:malloc`, `kprobe:vfs_*` or `interval:15ms` are not
    /// made of tokens, and `/lib/*` would begin a comment.
    pub fn raw(&mut self, text: &str, file: FileId, start: usize) -> Option<Raw> {
        if self.header {
            return None;
        }
        let rest = text.get(start..)?;
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let word = &rest[..length];
        if self.place == Place::Start {
            if let Some((kind, place)) = keyword_item(word, text, file, start + length) {
                self.current.kind = kind;
                self.place = place;
                return None;
            }
            let (sign, at) = lexer::peek(text, file, start + length);
            if !word.is_empty() && sign == '=' && !text[at..].starts_with("==") {
                let span = Span::new(file, start, start + length);
                self.current.tokens.push(Token { tok: Tok::ProbeName(word.to_string()), span });
                let sign = Token { tok: Tok::Sym("="), span: Span::new(file, at, at + 1) };
                self.current.tokens.push(sign);
                self.place = Place::Attach;
                return Some(Raw { end: at + 1, error: None });
            }
        } else if self.place != Place::Attach {
            return None;
        }
        let end = start + attach_length(rest);
        let attach = &text[start..end];
        if !attach.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '*' | '$')) {
            return None;
        }
        self.place = Place::Head;
        let span = Span::new(file, start, end);
        self.current.tokens.push(Token { tok: Tok::Attach(attach.to_string()), span });
        Some(Raw { end, error: self.check_head(text, file, span) })
    }

    /// Behind an attach point stands `,`, `/` or `{`; anything else is a slip worth naming.
    fn check_head(&self, text: &str, file: FileId, span: Span) -> Option<Diagnostic> {
        let (sign, at) = lexer::peek(text, file, span.end as usize);
        // `=` behind a whole probe and the end of the text are left to the parser.
        if matches!(sign, ',' | '/' | '{' | '\0' | '#') {
            return None;
        }
        let attach = text.get(span.start as usize..span.end as usize)?;
        let command = ["bpftrace", "bpf", "btc", "sudo", "$", "trace"].contains(&attach);
        if command {
            return Some(
                Diagnostic::error(Code::Syntax, span, format!("`{attach}` is no probe"))
                    .label("a script starts with a probe")
                    .help("a script starts with a probe, such as `tracepoint:syscalls:sys_enter_openat { … }`")
                    .help("a leading `bpftrace -e` and the quotes around the script belong to the shell"),
            );
        }
        let rest = &text[at..];
        let stop = |c: char| c.is_whitespace() || matches!(c, ',' | '/' | '{' | ';');
        let length = rest.find(stop).unwrap_or(rest.len()).max(sign.len_utf8());
        let found = rest.get(..length).unwrap_or("");
        let place = Span::new(file, at, at + length);
        let error = Diagnostic::error(Code::Syntax, place, format!("`{found}` is not expected after the probe `{attach}`"))
            .label("`{`, `,` or a predicate is wanted here")
            .also(span, "the probe");
        let spaced = sign == ':' || attach.ends_with(':');
        Some(error.help(if spaced {
            "a probe has no white space inside; put a path with spaces in quotes"
        } else {
            "the action stands in braces: `kprobe:vfs_read { … }`; several probes are separated by `,`"
        }))
    }

    /// Takes a token; `text` and `at` tell what follows it.
    pub fn push(&mut self, mut token: Token, text: &str, at: usize) {
        let file = token.span.file;
        match self.place {
            Place::Start if self.header => self.start_in_header(&token),
            Place::Start if token.is(";") => return,
            // Nothing can begin with this; the parser tells.
            Place::Start => self.place = Place::Braced,
            Place::Head if token.is(",") => self.place = Place::Attach,
            // Behind the last attach point a comma may stand.
            Place::Head | Place::Attach if token.is("/") => {
                token.tok = Tok::Sym("/open");
                self.place = Place::Predicate;
            }
            Place::Attach if !token.is("{") => self.place = Place::Head,
            Place::Head | Place::Attach => self.place = Place::Braced,
            // `/` in a predicate: it closes where a `{` follows outside of all brackets,
            // and divides elsewhere. Within the language no division is followed by `{`
            // but by a block expression, which needs parentheses here.
            Place::Predicate => {
                if token.is("/") && self.parens == 0 && self.braces == 0 && lexer::peek(text, file, at).0 == '{' {
                    token.tok = Tok::Sym("/close");
                    self.place = Place::Head;
                }
                match token.tok {
                    Tok::Sym("(" | "[") => self.parens += 1,
                    Tok::Sym(")" | "]") => self.parens = self.parens.saturating_sub(1),
                    _ => {}
                }
            }
            Place::Braced | Place::Line | Place::Definition => {}
        }
        let closes = token.is("}");
        if token.is("{") {
            self.braces += 1;
        } else if closes {
            self.braces = self.braces.saturating_sub(1);
        }
        let semicolon = token.is(";");
        self.current.tokens.push(token);
        let outside = self.braces == 0;
        let ends = match self.place {
            Place::Braced => closes && outside,
            Place::Line => semicolon && outside,
            Place::Definition => outside && (semicolon || closes && self.definition_ends(text, file, at)),
            _ => false,
        };
        if ends {
            self.end_item();
        }
    }

    /// In a header an item that defines no type is passed over to its `;` or `}`.
    fn start_in_header(&mut self, token: &Token) {
        let defines = token.word().is_some_and(|w| DEFINITIONS.contains(&w));
        self.current.kind = if defines { ItemKind::Definition } else { ItemKind::Probe };
        self.place = Place::Definition;
    }

    /// Whether a C definition ends with the `}` just read.
    ///
    /// Reason: bpftrace allows `struct S { … }` without `;`. A typedef names its type
    /// behind the brace, and attributes may stand there.
    fn definition_ends(&self, text: &str, file: FileId, at: usize) -> bool {
        if self.current.tokens.first().is_some_and(|t| t.is_word("typedef")) {
            return false;
        }
        let (_, next) = lexer::peek(text, file, at);
        let rest = &text[next..];
        !(rest.starts_with(';') || rest.starts_with("__"))
    }
}

/// What C definitions begin with.
const DEFINITIONS: &[&str] = &["struct", "union", "enum", "typedef"];

/// The kind of the item that begins with `word`, if that is a keyword there; `at` is the place behind it.
///
/// Reason: keywords are words that a probe could begin with as well; what follows decides.
fn keyword_item(word: &str, text: &str, file: FileId, at: usize) -> Option<(ItemKind, Place)> {
    let (next, _) = lexer::peek(text, file, at);
    let name_follows = next.is_ascii_alphabetic() || next == '_';
    match word {
        "struct" | "union" | "enum" | "typedef" if name_follows || next == '{' => {
            Some((ItemKind::Definition, Place::Definition))
        }
        "config" if next == '=' || next == '{' => Some((ItemKind::Keyword, Place::Braced)),
        "macro" | "fn" if name_follows => Some((ItemKind::Keyword, Place::Braced)),
        "import" if next == '"' => Some((ItemKind::Keyword, Place::Line)),
        "let" if next == '@' || next == '$' => Some((ItemKind::Keyword, Place::Line)),
        _ => None,
    }
}

/// Providers whose second part is a path, so that a `/` there does not open a predicate.
const PATH_PROVIDERS: &[&str] = &["uprobe", "u", "uretprobe", "ur", "usdt", "U"];

/// The length of the attach point at the start of `rest`.
///
/// It ends at white space, `,` or `{` outside of quotes, and at the `/` of a predicate:
/// one that stands in no path.
fn attach_length(rest: &str) -> usize {
    let (mut quoted, mut part, mut part_start) = (false, 0usize, 0usize);
    // No provider's name is longer; the rest of the script is not searched for a colon.
    let head = &rest[..rest.floor_char_boundary(64.min(rest.len()))];
    let provider = head.split(':').next().unwrap_or("");
    let mut escaped = false;
    for (at, c) in rest.char_indices() {
        if c == '\n' {
            return at;
        }
        if quoted {
            quoted = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
            continue;
        }
        let in_path = match part {
            0 => false,
            1 if PATH_PROVIDERS.contains(&provider) => true,
            2 if matches!(provider, "iter" | "it") => true,
            _ => rest[part_start..].starts_with(['/', '.']) && part_start < at && part == 1,
        };
        match c {
            '"' => quoted = true,
            ':' => {
                part += 1;
                part_start = at + 1;
            }
            ',' | '{' | ';' => return at,
            '/' if !in_path => return at,
            _ if c.is_whitespace() => return at,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::attach_length;

    #[test]
    fn attach_points_end_where_they_should() {
        for (text, attach) in [
            ("kprobe:vfs_* { }", "kprobe:vfs_*"),
            ("kprobe:f/pid == 1/ { }", "kprobe:f"),
            ("uprobe:/lib/x86_64-linux-gnu/libc.so.6:malloc /1/ {", "uprobe:/lib/x86_64-linux-gnu/libc.so.6:malloc"),
            ("uprobe:/lib/*:f* {", "uprobe:/lib/*:f*"),
            ("u:\"/a path, odd\":sym{", "u:\"/a path, odd\":sym"),
            ("uprobe:/bin/x:cpp:\"foo(int, char*)\" {", "uprobe:/bin/x:cpp:\"foo(int, char*)\""),
            ("uprobe:bin/x:f/1/{", "uprobe:bin/x:f"),
            ("interval:15ms{", "interval:15ms"),
            ("BEGIN,END{", "BEGIN"),
            ("BEGIN/1/{", "BEGIN"),
            ("iter:task_file:/sys/fs/bpf/files {", "iter:task_file:/sys/fs/bpf/files"),
            ("uprobe:$1:fn {", "uprobe:$1:fn"),
        ] {
            assert_eq!(&text[..attach_length(text)], attach);
        }
    }
}
