//! The fake's page in a browser without a window, which `COVEO_PUSH_BROWSER` names. `.ci/long` finds one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]

use std::env;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use coveo_push::fake::{FakePushApi, FakeServer};
use coveo_push::{DocumentBody, IdentityBody, PermissionIdentity, PermissionSet};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, timeout};

const HOSTILE: &str = "x://\"'></td><script>document.title='taken'</script><img src=x onerror=\"document.title=1\">";

/// A browser with an empty profile, which ends with this.
struct Browser {
    child: Child,
    _profile: TempDir,
}

impl Browser {
    fn start(options: &[&str], url: &str) -> Self {
        let browser = env::var_os("COVEO_PUSH_BROWSER").expect("COVEO_PUSH_BROWSER names no browser");
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new(browser);
        command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
        command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
        command.arg(format!("--user-data-dir={}", profile.path().display())).args(options).arg(url);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        Self { child, _profile: profile }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The document of a page, as the browser read it.
async fn document(url: String) -> String {
    let read = tokio::task::spawn_blocking(move || {
        let mut browser = Browser::start(&["--dump-dom"], &url);
        std::io::read_to_string(browser.child.stdout.take().unwrap()).unwrap()
    });
    timeout(Duration::from_secs(60), read).await.expect("the browser takes too long").unwrap()
}

async fn hostile_fake() -> (FakePushApi, FakeServer) {
    let fake = FakePushApi::builder().secured_source("my-source").provider(HOSTILE).build();
    let client = fake.client();
    let _ = client.identities(HOSTILE).add_or_update(&IdentityBody::user(HOSTILE)).await.unwrap();
    let set = PermissionSet::new().allow(PermissionIdentity::user(HOSTILE));
    let doc = DocumentBody::text("words").title(HOSTILE).permissions(set);
    let _ = client.items("my-source").add_or_update(HOSTILE, &doc).await.unwrap();
    let lost = format!("{HOSTILE}/lost");
    let _ = client.items("my-source").add_or_update(lost, &DocumentBody::text("words")).await.unwrap();
    let server = fake.serve().await.unwrap();
    (fake, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a browser: run by .ci/long"]
async fn a_browser_reads_hostile_texts_as_texts() {
    let (_fake, server) = hostile_fake().await;
    let document = document(server.page_url()).await;
    assert!(document.contains("<title>my-org – fake Push API</title>"), "{document}");
    for element in ["<script", "<img", "taken</title>"] {
        assert!(!document.contains(element), "the document has `{element}`:\n{document}");
    }
    // A browser writes the quotes of a text as they are.
    let shown = HOSTILE.replace('<', "&lt;").replace('>', "&gt;");
    // The provider, its identity, the item with its title, its permission and its viewer, the drop, and two queries.
    assert!(document.matches(&shown).count() >= 8, "{document}");
    assert!(document.contains("no permissions in a secured source"), "{document}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a browser: run by .ci/long"]
async fn the_page_reloads_itself_in_a_browser() {
    let (_fake, server) = hostile_fake().await;
    let (url, loads) = counting(&server).await;
    let _browser = Browser::start(&["--remote-debugging-port=0"], &url);
    let deadline = Instant::now() + Duration::from_secs(60);
    while loads.load(Ordering::Relaxed) < 3 {
        assert!(Instant::now() < deadline, "loaded {} times in a minute", loads.load(Ordering::Relaxed));
        sleep(Duration::from_millis(50)).await;
    }
}

/// The URL of the page behind a server that counts how often it is loaded.
async fn counting(server: &FakeServer) -> (String, Arc<AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (loads, there) = (Arc::new(AtomicU32::new(0)), server.address());
    let counter = Arc::clone(&loads);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (mut from, mut to) = client.into_split();
            let (mut answers, mut requests) = TcpStream::connect(there).await.unwrap().into_split();
            let counter = Arc::clone(&counter);
            tokio::spawn(async move { tokio::io::copy(&mut answers, &mut to).await });
            tokio::spawn(async move {
                let mut bytes = [0; 4096];
                // A request is small and comes at once.
                while let Ok(count @ 1..) = from.read(&mut bytes).await {
                    let read = bytes.get(..count).unwrap_or_default();
                    counter.fetch_add(u32::from(read.starts_with(b"GET / ")), Ordering::Relaxed);
                    if requests.write_all(read).await.is_err() {
                        break;
                    }
                }
            });
        }
    });
    (url, loads)
}
