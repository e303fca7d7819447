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
        without_queries(match self.secret {
            Some(secret) if text.contains(secret) => text.replace(secret, "[redacted]"),
            _ => text,
        })
    }
}

/// The text with the query of every URL in it left out.
fn without_queries(text: String) -> String {
    let ends_url = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '<' | '>' | '`');
    let mut kept = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("://") {
        let url = after.split(ends_url).next().unwrap_or_default();
        let beyond = after.strip_prefix(url).unwrap_or_default();
        kept.push_str(before);
        kept.push_str("://");
        match url.split_once('?') {
            Some((plain, _)) => {
                kept.push_str(plain);
                kept.push_str("?[redacted]");
            }
            None => kept.push_str(url),
        }
        rest = beyond;
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
}
