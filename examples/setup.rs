//! From an empty organization to a searchable item, and back: a secured source, its security identity provider, two
//! fields, a user, and an item that the user may see.
//!
//! ```sh
//! cargo run --example setup
//! cargo run --example setup -- --keep wiki
//! ```
//!
//! Without credentials this is a fake organization in memory. `COVEO_API_KEY`, `COVEO_ORGANIZATION_ID` and
//! `COVEO_REGION` or `COVEO_BASE_URL` name a real one. The key needs the privileges to create and edit sources, security
//! identity providers and fields, and to view the organization with all its sources, for the logs. Fields stay: other sources may use them.

mod shared;

use std::time::{Duration, SystemTime};

use clap::Parser;
use coveo_push::platform::{FieldModel, FieldType, NewSecurityProvider, NewSource, SourceModel};
use coveo_push::{
    DocumentBody, Error, Identity, IdentityBody, MappedIdentity, MappedIdentityBody, Operation, Outcome,
    PermissionIdentity, PermissionSet, PushClient,
};
use shared::say;

/// The name of the source that is deleted again.
const TRIAL: &str = "coveo-push-setup";
/// The document id of the item.
const PAGE: &str = "https://example.com/welcome";

/// Creates a secured push source with its security identity provider and two fields, pushes an item, and deletes
/// everything but the fields.
#[derive(Parser)]
struct Arguments {
    /// Creates a source with this name, or finds it, and keeps it; prints the ids for the other examples
    #[arg(long, value_name = "NAME")]
    keep: Option<String>,
}

#[tokio::main]
async fn main() -> Result<(), shared::Failure> {
    let arguments = Arguments::parse();
    let setup = shared::Setup::of_organization()?;
    let client = &setup.client;
    check(client).await?;
    if let Some(name) = &arguments.keep {
        let source = create(client, name).await?;
        say!("COVEO_SOURCE_ID={:?}", source.id());
        say!("COVEO_PROVIDER_ID={:?}", provider_id(name));
        return Ok(());
    }
    let sources = client.platform().sources().await?;
    if sources.iter().any(|source| source.name() == Some(TRIAL)) {
        let why = format!("a source with the name {TRIAL} exists, and this program would delete it: delete it first");
        return Err(std::io::Error::other(why).into());
    }
    let tried = shared::unless_stopped(try_out(client, setup.fake.is_some())).await;
    step("The provider and the source are deleted");
    let deleted = clean_up(client).await;
    tried?;
    deleted?;
    Ok(())
}

/// The id of the provider of a source.
fn provider_id(name: &str) -> String {
    format!("{name} users")
}

/// Looks whether the organization is awake, and whether the key may create sources.
async fn check(client: &PushClient) -> Result<(), shared::Failure> {
    let platform = client.platform();
    let status = platform.organization_status().await?;
    say!("The organization {} is {}.", client.organization_id(), status.pause_state().unwrap_or("in an unknown state"));
    if status.is_paused() {
        platform.resume_organization().await?;
        return Err(std::io::Error::other("the organization is waking up: try again in a few minutes").into());
    }
    if let Some(limit) = platform.limits().await?.daily_items() {
        say!("It may push {} items a day.", limit.limit);
    }
    if let Some(needed) = Operation::CreateSource.privilege()
        && !platform.has_privilege(needed).await?
    {
        return Err(std::io::Error::other(format!("the key lacks the privilege {needed}")).into());
    }
    Ok(())
}

/// Creates a source with its provider and its fields, or finds them.
async fn create(client: &PushClient, name: &str) -> Result<SourceModel, Error> {
    let platform = client.platform();
    step("A secured push source");
    let source = platform.create_source(NewSource::push(name).secured()).await?;
    say!("  {name} has the id {}", source.id());
    step("Its security identity provider");
    let provider = NewSecurityProvider::for_source(provider_id(name), source.id());
    say!("  {}", platform.create_provider(provider).await?.id());
    step("Two fields for its metadata");
    let fields = [
        FieldModel::string("wikitags").multi_value_facet(true).description("The tags of a page"),
        FieldModel::new("wikipages", FieldType::Long).sort(true),
    ];
    for result in platform.create_fields(fields).await? {
        say!("  {result}");
    }
    Ok(source)
}

async fn try_out(client: &PushClient, is_fake: bool) -> Result<(), Error> {
    let source = create(client, TRIAL).await?;
    step("A user, who is known by an e-mail address");
    let identities = client.identities(provider_id(TRIAL));
    let user = Identity::user("asmith");
    let accepted = identities.add_or_update(&IdentityBody::new(user.clone())).await?;
    let email = MappedIdentity::user("asmith@example.com").provider("Email Security Provider");
    identities.add_or_update_alias(&MappedIdentityBody::new(user.clone()).alias(email)).await?;

    step("An item that the user may see");
    let page = DocumentBody::text("Words that people will search for.")
        .title("Welcome")
        .metadata("wikitags", ["start", "help"])
        .metadata("wikipages", 12)
        .permissions(PermissionSet::new().allow(PermissionIdentity::user("asmith")));
    let missing = client.platform().missing_fields(page.metadata.iter().map(|(key, _)| key)).await?;
    say!("  metadata without a field: {}", if missing.is_empty() { "none".to_owned() } else { missing.join(", ") });
    let items = client.items(source.id());
    items.add_or_update(PAGE, &page).await?;

    step("What became of it");
    let pushed = accepted.server_time().unwrap_or_else(SystemTime::now);
    // A real service takes minutes.
    for attempt in 0.. {
        let state = identities.state(&user).await?;
        let outcome = items.outcome(PAGE).since(pushed).await?;
        say!("  the user is {}, the item is {outcome}", state.state());
        let is_told = !matches!(outcome, Outcome::Pending | Outcome::Unknown);
        if is_fake || (state.is_up_to_date_since(pushed) && is_told) || attempt == 20 {
            break;
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
    }
    for identity in identities.in_error().since(pushed).await? {
        say!("  {} is in error: {}", identity.name(), identity.error_detail().unwrap_or("no reason is given"));
    }
    Ok(())
}

/// Deletes everything that was created.
async fn clean_up(client: &PushClient) -> Result<(), Error> {
    let platform = client.platform();
    match platform.delete_provider(provider_id(TRIAL)).await {
        // It was not created.
        Ok(()) | Err(Error::NotFound(_)) => {}
        Err(error) => return Err(error),
    }
    for source in platform.sources().await?.iter().filter(|source| source.name() == Some(TRIAL)) {
        platform.delete_source(source.id()).await?;
    }
    Ok(())
}

fn step(what: &str) {
    say!("\n{what}");
}
