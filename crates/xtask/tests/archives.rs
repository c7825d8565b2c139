//! The archives for static programs need nothing but the C library.

use std::process::Command;

use btc_xtask::{archives, shell};

const PROGRAM: &str = r#"
#include <gelf.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>
int main(int argc, char **argv)
{
        GElf_Ehdr header;
        size_t names;
        FILE *file = fopen(argv[argc - 1], "r");
        if (!file || elf_version(EV_CURRENT) == EV_NONE || strcmp(zlibVersion(), ZLIB_VERSION))
                return 1;
        Elf *elf = elf_begin(fileno(file), ELF_C_READ_MMAP, NULL);
        if (!elf || !gelf_getehdr(elf, &header) || elf_getshdrstrndx(elf, &names))
                return 2;
        printf("%d %d\n", (int)header.e_shnum, (int)names);
        /* Called, so that all compressions are linked too; a section in memory is not compressed. */
        return elf_compress(elf_nextscn(elf, NULL), ELFCOMPRESS_ZLIB, 0) == -1 ? 0 : 3;
}
"#;

#[test]
fn a_static_program_links_and_reads_an_elf_file() {
    let built = archives::ensure().unwrap();
    let folder = scratch();
    let (source, program) = (folder.join("reads.c"), folder.join("reads"));
    std::fs::write(&source, PROGRAM).unwrap();
    let mut cc = Command::new("cc");
    cc.arg("-static").arg("-o").arg(&program).arg(&source);
    cc.args(built.include.iter().map(|i| format!("-I{}", i.display())));
    // By their names, as the linker could otherwise take the machine's own.
    cc.args(["libelf.a", "libz.a"].map(|a| built.folder.join(a)));
    shell::perform(&mut cc).unwrap();
    let printed = shell::output(program.to_str().unwrap(), [&program]).unwrap();
    let numbers: Vec<u32> = printed.split_whitespace().map(|n| n.parse().unwrap()).collect();
    // The names' section is the last one that a linker writes.
    assert!(numbers[0] > 10 && numbers[1] == numbers[0] - 1, "{printed}");
    std::fs::remove_dir_all(&folder).unwrap();
}

fn scratch() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("btc-archives-{}", std::process::id()));
    shell::empty_folder(&folder).unwrap();
    folder
}
