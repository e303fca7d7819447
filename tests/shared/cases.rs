//! How many cases the property tests try.

use proptest::test_runner::Config;

/// `by_default`, times `COVEO_PUSH_CASES` where it is set, which may be a fraction.
pub(crate) fn cases(by_default: u32) -> Config {
    const VARIABLE: &str = "COVEO_PUSH_CASES";
    let factor = std::env::var(VARIABLE).map_or(1.0, |text| match text.parse::<f64>() {
        Ok(factor) if factor.is_finite() && factor > 0.0 => factor,
        _ => panic!("{VARIABLE} is `{text}`, and should be a number above 0"),
    });
    Config {
        max_shrink_iters: 2_000,
        failure_persistence: None,
        ..Config::with_cases((f64::from(by_default) * factor).ceil() as u32)
    }
}
