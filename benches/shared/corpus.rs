//! Items to push: made from their number, the same in every run, of about 2.2 KB of JSON each.

use coveo_push::{DocumentBody, PermissionIdentity, PermissionSet, Permissions};
use fastrand::Rng;
use serde::Serialize;
use serde::de::IgnoredAny;

const WORDS: [&str; 32] = [
    "the",
    "of",
    "and",
    "to",
    "a",
    "in",
    "for",
    "with",
    "printer",
    "invoice",
    "password",
    "office",
    "account",
    "shipping",
    "warranty",
    "calendar",
    "meeting",
    "battery",
    "keyboard",
    "delivery",
    "payment",
    "request",
    "settings",
    "holiday",
    "contract",
    "training",
    "signature",
    "colleague",
    "customer",
    "reference",
    "department",
    "information",
];
const RARE_WORDS: [&str; 8] = ["crème", "Straße", "“quote”", "\"plain\"", "C:\\Users", "東京", "привет", "🙂"];
const AUTHORS: [&str; 6] = ["Ada Byron", "Noé Côté", "Mei Lin", "Jörg Weiß", "Sam O'Hara", "Iva Horáková"];
const KINDS: [&str; 5] = ["Article", "Question", "Manual", "News", "Contract"];

/// An item as a program that uses the crate would have it: its own type, with `Serialize`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Page {
    title: String,
    author: &'static str,
    date: String,
    file_extension: &'static str,
    kind: &'static str,
    tags: Vec<&'static str>,
    language: &'static str,
    price: f64,
    views: i64,
    rating: f64,
    related: Vec<i64>,
    version: String,
    permissions: Permissions,
    data: String,
}

/// The document id of an item. The number at its end is what the sink goes by.
pub(crate) fn id(number: u64) -> String {
    let folder = Rng::with_seed(!number).u64(..);
    format!("https://wiki.example.com/spaces/{folder:016x}/pages/{number}")
}

pub(crate) fn page(number: u64) -> Page {
    let mut rng = Rng::with_seed(number);
    let user = |rng: &mut Rng| PermissionIdentity::user(format!("{}.{}@example.com", word(rng), rng.u16(..)));
    let title_length = rng.usize(20..60);
    let data_length = rng.usize(1000..2100);
    Page {
        title: text(&mut rng, title_length),
        author: pick(&mut rng, &AUTHORS),
        date: format!("20{:02}-{:02}-{:02}T08:30:00.000Z", rng.u8(10..26), rng.u8(1..13), rng.u8(1..29)),
        file_extension: ".html",
        kind: pick(&mut rng, &KINDS),
        tags: (0..rng.usize(1..6)).map(|_| word(&mut rng)).collect(),
        language: "en",
        price: f64::from(rng.u32(0..100_000)) / 100.0,
        views: rng.i64(0..1_000_000),
        rating: f64::from(rng.u8(0..50)) / 10.0,
        related: (0..rng.usize(0..5)).map(|_| rng.i64(0..1_000_000)).collect(),
        version: format!("{}.{}.{}", rng.u8(1..9), rng.u8(0..20), rng.u8(0..20)),
        permissions: Permissions::from(
            PermissionSet::new()
                .allow(PermissionIdentity::group("Everyone in the company"))
                .allow(user(&mut rng))
                .deny(user(&mut rng)),
        ),
        data: text(&mut rng, data_length),
    }
}

/// The same item as the crate's own type.
pub(crate) fn document(number: u64) -> DocumentBody {
    let page = page(number);
    DocumentBody::text(page.data)
        .title(page.title)
        .author(page.author)
        .date(page.date)
        .file_extension(page.file_extension)
        .metadata("kind", page.kind)
        .metadata("tags", page.tags)
        .language([page.language])
        .metadata("price", page.price)
        .metadata("views", page.views)
        .metadata("rating", page.rating)
        .metadata("related", page.related)
        .metadata("version", page.version)
        .permissions(page.permissions)
}

/// The same item as JSON text, its `documentId` in it.
pub(crate) fn json(number: u64) -> String {
    let mut buffer = Vec::new();
    write(&mut buffer, &id(number), &page(number));
    String::from_utf8(buffer).unwrap()
}

/// Appends an item with its id in front, as the pusher writes it: bare serde_json, each byte written
/// once, and nothing looked at.
pub(crate) fn write(buffer: &mut Vec<u8>, id: &str, item: &impl Serialize) {
    buffer.extend_from_slice(b"{\"documentId\":");
    serde_json::to_writer(&mut *buffer, id).unwrap();
    let brace = buffer.len();
    serde_json::to_writer(&mut *buffer, item).unwrap();
    buffer[brace] = b',';
}

/// Appends an item that is text, after bare serde_json has found that it is JSON.
pub(crate) fn write_text(buffer: &mut Vec<u8>, text: &str) {
    serde_json::from_str::<IgnoredAny>(text).unwrap();
    buffer.extend_from_slice(text.as_bytes());
}

fn text(rng: &mut Rng, length: usize) -> String {
    let mut text = String::with_capacity(length + 32);
    while text.len() < length {
        text.push_str(if rng.u8(..) < 5 { pick(rng, &RARE_WORDS) } else { word(rng) });
        text.push_str(if rng.u8(..) < 12 { ".\n" } else { " " });
    }
    text
}

fn word(rng: &mut Rng) -> &'static str {
    pick(rng, &WORDS)
}

fn pick(rng: &mut Rng, from: &[&'static str]) -> &'static str {
    from[rng.usize(..from.len())]
}
