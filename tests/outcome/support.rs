use std::time::Duration;

use coveo_push::fake::{FakePushApi, RecordedRequest};
use coveo_push::{DocumentBody, Host, Permissions, PushClient};

pub(crate) const SOURCE: &str = "my-source";

pub(crate) fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(crate) fn doc() -> DocumentBody {
    DocumentBody::text("words").permissions(Permissions::public())
}

pub(crate) fn uri(number: usize) -> String {
    format!("https://example.com/{number}")
}

pub(crate) async fn push(client: &PushClient, id: &str) {
    let _ = client.items(SOURCE).add_or_update(id, &doc()).await.unwrap();
}

/// The requests of the logs, in their order.
pub(crate) fn log_requests(fake: &FakePushApi) -> Vec<RecordedRequest> {
    let is_of_logs = |request: &RecordedRequest| request.operation().is_some_and(|it| it.host() == Host::Logs);
    fake.requests().into_iter().filter(is_of_logs).collect()
}
