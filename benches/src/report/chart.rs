//! Bars, readable on a light and on a dark page.

use std::fmt::Write;

use super::grid::readable;

/// All in pixels.
const NAMES: f64 = 160.0;
const BARS: f64 = 420.0;
const NUMBERS: f64 = 80.0;
const BAR: f64 = 18.0;
const HEAD: f64 = 34.0;

const STYLE: &str = "text{font:13px ui-monospace,monospace;fill:#24292f}.what{font-weight:bold}.name{text-anchor:end}\
rect{fill:#8c959f}.ours{fill:#0969da}.limit{fill:#d0d7de}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}rect{fill:#6e7681}.ours{fill:#388bfd}.limit{fill:#30363d}}";

/// A picture of how long several contenders take for the same works.
#[derive(Debug)]
pub(crate) struct Chart {
    /// Its name beside this crate's manifest.
    pub(crate) file: &'static str,
    pub(crate) works: Vec<Bars>,
}

/// The bars of one work.
#[derive(Debug)]
pub(crate) struct Bars {
    /// With the unit.
    pub(crate) title: String,
    pub(crate) bars: Vec<Bar>,
}

/// One contender's bar.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) contender: &'static str,
    pub(crate) role: Role,
    pub(crate) value: f64,
}

/// What a bar stands for, which gives it its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Ours,
    Peer,
    /// What nobody can undercut.
    Limit,
}

impl Chart {
    /// The document.
    pub(crate) fn draw(&self) -> String {
        let bars: usize = self.works.iter().map(|work| work.bars.len()).sum();
        let height = HEAD * self.works.len() as f64 + BAR * bars as f64 + 10.0;
        let width = NAMES + BARS + NUMBERS;
        let mut text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\">\n<style>{STYLE}</style>\n"
        );
        let mut y = 0.0;
        for work in &self.works {
            work.draw(&mut text, y);
            y += HEAD + BAR * work.bars.len() as f64;
        }
        text.push_str("</svg>\n");
        text
    }
}

impl Bars {
    fn draw(&self, text: &mut String, top: f64) {
        let _ = writeln!(text, "<text class=\"what\" x=\"0\" y=\"{}\">{}</text>", top + 24.0, self.title);
        let longest = self.bars.iter().map(|bar| bar.value).fold(f64::MIN_POSITIVE, f64::max);
        let mut y = top + HEAD;
        for bar in &self.bars {
            let class = match bar.role {
                Role::Ours => " class=\"ours\"",
                Role::Peer => "",
                Role::Limit => " class=\"limit\"",
            };
            let length = (bar.value / longest * BARS).max(1.0);
            let (name, baseline) = (bar.contender, y + 12.0);
            let _ =
                writeln!(text, "<text class=\"name\" x=\"{}\" y=\"{baseline}\">{name}</text>", NAMES - 8.0);
            let _ = writeln!(
                text,
                "<rect{class} x=\"{NAMES}\" y=\"{y}\" width=\"{length:.1}\" height=\"{}\"/>",
                BAR - 4.0
            );
            let end = NAMES + length + 6.0;
            let _ = writeln!(text, "<text x=\"{end:.1}\" y=\"{baseline}\">{}</text>", readable(bar.value));
            y += BAR;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_bar_takes_the_whole_width() {
        let bar = |contender, role, value| Bar { contender, role, value };
        let bars = vec![bar("ours", Role::Ours, 5.0), bar("peer", Role::Peer, 20.0)];
        let work = Bars { title: "decode, ns".to_owned(), bars };
        let svg = Chart { file: "test.svg", works: vec![work] }.draw();
        assert!(svg.contains("class=\"ours\" x=\"160\" y=\"34\" width=\"105.0\""), "{svg}");
        assert!(svg.contains("<rect x=\"160\" y=\"52\" width=\"420.0\""), "{svg}");
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
