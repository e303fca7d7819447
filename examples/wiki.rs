//! A whole connector: a wiki whose pages have attachments, and may be read by groups and not by users.
//!
//! ```sh
//! cargo run --example wiki
//! cargo test --test wiki
//! ```
//!
//! Each run gives the whole wiki to two syncs: first all users and groups, then all pages and attachments. By their ledger
//! they push only changes since the last run, and delete items that are gone from the wiki. After a crash or a failed batch
//! just run it again: nothing is lost. For a real service the ledger is the file `wiki.ledger` in the current folder; keep
//! it for the next run. The end of this file tests the connector on the fake service.

mod shared;

use std::path::{Path, PathBuf};

use coveo_push::report::SyncReport;
use coveo_push::{
    Content, DocumentBody, Identity, IdentityBody, IdentityQueue, ItemQueue, KnownIdentities, Ledger, MappedIdentity,
    MappedIdentityBody, PermissionSet, PushClient, PushError, SyncInto, SyncRun,
};
use futures_util::{StreamExt, TryStreamExt, stream};

/// The provider of e-mail addresses that every organization has.
const EMAIL: &str = "Email Security Provider";

/// The content of the wiki.
#[derive(Default)]
struct Wiki {
    /// How many pages it says that it has.
    page_count: u64,
    pages: Vec<Page>,
    groups: Vec<(&'static str, Vec<Identity>)>,
    /// Names, and the e-mail addresses by which the users sign in to search.
    users: Vec<(&'static str, &'static str)>,
}

#[derive(Clone)]
struct Page {
    name: &'static str,
    html: String,
    modified: &'static str,
    attachments: Vec<PathBuf>,
    allowed_groups: Vec<&'static str>,
    denied_users: Vec<&'static str>,
}

impl Page {
    fn uri(&self) -> String {
        format!("https://wiki.example.com/{}", self.name)
    }
}

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    let setup = shared::Setup::quiet()?;
    // Before a sync sets a status that must end.
    shared::hold_signals()?;
    // The fake service is gone with the program, and so is its ledger.
    let folder = tempfile::tempdir()?;
    let path = if setup.fake.is_some() { folder.path().join("wiki.ledger") } else { PathBuf::from("wiki.ledger") };
    let connector = Connector {
        client: setup.client.clone(),
        source: setup.source_id()?.to_owned(),
        provider: setup.provider_id()?.to_owned(),
        ledger: Ledger::open(path)?,
    };
    let wiki = sample(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    connector.run(&wiki).await?;
    // Nothing changed meanwhile, so this run pushes nothing.
    connector.run(&wiki).await?;
    if let Some(fake) = &setup.fake {
        let graph = fake.identity_graph();
        for item in fake.source(&connector.source).items() {
            for name in ["alice", "bob"] {
                println!("{name}: {}: {}", item.document_id(), item.visible_to(&graph.viewer(Identity::user(name))));
            }
        }
    }
    Ok(())
}

fn sample(attachment: PathBuf) -> Wiki {
    let page = |name, html| Page {
        name,
        html,
        modified: "2026-01-31T12:00:00Z",
        attachments: Vec::new(),
        allowed_groups: vec!["Staff"],
        denied_users: Vec::new(),
    };
    let handbook = Page { attachments: vec![attachment], ..page("handbook", "<p>Words.</p>".repeat(500_000)) };
    let plans = Page { denied_users: vec!["bob"], ..page("plans", "<p>Plans.</p>".to_owned()) };
    Wiki {
        page_count: 4,
        pages: vec![handbook, plans, page("news", "<p>News.</p>".to_owned()), page("menu", "<p>Soup.</p>".to_owned())],
        groups: vec![
            ("Staff", vec![Identity::group("Editors"), Identity::user("bob")]),
            ("Editors", vec![Identity::user("alice")]),
        ],
        users: vec![("alice", "alice@example.com"), ("bob", "bob@example.com"), ("carol", "carol@example.com")],
    }
}

struct Connector {
    client: PushClient,
    source: String,
    provider: String,
    ledger: Ledger,
}

impl Connector {
    /// One run: the identities first, as items can only name known identities. Returns the report of the items.
    async fn run(&self, wiki: &Wiki) -> Result<SyncReport, shared::Failure> {
        let known = self.sync_identities(wiki).await?;
        self.sync_items(wiki, &known).await
    }

    async fn sync_identities(&self, wiki: &Wiki) -> Result<KnownIdentities, shared::Failure> {
        let known = KnownIdentities::new();
        let sync = self.client.identities(&self.provider).sync(&self.ledger);
        let sync = sync.pusher(|pusher| pusher.known_identities(&known).compare_identities(true));
        let run = sync.start().await?;
        let pushed = shared::unless_stopped(push_identities(run.pusher(), wiki)).await;
        end(run, pushed).await?;
        Ok(known)
    }

    async fn sync_items(&self, wiki: &Wiki, known: &KnownIdentities) -> Result<SyncReport, shared::Failure> {
        let attachments: usize = wiki.pages.iter().map(|page| page.attachments.len()).sum();
        let expected = wiki.page_count + attachments as u64;
        let run = self
            .client
            .items(&self.source)
            .sync(&self.ledger)
            // If the wiki returns less than nine tenths of its pages, delete nothing.
            .expect_at_least(expected - expected / 10)
            .pusher(|pusher| {
                pusher
                    .secured(true)
                    .known_identities(known)
                    .on_refused(|refused| eprintln!("left out: {refused}"))
                    // The run goes on, and the next run pushes the items of this batch again.
                    .on_failed_batch(|batch| eprintln!("{batch}"))
            })
            .start()
            .await?;
        let pushed = shared::unless_stopped(push_pages(run.pusher(), &wiki.pages)).await;
        end(run, pushed).await
    }
}

/// Ends a sync. If not everything was pushed, because of an error, Ctrl-C or SIGTERM, nothing is deleted.
async fn end<T: SyncInto>(run: SyncRun<T>, pushed: Result<(), shared::Failure>) -> Result<SyncReport, shared::Failure> {
    let report = match pushed {
        Ok(()) => run.finish().await,
        Err(error) => {
            eprintln!("{error:?}");
            run.abort().await
        }
    };
    println!("{report}");
    Ok(report.into_result()?)
}

async fn push_identities(pusher: &IdentityQueue, wiki: &Wiki) -> Result<(), PushError> {
    for (name, address) in &wiki.users {
        pusher.add_or_update(&IdentityBody::user(*name)).await?;
        let alias = MappedIdentity::user(*address).provider(EMAIL);
        pusher.add_or_update_alias(&MappedIdentityBody::user(*name).alias(alias)).await?;
    }
    for (name, members) in &wiki.groups {
        pusher.add_or_update(&IdentityBody::group(*name).members(members.clone())).await?;
    }
    pusher.flush().await?;
    Ok(())
}

/// Four at a time, since the contents of each are compressed and uploaded before its push returns.
async fn push_pages(pusher: &ItemQueue, pages: &[Page]) -> Result<(), PushError> {
    stream::iter(pages).map(Ok).try_for_each_concurrent(4, |page| push_page(pusher, page)).await?;
    pusher.flush().await?;
    Ok(())
}

async fn push_page(pusher: &ItemQueue, page: &Page) -> Result<(), PushError> {
    let readers = PermissionSet::new()
        .allow_all(page.allowed_groups.iter().map(|name| Identity::group(*name)))
        .deny_all(page.denied_users.iter().map(|name| Identity::user(*name)));
    let uri = page.uri();
    let doc = DocumentBody::new()
        .title(page.name)
        .file_extension(".html")
        .modified_date(page.modified)
        .permissions(readers.clone());
    // Of any size: large content goes through a file container.
    pusher.add_or_update(&uri, &doc).content(Content::text(&page.html)).await?;
    for path in &page.attachments {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let doc = DocumentBody::new().title(&*name).file_name(&*name).parent_id(&uri).permissions(readers.clone());
        pusher.add_or_update(format!("{uri}/{name}"), &doc).content(Content::file(path)).await?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use std::fs;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use coveo_push::fake::{FakePushApi, Fault};
    use coveo_push::{Host, Operation, PermissionIdentity};

    use super::*;

    const SOURCE: &str = "my-source";
    const PROVIDER: &str = "My Provider";

    struct Test {
        fake: FakePushApi,
        wiki: Wiki,
        /// The attachment and the ledger.
        folder: tempfile::TempDir,
    }

    impl Test {
        fn new() -> Self {
            let fake = FakePushApi::builder().secured_source(SOURCE).provider(PROVIDER).build();
            let folder = tempfile::tempdir().unwrap();
            let attachment = folder.path().join("map.txt");
            fs::write(&attachment, "You are here.").unwrap();
            Self { fake, wiki: sample(attachment), folder }
        }

        /// The connector as a program that was just started.
        fn connector(&self) -> Connector {
            let ledger = Ledger::open(self.folder.path().join("ledger")).unwrap();
            Connector { client: self.fake.client(), source: SOURCE.to_owned(), provider: PROVIDER.to_owned(), ledger }
        }

        /// A day passes, and then it runs.
        async fn run(&self) -> Result<SyncReport, shared::Failure> {
            tokio::time::sleep(Duration::from_secs(86_400)).await;
            self.fake.clear_requests();
            self.connector().run(&self.wiki).await
        }

        /// The calls of the Push API in the last run.
        fn calls(&self) -> Vec<Operation> {
            let calls = self.fake.requests().into_iter().filter_map(|request| request.operation());
            calls.filter(|operation| operation.host() == Host::Push).collect()
        }

        /// The names of the items that a user sees after signing in with an e-mail address.
        fn seen_by(&self, address: &str) -> Vec<String> {
            let viewer = PermissionIdentity::user(address).security_provider(EMAIL);
            let viewer = self.fake.identity_graph().viewer(viewer);
            let mut items = self.fake.source(SOURCE).items();
            items.retain(|item| item.visible_to(&viewer).is_allowed());
            items.iter().map(|item| item.title().unwrap().to_owned()).collect()
        }

        fn content_of(&self, page: &Page) -> Vec<u8> {
            self.fake.source(SOURCE).item(&page.uri()).unwrap().content().unwrap().to_vec()
        }
    }

    /// Added, updated, unchanged, deleted.
    fn counts(report: &SyncReport) -> [u64; 4] {
        [report.added, report.updated, report.unchanged, report.deleted]
    }

    #[tokio::test(start_paused = true)]
    async fn pages_and_attachments_are_seen_by_whom_the_wiki_allows() {
        let test = Test::new();
        test.run().await.unwrap();
        let source = test.fake.source(SOURCE);
        assert!(source.dropped().is_empty(), "{:?}", source.dropped());
        assert_eq!(test.seen_by("alice@example.com"), ["handbook", "map.txt", "menu", "news", "plans"]);
        assert_eq!(test.seen_by("bob@example.com"), ["handbook", "map.txt", "menu", "news"]);
        assert!(test.seen_by("carol@example.com").is_empty());
        assert_eq!(test.content_of(&test.wiki.pages[0]), test.wiki.pages[0].html.as_bytes());
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_in_which_nothing_changed_makes_no_call_of_the_push_api() {
        let test = Test::new();
        assert_eq!(counts(&test.run().await.unwrap()), [5, 0, 0, 0]);
        assert_eq!(counts(&test.run().await.unwrap()), [0, 0, 5, 0]);
        assert_eq!(test.calls(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn of_the_pages_only_the_changed_one_is_pushed() {
        let mut test = Test::new();
        test.run().await.unwrap();
        test.wiki.pages[2].html = "<p>Other news.</p>".to_owned();
        assert_eq!(counts(&test.run().await.unwrap()), [0, 1, 4, 0]);
        assert_eq!(test.content_of(&test.wiki.pages[2]), b"<p>Other news.</p>");
        let is_commit = |call: &&Operation| **call == Operation::PushItemContainer;
        assert_eq!(test.calls().iter().filter(is_commit).count(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_is_gone_is_deleted_and_a_group_that_changed_changes_who_sees() {
        let mut test = Test::new();
        test.run().await.unwrap();
        test.wiki.pages.remove(0);
        test.wiki.page_count = 3;
        test.wiki.groups[1] = ("Editors", vec![Identity::user("carol")]);
        // With its attachment.
        assert_eq!(counts(&test.run().await.unwrap()), [0, 0, 3, 2]);
        assert_eq!(test.seen_by("carol@example.com"), ["menu", "news", "plans"]);
        assert!(test.seen_by("alice@example.com").is_empty());
        assert_eq!(test.fake.source(SOURCE).len(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_service_that_is_busy_for_a_while_is_waited_for() {
        let test = Test::new();
        let busy = Fault::on(Operation::CreateFileContainer).status(429).retry_after(Duration::from_secs(60));
        test.fake.inject(busy);
        test.fake.inject(Fault::on(Operation::PushItemContainer).status(503).times(2));
        test.run().await.unwrap();
        assert_eq!((test.fake.faults_left(), test.fake.source(SOURCE).len()), (0, 5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_with_a_failed_batch_deletes_nothing_and_the_next_one_pushes_and_deletes() {
        let mut test = Test::new();
        test.run().await.unwrap();
        test.wiki.pages.pop();
        test.wiki.page_count = 3;
        test.wiki.pages[1].html = "<p>Other plans.</p>".to_owned();
        // A call is tried twelve times.
        test.fake.inject(Fault::on(Operation::PushItemContainer).status(500).times(12));
        let error = format!("{:?}", test.run().await.unwrap_err());
        assert!(error.contains("missing items are not deleted, because 1 operation failed"), "{error}");
        assert_eq!(test.fake.source(SOURCE).len(), 5);
        assert_eq!(counts(&test.run().await.unwrap()), [0, 1, 3, 1]);
        assert_eq!(test.content_of(&test.wiki.pages[1]), b"<p>Other plans.</p>");
        assert_eq!(test.fake.source(SOURCE).len(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wiki_that_answers_with_half_of_its_pages_deletes_nothing() {
        let mut test = Test::new();
        test.run().await.unwrap();
        test.wiki.pages.truncate(2);
        let error = format!("{:?}", test.run().await.unwrap_err());
        assert!(error.contains("not deleted, because 3 ids came, but at least 5 were expected"), "{error}");
        assert_eq!(test.fake.source(SOURCE).len(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_crash_at_any_time_the_next_run_leaves_the_source_like_the_wiki() {
        for crash in 0.. {
            let mut test = Test::new();
            test.wiki.pages[0].html = "<p>Words.</p>".to_owned();
            test.run().await.unwrap();
            test.wiki.pages.pop();
            test.wiki.page_count = 3;
            test.wiki.pages[1].html = "<p>Other plans.</p>".to_owned();
            // It crashes before, in or after one of its transactions: from there on nothing is written.
            let (connector, steps) = (test.connector(), AtomicU32::new(0));
            connector.ledger.on_transaction(move |_| steps.fetch_add(1, Ordering::Relaxed) < crash);
            let is_crashed = connector.run(&test.wiki).await.is_err();
            drop(connector);
            test.run().await.unwrap();
            assert_eq!(test.content_of(&test.wiki.pages[1]), b"<p>Other plans.</p>", "{crash}");
            assert_eq!(test.seen_by("alice@example.com"), ["handbook", "map.txt", "news", "plans"], "{crash}");
            assert_eq!(counts(&test.run().await.unwrap()), [0, 0, 4, 0], "{crash}");
            assert_eq!(test.calls(), [], "{crash}");
            if !is_crashed {
                // Two batches, each marked and recorded, and a status that is set back.
                assert_eq!(crash, 15);
                break;
            }
        }
    }
}
