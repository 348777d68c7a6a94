//! References and their bases: one canonical form by every road, which stays as it is, whatever is left out of it; and
//! parts that make the whole.
#![no_main]

use std::sync::Arc;

use dragline_model::{CanonicalUrl, Normaliser, ParamNames, Resolver};
use libfuzzer_sys::fuzz_target;

// A base and a reference with a zero between them.
fuzz_target!(|input: &str| {
    let (base, reference) = input.split_once('\0').unwrap_or((input, ""));
    let Ok(base) = CanonicalUrl::parse(base) else { return };
    assert_eq!(CanonicalUrl::parse(base.as_str()).as_ref(), Ok(&base));
    assert_eq!(format!("{}{}", base.origin(), base.path_and_query()), base.as_str());
    assert!(base.as_str().bytes().all(|byte| (b'!'..=b'~').contains(&byte)), "{base}");
    let joined = base.join(reference).ok();
    let resolved = Resolver::new(base.clone()).resolve(reference).map(|found| found.to_url());
    assert_eq!(joined, resolved);
    let Some(url) = joined else { return };
    for options in 0u8..8 {
        let names: &[&str] = if options & 2 != 0 { &["tracking", "a*", "b"] } else { &[] };
        let normaliser = Arc::new(Normaliser {
            sort_query: options & 1 != 0,
            drop_params: ParamNames::parse(names).expect("these are names"),
            drop_session_ids: options & 4 != 0,
        });
        let once = normaliser.apply(url.clone());
        assert_eq!(CanonicalUrl::parse(once.as_str()).as_ref(), Ok(&once));
        assert_eq!(normaliser.apply(once.clone()), once);
        assert_eq!(once.origin(), url.origin());
        let mut resolver = Resolver::new(base.clone()).normalised(&normaliser);
        assert_eq!(resolver.resolve(reference).map(|found| found.to_url()), Some(once));
    }
});
