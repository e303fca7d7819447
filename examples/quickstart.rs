//! The requests of the Push API, in the order in which a connector needs them, each printed with its
//! answer.
//!
//! ```sh
//! cargo run --example quickstart
//! ```
//!
//! Without credentials it talks to a fake service in memory. `COVEO_API_KEY`,
//! `COVEO_ORGANIZATION_ID`, `COVEO_REGION` or `COVEO_BASE_URL`, `COVEO_SOURCE_ID` and, for the
//! identities, `COVEO_PROVIDER_ID` send it to a real one. **Take a source made for trying then**: like
//! every rebuild the run ends by deleting what the source held before it.

mod shared;

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, SystemTime};

use coveo_push::fake::FakePushApi;
use coveo_push::{
    BatchDocumentBody, DocumentBody, Error, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, OrderingId,
    PermissionIdentity, PermissionSet, Permissions, PushClient, SourceStatus,
};

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    let setup = shared::Setup::new()?;
    let source_id = setup.source_id()?;
    let provider_id = setup.provider_id().ok();
    if setup.fake.is_none() && !may_rebuild(source_id)? {
        return Ok(());
    }
    if let Some(fake) = &setup.fake {
        push_leftover(fake, source_id).await?;
    }
    shared::hold_signals()?;
    rebuild(&setup.client, source_id, provider_id).await?;
    if let Some(fake) = &setup.fake {
        fake.pass_time(Duration::from_secs(15 * 60));
        print_what_is_there(fake, source_id, provider_id);
    }
    Ok(())
}

/// One rebuild of a source, which is told that it is over whether it went well or not.
async fn rebuild(client: &PushClient, source_id: &str, provider_id: Option<&str>) -> Result<(), shared::Failure> {
    step("The source is being rebuilt");
    let begun = client.sources().set_status(source_id, SourceStatus::Rebuild).await?;
    let pushed = push_everything(client, source_id, provider_id, begun.server_time());
    let pushed = shared::unless_stopped(pushed).await;
    step("Nothing more to do");
    let ended = client.sources().set_status(source_id, SourceStatus::Idle).await;
    pushed?;
    ended?;
    println!("\nAll of it was accepted. The service carries it out later.");
    Ok(())
}

/// Pushes everything, and then deletes everything older than the rebuild.
async fn push_everything(
    client: &PushClient,
    source_id: &str,
    provider_id: Option<&str>,
    begun: Option<SystemTime>,
) -> Result<(), Error> {
    step("An item, https://example.com/welcome: text, metadata, and who may see it");
    let items = client.items(source_id);
    let welcome = DocumentBody::text("Words that people will search for.")
        .title("Welcome")
        .author("Alice Smith")
        .metadata("pages", 12)
        .permissions(Permissions::public());
    items.add_or_update("https://example.com/welcome", &welcome).await?;

    if let Some(provider_id) = provider_id {
        step("A group with a member, and the e-mail address by which the member is known elsewhere");
        let identities = client.identities(provider_id);
        let group = IdentityBody::group("SampleGroup").member(Identity::user("asmith@example.com"));
        identities.add_or_update(&group).await?;
        let alias = MappedIdentityBody::user("asmith@example.com")
            .alias(MappedIdentity::user("alice.smith@example.com").provider("Email Security Provider"));
        identities.add_or_update_alias(&alias).await?;
    }

    step("Three items at once: a container, the upload into it, and the push of it");
    let readers = match provider_id {
        Some(_) => PermissionSet::new().allow(PermissionIdentity::group("SampleGroup")).into(),
        None => Permissions::public(),
    };
    let chapter = |text: &str| DocumentBody::text(text).permissions(readers.clone());
    let batch = BatchDocumentBody::new()
        .add_or_update("https://example.com/handbook/", chapter("The handbook."))
        .add_or_update("https://example.com/handbook/1", chapter("How to begin."))
        .add_or_update("https://example.com/news", chapter("What is new."));
    let accepted = items.push_batch(&batch).await?;
    let container = accepted.file_id().unwrap_or_default();
    println!("  {} bytes, in the container {container}", accepted.bytes().unwrap_or_default());

    step("An item goes, https://example.com/handbook/, and its children with it");
    items.delete("https://example.com/handbook/").delete_children(true).await?;

    step("What was there before goes too, in five minutes");
    // By the service's clock and not by ours, and a little before the run began: all that was pushed
    // in this run stays.
    match begun {
        Some(time) => {
            let ordering_id = OrderingId::from_time(time - Duration::from_secs(60));
            items.delete_older_than(ordering_id).queue_delay(Duration::from_secs(300)).await?;
        }
        None => println!("  left out: the service did not tell its time"),
    }
    Ok(())
}

fn step(what: &str) {
    println!("\n{what}");
}

/// Asks, unless the program was given `--yes`.
fn may_rebuild(source_id: &str) -> io::Result<bool> {
    if std::env::args().any(|argument| argument == "--yes") {
        return Ok(true);
    }
    if !io::stdin().is_terminal() {
        let why =
            format!("this deletes the current items of the source {source_id}; give `--yes` where nobody can answer");
        return Err(io::Error::other(why));
    }
    print!("This deletes what the source {source_id} holds now. Go on? [y/N] ");
    io::stdout().flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer.trim().eq_ignore_ascii_case("y"))
}

/// Puts an old item into the fake service, so that there is something for the rebuild to delete.
async fn push_leftover(fake: &FakePushApi, source_id: &str) -> Result<(), Error> {
    let id = "https://example.com/leftover";
    let leftover = DocumentBody::text("From an earlier run.").permissions(Permissions::public());
    fake.client().items(source_id).add_or_update(id, &leftover).ordering_id(1).await?;
    println!("Its source {source_id} holds {id}, from an earlier run.");
    Ok(())
}

/// Prints the items and identities of the fake service.
fn print_what_is_there(fake: &FakePushApi, source_id: &str, provider_id: Option<&str>) {
    let source = fake.source(source_id);
    let status = source.status().map_or("none", SourceStatus::as_str);
    println!("\nWhat the source {source_id} holds when that is done (its status is {status}):");
    for item in source.items() {
        let title = item.title().or(item.data()).unwrap_or_default();
        println!("  {:<32} {title:<36} for {}", item.document_id(), readers(item.permissions()));
    }
    for dropped in source.dropped() {
        println!("  {:<32} dropped: {}", dropped.document_id(), dropped.reason());
    }
    let Some(provider_id) = provider_id else { return };
    println!("\nWhat the provider {provider_id} holds:");
    for identity in fake.provider(provider_id).identities() {
        let members = identity.members().iter().map(|member| format!("has the member {}", member.name));
        let aliases = identity.aliases().iter().map(|alias| format!("is also {}", alias.name));
        let more: Vec<_> = members.chain(aliases).collect();
        println!("  {:<8} {:<24} {}", identity.identity().identity_type, identity.identity().name, more.join(", "));
    }
}

fn readers(permissions: Option<&Permissions>) -> String {
    let Some(permissions) = permissions else { return "nobody".to_owned() };
    if permissions.sets().any(|set| set.allow_anonymous) {
        return "everybody".to_owned();
    }
    let allowed = permissions.sets().flat_map(|set| &set.allowed_permissions);
    allowed.map(|identity| identity.identity.as_str()).collect::<Vec<_>>().join(", ")
}
