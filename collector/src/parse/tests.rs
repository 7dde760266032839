//! `parse` as a user sees it: lines on standard output and standard error, and the exit status.

use std::{fs, path::Path};

use super::*;

fn line(n: u32, message: &str) -> String {
    format!(
        "2026-11-22 23:06:32.715 UTC,\"app\",\"shop\",4711,\"[local]\",6743f0a8.1267,{n},\"SELECT\",\
         2026-11-22 23:06:30 UTC,3/4,0,LOG,00000,\"{message}\",,,,,,,,,\"psql\",\
         \"client backend\",,0\n"
    )
}

fn args(files: &[&Path]) -> ParseArgs {
    ParseArgs {
        format: "auto".into(),
        log_timezone: None,
        log_line_prefix: None,
        patroni_format: None,
        patroni_dateformat: None,
        content: None,
        files: files.iter().map(|file| (*file).to_owned()).collect(),
    }
}

fn run(args: &ParseArgs) -> Result<(u64, Vec<serde_json::Value>, Vec<serde_json::Value>), String> {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let rejected = parse(args, &mut out, &mut err).map_err(|error| error.to_string())?;
    let lines = |bytes: &[u8]| {
        bytes
            .split(|&byte| byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect()
    };
    Ok((rejected, lines(&out), lines(&err)))
}

#[test]
fn records_come_out_in_order_whatever_the_file_is_packed_in() {
    let dir = tempfile::tempdir().unwrap();
    let text: String = (0..20_000).map(|n| line(n, &format!("message\n{n}"))).collect();
    let (half, rest) = text.split_at(text.len() / 2);
    let gzip = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |text: &str| zstd::encode_all(text.as_bytes(), 1).unwrap();
    for (name, content) in [
        ("a.csv", text.clone().into_bytes()),
        ("a.csv.gz", [gzip(half), gzip(rest)].concat()),
        ("a.csv.zst", [zstd(half), zstd(rest)].concat()),
    ] {
        let file = dir.path().join(name);
        fs::write(&file, content).unwrap();
        let (rejected, records, rejects) = run(&args(&[&file])).unwrap();
        assert_eq!((rejected, records.len(), rejects.len()), (0, 20_000, 0), "{name}");
        assert_eq!(records[19_999]["message"], "message\n19999");
        assert_eq!(records[0]["position"], 0);
        assert_eq!(records[1]["position"], line(0, "message\n0").len());
        assert_eq!(records[0]["log_time"], "2026-11-22T23:06:32.715Z");
    }
}

#[test]
fn what_is_no_record_is_counted_and_says_where_it_stands() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.csv");
    let whole = line(1, "one");
    fs::write(&file, format!("{whole}garbage\n{}{}", line(2, "two"), &line(3, "three")[..90]))
        .unwrap();
    let (rejected, records, rejects) = run(&args(&[&file])).unwrap();
    assert_eq!((rejected, records.len(), rejects.len()), (2, 2, 2));
    assert_eq!(rejects[0]["file"], file.to_str().unwrap());
    assert_eq!(rejects[0]["position"], whole.len());
    assert!(rejects[0]["reason"].is_string());
}

#[test]
fn the_settings_of_the_writer_are_used() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("log");
    let with = |text: &str, change: &dyn Fn(&mut ParseArgs)| {
        fs::write(&file, text).unwrap();
        let mut args = args(&[&file]);
        change(&mut args);
        run(&args).unwrap().1.remove(0)
    };
    let record = with("<4711 at 2026-11-22 23:06:32.715 CET> LOG:  hello\n", &|args| {
        args.log_line_prefix = Some("<%p at %m> ".into());
    });
    assert_eq!((&record["process_id"], &record["message"]), (&4711.into(), &"hello".into()));
    assert_eq!(record["log_time"], "2026-11-22T22:06:32.715Z");
    let record = with("22.11.2026 23:06:32 | INFO | hello\n", &|args| {
        args.patroni_format = Some("%(asctime)s | %(levelname)s | %(message)s".into());
        args.patroni_dateformat = Some("%d.%m.%Y %H:%M:%S".into());
        args.log_timezone = Some("Europe/Berlin".into());
    });
    assert_eq!(
        (&record["log_time"], &record["message"]),
        (&"2026-11-22T22:06:32Z".into(), &"hello".into())
    );
}

#[test]
fn an_empty_file_has_no_records_and_nothing_wrong() {
    let file = tempfile::NamedTempFile::new().unwrap();
    assert_eq!(run(&args(&[file.path()])).unwrap().0, 0);
}

#[test]
fn what_cannot_be_done_is_said_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.csv");
    fs::write(&file, line(1, "one")).unwrap();
    let refuses = |change: &dyn Fn(&mut ParseArgs), expected: &str| {
        let mut args = args(&[&file]);
        change(&mut args);
        let error = run(&args).unwrap_err();
        assert!(error.contains(expected) && error.lines().count() == 1, "{error}");
    };
    refuses(&|args| args.format = "xml".into(), "--format: unknown format \"xml\"");
    refuses(&|args| args.log_timezone = Some("Mars".into()), "--log-timezone: \"Mars\": ");
    refuses(&|args| args.log_line_prefix = Some("%m\n".into()), "--log-line-prefix: \"%m\\n\": ");
    refuses(&|args| args.patroni_format = Some("x".into()), "--patroni-format: \"x\": ");
    refuses(&|args| args.patroni_dateformat = Some("%Q".into()), "--patroni-dateformat: \"%Q\": ");
    refuses(&|args| args.content = Some("text".into()), "--content: \"text\": ");
    refuses(&|args| args.files = vec![dir.path().join("none")], "none: ");
    refuses(&|args| args.files = vec![dir.path().to_owned()], "is a directory");
    let text = dir.path().join("text");
    fs::write(&text, "just\nsome\nlines\n").unwrap();
    refuses(&|args| args.files = vec![text.clone()], "format not recognised");
    let damaged = dir.path().join("damaged.gz");
    fs::write(&damaged, [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2]).unwrap();
    refuses(&|args| args.files = vec![damaged.clone()], "damaged.gz: ");
}
