/// Takes secrets out of text before it is stored: a server may echo the key it was sent, or a
/// presigned URI.
#[derive(Clone, Copy)]
pub(crate) struct Redactor<'a> {
    secret: Option<&'a str>,
}

impl<'a> Redactor<'a> {
    pub(crate) fn new(secret: Option<&'a str>) -> Self {
        Self { secret: secret.filter(|secret| !secret.is_empty()) }
    }

    pub(crate) fn redact(self, text: String) -> String {
        let text = match self.secret {
            Some(secret) => without_secret(&text, secret),
            None => text,
        };
        without_signatures(without_queries(text))
    }
}

/// The text without the secret, also as JSON may write it, and JSON that stands in JSON: with
/// backslashes before its slashes.
fn without_secret(text: &str, secret: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        match strip_secret(rest, secret) {
            Some(after) => {
                kept.push_str("[redacted]");
                rest = after;
            }
            None => {
                kept.push(first);
                rest = rest.strip_prefix(first).unwrap_or_default();
            }
        }
    }
    kept
}

/// The rest of the text after the secret at its start.
fn strip_secret<'a>(text: &'a str, secret: &str) -> Option<&'a str> {
    secret.chars().try_fold(text, |rest, c| {
        let rest = if c == '/' { rest.trim_start_matches('\\') } else { rest };
        rest.strip_prefix(c)
    })
}

/// Whether a URL has ended before this.
fn ends_url(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`')
}

/// The text with the query of every URL in it left out.
fn without_queries(text: String) -> String {
    let mut kept = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = behind_scheme(rest).and_then(|at| rest.split_at_checked(at)) {
        let url = after.split(ends_url).next().unwrap_or_default();
        kept.push_str(before);
        match url.split_once('?') {
            Some((plain, _)) => {
                kept.push_str(plain);
                kept.push_str("?[redacted]");
            }
            None => kept.push_str(url),
        }
        rest = after.strip_prefix(url).unwrap_or_default();
    }
    if kept.is_empty() {
        return text;
    }
    kept.push_str(rest);
    kept
}

/// Where the first `://` ends, plain or with backslashes before its slashes.
fn behind_scheme(text: &str) -> Option<usize> {
    text.match_indices(':').find_map(|(colon, _)| {
        let after = text.get(colon + 1..)?;
        let slashes = after.split(|c| !matches!(c, '/' | '\\')).next()?;
        (slashes.matches('/').count() >= 2).then_some(colon + 1 + slashes.len())
    })
}

/// The text without the parameters of a presigned URL, however that is encoded.
fn without_signatures(text: String) -> String {
    const MARK: &str = "X-Amz-";

    let Some((plain, others)) = text.split_once(MARK) else { return text };
    let mut kept = plain.to_owned();
    for part in others.split(MARK) {
        kept.push_str("[redacted]");
        kept.push_str(part.find(ends_url).and_then(|end| part.get(end..)).unwrap_or_default());
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echoed_key_is_taken_out_and_other_text_stays() {
        let redactor = Redactor::new(Some("xx-key"));
        assert_eq!(redactor.redact("the key xx-key is unknown".to_owned()), "the key [redacted] is unknown");
        assert_eq!(redactor.redact("nothing".to_owned()), "nothing");
        assert_eq!(Redactor::new(Some("")).redact("nothing".to_owned()), "nothing");
    }

    #[test]
    fn the_query_of_a_url_is_taken_out_wherever_it_stands() {
        let redact = |text: &str| Redactor::new(None).redact(text.to_owned());
        assert_eq!(
            redact(r#"{"a":"https://s3/x?X-Amz-Signature=1","b":"http://y","c":"z?"}"#),
            r#"{"a":"https://s3/x?[redacted]","b":"http://y","c":"z?"}"#
        );
        assert_eq!(redact("https://s3/x?sig"), "https://s3/x?[redacted]");
        assert_eq!(redact("what? nothing."), "what? nothing.");
    }

    #[test]
    fn what_json_writes_with_escaped_slashes_is_taken_out_too() {
        let redactor = Redactor::new(Some("a/b+c="));
        assert_eq!(
            redactor.redact(r#"{"k":"a\/b+c=","l":"a/b+c="}"#.to_owned()),
            r#"{"k":"[redacted]","l":"[redacted]"}"#
        );
        assert_eq!(
            redactor.redact(r#"{"a":"https:\/\/s3\/x?sig=1","b":"http://y?z","c":"?"}"#.to_owned()),
            r#"{"a":"https:\/\/s3\/x?[redacted]","b":"http://y?[redacted]","c":"?"}"#
        );
    }

    #[test]
    fn what_json_in_json_writes_is_taken_out_too() {
        let redactor = Redactor::new(Some("a/b"));
        assert_eq!(redactor.redact(r#"{\"k\":\"a\\/b\"}"#.to_owned()), r#"{\"k\":\"[redacted]\"}"#);
        assert_eq!(
            redactor.redact(r#"https:\\/\\/s3\\/x?sig=1 a\b"#.to_owned()),
            r#"https:\\/\\/s3\\/x?[redacted] a\b"#
        );
    }

    #[test]
    fn the_parameters_of_a_presigned_url_are_taken_out_however_the_url_is_encoded() {
        let redact = |text: &str| Redactor::new(None).redact(text.to_owned());
        assert_eq!(
            redact("to=https%3A%2F%2Fs3%3FX-Amz-Date%3D1%26X-Amz-Signature%3D2 x"),
            "to=https%3A%2F%2Fs3%3F[redacted][redacted] x"
        );
        assert_eq!(redact("s3/f?X-Amz-Signature=1\nX-Amz-Credential=2"), "s3/f?[redacted]\n[redacted]");
        assert_eq!(
            redact("the header x-amz-server-side-encryption is missing"),
            "the header x-amz-server-side-encryption is missing"
        );
    }

    #[test]
    fn a_url_that_stands_in_the_query_of_another_goes_with_it() {
        let redact = |text: &str| Redactor::new(None).redact(text.to_owned());
        assert_eq!(redact("http://a/b?next=http://c/d?e=f then"), "http://a/b?[redacted] then");
        assert_eq!(redact("://"), "://");
    }
}
