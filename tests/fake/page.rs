//! The page of the HTTP server, as text. `tests/browser.rs` looks at it with a browser.

use coveo_push::fake::{FakePushApi, FakeServer};
use coveo_push::{
    BatchIdentityBody, DocumentBody, Identity, IdentityBody, LogEntry, LogOperation, LogResult, LogTask,
    MappedIdentity, MappedIdentityBody, PermissionIdentity, PermissionLevel, PermissionSet, Permissions, reqwest,
};

use super::support::{PROVIDER, SECURED, SOURCE, fake, once};

async fn get(server: &FakeServer, path_and_query: &str) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(format!("http://{}{path_and_query}", server.address())).send().await.unwrap()
}

/// The page, with one blank between its words and without its tags.
async fn words(fake: &FakePushApi) -> String {
    let server = fake.serve().await.unwrap();
    let html = get(&server, "/").await.text().await.unwrap();
    let (_, body) = html.split_once("<body>").unwrap();
    let text: Vec<&str> = body.split('<').filter_map(|part| Some(part.split_once('>')?.1)).collect();
    text.join(" ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_page_shows_items_with_those_who_see_them_and_drops_with_their_reasons() {
    let fake = fake();
    let client = once(&fake);
    let staff = IdentityBody::group("Staff").members(["asmith", "bjones"].map(Identity::user));
    let _ = client.identities(PROVIDER).add_or_update(&staff).await.unwrap();
    let set = PermissionSet::new().allow(PermissionIdentity::group("Staff")).deny(PermissionIdentity::user("bjones"));
    let items = client.items(SECURED);
    let secret = DocumentBody::text("words").title("A plan").permissions(set);
    let _ = items.add_or_update("https://example.com/plan", &secret).await.unwrap();
    let public = DocumentBody::text("words").title("News").permissions(Permissions::public());
    let _ = items.add_or_update("https://example.com/news", &public).await.unwrap();
    let _ = items.add_or_update("https://example.com/lost", &DocumentBody::text("words")).await.unwrap();
    let page = words(&fake).await;
    for shown in [
        "secured-source push source, secured, status none Items 2",
        "https://example.com/plan A plan Group Staff, but not User bjones asmith",
        "https://example.com/news News everybody everybody",
        "Dropped, latest first 1",
        "https://example.com/lost no permissions in a secured source items.add_or_update",
        "My Provider 1 Identity Type Members",
        "Staff Group User asmith, User bjones",
        "PUT /push/v1/organizations/my-org/sources/secured-source/documents documentId=https://example.com/lost \
         items.add_or_update 202 Accepted",
    ] {
        assert!(page.contains(shown), "the page lacks `{shown}`:\n{page}");
    }
}

#[tokio::test]
async fn everything_that_is_shown_is_escaped() {
    const HOSTILE: &str = "x://\"><script>alert(1)</script><img src=x onerror=alert(1)>'&amp;";
    const ESCAPED: &str = "&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;&#39;&amp;amp;";

    let fake = FakePushApi::builder().organization(HOSTILE).provider(HOSTILE).secured_source(HOSTILE);
    let fake = fake.data_collection(HOSTILE).build();
    let client = once(&fake);
    let user = || Identity::user(HOSTILE).additional_info(HOSTILE, HOSTILE);
    let group = IdentityBody::group(HOSTILE).member(user()).well_known(user());
    let alias = MappedIdentityBody::user(HOSTILE).alias(MappedIdentity::user(HOSTILE).provider(HOSTILE));
    let batch = BatchIdentityBody::new().add_or_update(group).add_or_update_alias(alias);
    let _ = client.identities(HOSTILE).push_batch(&batch).await.unwrap();
    let _ = client.identities(HOSTILE).delete(&user()).ordering_id(1).await.unwrap();
    let allowed = PermissionIdentity::user(HOSTILE).security_provider(HOSTILE);
    let denied = PermissionIdentity::group(HOSTILE);
    let level = PermissionLevel::new(HOSTILE).permission_set(PermissionSet::new().allow(allowed).deny(denied));
    let item = DocumentBody::text("words").title(HOSTILE).permissions(Permissions::complete([level]));
    let _ = client.items(HOSTILE).add_or_update(HOSTILE, &item).await.unwrap();
    let _ = client.items(HOSTILE).add_or_update(HOSTILE, &item).ordering_id(1).await.unwrap();
    let written = LogEntry::new(
        HOSTILE,
        LogTask::Other(HOSTILE.to_owned()),
        LogOperation::Other(HOSTILE.to_owned()),
        LogResult::Error,
    );
    fake.write_log(written.source_id(HOSTILE).datetime(HOSTILE).meta("error", HOSTILE));
    let server = fake.serve().await.unwrap();
    let html = get(&server, "/").await.text().await.unwrap();
    for tag in ["<script", "<img", "onerror=alert(1)>", "&amp;\"", "'&"] {
        assert!(!html.contains(tag), "the page has `{tag}`:\n{html}");
    }
    // The organization twice, the source, the collection, the item with four in its permissions, its drop, the provider,
    // the identities with a member, a grant and an alias of a provider, and their drop; each query; and in the log the id
    // and the source of each stage, and all that a test wrote.
    let (_, log) = html.split_once("<h2>Log of").unwrap();
    let (log, _) = log.split_once("<h2>").unwrap();
    let (written, stages) = log.split_once("\n<tr>").unwrap().1.split_once("\n").unwrap();
    assert_eq!(written.matches(ESCAPED).count(), 6, "{written}");
    assert!(stages.matches(ESCAPED).count() >= 2, "{stages}");
    assert!(
        html.matches(ESCAPED).count() - log.matches(ESCAPED).count() >= 18,
        "{}:\n{html}",
        html.matches(ESCAPED).count()
    );
}

#[tokio::test]
async fn the_page_runs_no_script_and_reloads_itself_until_it_is_paused() {
    let server = fake().serve().await.unwrap();
    let page = get(&server, "/").await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("script-src"), "{policy}");
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let reloads = "<meta http-equiv=refresh";
    assert!(page.text().await.unwrap().contains(reloads));
    assert!(!get(&server, "/?pause").await.text().await.unwrap().contains(reloads));
}

#[tokio::test]
async fn looking_at_the_page_leaves_no_trace_and_shows_no_secret() {
    let fake = fake();
    let _ = once(&fake).items(SOURCE).push_batch_json(r#"{"addOrUpdate":[{"documentId":"https://a"}]}"#).await.unwrap();
    let requests = fake.requests();
    let signature = requests.iter().find_map(|request| request.parameter("X-Amz-Signature")).unwrap();
    let page = words(&fake).await;
    assert!(page.contains("X-Amz-Signature=[redacted]"), "{page}");
    assert!(!page.contains(signature) && !page.contains("fake-key"), "{page}");
    assert_eq!(fake.requests().len(), requests.len());
}

#[tokio::test]
async fn the_page_shows_a_hundred_items_and_says_how_many_there_are() {
    let fake = fake();
    let items: Vec<_> =
        (0..150).map(|number| format!(r#"{{"documentId":"https://example.com/{number:03}"}}"#)).collect();
    let batch = format!(r#"{{"addOrUpdate":[{}]}}"#, items.join(","));
    let _ = once(&fake).items(SOURCE).push_batch_json(batch).await.unwrap();
    let page = words(&fake).await;
    assert!(page.contains("Items 100 of 150"), "{page}");
    assert!(page.contains("https://example.com/099") && !page.contains("https://example.com/100"), "{page}");
}

#[tokio::test]
async fn the_page_shows_the_latest_hundred_entries_of_the_log_with_the_reasons_of_drops() {
    let fake = fake();
    fake.reject_in_pipeline(|item| item.title().is_none().then(|| "an item needs a title".to_owned()));
    let items = once(&fake).items(SOURCE);
    let old = LogEntry::new("https://example.com/old", LogTask::Crawling, LogOperation::Add, LogResult::Completed);
    fake.write_log(old.source_id(SOURCE).datetime(fake.now() - std::time::Duration::from_secs(60)));
    for number in 0..50 {
        let doc = DocumentBody::text("words").title("A title");
        let _ = items.add_or_update(format!("https://example.com/{number}"), &doc).await.unwrap();
    }
    let _ = items.add_or_update("https://example.com/bad", &DocumentBody::text("words")).await.unwrap();
    let page = words(&fake).await;
    let (_, log) = page.split_once("Log of the indexing pipeline, latest first ").unwrap();
    let (log, _) = log.split_once("Requests, latest first").unwrap();
    assert!(log.starts_with(&format!("100 of {} Time Document id Source Stage", fake.log().len())), "{log}");
    let dropped = "https://example.com/bad my-source EXTENSION ADD REJECTED an item needs a title";
    let indexed = "https://example.com/49 my-source INDEXING ADD COMPLETED";
    assert!(log.find(dropped).unwrap() < log.find(indexed).unwrap(), "{log}");
    assert!(!log.contains("https://example.com/0 ") && !log.contains("/old"), "{log}");
}
