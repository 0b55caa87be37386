//! Markdown as HTML that is safe in any page. It supports emphasis, strong emphasis, strikethrough, code, links to
//! `http`, `https` and `mailto`, lists, quotes and line breaks. Everything else appears as plain text. An allow-list
//! cleans the HTML once more. The length of the HTML is bounded during rendering: if the marks would multiply a text,
//! the text appears without them.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

const SCHEMES: [&str; 3] = ["http", "https", "mailto"];
const TAGS: [&str; 12] = ["a", "blockquote", "br", "code", "del", "em", "li", "ol", "p", "pre", "strong", "ul"];
/// Version of the renderer. It must change whenever the HTML of a text may change.
pub const VERSION: i16 = 1;
/// Maximum length of the HTML, in bytes. A text without marks stays below all three limits, because an escaped
/// character takes at most five bytes.
pub const LONGEST_HTML: usize = 64 << 10;
/// Maximum length of the HTML for each byte of the text, in bytes.
const HTML_PER_BYTE: usize = 8;
/// Additional length of the HTML beside that, in bytes.
const HTML_BESIDE: usize = 1_024;
/// Maximum length of a Markdown text, in characters. Cleaning takes disproportionately long for longer texts.
pub const LONGEST: usize = 8_192;
/// Maximum depth of nested marks. Deeper marks are not shown.
const DEEPEST: usize = 16;

static CLEANER: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut cleaner = Builder::empty();
    cleaner
        .tags(HashSet::from(TAGS))
        .generic_attributes(HashSet::new())
        .tag_attributes(HashMap::from([("a", HashSet::from(["href"])), ("ol", HashSet::from(["start"]))]))
        .url_schemes(HashSet::from(SCHEMES))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("nofollow noopener noreferrer"));
    cleaner
});

/// Returns the HTML of a Markdown text.
#[must_use]
pub fn html(text: &str) -> String {
    let most = (text.len() * HTML_PER_BYTE + HTML_BESIDE).min(LONGEST_HTML);
    marked(text, most).unwrap_or_else(|| unmarked(text))
}

/// Returns the HTML of a text, or `None` if it is longer than `most` bytes. Rendering stops there, and nothing longer
/// is cleaned.
fn marked(text: &str, most: usize) -> Option<String> {
    let mut kept = RenderedMarkdown::default();
    let events = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH).filter_map(|event| kept.keep(event));
    let mut out = BoundedHtml { text: String::new(), most };
    html::write_html_fmt(&mut out, events).ok()?;
    let clean = CLEANER.clean(&out.text).to_string();
    (clean.len() <= most).then_some(clean)
}

/// Returns the HTML of a text whose marks appear as plain text.
fn unmarked(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    out.push_str("<p>");
    for c in text.trim().chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\n' => out.push_str("<br>"),
            '\r' => {}
            c => out.push(c),
        }
    }
    out.push_str("</p>\n");
    out
}

/// A buffer that takes at most `most` bytes.
struct BoundedHtml {
    text: String,
    most: usize,
}

impl fmt::Write for BoundedHtml {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        if self.text.len() + part.len() > self.most {
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

/// The open marks, each with true if it is shown, and the number of shown ones.
#[derive(Default)]
struct RenderedMarkdown {
    open: Vec<bool>,
    shown: usize,
}

impl RenderedMarkdown {
    fn keep<'a>(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        match event {
            Event::Start(tag) => {
                let tag = allowed(tag).filter(|_| self.shown < DEEPEST);
                self.open.push(tag.is_some());
                self.shown += usize::from(tag.is_some());
                tag.map(Event::Start)
            }
            Event::End(tag) => {
                let shown = self.open.pop().unwrap_or_default();
                self.shown -= usize::from(shown);
                let tag = if matches!(tag, TagEnd::Heading(_)) { TagEnd::Paragraph } else { tag };
                shown.then_some(Event::End(tag))
            }
            Event::Html(raw) | Event::InlineHtml(raw) => Some(Event::Text(raw)),
            // A new line in a message is meant as a line break.
            Event::SoftBreak => Some(Event::HardBreak),
            Event::Text(_) | Event::Code(_) | Event::HardBreak => Some(event),
            _ => None,
        }
    }
}

/// Returns a mark as it is shown, or `None` if only its text is shown.
fn allowed(tag: Tag<'_>) -> Option<Tag<'_>> {
    match tag {
        Tag::Paragraph
        | Tag::Emphasis
        | Tag::Strong
        | Tag::Strikethrough
        | Tag::CodeBlock(_)
        | Tag::List(_)
        | Tag::Item => Some(tag),
        Tag::BlockQuote(_) => Some(Tag::BlockQuote(None)),
        Tag::Heading { .. } => Some(Tag::Paragraph),
        Tag::Link { ref dest_url, .. } => {
            let scheme = dest_url.split_once(':').map(|(scheme, _)| scheme.to_ascii_lowercase());
            scheme.is_some_and(|scheme| SCHEMES.contains(&scheme.as_str())).then_some(tag)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::html;

    #[test]
    fn the_small_subset_is_shown() {
        for (text, shown) in [
            ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>\n"),
            ("one\ntwo", "<p>one<br>\ntwo</p>\n"),
            ("> q", "<blockquote>\n<p>q</p>\n</blockquote>\n"),
            ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>\n"),
            ("3. a", "<ol start=\"3\">\n<li>a</li>\n</ol>\n"),
            ("```js\n<b>\n```", "<pre><code>&lt;b&gt;\n</code></pre>\n"),
            ("# t", "<p>t</p>\n"),
            ("5 < 6 & 7 > 2", "<p>5 &lt; 6 &amp; 7 &gt; 2</p>\n"),
            (
                "[x](https://example.com \"t\")",
                "<p><a href=\"https://example.com\" rel=\"nofollow noopener noreferrer\">x</a></p>\n",
            ),
            (
                "<mailto:a@example.com>",
                "<p><a href=\"mailto:a@example.com\" rel=\"nofollow noopener noreferrer\">mailto:a@example.com</a></p>\n",
            ),
            ("![alt](https://example.com/x.png)", "<p>alt</p>\n"),
            ("김철수 😀 **굵게**", "<p>김철수 😀 <strong>굵게</strong></p>\n"),
        ] {
            assert_eq!(html(text), shown, "{text}");
        }
    }

    #[test]
    fn nothing_hostile_comes_through() {
        for text in [
            "<script>alert(1)</script>",
            "<img src=x onerror=alert(1)>",
            "a <b onclick=alert(1)>b</b>",
            "<svg/onload=alert(1)>",
            "<iframe src=javascript:alert(1)>",
            "[x](javascript:alert(1))",
            "[x](JaVaScRiPt:alert(1))",
            "[x](java\nscript:alert(1))",
            "[x](&#106;avascript:alert(1))",
            "[x](data:text/html;base64,PHNjcmlwdD4=)",
            "[x](vbscript:msgbox(1))",
            "[x](//evil.example)",
            "[x](/relative)",
            "[x](\u{1}javascript:alert(1))",
            "<javascript:alert(1)>",
            "[x]: javascript:alert(1)\n[x]",
            "[x](https://a\"onmouseover=alert(1))",
            "![\"onerror=alert(1) x](https://example.com/x.png)",
            "```\"><script>alert(1)</script>\nx\n```",
            "<!-- --><style>*{}</style>",
            "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
            "</p></div><script>",
            "<a href=\"https://example.com\" style=\"position:fixed\">x</a>",
        ] {
            let shown = html(text);
            let unmarked = shown.replace("&lt;", "").replace("&gt;", "");
            for (at, _) in unmarked.match_indices('<') {
                let tag = unmarked[at + 1..].trim_start_matches('/');
                let name: String = tag.chars().take_while(char::is_ascii_alphanumeric).collect();
                assert!(super::TAGS.contains(&name.as_str()), "{text}: {shown}");
                let inside = tag.split('>').next().unwrap_or_default();
                let only = inside == name
                    || (name == "a" && inside.starts_with("a href=\"https://") && inside.ends_with("noreferrer\""));
                assert!(only && !inside.contains(" on") && !inside.contains("style"), "{text}: {shown}");
            }
        }
    }

    /// Returns a reference definition with a long address, followed by references to it.
    fn references(label: &str, address: &str, reference: &str, length: usize) -> String {
        let definition = format!("[{label}]: https://example.com/{address}\n\n");
        let times = length.saturating_sub(definition.chars().count()) / reference.chars().count();
        definition + &reference.repeat(times)
    }

    #[test]
    fn html_does_not_multiply_whatever_the_marks() {
        let address = "&".repeat(500);
        let wide = "\u{1f600}".repeat(400);
        for text in [
            references("a", &address, "[a]", 4_096),
            references("a", &"&".repeat(2_000), "[a] ", 4_096),
            references("a", &"&".repeat(4_000), "[a]", super::LONGEST),
            references("a", &wide, "[x][a] ", super::LONGEST),
            references("b", &"\"".repeat(1_000), "[b][]", super::LONGEST),
            references("c", &"%".repeat(600), "![c]", super::LONGEST),
            references("d", &address, "*[d]*", super::LONGEST),
            references("e", &address, "\n> - [e]", super::LONGEST),
            references("f", "x \"title &&&&&&\"", "[f]", super::LONGEST),
            "<https://a.b>".repeat(super::LONGEST / 13),
            "[](https://a.b)".repeat(super::LONGEST / 15),
            "&".repeat(super::LONGEST),
            "&lt;".repeat(super::LONGEST / 4),
            "&NotEqualTilde;".repeat(super::LONGEST / 15),
            "<".repeat(super::LONGEST),
            "\"".repeat(super::LONGEST),
            "\n".repeat(super::LONGEST - 1) + "x",
            "*a*".repeat(super::LONGEST / 3),
            "**a ".repeat(super::LONGEST / 4),
            "_a".repeat(super::LONGEST / 2),
            "***a**b*".repeat(super::LONGEST / 8),
            "~~a~~".repeat(super::LONGEST / 5),
            "`a`".repeat(super::LONGEST / 3),
            "- a\n".repeat(super::LONGEST / 4),
            "1. a\n\n".repeat(super::LONGEST / 6),
            "> ".repeat(super::LONGEST / 2 - 1) + "x",
            "> a\n\n".repeat(super::LONGEST / 5),
            "- ".repeat(super::LONGEST / 2 - 1) + "x",
            "|a".repeat(super::LONGEST / 2),
            "|-|\n|a|\n".repeat(super::LONGEST / 8),
            "[".repeat(super::LONGEST / 2) + &"]".repeat(super::LONGEST / 2),
            "[a](".repeat(super::LONGEST / 4),
            "![](".repeat(super::LONGEST / 4),
            "a\\\n".repeat(super::LONGEST / 3),
            "\u{1f600}".repeat(super::LONGEST),
        ] {
            let name: String = text.chars().take(60).collect();
            let started = std::time::Instant::now();
            let shown = html(&text);
            let most = (text.len() * super::HTML_PER_BYTE + super::HTML_BESIDE).min(super::LONGEST_HTML);
            assert!(shown.len() <= most, "{name}: {} bytes of {}", shown.len(), text.len());
            assert!(started.elapsed() < std::time::Duration::from_secs(2), "{name}: {:?}", started.elapsed());
        }
    }

    #[test]
    fn a_text_whose_marks_would_multiply_is_shown_as_it_stands() {
        let text = references("a", &"&".repeat(500), "[a]", 4_096);
        let shown = html(&text);
        assert!(shown.starts_with("<p>[a]: https://example.com/&amp;&amp;") && shown.ends_with("[a][a]</p>\n"));
        assert!(!shown.contains("href"));
        assert_eq!(super::unmarked("a\r\n<b> & \"c\"\n"), "<p>a<br>&lt;b&gt; &amp; \"c\"</p>\n");
        // A few references do not exceed the limit.
        assert!(html("[a] and [a]\n\n[a]: https://example.com").matches("href").count() == 2);
    }

    #[test]
    fn deep_and_long_texts_are_shown_at_once() {
        for text in [
            "> ".repeat(2_000) + "x",
            "- ".repeat(2_000) + "x",
            "*".repeat(4_096),
            "[".repeat(4_096),
            "`".repeat(4_095) + "x",
            "<".repeat(4_096),
            "**a ".repeat(1_000),
            "![".repeat(2_000),
            "&".repeat(super::LONGEST),
        ] {
            let shown = html(&text);
            assert!(shown.matches("<blockquote>").count() + shown.matches("<ul>").count() <= super::DEEPEST);
        }
    }
}
