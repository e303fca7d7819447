//! Metrics in the text format that Prometheus reads.

use std::fmt::{Display, Write as _};

use coveo_push::report::{ClientStats, Progress};

/// All metrics of the run and its client.
pub(crate) fn text(progress: &Progress, stats: &ClientStats) -> String {
    let mut page = Page::default();
    let Progress { accepted, replaced, failed, refused, unsent, .. } = *progress;
    // Failed operations that are pushed again count by their new result, so these counts can fall.
    page.metric("operations", "gauge", "Operations by their result.");
    for (result, count) in
        [("accepted", accepted), ("replaced", replaced), ("failed", failed), ("refused", refused), ("unsent", unsent)]
    {
        page.value("operations", &[("result", result)], count);
    }
    for (name, kind, help, value) in [
        ("pushed_total", "counter", "Operations that were pushed.", progress.pushed),
        ("settled_to", "gauge", "Up to this push every operation is settled.", progress.settled_to),
        ("open", "gauge", "Pushes after it.", progress.pushed - progress.settled_to),
        ("batches_accepted_total", "counter", "Batches that the service accepted.", progress.batches_accepted),
        ("uploaded_bytes_total", "counter", "Bytes that the storage accepted.", progress.bytes_uploaded),
    ] {
        page.metric(name, kind, help);
        page.value(name, &[], value);
    }
    type Count = fn(&coveo_push::report::HostStats) -> u64;
    let counts: [(&str, &str, Count); 4] = [
        ("calls_total", "Calls.", |stats| stats.calls),
        ("attempts_total", "Requests, retries included.", |stats| stats.attempts),
        ("retries_total", "Retries.", |stats| stats.retries),
        ("call_failures_total", "Calls that returned an error.", |stats| stats.failures),
    ];
    for (name, help, count) in counts {
        page.metric(name, "counter", help);
        for (host, stats) in stats.hosts() {
            page.value(name, &[("host", host)], count(&stats));
        }
    }
    page.metric("held_seconds_total", "counter", "The time that calls were held back, summed over all calls.");
    page.metric("held", "gauge", "Whether calls are held back now.");
    for (host, stats) in stats.hosts() {
        let seconds = [("throttled", stats.throttled), ("outage", stats.held)];
        for (why, time) in seconds {
            page.value("held_seconds_total", &[("host", host), ("why", why)], time.as_secs_f64());
        }
        page.value("held", &[("host", host)], u8::from(stats.is_held));
    }
    page.0
}

#[derive(Default)]
struct Page(String);

impl Page {
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.0, "# HELP coveo_push_{name} {help}\n# TYPE coveo_push_{name} {kind}");
    }

    /// No label has a character that needs an escape.
    fn value(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "coveo_push_{name}{labels} {value}");
    }
}
