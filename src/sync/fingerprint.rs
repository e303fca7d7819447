//! The fingerprint of an item: a cryptographic hash of its canonical JSON and of its content.

use std::fs::Metadata;
use std::io::{self, Read};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

/// A SHA-256 hash.
pub(super) type Fingerprint = [u8; 32];

/// The scheme of the fingerprints. Items with a fingerprint of another scheme are pushed again.
const SCHEME: u8 = 1;
/// Deeper JSON is compared as it is written.
const MOST_LEVELS: usize = 128;
/// The key of the id, which is not part of the fingerprint.
const ID: &str = "documentId";

/// The hash of an item's JSON without its content.
pub(super) fn of_json(json: &[u8], ignored: &[String]) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update([SCHEME]);
    hash.update(canonical(json, ignored));
    hash.finalize().into()
}

/// The hash of a content in memory.
pub(super) fn of_bytes(content: &[u8]) -> Fingerprint {
    Sha256::digest(content).into()
}

/// The hash of a content that is read to its end.
pub(super) fn of_reader(mut content: impl Read) -> io::Result<Fingerprint> {
    const CHUNK: usize = 128 * 1024;
    let (mut hash, mut chunk) = (Sha256::new(), vec![0; CHUNK]);
    loop {
        match content.read(&mut chunk) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(count) => hash.update(chunk.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The fingerprint of an item whose content has this hash.
pub(super) fn with_content(item: &Fingerprint, content: &Fingerprint) -> Fingerprint {
    joined(item, b"content", content)
}

/// The fingerprint of an item by the times of its file.
pub(super) fn with_file(item: &Fingerprint, metadata: &Metadata) -> Option<Fingerprint> {
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let mut file = Sha256::new();
    file.update(metadata.len().to_le_bytes());
    file.update(modified.as_nanos().to_le_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        for number in [metadata.dev(), metadata.ino()] {
            file.update(number.to_le_bytes());
        }
        for number in [metadata.ctime(), metadata.ctime_nsec()] {
            file.update(number.to_le_bytes());
        }
    }
    Some(joined(item, b"file", &file.finalize().into()))
}

/// Whether the times of a file tell its next change: not when it was changed less than two seconds before it is read,
/// which some file systems do not tell apart, and not when it is from the future. A program that copies a file can set
/// the time of its content, and not the one of its last change.
pub(super) fn are_settled(metadata: &Metadata, now: SystemTime) -> bool {
    const GRANULARITY: Duration = Duration::from_secs(2);
    let is_settled = |time: SystemTime| now.duration_since(time).is_ok_and(|age| age >= GRANULARITY);
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;

        let (seconds, nanos) = (u64::try_from(metadata.ctime()), u32::try_from(metadata.ctime_nsec()));
        let changed = Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default());
        if !UNIX_EPOCH.checked_add(changed).is_some_and(is_settled) {
            return false;
        }
    }
    metadata.modified().is_ok_and(is_settled)
}

fn joined(item: &Fingerprint, what: &[u8], other: &Fingerprint) -> Fingerprint {
    let mut hash = Sha256::new();
    hash.update(item);
    hash.update(what);
    hash.update(other);
    hash.finalize().into()
}

/// The names of the top-level keys, each with a short hash of its value.
pub(super) fn of_keys(json: &[u8], ignored: &[String]) -> Vec<(String, u64)> {
    let Ok(members) = members(json) else { return Vec::new() };
    let kept = members.into_iter().filter(|(key, _)| !is_ignored(key, ignored));
    kept.map(|(key, value)| {
        let mut text = Vec::new();
        write(value, 0, &mut text);
        let hash = Sha256::digest(&text);
        let short = hash.first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
        (name(key), short)
    })
    .collect()
}

/// The JSON of an item with its keys sorted at every depth, without white space, its id and the ignored keys. Strings
/// and numbers stay as they are written.
fn canonical(json: &[u8], ignored: &[String]) -> Vec<u8> {
    let mut text = Vec::with_capacity(json.len());
    match members(json) {
        Ok(mut members) => {
            members.retain(|(key, _)| !is_ignored(key, ignored));
            write_members(members, 0, &mut text);
        }
        Err(_) => text.extend_from_slice(json),
    }
    text
}

fn is_ignored(key: &RawValue, ignored: &[String]) -> bool {
    let key = name(key);
    key.eq_ignore_ascii_case(ID) || ignored.iter().any(|ignored| ignored.eq_ignore_ascii_case(&key))
}

/// The text of a key.
fn name(key: &RawValue) -> String {
    serde_json::from_str(key.get()).unwrap_or_else(|_| key.get().to_owned())
}

type Members<'a> = Vec<(&'a RawValue, &'a RawValue)>;

fn write_members(mut members: Members<'_>, level: usize, text: &mut Vec<u8>) {
    // Of a key that comes twice the order stays.
    members.sort_by_key(|(key, _)| key.get());
    text.push(b'{');
    for (key, value) in members {
        text.extend_from_slice(key.get().as_bytes());
        text.push(b':');
        write(value, level + 1, text);
        text.push(b',');
    }
    text.push(b'}');
}

fn write(value: &RawValue, level: usize, text: &mut Vec<u8>) {
    let json = value.get();
    match json.as_bytes().first() {
        Some(b'{') if level < MOST_LEVELS => {
            if let Ok(members) = members(json.as_bytes()) {
                return write_members(members, level, text);
            }
        }
        Some(b'[') if level < MOST_LEVELS => {
            if let Ok(values) = serde_json::from_str::<Vec<&RawValue>>(json) {
                text.push(b'[');
                for value in values {
                    write(value, level + 1, text);
                    text.push(b',');
                }
                text.push(b']');
                return;
            }
        }
        _ => {}
    }
    text.extend_from_slice(json.as_bytes());
}

fn members(json: &[u8]) -> Result<Members<'_>, serde_json::Error> {
    struct Object;

    impl<'de> Visitor<'de> for Object {
        type Value = Members<'de>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    serde_json::Deserializer::from_slice(json).deserialize_map(Object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fingerprint(json: &str) -> Fingerprint {
        of_json(json.as_bytes(), &["crawledAt".to_owned()])
    }

    #[test]
    fn items_that_say_the_same_have_one_fingerprint() {
        let item = r#"{"documentId":"a://b","title":"T","tags":["x",{"b":1,"a":[]}],"m":{"z":1.50,"y":null}}"#;
        for same in [
            r#"{"m":{"y":null,"z":1.50},"tags":["x",{"a":[],"b":1}],"title":"T"}"#,
            "{ \"title\" : \"T\",\n\t\"tags\": [\"x\", {\"b\": 1, \"a\": [ ]}], \"m\": {\"z\":1.50,\"y\":null} }",
            r#"{"crawledAt":7,"title":"T","tags":["x",{"b":1,"a":[]}],"m":{"z":1.50,"y":null}}"#,
            r#"{"CRAWLEDAT":{"a":1},"title":"T","tags":["x",{"b":1,"a":[]}],"m":{"z":1.50,"y":null}}"#,
        ] {
            assert_eq!(fingerprint(same), fingerprint(item), "{same}");
        }
    }

    #[test]
    fn items_that_differ_have_different_fingerprints() {
        let all = [
            "{}",
            r#"{"a":1}"#,
            r#"{"a":2}"#,
            r#"{"a":"1"}"#,
            r#"{"a":[1]}"#,
            r#"{"a":[1,2]}"#,
            r#"{"a":[2,1]}"#,
            r#"{"a":[12]}"#,
            r#"{"a":[[1],2]}"#,
            r#"{"a":{"b":1}}"#,
            r#"{"a":{"b":1},"c":1}"#,
            r#"{"a":{"b":1,"c":1}}"#,
            r#"{"a":{"crawledAt":1}}"#,
            r#"{"a":{"crawledAt":2}}"#,
            r#"{"ab":1}"#,
            r#"{"a":"b\":1"}"#,
        ];
        let different: std::collections::BTreeSet<_> = all.iter().map(|json| fingerprint(json)).collect();
        assert_eq!(different.len(), all.len());
        let item = fingerprint("{}");
        assert_ne!(with_content(&item, &[0; 32]), item);
        assert_ne!(with_content(&item, &[0; 32]), with_content(&item, &[1; 32]));
    }

    #[test]
    fn the_times_of_a_file_are_trusted_two_seconds_after_its_last_change() {
        let file = tempfile::tempfile().unwrap();
        let (now, second) = (SystemTime::now(), Duration::from_secs(1));
        for (modified, looked_at, expected) in [
            // It was changed now, whatever the time of its content says.
            (now - 60 * second, now + second, false),
            (now - 60 * second, now + 10 * second, true),
            (now + 5 * second, now + 6 * second, false),
            (now + 5 * second, now + 10 * second, true),
            // From the future.
            (now + 60 * second, now + 10 * second, false),
        ] {
            file.set_modified(modified).unwrap();
            let metadata = file.metadata().unwrap();
            assert_eq!(
                are_settled(&metadata, looked_at),
                expected || cfg!(not(unix)) && modified < now,
                "{modified:?}"
            );
        }
    }

    #[test]
    fn json_of_any_depth_has_a_fingerprint() {
        let deep = format!(r#"{{"a":{}{}}}"#, "[".repeat(20_000), "]".repeat(20_000));
        assert_ne!(fingerprint(&deep), fingerprint(r#"{"a":[]}"#));
    }

    #[test]
    fn a_read_that_is_interrupted_goes_on_and_one_that_fails_is_an_error() {
        struct Fails(Option<io::ErrorKind>);

        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                self.0.take().map_or(Ok(0), |kind| Err(kind.into()))
            }
        }

        let read = |kind| of_reader(b"one".chain(Fails(Some(kind))).chain(&b"two"[..]));
        assert_eq!(read(io::ErrorKind::Interrupted).unwrap(), of_bytes(b"onetwo"));
        assert_eq!(read(io::ErrorKind::UnexpectedEof).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
