//! The URI of a path.

use std::ffi::OsStr;

use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::error::{Error, InvalidError};
use crate::finding::{Finding, Rule};

/// The characters to encode in the path of a URI: all except those that RFC 3986 allows in a segment, and
/// the slash.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The `file://` URI of a path, for the `documentId` of an item.
///
/// Only the form of the path counts, not the operating system of the program, so that a crawler on Linux can
/// name the files of a Windows share:
///
/// ```
/// use coveo_push::file_uri;
///
/// assert_eq!(file_uri("/srv/My files/50%.txt")?, "file:///srv/My%20files/50%25.txt");
/// assert_eq!(file_uri(r"C:\Manuals\Größe.pdf")?, "file:///C:/Manuals/Gr%C3%B6%C3%9Fe.pdf");
/// assert_eq!(file_uri(r"\\server\share\a.txt")?, "file://server/share/a.txt");
/// # Ok::<(), coveo_push::Error>(())
/// ```
///
/// Other characters are percent-encoded byte by byte, so that a Unix name that is not UTF-8 has a URI, too.
/// Repeated separators and `.` are removed. A separator at the end is kept, as in the URI of a folder.
/// Upper and lower case are not changed, and the file system is not read: several paths to one file give
/// several URIs, and so several items.
///
/// # Errors
///
/// [`Error::Invalid`] if the path is relative, contains `..`, or names a device. Make it absolute first, with
/// [`std::path::absolute`] or [`std::fs::canonicalize`].
pub fn file_uri(path: impl AsRef<OsStr>) -> Result<String, Error> {
    let path = path.as_ref();
    uri(path.as_encoded_bytes()).map_err(|why| {
        let finding = Finding::new(path.to_string_lossy(), Rule::DocumentIdNotAUri, why);
        InvalidError::new(None, vec![finding]).into()
    })
}

fn uri(path: &[u8]) -> Result<String, &'static str> {
    const UNC: &[u8] = br"\\?\UNC\";
    let is_backslash = |byte: &u8| *byte == b'\\';
    let is_either = |byte: &u8| matches!(byte, b'/' | b'\\');
    if let Some((first, _)) = path.split_first_chunk::<8>()
        && first.eq_ignore_ascii_case(UNC)
    {
        return share(path.get(UNC.len()..).unwrap_or_default(), is_either);
    }
    match path {
        [b'/', rest @ ..] => write("file:///", rest, |byte| *byte == b'/'),
        // The same with `\\?\` before it, which switches off what Windows does to paths.
        [b'\\', b'\\', b'?', b'\\', drive, b':', b'\\', rest @ ..] => on_drive(*drive, rest, is_backslash),
        [b'\\', b'\\', b'.' | b'?', b'\\', ..] => Err("this path names a device, not a file"),
        [b'\\', b'\\', rest @ ..] => share(rest, is_either),
        [drive, b':', b'/' | b'\\', rest @ ..] => on_drive(*drive, rest, is_either),
        _ => Err("the path is relative; make it absolute first"),
    }
}

fn on_drive(drive: u8, path: &[u8], is_separator: impl Fn(&u8) -> bool) -> Result<String, &'static str> {
    if !drive.is_ascii_alphabetic() {
        return Err("the path has an invalid drive letter; make it absolute first");
    }
    write(&format!("file:///{}:/", char::from(drive)), path, is_separator)
}

fn share(path: &[u8], is_separator: impl Fn(&u8) -> bool) -> Result<String, &'static str> {
    let mut parts = path.splitn(2, &is_separator);
    let (server, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let is_of_host = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if server.is_empty() || !server.iter().all(is_of_host) || rest.iter().all(&is_separator) {
        return Err(r"the path names no share; write it as `\\server\share\…`");
    }
    write(&format!("file://{}/", String::from_utf8_lossy(server)), rest, is_separator)
}

/// Writes the parts of a path after a prefix that ends with a slash.
fn write(prefix: &str, path: &[u8], is_separator: impl Fn(&u8) -> bool) -> Result<String, &'static str> {
    let mut uri = prefix.to_owned();
    let mut parts = path.split(is_separator).peekable();
    while let Some(part) = parts.next() {
        match part {
            b"" | b"." => {}
            b".." => return Err("a path with `..` may lead to another file; make it canonical first"),
            _ => {
                uri.extend(percent_encode(part, ENCODED));
                if parts.peek().is_some() {
                    uri.push('/');
                }
            }
        }
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::finding::Preflight;
    use crate::preflight::document_id;

    #[test]
    fn a_path_of_each_form_has_its_uri() {
        for (path, expected) in [
            ("/", "file:///"),
            ("/a", "file:///a"),
            ("/a/b.txt", "file:///a/b.txt"),
            ("/a/b/", "file:///a/b/"),
            ("//a///b//", "file:///a/b/"),
            ("/a/./b/.", "file:///a/b/"),
            ("/a b#c?d%e", "file:///a%20b%23c%3Fd%25e"),
            (r"/a\b", "file:///a%5Cb"),
            ("/größe/東京", "file:///gr%C3%B6%C3%9Fe/%E6%9D%B1%E4%BA%AC"),
            ("/a;b=c&d+e,f@g!$'()*:~-_.", "file:///a;b=c&d+e,f@g!$'()*:~-_."),
            ("/[a]|{b}^`\"<>", "file:///%5Ba%5D%7C%7Bb%7D%5E%60%22%3C%3E"),
            ("/a\tb\u{7f}", "file:///a%09b%7F"),
            (r"C:\a\b.txt", "file:///C:/a/b.txt"),
            (r"c:/a\b/c", "file:///c:/a/b/c"),
            (r"C:\", "file:///C:/"),
            (r"C:\a\", "file:///C:/a/"),
            (r"\\?\C:\a b", "file:///C:/a%20b"),
            (r"\\server\share", "file://server/share"),
            (r"\\server\share$\a b\c.txt", "file://server/share$/a%20b/c.txt"),
            (r"\\10.0.0.1\share/a", "file://10.0.0.1/share/a"),
            (r"\\?\UNC\server\share\a", "file://server/share/a"),
            (r"\\?\unc\server\share\a", "file://server/share/a"),
        ] {
            assert_eq!(file_uri(path).unwrap(), expected, "{path}");
        }
    }

    #[test]
    fn what_is_not_absolute_or_no_file_is_refused_with_its_path() {
        for path in [
            "",
            "a",
            "a/b",
            "./a",
            "../a",
            r"a\b",
            r"\a",
            "C:",
            "C:a",
            "1:/a",
            "/a/../b",
            r"C:\a\..\b",
            r"\\",
            r"\\server",
            r"\\server\",
            r"\\ser ver\share",
            r"\\.\COM1",
            r"\\?\Volume{1}\a",
            r"\\?\C:",
            "https://example.com",
        ] {
            let error = file_uri(path).unwrap_err();
            let Error::Invalid(invalid) = &error else { panic!("{error}") };
            assert_eq!(invalid.findings()[0].item(), path);
            assert_eq!(invalid.findings()[0].rule(), Rule::DocumentIdNotAUri);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_unix_name_that_is_no_utf_8_has_a_uri_byte_by_byte() {
        use std::os::unix::ffi::OsStrExt;

        assert_eq!(file_uri(OsStr::from_bytes(b"/a/\xFF\xFEb")).unwrap(), "file:///a/%FF%FEb");
    }

    proptest! {
        #[test]
        fn the_uri_of_any_unix_path_is_one_and_leads_back_to_it(parts in prop::collection::vec("[^/\u{0}]{1,8}", 1..5)) {
            prop_assume!(parts.iter().all(|part| part != "." && part != ".."));
            let path = format!("/{}", parts.join("/"));
            let uri = file_uri(&path).unwrap();
            prop_assert_eq!(document_id(&uri, Preflight::Refuse), None);
            prop_assert!(uri.is_ascii() && url::Url::parse(&uri).is_ok_and(|url| url.as_str() == uri));
            let back = percent_encoding::percent_decode_str(uri.strip_prefix("file://").unwrap());
            prop_assert_eq!(back.decode_utf8().unwrap(), path);
        }
    }
}
