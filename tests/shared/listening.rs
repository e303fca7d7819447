//! The address of the example `daemon`.

use std::io::BufRead;

/// The URL that it prints when it listens.
pub(crate) fn url(output: &mut impl BufRead) -> String {
    loop {
        let mut line = String::new();
        assert!(output.read_line(&mut line).unwrap() > 0, "it has ended");
        if let Some(url) = line.trim().strip_prefix("listening on ") {
            return url.to_owned();
        }
    }
}
