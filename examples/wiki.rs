//! A whole connector: a wiki whose pages have attachments, and may be read by groups and not by users.
//!
//! ```sh
//! cargo run --example wiki
//! cargo test --example wiki
//! ```
//!
//! A run pushes the users and groups as a refresh, and then the pages and their attachments as another:
//! what has gone from the wiki goes from the index. At the end of the file it is tested on the fake
//! service. **To a real service it goes with a source and a provider made for trying alone**, as it
//! deletes what they held before.

mod shared;

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coveo_push::KnownIdentities;
use coveo_push::report::{FailedBatch, Progress, RefreshReport};
use coveo_push::{
    Content, DocumentBody, Identity, IdentityBody, IdentityQueue, ItemQueue, Items, MappedIdentity, MappedIdentityBody,
    PermissionSet, PushClient, PushError, RefreshKind,
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
    let connector = Connector {
        client: setup.client.clone(),
        source: setup.source_id()?.to_owned(),
        provider: setup.provider_id()?.to_owned(),
    };
    let attachment = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    connector.run(&sample(attachment)).await?;
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
}

impl Connector {
    /// One run: everything is pushed again, identities first, as items can only name known identities.
    async fn run(&self, wiki: &Wiki) -> Result<(), shared::Failure> {
        let known = self.push_identities(wiki).await?;
        let report = self.push_items(&self.client.items(&self.source), wiki, &known).await?;
        println!("{report}");
        report.into_result()?;
        Ok(())
    }

    async fn push_identities(&self, wiki: &Wiki) -> Result<KnownIdentities, shared::Failure> {
        let known = KnownIdentities::new();
        // The alias of a user counts, too.
        let expected = (wiki.groups.len() + 2 * wiki.users.len()) as u64;
        let run = self.client.identities(&self.provider).refresh().expect_at_least(expected);
        let run = run.pusher(|pusher| pusher.known_identities(&known).compare_identities(true)).start().await?;
        let report = match shared::unless_stopped(push_identities(run.pusher(), wiki)).await {
            Ok(()) => run.finish().await,
            Err(error) => {
                eprintln!("{error:?}");
                run.abort().await
            }
        };
        println!("{report}");
        report.into_result()?;
        Ok(known)
    }

    async fn push_items(
        &self,
        items: &Items,
        wiki: &Wiki,
        known: &KnownIdentities,
    ) -> Result<RefreshReport, shared::Failure> {
        let failed = Arc::new(Mutex::new(Vec::new()));
        let handed = Arc::clone(&failed);
        let attachments: usize = wiki.pages.iter().map(|page| page.attachments.len()).sum();
        let expected = wiki.page_count + attachments as u64;
        let run = items
            .refresh(RefreshKind::Refresh)
            // If the wiki returns less than nine tenths of its pages, delete nothing.
            .expect_at_least(expected - expected / 10)
            .pusher(|pusher| {
                pusher
                    .secured(true)
                    .known_identities(known)
                    .on_refused(|refused| eprintln!("left out: {refused}"))
                    .on_failed_batch(move |batch| {
                        eprintln!("{batch}");
                        handed.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
                    })
            })
            .start()
            .await?;
        let mut progress = run.pusher().progress();
        let printer = tokio::spawn(async move {
            while progress.changed().await.is_ok() {
                let Progress { pushed, accepted, .. } = *progress.borrow_and_update();
                println!("{pushed} items, {accepted} accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        // Ctrl-C and SIGTERM abort the run, too: nothing is deleted, and the source is idle again.
        let report = match shared::unless_stopped(push_pages(run.pusher(), &wiki.pages)).await {
            Ok(()) => run.finish().await,
            Err(error) => {
                eprintln!("{error:?}");
                run.abort().await
            }
        };
        printer.await?;
        push_again(&failed).await?;
        Ok(report)
    }
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

/// Pushes failed batches again, in their order, with what they hold still in memory. For a connector that
/// does not push everything again in its next run `push_jsonl` keeps them in files.
async fn push_again(failed: &Mutex<Vec<FailedBatch>>) -> Result<(), shared::Failure> {
    let mut batches = mem::take(&mut *failed.lock().unwrap_or_else(PoisonError::into_inner));
    batches.sort_by_key(FailedBatch::number);
    for batch in batches {
        batch.push_again().await?;
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use std::fs;

    use coveo_push::fake::{FakePushApi, Fault};
    use coveo_push::report::{DeletionOutcome, DeletionSkipped};
    use coveo_push::{Operation, PermissionIdentity};

    use super::*;

    const SOURCE: &str = "my-source";
    const PROVIDER: &str = "My Provider";

    struct Test {
        fake: FakePushApi,
        connector: Connector,
        wiki: Wiki,
        // Goes away with it.
        _folder: tempfile::TempDir,
    }

    impl Test {
        fn new() -> Self {
            let fake = FakePushApi::builder().secured_source(SOURCE).provider(PROVIDER).build();
            let connector =
                Connector { client: fake.client(), source: SOURCE.to_owned(), provider: PROVIDER.to_owned() };
            let folder = tempfile::tempdir().unwrap();
            let attachment = folder.path().join("map.txt");
            fs::write(&attachment, "You are here.").unwrap();
            Self { fake, connector, wiki: sample(attachment), _folder: folder }
        }

        /// Runs, and lets time pass: items of the last five seconds before a run are not old.
        async fn run(&self) -> Result<(), shared::Failure> {
            let outcome = self.connector.run(&self.wiki).await;
            tokio::time::sleep(Duration::from_secs(86_400)).await;
            outcome
        }

        /// The names of the items that a user sees after signing in with an e-mail address.
        fn seen_by(&self, address: &str) -> Vec<String> {
            let viewer = PermissionIdentity::user(address).security_provider(EMAIL);
            let viewer = self.fake.identity_graph().viewer(viewer);
            let mut items = self.fake.source(SOURCE).items();
            items.retain(|item| item.visible_to(&viewer).is_allowed());
            items.iter().map(|item| item.title().unwrap().to_owned()).collect()
        }
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
        let handbook = source.item("https://wiki.example.com/handbook").unwrap();
        assert_eq!(handbook.content().unwrap(), test.wiki.pages[0].html);
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_is_gone_goes_and_a_group_that_changed_changes_who_sees() {
        let mut test = Test::new();
        test.run().await.unwrap();
        test.wiki.pages.remove(0);
        test.wiki.page_count = 3;
        test.wiki.groups[1] = ("Editors", vec![Identity::user("carol")]);
        test.run().await.unwrap();
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
    async fn a_batch_that_failed_is_pushed_again_and_nothing_is_deleted_by_that_run() {
        let mut test = Test::new();
        test.run().await.unwrap();
        test.wiki.pages.pop();
        test.wiki.page_count = 3;
        test.wiki.pages[1].html = "<p>Other plans.</p>".to_owned();
        // A call is tried twelve times.
        test.fake.inject(Fault::on(Operation::PushItemContainer).status(500).times(12));
        let error = format!("{:?}", test.run().await.unwrap_err());
        assert!(error.contains("nothing is deleted, because 4 operations failed"), "{error}");
        let plans = test.fake.source(SOURCE).item("https://wiki.example.com/plans").unwrap();
        assert_eq!(plans.content().unwrap(), "<p>Other plans.</p>");
        assert_eq!(test.fake.source(SOURCE).len(), 5);
    }

    #[tokio::test(start_paused = true)]
    async fn a_wiki_that_answers_with_half_of_its_pages_deletes_nothing() {
        let mut test = Test::new();
        test.run().await.unwrap();
        test.wiki.pages.truncate(2);
        let items = test.connector.client.items(SOURCE);
        let known = test.connector.push_identities(&test.wiki).await.unwrap();
        let report = test.connector.push_items(&items, &test.wiki, &known).await.unwrap();
        let DeletionOutcome::Skipped(reason) = report.deletion else { panic!("{report}") };
        assert!(matches!(reason, DeletionSkipped::TooFew { .. }), "{reason}");
        test.fake.pass_time(Duration::from_secs(15 * 60));
        assert_eq!(test.fake.source(SOURCE).len(), 5);
    }
}
