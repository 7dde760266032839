//! Which profile is taken, and what stands above it.

use std::io::Write as _;

use super::*;

fn load(text: &str, name: Option<&str>, chosen: Profile) -> Result<Profile, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("profiles.toml");
    fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    Profile::load(Some(&path), name, chosen).map_err(|failure| failure.to_string())
}

const TWO: &str = "[default]\nurl = \"http://a/\"\ntoken = \"t\"\n[b]\nurl = \"http://b\"\n";

#[test]
fn the_default_profile_is_taken_unless_another_is_named() {
    assert_eq!(load(TWO, None, Profile::default()).unwrap().address(), "http://a");
    assert_eq!(load(TWO, Some("b"), Profile::default()).unwrap().address(), "http://b");
}

#[test]
fn what_is_chosen_wins_and_a_chosen_token_hides_the_files() {
    let chosen = Profile { url: Some("http://c".into()), ..Profile::default() };
    let profile = load(TWO, None, chosen).unwrap();
    assert_eq!((profile.address(), profile.secret().unwrap().as_deref()), ("http://c", Some("t")));

    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("token");
    fs::write(&file, "other\n").unwrap();
    let chosen = Profile { token_file: Some(file), ..Profile::default() };
    assert_eq!(load(TWO, None, chosen).unwrap().secret().unwrap().as_deref(), Some("other"));
}

#[test]
fn a_profile_that_is_not_there_is_an_error_that_names_those_that_are() {
    let error = load(TWO, Some("c"), Profile::default()).unwrap_err();
    assert!(error.ends_with("has no profile \"c\"; it has: b, default"), "{error}");
}

#[test]
fn an_unknown_key_is_refused_with_its_place() {
    let error = load("[default]\nurll = \"x\"\n", None, Profile::default()).unwrap_err();
    assert!(error.contains("urll") && error.contains("line 2"), "{error}");
}

#[test]
fn without_a_file_this_machine_is_asked() {
    let nowhere = Path::new("/nonexistent/profiles.toml");
    assert!(Profile::load(Some(nowhere), None, Profile::default()).is_err());
    assert_eq!(Profile::default().address(), LOCAL);
    assert_eq!(Profile::default().secret().unwrap(), None);
}
