//! Markdown as text for channels that show no HTML: without marks, or with the marks of the provider's own apps. What a
//! channel cannot show degrades to plain text, and no word is lost.

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// The marks that a channel shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextMarks {
    /// None.
    None,
    /// `*bold*`, `_italic_`, `~strikethrough~` and code in grave accents, of Messenger and WhatsApp.
    Asterisks,
}

/// Returns a Markdown text for a channel with these marks.
#[must_use]
pub fn write(text: &str, marks: TextMarks) -> String {
    let mut writer = Writer { marks, out: String::new(), prefixes: Vec::new(), lists: Vec::new(), links: Vec::new() };
    for event in Parser::new_ext(text, Options::ENABLE_STRIKETHROUGH) {
        writer.take(event);
    }
    writer.out.trim_end().to_owned()
}

struct Writer {
    marks: TextMarks,
    out: String,
    /// The marks at the beginning of each line in open quotes and lists.
    prefixes: Vec<&'static str>,
    /// The numbers of the open lists. None for a list with dashes.
    lists: Vec<Option<u64>>,
    /// The addresses of the open links, and where their texts begin.
    links: Vec<(String, usize)>,
}

impl Writer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(code) => {
                self.mark("`");
                self.text(&code);
                self.mark("`");
            }
            Event::SoftBreak | Event::HardBreak => self.text("\n"),
            Event::Rule => self.block("---"),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Paragraph | Tag::Heading { .. } => self.begin_block(),
            Tag::BlockQuote(_) => {
                self.begin_block();
                self.prefixes.push("> ");
            }
            Tag::CodeBlock(kind) => {
                self.begin_block();
                self.mark("```");
                if matches!(kind, CodeBlockKind::Fenced(_)) && self.marks == TextMarks::Asterisks {
                    self.text("\n");
                }
            }
            Tag::List(first) => {
                self.begin_block();
                self.lists.push(first);
            }
            Tag::Item => self.begin_item(),
            Tag::Emphasis => self.mark("_"),
            Tag::Strong => self.mark("*"),
            Tag::Strikethrough => self.mark("~"),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.links.push((dest_url.to_string(), self.out.len()));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis => self.mark("_"),
            TagEnd::Strong => self.mark("*"),
            TagEnd::Strikethrough => self.mark("~"),
            TagEnd::CodeBlock => self.mark("```"),
            TagEnd::BlockQuote(_) => {
                self.prefixes.pop();
            }
            TagEnd::Item => {
                self.prefixes.pop();
            }
            TagEnd::List(_) => {
                self.lists.pop();
            }
            TagEnd::Link | TagEnd::Image => {
                if let Some((url, start)) = self.links.pop()
                    && self.out.get(start..).is_some_and(|shown| shown != url && format!("mailto:{shown}") != url)
                {
                    self.text(&format!(" ({url})"));
                }
            }
            _ => {}
        }
    }

    fn begin_item(&mut self) {
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.text("\n");
        }
        let bullet = match self.lists.last_mut() {
            Some(Some(number)) => {
                let bullet = format!("{number}. ");
                *number = number.saturating_add(1);
                bullet
            }
            _ => "- ".to_owned(),
        };
        self.text(&bullet);
        self.prefixes.push("  ");
    }

    /// Begins a paragraph: after an empty line, unless it is the first one or the first of a list's item.
    fn begin_block(&mut self) {
        let last = self.out.rsplit('\n').next().unwrap_or_default();
        let after_bullet = last.ends_with("- ") || last.ends_with(". ");
        if self.out.is_empty() || (after_bullet && !self.lists.is_empty()) {
            return;
        }
        let breaks = if self.lists.is_empty() { "\n\n" } else { "\n" };
        while !self.out.is_empty() && self.out.ends_with('\n') {
            self.out.pop();
        }
        self.out.push_str(breaks);
    }

    fn block(&mut self, text: &str) {
        self.begin_block();
        self.text(text);
    }

    fn mark(&mut self, mark: &str) {
        if self.marks == TextMarks::Asterisks {
            self.text(mark);
        }
    }

    /// Writes a text. Each of its lines begins with the prefixes.
    fn text(&mut self, text: &str) {
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.out.push('\n');
            }
            if line.is_empty() {
                continue;
            }
            if self.out.is_empty() || self.out.ends_with('\n') {
                self.prefixes.iter().for_each(|prefix| self.out.push_str(prefix));
            }
            self.out.push_str(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{TextMarks, write};

    #[test]
    fn what_a_channel_cannot_show_becomes_plain_text() {
        for (text, plain, marked) in [
            ("**a** *b* ~~c~~ `d`", "a b c d", "*a* _b_ ~c~ `d`"),
            ("one\ntwo\n\nthree", "one\ntwo\n\nthree", "one\ntwo\n\nthree"),
            ("[x](https://example.org/)", "x (https://example.org/)", "x (https://example.org/)"),
            ("<https://example.org/>", "https://example.org/", "https://example.org/"),
            ("<kim@example.org>", "kim@example.org", "kim@example.org"),
            ("- a\n- b\n\nc", "- a\n- b\n\nc", "- a\n- b\n\nc"),
            ("3. a\n4. b", "3. a\n4. b", "3. a\n4. b"),
            ("- a\n  - b\n- c", "- a\n  - b\n- c", "- a\n  - b\n- c"),
            ("> a\n> b", "> a\n> b", "> a\n> b"),
            ("# t\n\nx", "t\n\nx", "t\n\nx"),
            ("```\na\n b\n```", "a\n b", "```\na\n b\n```"),
            ("5 * 6 < 7 & <b>8</b>", "5 * 6 < 7 & <b>8</b>", "5 * 6 < 7 & <b>8</b>"),
            ("안녕 **굵게** 😀", "안녕 굵게 😀", "안녕 *굵게* 😀"),
        ] {
            assert_eq!(write(text, TextMarks::None), plain, "{text:?}");
            assert_eq!(write(text, TextMarks::Asterisks), marked, "{text:?}");
        }
    }
}
