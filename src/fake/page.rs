//! The page on which a person looks into the fake. It has no scripts, and reloads itself.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Response};

use super::dropped::{Dropped, DroppedIdentity};
use super::handle::FakePushApi;
use super::html::Html;
use super::item::FakeItem;
use super::pipeline::{Logged, PipelineLog};
use super::provider::{FakeIdentity, ProviderState};
use super::record::RecordedRequest;
use super::source::{SourceKind, SourceState};
use super::state::ServiceState;
use crate::access::graph::IdentityGraph;
use crate::access::viewer::Viewer;
use crate::model::{
    DateTime, Identity, LogEntry, MappedIdentity, PermissionIdentity, PermissionSet, Permissions, SecurityIdentityType,
};

/// So many items, identities, drops, log entries and requests are shown.
const SHOWN: usize = 100;
/// So many people are asked whether they see an item.
const PEOPLE: usize = 50;

/// Allows the style of the page, and nothing else: no script runs, whatever an item holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

/// Responds with the page. With `pause` in the query it does not reload itself.
pub(super) fn respond(fake: &FakePushApi, query: Option<&str>) -> Response<Bytes> {
    let is_paused = query.is_some_and(|query| query.split('&').any(|part| part == "pause"));
    let mut response = Response::new(Bytes::from(page(fake, is_paused)));
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The shown entries of a list, and how many it has.
struct Part<T> {
    shown: Vec<T>,
    total: usize,
}

impl<T: Clone> Part<T> {
    fn first<'a>(all: impl ExactSizeIterator<Item = &'a T>) -> Self
    where
        T: 'a,
    {
        let total = all.len();
        Self { shown: all.take(SHOWN).cloned().collect(), total }
    }

    /// The latest entries, latest first.
    fn latest<'a>(all: impl DoubleEndedIterator<Item = &'a T> + ExactSizeIterator) -> Self
    where
        T: 'a,
    {
        Self::first(all.rev())
    }
}

/// The latest entries of the log, latest first.
fn latest_entries(log: &PipelineLog, now: SystemTime) -> Part<LogEntry> {
    let keep_latest = |entries: &mut Vec<Logged<'_>>| {
        // The stages of an item have one time, and are in their order.
        entries.sort_by_key(Logged::time);
        entries.drain(..entries.len().saturating_sub(SHOWN));
    };
    let (mut total, mut latest) = (0, Vec::new());
    for entry in log.entries(now) {
        total += 1;
        latest.push(entry);
        // The log may be long: only a part of it is kept at a time.
        if latest.len() == 2 * SHOWN {
            keep_latest(&mut latest);
        }
    }
    keep_latest(&mut latest);
    Part { shown: latest.iter().rev().map(Logged::entry).collect(), total }
}

/// A source or a data collection.
struct ShownSource {
    id: String,
    /// Its name, where it is not the id.
    name: Option<String>,
    what: &'static str,
    status: &'static str,
    items: Part<FakeItem>,
    dropped: Part<Dropped>,
}

impl ShownSource {
    fn of((id, source): (&String, &SourceState)) -> Self {
        let what = match (source.kind, source.is_secured) {
            (SourceKind::Push, false) => "push source",
            (SourceKind::Push, true) => "push source, secured",
            (SourceKind::StreamEnabled, _) => "stream-enabled source",
            (SourceKind::Catalog { is_configured: true }, _) => "catalog source",
            (SourceKind::Catalog { is_configured: false }, _) => "catalog source without a catalog configuration",
            (SourceKind::Collection, _) => "data collection",
        };
        Self {
            id: id.clone(),
            name: Some(source.name(id)).filter(|name| name != id).map(str::to_owned),
            what,
            status: source.status.map_or("none", |status| status.as_str()),
            items: Part::first(source.items.values()),
            dropped: Part::latest(source.dropped.iter()),
        }
    }
}

struct ShownProvider {
    id: String,
    identities: Part<FakeIdentity>,
    dropped: Part<DroppedIdentity>,
    /// The users that it knows.
    users: Vec<String>,
}

impl ShownProvider {
    fn of((id, provider): (&String, &ProviderState)) -> Self {
        let identities = Part::first(provider.identities.values());
        let named = identities.shown.iter().flat_map(|known| [known.identity()].into_iter().chain(known.members()));
        let users = named.filter(|identity| identity.identity_type == SecurityIdentityType::User);
        let users = users.map(|identity| identity.name.clone()).collect();
        Self { id: id.clone(), users, identities, dropped: Part::latest(provider.dropped.iter()) }
    }
}

/// A copy of the shown state, so that the page is written without the lock.
struct Snapshot {
    organization: String,
    default_provider: String,
    now: DateTime,
    sources: Vec<ShownSource>,
    providers: Vec<ShownProvider>,
    log: Part<LogEntry>,
    requests: Part<RecordedRequest>,
}

impl Snapshot {
    fn of(state: &mut ServiceState) -> Self {
        Self {
            organization: state.organization.clone(),
            default_provider: state.default_provider.clone(),
            now: state.clock.now().into(),
            sources: state.sources.iter().chain(&state.collections).map(ShownSource::of).collect(),
            providers: state.providers.iter().map(ShownProvider::of).collect(),
            log: latest_entries(&state.pipeline.log, state.clock.now()),
            requests: Part::latest(state.record.iter()),
        }
    }
}

fn page(fake: &FakePushApi, is_paused: bool) -> String {
    let graph = fake.identity_graph();
    let snapshot = fake.shared.look(Snapshot::of);
    let Snapshot { organization, default_provider, now, sources, providers, log, requests } = snapshot;
    let people = people(&graph, &default_provider, &sources, &providers);
    let mut html = Html::new();
    html.markup("<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>").text(&organization);
    html.markup(" – fake Push API</title>\n<meta name=viewport content=\"width=device-width\">");
    html.markup("<link rel=icon href=\"data:,\">\n");
    html.markup(if is_paused { "" } else { "<meta http-equiv=refresh content=2>\n" });
    html.markup("<style>").markup(include_str!("page.css")).markup("</style></head>\n<body><header><h1>");
    html.text(&organization).markup("</h1><span>fake Push API</span><span>").text(now).markup("</span>");
    html.markup(match is_paused {
        true => "<a href=\"/\">resume</a>",
        false => "<span>reloads every 2 seconds, <a href=\"/?pause\">pause</a></span>",
    });
    html.markup("</header>\n<h2>Sources</h2>\n");
    for source in &sources {
        show_source(&mut html, source, &people);
    }
    html.markup(if sources.is_empty() { "<p class=none>none</p>\n" } else { "" });
    html.markup("<h2>Security identity providers</h2>\n");
    for provider in &providers {
        show_provider(&mut html, provider);
    }
    html.markup(if providers.is_empty() { "<p class=none>none</p>\n" } else { "" });
    heading(&mut html, "<h2>", "Log of the indexing pipeline, latest first", "</h2>\n", &log);
    show_log(&mut html, &log);
    heading(&mut html, "<h2>", "Requests, latest first", "</h2>\n", &requests);
    show_requests(&mut html, &requests);
    html.markup("</body></html>\n");
    html.finish()
}

/// A heading with the number of entries below it.
fn heading<T>(html: &mut Html, begin: &'static str, text: impl Display, end: &'static str, part: &Part<T>) {
    html.markup(begin).text(text).markup(" <span>");
    match part.shown.len() < part.total {
        true => html.text(part.shown.len()).markup(" of ").text(part.total),
        false => html.text(part.total),
    };
    html.markup("</span>").markup(end);
}

fn show_source(html: &mut Html, source: &ShownSource, people: &[Viewer]) {
    let ShownSource { id, name, what, status, items, dropped } = source;
    html.markup("<section><h3>");
    if let Some(name) = name {
        html.text(name).markup(": ");
    }
    html.text(id).markup(" <span>").text(what).markup(", status ").text(status);
    html.markup("</span></h3>\n");
    heading(html, "<div>", "Items", "</div>\n", items);
    html.table(&["Document id", "Title", "Permissions", "Who sees it"], &items.shown, |row, item: &FakeItem| {
        row.cell(item.document_id())
            .cell(item.title().unwrap_or_default())
            .cell(permissions(item.permissions()))
            .cell(who_sees(item, people));
    });
    if dropped.total > 0 {
        heading(html, "<h4>", "Dropped, latest first", "</h4>\n", dropped);
        html.table(&["Document id", "Reason", "Operation", "Ordering id"], &dropped.shown, |row, dropped: &Dropped| {
            row.cell(dropped.document_id())
                .cell(dropped.reason())
                .cell(dropped.operation())
                .cell(dropped.ordering_id());
        });
    }
    html.markup("</section>\n");
}

fn show_provider(html: &mut Html, provider: &ShownProvider) {
    let ShownProvider { id, identities, dropped, users: _ } = provider;
    heading(html, "<section><h3>", id, "</h3>\n", identities);
    html.table(
        &["Identity", "Type", "Members", "Granted", "Aliases", "State"],
        &identities.shown,
        |row, known: &FakeIdentity| {
            let alias = |alias: &MappedIdentity| match &alias.provider {
                Some(provider) => format!("{} ({provider})", alias.name),
                None => alias.name.clone(),
            };
            row.cell(&known.identity().name)
                .cell(known.identity().identity_type)
                .cell(listed(known.members().iter().map(typed)))
                .cell(listed(known.well_knowns().iter().map(typed)))
                .cell(listed(known.aliases().iter().map(alias)))
                .cell(match known.error() {
                    Some(error) => format!("in error: {error}"),
                    None => if known.is_disabled() { "disabled" } else { "" }.to_owned(),
                });
        },
    );
    if dropped.total > 0 {
        heading(html, "<h4>", "Dropped, latest first", "</h4>\n", dropped);
        html.table(&["Identity", "Reason", "Operation"], &dropped.shown, |row, dropped: &DroppedIdentity| {
            row.cell(typed(dropped.identity())).cell(dropped.reason()).cell(dropped.operation());
        });
    }
    html.markup("</section>\n");
}

fn show_log(html: &mut Html, log: &Part<LogEntry>) {
    html.table(
        &["Time", "Document id", "Source", "Stage", "Operation", "Result", "Reason"],
        &log.shown,
        |row, entry: &LogEntry| {
            row.cell(&entry.datetime)
                .cell(&entry.id)
                .cell(&entry.source_id)
                .cell(&entry.task)
                .cell(&entry.operation)
                .cell(&entry.result)
                .cell(if entry.is_trouble() { entry.reason() } else { String::new() });
        },
    );
}

fn show_requests(html: &mut Html, requests: &Part<RecordedRequest>) {
    html.table(
        &["After", "Method", "Path", "Query", "Operation", "Status"],
        &requests.shown,
        |row, request: &RecordedRequest| {
            row.cell(format_args!("{:.1} s", request.received_after().as_secs_f64()))
                .cell(request.method())
                .cell(request.path())
                .cell(listed(request.shown_query().map(|(name, value)| format!("{name}={value}"))))
                .cell(request.operation().map_or("", |operation| operation.name()))
                .cell(request.status().map_or_else(|| "no response".to_owned(), |status| status.to_string()));
        },
    );
}

/// The people whose view is shown: the users of the providers, and those that permissions name.
fn people(
    graph: &IdentityGraph,
    default_provider: &str,
    sources: &[ShownSource],
    providers: &[ShownProvider],
) -> Vec<Viewer> {
    let known = providers.iter().flat_map(|provider| {
        provider.users.iter().map(|name| PermissionIdentity::user(name).security_provider(&provider.id))
    });
    let items = sources.iter().flat_map(|source| &source.items.shown);
    let named = items.filter_map(FakeItem::permissions).flat_map(Permissions::identities);
    let named = named.filter(|named| named.identity_type == SecurityIdentityType::User);
    let named = named.map(|named| match named.named_provider() {
        Some(_) => named.clone(),
        None => named.clone().security_provider(default_provider),
    });
    let people: BTreeSet<PermissionIdentity> = known.chain(named).collect();
    people.into_iter().take(PEOPLE).map(|person| graph.viewer(person)).collect()
}

fn who_sees(item: &FakeItem, people: &[Viewer]) -> String {
    if item.visible_to(&Viewer::unauthenticated()).is_allowed() {
        return "everybody".to_owned();
    }
    let seeing = people.iter().filter(|person| item.visible_to(person).is_allowed());
    match listed(seeing.map(Viewer::to_string)) {
        nobody if nobody.is_empty() => "nobody that is known".to_owned(),
        seeing => seeing,
    }
}

/// The permissions of an item in a few words.
fn permissions(permissions: Option<&Permissions>) -> String {
    let Some(permissions) = permissions else { return "none".to_owned() };
    let sets = |sets: &[PermissionSet]| sets.iter().map(permission_set).collect::<Vec<_>>().join("; and ");
    match permissions {
        Permissions::Simplified(all) => sets(all),
        Permissions::Complete(levels) => {
            let levels = levels.iter().map(|level| {
                let name = level.name.as_deref().unwrap_or("level");
                format!("{name}: {}", sets(&level.permission_sets))
            });
            levels.collect::<Vec<_>>().join(". Else ")
        }
    }
}

fn permission_set(set: &PermissionSet) -> String {
    let named = |identity: &PermissionIdentity| format!("{} {}", identity.identity_type, identity.identity);
    let allowed = set.allow_anonymous.then(|| "everybody".to_owned());
    let allowed = listed(allowed.into_iter().chain(set.allowed_permissions.iter().map(named)));
    let denied = listed(set.denied_permissions.iter().map(named));
    let allowed = if allowed.is_empty() { "nobody".to_owned() } else { allowed };
    if denied.is_empty() { allowed } else { format!("{allowed}, but not {denied}") }
}

fn typed(identity: &Identity) -> String {
    format!("{} {}", identity.identity_type, identity.name)
}

fn listed(entries: impl Iterator<Item = String>) -> String {
    entries.collect::<Vec<_>>().join(", ")
}
