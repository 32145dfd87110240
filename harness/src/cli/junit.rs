//! Results as JUnit XML, which build servers read: a violation is a failure, what is unknown is an error.

use std::io;
use std::path::Path;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use truecut::failure::Failure;

/// One thing that was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Case {
    name: String,
    ended: Ended,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Ended {
    Passed,
    Failed { message: String, text: String },
    Unknown { message: String },
}

impl Case {
    /// Its kind of end, for tests of who makes cases.
    #[cfg(test)]
    pub(super) fn told(&self) -> (&str, &'static str) {
        let ended = match &self.ended {
            Ended::Passed => "passed",
            Ended::Failed { .. } => "failed",
            Ended::Unknown { .. } => "unknown",
        };
        (&self.name, ended)
    }

    pub(super) fn passed(name: String) -> Self {
        Self { name, ended: Ended::Passed }
    }

    pub(super) fn failed(name: String, message: String, text: String) -> Self {
        Self { name, ended: Ended::Failed { message, text } }
    }

    pub(super) fn unknown(name: String, message: String) -> Self {
        Self { name, ended: Ended::Unknown { message } }
    }
}

/// What the cases belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Suite<'a> {
    /// The command that checked them, for example `truecut check`.
    pub(super) command: &'a str,
    /// What it checked.
    pub(super) name: &'a str,
    /// How long it took. The time is the suite's: its cases are checked together.
    pub(super) seconds: f64,
}

/// Writes the document of one suite.
pub(super) fn save(file: &Path, suite: Suite<'_>, cases: &[Case]) -> Result<(), Failure> {
    std::fs::write(file, render(suite, cases)).map_err(Failure::at("write", file))
}

fn render(suite: Suite<'_>, cases: &[Case]) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    let written = write(&mut writer, suite, cases);
    written.expect("memory takes what is written");
    String::from_utf8(writer.into_inner()).expect("text was written")
}

fn write(writer: &mut Writer<Vec<u8>>, suite: Suite<'_>, cases: &[Case]) -> io::Result<()> {
    let number = |is: fn(&Ended) -> bool| cases.iter().filter(|case| is(&case.ended)).count().to_string();
    let tests = cases.len().to_string();
    let failures = number(|ended| matches!(ended, Ended::Failed { .. }));
    let errors = number(|ended| matches!(ended, Ended::Unknown { .. }));
    let time = format!("{:.3}", suite.seconds);
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let counts = || {
        [
            ("tests", &*tests),
            ("failures", &*failures),
            ("errors", &*errors),
            ("skipped", "0"),
            ("time", &*time),
        ]
    };
    writer
        .create_element("testsuites")
        .with_attribute(("name", suite.command))
        .with_attributes(counts())
        .write_inner_content(|writer| {
            writer
                .create_element("testsuite")
                .with_attribute(("name", &*plain(suite.name)))
                .with_attributes(counts())
                .write_inner_content(|writer| cases.iter().try_for_each(|each| case(writer, suite, each)))?;
            Ok(())
        })?;
    Ok(())
}

fn case(writer: &mut Writer<Vec<u8>>, suite: Suite<'_>, case: &Case) -> io::Result<()> {
    let element = writer
        .create_element("testcase")
        .with_attribute(("classname", &*plain(&format!("{}, {}", suite.command, suite.name))))
        .with_attribute(("name", &*plain(&case.name)));
    match &case.ended {
        Ended::Passed => element.write_empty()?,
        Ended::Failed { message, text } => element.write_inner_content(|writer| {
            let failure = writer.create_element("failure").with_attribute(("type", "violated"));
            let failure = failure.with_attribute(("message", &*plain(message)));
            failure.write_text_content(BytesText::new(&plain(text)))?;
            Ok(())
        })?,
        Ended::Unknown { message } => element.write_inner_content(|writer| {
            let error = writer.create_element("error").with_attribute(("type", "unknown"));
            error.with_attribute(("message", &*plain(message))).write_empty()?;
            Ok(())
        })?,
    };
    Ok(())
}

/// Without the characters that no XML may hold.
fn plain(text: &str) -> String {
    let allowed = |c: &char| !c.is_control() || ['\n', '\t'].contains(c);
    text.chars().filter(allowed).filter(|c| !['\u{fffe}', '\u{ffff}'].contains(c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_whatever_it_says() {
        let cases = [
            Case::passed("a".into()),
            Case::failed("b".into(), "x < y & \"z\"\u{1}".into(), "1. <b>\n2. ]]>".into()),
            Case::unknown("c".into(), "time".into()),
        ];
        let text = render(Suite { command: "truecut check", name: "scope <s>", seconds: 1.5 }, &cases);
        let mut reader = quick_xml::Reader::from_str(&text);
        let (mut open, mut names) = (0, Vec::new());
        loop {
            let event = reader.read_event().expect("well-formed");
            if event == Event::Eof {
                break;
            }
            if let Event::Start(element) | Event::Empty(element) = &event {
                names.push(element.name().as_ref().to_owned());
            }
            open += i32::from(matches!(event, Event::Start(_))) - i32::from(matches!(event, Event::End(_)));
        }
        assert_eq!(open, 0);
        let expected = ["testsuites", "testsuite", "testcase", "testcase", "failure", "testcase", "error"];
        assert_eq!(names, expected);
        assert!(text.contains("1. &lt;b&gt;\n2. ]]&gt;"), "{text}");
        assert!(text.contains("tests=\"3\" failures=\"1\" errors=\"1\"") && text.contains("time=\"1.500\""));
        assert!(!text.contains('\u{1}'));
    }
}
