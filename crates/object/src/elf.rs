//! Sections, symbols and relocations, with the `object` crate's writer.
//!
//! Requires: one program for each function of the module, in order. Keeps: what libbpf
//! demands of ELF (`docs/object-format.md`): GLOBAL function symbols with sizes, a symbol
//! for each BTF variable, map and data references against symbols, addresses of callbacks
//! against the section.

use btc_bpf::{Insn, Program, ProgramKind, Target};
use btc_ir::{ArgumentPart, Late, Module, Section, Shape};
use object::write::{Object, Relocation, SectionId, StandardSection, Symbol, SymbolId, SymbolSection};
use object::elf::RelocationType;
use object::{
    Architecture, BinaryFormat, Endianness, RelocationFlags, SectionFlags, SectionKind, SymbolFlags,
    SymbolKind, SymbolScope,
};

use crate::btf::{Btf, Member, SectionEntry, TypeId, linkage};
use crate::ext::{self, SectionInfo};
use crate::stubs::{self, Relocation as Core};
use crate::{Input, ObjectError, kfuncs, locals};

/// Relocation of a 64-bit load.
const R_BPF_64_64: RelocationType = RelocationType(1);
/// Relocation of a call.
const R_BPF_64_32: RelocationType = RelocationType(10);
/// `BPF_F_NO_PREALLOC`, which tries must have.
const NO_PREALLOC: u32 = 1;
/// Most variables of a section that BTF describes: libbpf looks for the symbol of each among all
/// symbols. That is of use in dumps, and one is enough for libbpf to map the section.
const MOST_DESCRIBED: usize = 1000;
/// The extern that libbpf fills with the kernel's version.
const KERNEL_VERSION: &str = "LINUX_KERNEL_VERSION";

/// Writes the object, unchecked.
pub fn write(input: &Input<'_>) -> Result<Vec<u8>, ObjectError> {
    let mut w = Writer::new(input)?;
    w.maps()?;
    w.data(Section::Rodata)?;
    w.data(Section::Bss)?;
    w.externs();
    let placed = w.place_programs()?;
    for (program, place) in input.programs.iter().zip(&placed) {
        w.program(program, place, &placed)?;
    }
    w.finish()
}

/// Where a program goes.
struct Placed {
    /// Index into [`Writer::code`].
    section: usize,
    /// Bytes from the section's start.
    offset: u64,
    symbol: SymbolId,
}

/// A section of code under construction.
struct Code {
    id: SectionId,
    info: SectionInfo,
    bytes: Vec<u8>,
}

struct Writer<'a> {
    input: &'a Input<'a>,
    module: &'a Module,
    obj: Object<'static>,
    btf: Btf,
    core: Vec<Option<Core>>,
    code: Vec<Code>,
    maps: Vec<SymbolId>,
    globals: Vec<Option<SymbolId>>,
    kfuncs: Vec<Option<SymbolId>>,
    /// By late constant: the extern that stands for it.
    externs: Vec<Option<SymbolId>>,
}

impl<'a> Writer<'a> {
    fn new(input: &'a Input<'a>) -> Result<Self, ObjectError> {
        let module = input.module;
        let mut btf = Btf::new();
        let core = stubs::build(module, &mut btf)?;
        Ok(Writer {
            input,
            module,
            obj: Object::new(BinaryFormat::Elf, Architecture::Bpf, Endianness::Little),
            btf,
            core,
            code: Vec::new(),
            maps: Vec::new(),
            globals: Vec::new(),
            kfuncs: Vec::new(),
            externs: Vec::new(),
        })
    }

    fn symbol(&mut self, name: &str, value: u64, size: u64, kind: SymbolKind, section: SymbolSection) -> SymbolId {
        self.obj.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value,
            size,
            kind,
            scope: SymbolScope::Dynamic,
            weak: false,
            section,
            flags: SymbolFlags::None,
        })
    }

    fn section(&mut self, name: &str, kind: SectionKind, data: Vec<u8>, align: u64) -> SectionId {
        let id = self.obj.add_section(Vec::new(), name.as_bytes().to_vec(), kind);
        self.obj.section_mut(id).set_data(data, align);
        id
    }

    /// `.maps`: each map a struct of pointers, whose types spell its attributes.
    fn maps(&mut self) -> Result<(), ObjectError> {
        let module = self.module;
        if module.maps.is_empty() {
            return Ok(());
        }
        let int = self.btf.int("int", 4, true);
        let mut entries = Vec::new();
        let mut symbols = Vec::new();
        let mut offset = 0;
        for map in &module.maps {
            use btc_abi::MapKind;
            let kind = map.kind.map_or(Some(btc_abi::RINGBUF), MapKind::number);
            let kind = kind.ok_or_else(|| ObjectError::Invalid(format!("map `{}` is a variable", map.symbol)))?;
            let mut attributes = vec![("type", kind)];
            if map.kind.is_some() {
                attributes.extend([("key_size", map.key_size), ("value_size", map.value_size)]);
            }
            attributes.push(("max_entries", map.max_entries));
            if map.kind == Some(MapKind::LpmTrie) {
                attributes.push(("map_flags", NO_PREALLOC));
            }
            let mut members = Vec::new();
            for (n, (name, value)) in attributes.iter().enumerate() {
                let array = self.btf.array(int, int, *value);
                let ty = self.btf.pointer(array);
                members.push(Member { name: name.to_string(), ty, offset: 8 * n as u32 });
            }
            let size = 8 * members.len() as u32;
            let ty = self.btf.composite("", false, size, &members);
            let ty = self.btf.variable(&map.symbol, ty, linkage::GLOBAL);
            entries.push(SectionEntry { ty, offset, size });
            symbols.push((map.symbol.as_str(), offset, size));
            offset += size;
        }
        self.btf.section(".maps", offset, &entries);
        let id = self.section(".maps", SectionKind::Data, vec![0; offset as usize], 8);
        for (name, at, size) in symbols {
            let section = SymbolSection::Section(id);
            let s = self.symbol(name, u64::from(at), u64::from(size), SymbolKind::Data, section);
            self.maps.push(s);
        }
        Ok(())
    }

    /// `.rodata` or `.bss`, with a BTF variable for each global.
    fn data(&mut self, which: Section) -> Result<(), ObjectError> {
        let module = self.module;
        self.globals.resize(module.globals.len(), None);
        let mine = || module.globals.iter().enumerate().filter(|(_, g)| g.section == which);
        if mine().next().is_none() {
            return Ok(());
        }
        let name = if which == Section::Bss { ".bss" } else { ".rodata" };
        let mut bytes: Vec<u8> = Vec::new();
        let mut entries = Vec::new();
        let mut places = Vec::new();
        for (n, global) in mine() {
            bytes.resize(bytes.len().div_ceil(8) * 8, 0);
            let (offset, size) = (bytes.len() as u32, global.init.len() as u32);
            if size == 0 {
                return Err(ObjectError::Invalid(format!("global `{}` has no bytes", global.symbol)));
            }
            bytes.extend(&global.init);
            if entries.len() < MOST_DESCRIBED {
                let ty = self.global_type(size);
                let ty = self.btf.variable(&global.symbol, ty, linkage::GLOBAL);
                entries.push(SectionEntry { ty, offset, size });
            }
            places.push((n, offset, size));
        }
        bytes.resize(bytes.len().div_ceil(8) * 8, 0);
        self.btf.section(name, bytes.len() as u32, &entries);
        let id = if which == Section::Bss {
            let id = self.obj.add_section(Vec::new(), name.into(), SectionKind::UninitializedData);
            self.obj.append_section_bss(id, bytes.len() as u64, 8);
            id
        } else {
            self.section(name, SectionKind::ReadOnlyData, bytes, 8)
        };
        for (n, offset, size) in places {
            let section = SymbolSection::Section(id);
            let name = &module.globals[n].symbol;
            let s = self.symbol(name, u64::from(offset), u64::from(size), SymbolKind::Data, section);
            self.globals[n] = Some(s);
        }
        Ok(())
    }

    fn global_type(&mut self, size: u32) -> TypeId {
        if matches!(size, 4 | 8) {
            return self.btf.int(&format!("u{}", size * 8), size, false);
        }
        let byte = self.btf.int("u8", 1, false);
        let int = self.btf.int("int", 4, true);
        self.btf.array(byte, int, size)
    }

    fn undefined(&mut self, name: &str, weak: bool) -> SymbolId {
        self.obj.add_symbol(Symbol {
            name: name.as_bytes().to_vec(),
            value: 0,
            size: 0,
            kind: SymbolKind::Label,
            scope: SymbolScope::Dynamic,
            weak,
            section: SymbolSection::Undefined,
            flags: SymbolFlags::None,
        })
    }

    /// Kernel functions, kernel symbols and the kernel's version, as far as programs refer to them.
    fn externs(&mut self) {
        let module = self.module;
        let references = || self.input.programs.iter().flat_map(|p| &p.references).map(|r| r.target);
        let uses_kfunc = |n: usize| {
            references().any(|t| matches!(t, Target::KfuncCall(k) | Target::KfuncAddr(k) if k as usize == n))
        };
        let uses_late = |n: usize| references().any(|t| t == Target::Late(n as u32));
        let kfuncs: Vec<bool> = (0..module.kfuncs.len()).map(uses_kfunc).collect();
        let lates: Vec<bool> = (0..module.lates.len()).map(uses_late).collect();
        let mut ksyms = Vec::new();
        let mut kconfig = Vec::new();
        for (kfunc, used) in module.kfuncs.iter().zip(kfuncs) {
            if !used {
                self.kfuncs.push(None);
                continue;
            }
            let prototype = kfuncs::prototype(&kfunc.name, kfunc.args, &mut self.btf);
            let ty = self.btf.function(&kfunc.name, prototype, linkage::EXTERN);
            ksyms.push(SectionEntry { ty, offset: 0, size: 0 });
            let s = self.undefined(&kfunc.name, true);
            self.kfuncs.push(Some(s));
        }
        for (late, used) in module.lates.iter().zip(lates) {
            let symbol = match late {
                Late::KernelSymbol(name) if used => {
                    let void = self.btf.constant(0);
                    let ty = self.btf.variable(name, void, linkage::EXTERN);
                    ksyms.push(SectionEntry { ty, offset: 0, size: 0 });
                    Some(self.undefined(name, true))
                }
                Late::KernelVersion if used => {
                    let int = self.btf.int("u32", 4, false);
                    let ty = self.btf.variable(KERNEL_VERSION, int, linkage::EXTERN);
                    kconfig.push(SectionEntry { ty, offset: 0, size: 4 });
                    Some(self.undefined(KERNEL_VERSION, false))
                }
                _ => None,
            };
            self.externs.push(symbol);
        }
        if !ksyms.is_empty() {
            // libbpf gives variables of `.ksyms` the type `int` and looks for it.
            self.btf.int("int", 4, true);
            self.btf.section(".ksyms", 0, &ksyms);
        }
        if !kconfig.is_empty() {
            self.btf.section(".kconfig", 4 * kconfig.len() as u32, &kconfig);
        }
    }

    /// Finds a place for each program, since calls name them before they are written.
    fn place_programs(&mut self) -> Result<Vec<Placed>, ObjectError> {
        let mut placed = Vec::with_capacity(self.input.programs.len());
        let mut lengths: Vec<u64> = Vec::new();
        for program in self.input.programs {
            if program.insns.is_empty() {
                return Err(ObjectError::Invalid(format!("program `{}` has no instructions", program.name)));
            }
            let section = match self.code.iter().position(|c| c.info.name == program.section) {
                Some(at) => at,
                None => {
                    let id = if program.section == ".text" {
                        self.obj.section_id(StandardSection::Text)
                    } else {
                        let name = program.section.as_bytes().to_vec();
                        self.obj.add_section(Vec::new(), name, SectionKind::Text)
                    };
                    let info = SectionInfo { name: program.section.clone(), ..SectionInfo::default() };
                    self.code.push(Code { id, info, bytes: Vec::new() });
                    lengths.push(0);
                    self.code.len() - 1
                }
            };
            let offset = lengths[section];
            let size = 8 * program.insns.len() as u64;
            lengths[section] += size;
            let place = SymbolSection::Section(self.code[section].id);
            let symbol = self.symbol(&program.name, offset, size, SymbolKind::Text, place);
            if matches!(program.kind, ProgramKind::Subprogram | ProgramKind::Callback) {
                self.obj.symbol_mut(symbol).scope = SymbolScope::Compilation;
            }
            placed.push(Placed { section, offset, symbol });
        }
        Ok(placed)
    }

    fn program(&mut self, program: &Program, place: &Placed, placed: &[Placed]) -> Result<(), ObjectError> {
        let mut insns = program.insns.clone();
        for reference in &program.references {
            self.reference(program, reference.insn, reference.target, &mut insns, place, placed)?;
        }
        let ty = self.function_type(program);
        let base = place.offset as u32;
        let code = &mut self.code[place.section];
        code.info.functions.push((base, ty));
        code.info.lines.extend(program.lines.iter().map(|l| (base + 8 * l.insn, l.file, l.start)));
        code.bytes.extend(insns.into_iter().flat_map(Insn::to_bytes));
        Ok(())
    }

    fn function_type(&mut self, program: &Program) -> TypeId {
        let entry = program.kind == ProgramKind::Entry;
        let param = if entry { self.btf.pointer(0) } else { self.btf.int("u64", 8, false) };
        let ret = if entry { self.btf.int("int", 4, true) } else { self.btf.int("u64", 8, false) };
        let prototype = self.btf.prototype(ret, &vec![param; program.params as usize]);
        let global = matches!(program.kind, ProgramKind::Entry | ProgramKind::Global);
        let linkage = if global { linkage::GLOBAL } else { linkage::STATIC };
        self.btf.function(&program.name, prototype, linkage)
    }

    fn reference(
        &mut self,
        program: &Program,
        insn: u32,
        target: Target,
        insns: &mut [Insn],
        place: &Placed,
        placed: &[Placed],
    ) -> Result<(), ObjectError> {
        let missing = || ObjectError::Invalid(format!("`{}`: {target:?} does not exist", program.name));
        let at = insn as usize;
        let offset = place.offset + 8 * u64::from(insn);
        let (symbol, r_type) = match target {
            Target::Map(n) => (*self.maps.get(n as usize).ok_or_else(missing)?, R_BPF_64_64),
            Target::Global(n, displacement) => {
                // libbpf adds the immediate to the symbol's place.
                locals::set(insns, at, i64::from(displacement as u32))?;
                (self.globals.get(n as usize).copied().flatten().ok_or_else(missing)?, R_BPF_64_64)
            }
            Target::KfuncCall(n) => (self.kfunc(n).ok_or_else(missing)?, R_BPF_64_32),
            Target::KfuncAddr(n) => (self.kfunc(n).ok_or_else(missing)?, R_BPF_64_64),
            Target::FunctionCall(n) => (placed.get(n as usize).ok_or_else(missing)?.symbol, R_BPF_64_32),
            Target::FunctionAddr(n) => {
                // A local function symbol is refused; the section with an offset is not.
                let goal = placed.get(n as usize).ok_or_else(missing)?;
                locals::set(insns, at, goal.offset as i64)?;
                (self.obj.section_symbol(self.code[goal.section].id), R_BPF_64_64)
            }
            Target::Late(n) => match self.late(n, insns, at, offset as u32, place)? {
                Some(symbol) => (symbol, R_BPF_64_64),
                None => return Ok(()),
            },
        };
        let flags = RelocationFlags::Elf { r_type };
        let relocation = Relocation { offset, symbol, addend: 0, flags };
        let section = self.code[place.section].id;
        self.obj.add_relocation(section, relocation).map_err(|e| ObjectError::Elf(e.to_string()))
    }

    fn kfunc(&self, n: u32) -> Option<SymbolId> {
        self.kfuncs.get(n as usize).copied().flatten()
    }

    /// Binds a late constant; yields the symbol when it is an extern.
    fn late(
        &mut self,
        n: u32,
        insns: &mut [Insn],
        at: usize,
        offset: u32,
        place: &Placed,
    ) -> Result<Option<SymbolId>, ObjectError> {
        if let Some(symbol) = self.externs.get(n as usize).copied().flatten() {
            return Ok(Some(symbol));
        }
        if let Some(core) = self.core.get(n as usize).cloned().flatten() {
            locals::set(insns, at, core.local)?;
            self.code[place.section].info.relocations.push((offset, core));
            return Ok(None);
        }
        match self.module.lates.get(n as usize) {
            // libbpf cannot find enumerators of unnamed enums: the build's value stands.
            Some(Late::EnumValue { value, .. }) => locals::set(insns, at, *value)?,
            Some(Late::EnumExists { .. }) => locals::set(insns, at, 1)?,
            // Patched by the runtime; 0 is a value too.
            Some(Late::ProbeIdentity | Late::SyscallTable | Late::UsdtArgument { .. }) => {}
            // What CO-RE leaves open is the build's.
            Some(Late::Argument { shape: Shape::Field { size, .. }, part: ArgumentPart::Extend, .. }) => {
                locals::set(insns, at, 64 - 8 * i64::from((*size).min(8)))?;
            }
            Some(Late::Argument { .. }) => locals::poison(insns, at)?,
            _ => return Err(ObjectError::Invalid(format!("late constant {n} cannot be bound"))),
        }
        Ok(None)
    }

    fn finish(mut self) -> Result<Vec<u8>, ObjectError> {
        let code = std::mem::take(&mut self.code);
        let mut infos = Vec::with_capacity(code.len());
        for c in code {
            self.obj.section_mut(c.id).set_data(c.bytes, 8);
            infos.push(c.info);
        }
        let license = format!("{}\0", self.module.license).into_bytes();
        self.section("license", SectionKind::Data, license, 1);
        let ext = ext::build(&infos, self.input.sources, &mut self.btf);
        let btf = std::mem::take(&mut self.btf).finish();
        self.section(".BTF", SectionKind::Other, btf, 8);
        self.section(".BTF.ext", SectionKind::Other, ext, 8);
        if !self.input.manifest.is_empty() {
            let id = self.section(btc_abi::SECTION, SectionKind::Other, self.input.manifest.to_vec(), 8);
            self.obj.section_mut(id).flags = SectionFlags::None;
        }
        self.obj.write().map_err(|e| ObjectError::Elf(e.to_string()))
    }
}
