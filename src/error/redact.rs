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
        let Some(secret) = self.secret else { return without_queries(text) };
        let text = without(text, secret);
        // As JSON may write it.
        let text = if secret.contains('/') { without(text, &secret.replace('/', "\\/")) } else { text };
        without_queries(text)
    }
}

fn without(text: String, secret: &str) -> String {
    if text.contains(secret) { text.replace(secret, "[redacted]") } else { text }
}

/// The text with the query of every URL in it left out.
fn without_queries(text: String) -> String {
    /// What stands behind the scheme, plain and as JSON may write it.
    const MARKS: [&str; 2] = ["://", ":\\/\\/"];

    let ends_url = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`');
    let next = |rest: &str| MARKS.iter().filter_map(|mark| Some(rest.find(mark)? + mark.len())).min();
    let mut kept = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = next(rest).and_then(|at| rest.split_at_checked(at)) {
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
    fn a_url_that_stands_in_the_query_of_another_goes_with_it() {
        let redact = |text: &str| Redactor::new(None).redact(text.to_owned());
        assert_eq!(redact("http://a/b?next=http://c/d?e=f then"), "http://a/b?[redacted] then");
        assert_eq!(redact("://"), "://");
    }
}
