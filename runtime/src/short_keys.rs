//! Maps whose keys are longer than this kernel takes: Linux 5.10 stops at 512 bytes.

use btc_abi::{Encoding, Manifest, Map};
use libbpf_sys as sys;

use crate::{Error, refusal};

/// Most bytes of a key where there is a limit at all.
const MOST: u32 = 512;

/// Whether the kernel has the limit: it is asked for a map of longer keys.
pub(crate) fn are_needed() -> bool {
    // SAFETY: no options; the name ends with NUL.
    let fd = unsafe {
        sys::bpf_map_create(sys::BPF_MAP_TYPE_HASH, c"btc_long_key".as_ptr(), MOST + 8, 8, 1, std::ptr::null())
    };
    if fd < 0 {
        return std::io::Error::last_os_error().raw_os_error() == Some(libc::E2BIG);
    }
    // SAFETY: the descriptor is new and nobody else's.
    unsafe { libc::close(fd) };
    false
}

/// Gives maps with long keys their short ones where the kernel wants that.
///
/// # Errors
/// When a key cannot be cut.
pub(crate) fn apply(manifest: &mut Manifest) -> Result<(), Error> {
    let is_long = |map: &Map| map.key.as_ref().is_some_and(|key| map.short_key.is_some() || key.size() > MOST);
    if !manifest.maps.iter().any(is_long) || !are_needed() {
        return Ok(());
    }
    if let Some(map) = manifest.maps.iter().find(|map| is_long(map) && map.short_key.is_none()) {
        let size = map.key.as_ref().map_or(0, Encoding::size);
        let what = format!("a key of {} has {size} bytes, and this kernel takes no more than {MOST}", map.name);
        return Err(Error::new(match refusal::place_of_long_key(manifest, &map.name) {
            Some(place) => format!("{place}: {what}; a text or a buffer would be cut, this cannot be"),
            None => what,
        }));
    }
    for map in manifest.maps.iter_mut().filter(|map| is_long(map)) {
        map.key.clone_from(&map.short_key);
        map.multi_key = true;
    }
    Ok(())
}

/// The size of a map's key, where it is the short one.
pub(crate) fn size(map: &Map) -> Option<u32> {
    map.short_key.as_ref().filter(|short| map.key.as_ref() == Some(*short)).map(Encoding::size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_was_given_its_short_key_has_its_size() {
        let key = Encoding::Buffer { capacity: 1024 };
        let any = crate::maps::tests::map(Encoding::Bool, btc_abi::Reduce::Last);
        let map = Map { key: Some(key.clone()), short_key: Some(key), ..any };
        assert_eq!(size(&map), Some(1028));
        assert_eq!(size(&Map { short_key: None, ..map }), None);
    }
}
