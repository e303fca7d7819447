//! Writes HTML in which all data is escaped.

use std::fmt::{self, Display, Write};

/// A page that is being written. Markup is text of this program; everything else is escaped.
pub(super) struct Html(String);

impl Html {
    pub(super) fn new() -> Self {
        Self(String::new())
    }

    pub(super) fn markup(&mut self, markup: &'static str) -> &mut Self {
        self.0.push_str(markup);
        self
    }

    /// Text between two tags, or in an attribute with quotes around it.
    pub(super) fn text(&mut self, text: impl Display) -> &mut Self {
        let mut escaped = Escaped { html: &mut self.0, left: LONGEST };
        if write!(escaped, "{text}").is_err() {
            self.0.push('…');
        }
        self
    }

    /// A table, unless it has no rows.
    pub(super) fn table<R>(
        &mut self,
        heads: &[&'static str],
        rows: impl IntoIterator<Item = R>,
        cells: impl Fn(&mut Row<'_>, R),
    ) -> &mut Self {
        let mut rows = rows.into_iter().peekable();
        if rows.peek().is_none() {
            return self;
        }
        self.markup("<table><thead><tr>");
        for head in heads {
            self.markup("<th>").markup(head);
        }
        self.markup("</thead><tbody>\n");
        for row in rows {
            self.markup("<tr>");
            cells(&mut Row(self), row);
            self.markup("\n");
        }
        self.markup("</tbody></table>\n")
    }

    pub(super) fn finish(self) -> String {
        self.0
    }
}

/// A row of a table.
pub(super) struct Row<'a>(&'a mut Html);

impl Row<'_> {
    pub(super) fn cell(&mut self, text: impl Display) -> &mut Self {
        self.0.markup("<td>").text(text);
        self
    }
}

/// So many characters of a text are shown.
const LONGEST: usize = 500;

/// Fails when the text is too long.
struct Escaped<'a> {
    html: &'a mut String,
    left: usize,
}

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            match c {
                '&' => self.html.push_str("&amp;"),
                '<' => self.html.push_str("&lt;"),
                '>' => self.html.push_str("&gt;"),
                '"' => self.html.push_str("&quot;"),
                '\'' => self.html.push_str("&#39;"),
                c if c.is_control() => self.html.push(visible(c)),
                c => self.html.push(c),
            }
        }
        Ok(())
    }
}

/// The picture of a control character, which HTML would not show.
fn visible(control: char) -> char {
    match u32::from(control) {
        code @ ..0x20 => char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x7f => '␡',
        _ => char::REPLACEMENT_CHARACTER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_is_markup_and_control_characters_are_visible() {
        let mut html = Html::new();
        html.markup("<b>").text("<a href='x' title=\"y\">&\0\u{1b}[1m\u{7f}\u{9b}</a>");
        let escaped = "<b>&lt;a href=&#39;x&#39; title=&quot;y&quot;&gt;&amp;␀␛[1m␡\u{fffd}&lt;/a&gt;";
        assert_eq!(html.finish(), escaped);
    }

    #[test]
    fn a_long_text_is_cut() {
        let text = "<".repeat(LONGEST + 1);
        let mut html = Html::new();
        html.text(&text);
        assert_eq!(html.finish(), format!("{}…", "&lt;".repeat(LONGEST)));
        let mut html = Html::new();
        html.text("ü".repeat(LONGEST));
        assert_eq!(html.finish(), "ü".repeat(LONGEST));
    }
}
