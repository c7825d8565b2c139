//! A manifest that says anything else than its object is refused, or harmless: what is decoded is encoded alike, and what passes
//! all checks can be told all about.
#![no_main]

use btc_abi::wire;
use btc_fuzz::objects;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|edits: &[u8]| {
    let object = objects::lying(edits);
    let bytes = objects::manifest(&object).expect("it has been put there");
    let Ok(decoded) = wire::decode(bytes) else {
        assert!(btc_runtime::manifest(&object).is_err());
        return;
    };
    let again = wire::decode(&wire::encode(&decoded)).unwrap_or_else(|e| panic!("{e}"));
    assert!(decoded == again, "it is another one when it is written anew");
    if let Ok(manifest) = btc_runtime::manifest(&object) {
        btc_runtime::effects(&object, &manifest).unwrap_or_else(|e| panic!("{e}"));
    }
});
