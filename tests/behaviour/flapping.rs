//! Guarantee 2 on real sockets: everything arrives through a proxy that is gone for one second of three.

use std::time::{Duration, Instant};

use coveo_push::{ApiKey, DocumentBody, PushClient};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::support::{SOURCE, fake, millis, seconds};
use crate::cases::cases;

/// Carries connections for two seconds, then closes all of them and refuses new ones for one.
async fn flap(mut listener: TcpListener, upstream: String) {
    let address = listener.local_addr().unwrap();
    loop {
        let mut connections = JoinSet::new();
        let _ = timeout(seconds(2), async {
            while let Ok((mut near, _)) = listener.accept().await {
                let upstream = upstream.clone();
                connections.spawn(async move {
                    let mut far = TcpStream::connect(upstream).await?;
                    copy_bidirectional(&mut near, &mut far).await
                });
            }
        })
        .await;
        drop(listener);
        connections.shutdown().await;
        sleep(seconds(1)).await;
        listener = TcpListener::bind(address).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guarantee_2_nothing_is_lost_through_a_proxy_that_is_gone_for_one_second_of_three() {
    const LONG_ENOUGH: Duration = Duration::from_secs(4);
    let items = cases(2_000).cases;
    let fake = fake();
    let server = fake.serve().await.unwrap();
    let base_url = server.base_url();
    let upstream = base_url.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base_url = base_url.replace(&upstream, &listener.local_addr().unwrap().to_string());
    let proxy = tokio::spawn(flap(listener, upstream));

    let client = PushClient::builder("my-org", ApiKey::new("fake-key")).base_url(base_url).build().unwrap();
    let pusher = client.items(SOURCE).pusher().batch_bytes(4_096).start();
    let begin = Instant::now();
    for n in 0..items {
        let document = DocumentBody::text(format!("the words of item {n}"));
        pusher.add_or_update(format!("https://example.com/{n:06}"), &document).await.unwrap();
        // The run takes longer than an outage, however fast the machine is.
        if begin.elapsed() < LONG_ENOUGH * n / items {
            sleep(millis(10)).await;
        }
    }
    let report = pusher.finish().await.into_result().unwrap();
    proxy.abort();
    assert_eq!(report.totals.accepted, u64::from(items));
    let source = fake.source(SOURCE);
    assert_eq!(source.len(), items as usize);
    for n in 0..items {
        let item = source.item(&format!("https://example.com/{n:06}")).unwrap();
        assert_eq!(item.data(), Some(format!("the words of item {n}").as_str()));
    }
    assert!(report.totals.retries > 0);
}
