//! Markdown as HTML that may stand in any page: emphasis, strong emphasis, strike-through, code, links to `http`, `https` and
//! `mailto`, lists, quotes, line breaks. Everything else is shown as the text it is. What is made is cleaned by an allow-list
//! once more.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use ammonia::{Builder, UrlRelative};
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};

const SCHEMES: [&str; 3] = ["http", "https", "mailto"];
const TAGS: [&str; 12] = ["a", "blockquote", "br", "code", "del", "em", "li", "ol", "p", "pre", "strong", "ul"];
/// The longest text, in characters: cleaning takes more than its share of time as texts grow.
pub const LONGEST: usize = 8_192;
/// What is nested deeper is shown without its marks.
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

/// The HTML of a text.
#[must_use]
pub fn html(text: &str) -> String {
    let mut kept = Kept::default();
    let events = Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH).filter_map(|event| kept.keep(event));
    let mut out = String::new();
    html::push_html(&mut out, events);
    CLEANER.clean(&out).to_string()
}

/// For each mark that is open, whether it is shown.
#[derive(Default)]
struct Kept {
    open: Vec<bool>,
    shown: usize,
}

impl Kept {
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
            // A new line in a message is meant as one.
            Event::SoftBreak => Some(Event::HardBreak),
            Event::Text(_) | Event::Code(_) | Event::HardBreak => Some(event),
            _ => None,
        }
    }
}

/// A mark as it is shown; none for one of which only the text is.
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
