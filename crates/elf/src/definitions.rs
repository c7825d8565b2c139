//! The maps that an object's BTF defines, as libbpf reads them.

use crate::{Contents, kind};

/// A map as `.maps` defines it (kernel: `struct bpf_map_def` of libbpf's `parse_btf_map_def`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MapDefinition {
    /// Its symbol.
    pub symbol: String,
    /// `BPF_MAP_TYPE_*`
    pub kind: u32,
    /// Bytes of a key; 0 where it has none.
    pub key_size: u32,
    /// Bytes of a value, of one CPU; 0 where it has none.
    pub value_size: u32,
    /// Entries, or bytes of a ring buffer.
    pub max_entries: u32,
    /// `BPF_F_*`
    pub flags: u32,
}

/// The maps of an object.
///
/// # Errors
/// What libbpf would read that is not a list of attributes of which each is spelt once by a pointer to an array.
pub fn maps(c: &Contents) -> Result<Vec<MapDefinition>, String> {
    let sections = c.types.iter().filter(|t| t.kind == kind::DATASEC && t.name == ".maps");
    let mut maps: Vec<MapDefinition> = Vec::new();
    for entry in sections.flat_map(|t| t.rest.chunks_exact(3)) {
        let variable = c.ty(entry[0]).filter(|t| t.kind == kind::VAR);
        let variable = variable.ok_or("an entry of `.maps` is no variable")?;
        if maps.iter().any(|m| m.symbol == variable.name) {
            return Err(format!("two maps are called `{}`", variable.name));
        }
        maps.push(map(c, &variable.name, variable.size_or_type)?);
    }
    Ok(maps)
}

fn map(c: &Contents, symbol: &str, ty: u32) -> Result<MapDefinition, String> {
    let broken = |what: &str| format!("map `{symbol}` is not defined as maps are: {what}");
    let definition = c.ty(ty).filter(|t| t.kind == kind::STRUCT).ok_or_else(|| broken("it is no struct"))?;
    let mut map = MapDefinition { symbol: symbol.to_string(), ..MapDefinition::default() };
    let mut seen: Vec<String> = Vec::new();
    for member in definition.rest.chunks_exact(3) {
        let name = c.string(member[0]);
        let place = match name.as_str() {
            "type" => &mut map.kind,
            "key_size" => &mut map.key_size,
            "value_size" => &mut map.value_size,
            "max_entries" => &mut map.max_entries,
            "map_flags" => &mut map.flags,
            _ => return Err(broken("it has an attribute that btc does not know")),
        };
        let array = c.ty(member[1]).filter(|t| t.kind == kind::PTR).and_then(|t| c.ty(t.size_or_type));
        let count = array.filter(|t| t.kind == kind::ARRAY).and_then(|t| t.rest.get(2));
        *place = *count.ok_or_else(|| broken("an attribute is no number"))?;
        if seen.contains(&name) {
            return Err(broken("an attribute is there twice"));
        }
        seen.push(name);
    }
    Ok(map)
}
