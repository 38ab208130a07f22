//! Ladders as pictures, readable on a light and on a dark page.

use core::fmt::{self, Write};

use crate::{Way, ladder::Rung};

/// All in pixels.
const MARGIN: usize = 60;
const HEAD: usize = 40;
const RUNG: usize = 38;
const NOTE: usize = 30;
const LETTER: usize = 8;
const NARROWEST: usize = 360;

const STYLE: &str = "text{font:13px ui-monospace,monospace;fill:#24292f;text-anchor:middle}\
.who{font-weight:bold}.note{font-style:italic;fill:#9a6700}.lost{fill:#cf222e}\
line{stroke:#57606a;stroke-width:1.5}.life{stroke:#8c959f;stroke-width:1}.cut{stroke:#9a6700;stroke-dasharray:4 4}\
line.lost,.cross{stroke:#cf222e}line.lost{stroke-dasharray:6 4}.cross{stroke-width:2}.tip{fill:#57606a}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#d29922}.lost{fill:#ff7b72}line{stroke:#8d96a0}\
.tip{fill:#8d96a0}line.lost,.cross{stroke:#ff7b72}.cut{stroke:#d29922}}";

/// The whole document.
pub(crate) fn draw(left: &str, right: &str, rungs: &[Rung]) -> String {
    let longest = rungs.iter().map(|rung| match rung {
        Rung::Packet { words, .. } | Rung::Note(words) => words.chars().count(),
    });
    let between = (longest.max().unwrap_or(0) * LETTER + 40).max(NARROWEST);
    let height = HEAD + rungs.iter().map(height).sum::<usize>() + 20;
    let mut picture = Picture { text: String::new(), between, y: HEAD };
    let drawn = picture.document(left, right, rungs, height);
    debug_assert!(drawn.is_ok(), "a String takes everything");
    picture.text
}

const fn height(rung: &Rung) -> usize {
    match rung {
        Rung::Packet { .. } => RUNG,
        Rung::Note(_) => NOTE,
    }
}

struct Picture {
    text: String,
    /// From one party's line to the other's.
    between: usize,
    y: usize,
}

impl Picture {
    fn document(&mut self, left: &str, right: &str, rungs: &[Rung], height: usize) -> fmt::Result {
        let (first, last, width) = (MARGIN, MARGIN + self.between, 2 * MARGIN + self.between);
        writeln!(
            self.text,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}">"#
        )?;
        writeln!(self.text, "<style>{STYLE}</style>")?;
        for (x, who) in [(first, left), (last, right)] {
            writeln!(self.text, r#"<text class="who" x="{x}" y="22">{}</text>"#, Escaped(who))?;
            let end = height - 10;
            writeln!(self.text, r#"<line class="life" x1="{x}" y1="{HEAD}" x2="{x}" y2="{end}"/>"#)?;
        }
        for rung in rungs {
            self.y += self::height(rung);
            match rung {
                Rung::Packet { way, words, arrives } => self.packet(*way, words, *arrives)?,
                Rung::Note(words) => self.note(words)?,
            }
        }
        writeln!(self.text, "</svg>")
    }

    fn packet(&mut self, way: Way, words: &str, arrives: bool) -> fmt::Result {
        let (y, middle) = (self.y, MARGIN + self.between / 2);
        let (start, end) = match way {
            Way::Right => (MARGIN, MARGIN + self.between),
            Way::Left => (MARGIN + self.between, MARGIN),
        };
        let class = if arrives { "" } else { r#" class="lost""# };
        writeln!(self.text, r#"<text{class} x="{middle}" y="{}">{}</text>"#, y - 6, Escaped(words))?;
        if arrives {
            writeln!(self.text, r#"<line x1="{start}" y1="{y}" x2="{end}" y2="{y}"/>"#)?;
            let back = if start < end { end - 9 } else { end + 9 };
            let (above, below) = (y - 4, y + 4);
            return writeln!(self.text, r#"<path class="tip" d="M{end} {y}L{back} {above}V{below}z"/>"#);
        }
        // It ends before the other side, with a cross.
        let end = if start < end { end - 40 } else { end + 40 };
        writeln!(self.text, r#"<line class="lost" x1="{start}" y1="{y}" x2="{end}" y2="{y}"/>"#)?;
        let (left, above) = (end - 5, y - 5);
        writeln!(self.text, r#"<path class="cross" d="M{left} {above}l10 10m0-10l-10 10"/>"#)
    }

    fn note(&mut self, words: &str) -> fmt::Result {
        let (y, start, end) = (self.y, MARGIN, MARGIN + self.between);
        writeln!(self.text, r#"<line class="cut" x1="{start}" y1="{y}" x2="{end}" y2="{y}"/>"#)?;
        let (middle, above) = (MARGIN + self.between / 2, y - 6);
        writeln!(self.text, r#"<text class="note" x="{middle}" y="{above}">{}</text>"#, Escaped(words))
    }
}

/// Text that means nothing to an XML reader.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|character| match character {
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '&' => f.write_str("&amp;"),
            // XML has no way to write them.
            control if control.is_control() => f.write_char('\u{FFFD}'),
            other => f.write_char(other),
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::{Ladder, Way};

    #[test]
    fn a_picture_has_every_rung_and_stays_well_formed() {
        let mut ladder = Ladder::new("<app>", "broker");
        ladder.packet(Way::Right, "PUBLISH topic=\"a&b\u{0}\"", true);
        ladder.packet(Way::Left, "PUBACK", false);
        ladder.note("the connection is cut");
        let svg = ladder.svg();
        assert!(svg.contains("&lt;app&gt;") && svg.contains("a&amp;b\u{FFFD}"), "{svg}");
        assert_eq!((svg.matches("\"tip\"").count(), svg.matches("\"cross\"").count()), (1, 1));
        assert_eq!(svg.matches("<text").count(), svg.matches("</text>").count());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
