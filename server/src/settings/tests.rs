use std::ffi::OsString;
use std::path::Path;

use super::table::ALL;
use super::*;

fn file(text: &str) -> Layers {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("creneau.toml");
    std::fs::write(&path, text).unwrap();
    let mut layers = Layers::default();
    layers.file(&path);
    layers
}

fn faults(layers: Layers) -> Vec<String> {
    let faults = Settings::of(layers).map(|_| ()).unwrap_err();
    faults.iter().map(|fault| format!("{} {}", fault.what, fault.rule)).collect()
}

#[test]
fn what_nobody_sets_is_what_the_library_has_as_standard() {
    let settings = Settings::of(file("memory = true")).unwrap();
    assert_eq!(settings.limits, Limits::default());
    assert_eq!(settings.engine, Config::in_memory());
    assert_eq!((settings.data, settings.listen.as_str()), (None, "127.0.0.1:8080"));
    assert_eq!(settings.rates, Rates::default());
}

#[test]
fn the_later_wins() {
    let mut layers =
        file("data = \"/a\"\nhold_seconds = 60\n[http]\nfeeds_max = 3\nidle_timeout_seconds = 4\n");
    let variables = [
        ("CRENEAU_PORT", "tcp://10.0.0.1:80"),
        ("CRENEAU_HTTP_FEEDS_MAX", "5"),
        ("CRENEAU_HOLD_SECONDS", "61"),
        ("HOME", "x"),
    ];
    layers.environment(variables.map(|(a, b)| (OsString::from(a), OsString::from(b))).into_iter());
    layers.argument("hold_seconds=62");
    let settings = Settings::of(layers).unwrap();
    assert_eq!(settings.engine.hold, Duration::from_secs(62));
    assert_eq!(settings.limits.feeds_max, 5);
    assert_eq!(settings.limits.idle_timeout, Duration::from_secs(4));
    assert_eq!(settings.data.as_deref(), Some(Path::new("/a")));
}

#[test]
fn what_is_wrong_is_named_with_its_rule() {
    for (text, said) in [
        ("memory = true\nspeed = 7", "speed is not a setting: see creneau config print"),
        (
            "memory = true\n[http]\nspeed = 7",
            "http.speed is not a setting: see creneau config print",
        ),
        ("memory = true\n[more.of]\nx = 7", "more.of.x is not a setting: see creneau config print"),
        ("memory = 1", "memory must be true or false"),
        ("memory = true\nhold_seconds = 0", "hold_seconds must be a whole number from 1 to 86400"),
        ("memory = true\nhold_seconds = -5", "hold_seconds must be a whole number from 1 to 86400"),
        (
            "memory = true\nhold_seconds = 1.5",
            "hold_seconds must be a whole number from 1 to 86400",
        ),
        ("memory = true\nhold_limit = \"x\"", "hold_limit must be one of calendar, engine, none"),
        ("memory = true\n[listen]\na = 1", "listen must be a text that is not empty"),
        ("data = \"\"", "data must be a text that is not empty"),
        ("memory = true\ndata = \"/a\"", "memory must not be set together with data"),
        ("memory = true\n[tls]\nkey = \"k\"", "tls.key needs tls.certificate beside it"),
        (
            "memory = true\n[rate_limits]\ntoken_burst = 5",
            "rate_limits.token_burst needs rate_limits.token_per_second beside it",
        ),
        (
            "memory = true\n[engine]\nwrite_timeout_seconds = 30",
            "http.answer_timeout_seconds must be more than engine.write_timeout_seconds",
        ),
        (
            "memory = true\n[engine]\nholds_max = 70000",
            "engine.requests_max must be more than engine.holds_max",
        ),
    ] {
        assert!(faults(file(text)).contains(&said.to_owned()), "{text}: {:?}", faults(file(text)));
    }
    assert!(faults(file("memory = "))[0].contains("is not TOML"));
    assert!(faults(file("a = 1\nb = 2")).len() == 3, "each is said, and that data is missing");
    let mut layers = file("memory = true");
    layers.environment([("CRENEAU_SPEED".into(), "7".into())].into_iter());
    layers.argument("nothing");
    layers.argument("log=");
    assert_eq!(
        faults(layers),
        [
            "CRENEAU_SPEED is not a setting: see creneau config print",
            "--set nothing must be KEY=VALUE",
            "log must be a text that is not empty",
        ]
    );
}

#[test]
fn a_bug_is_named_only_where_one_can_be_planted() {
    let mut layers = file("memory = true");
    layers.environment([("CRENEAU_PLANTED".into(), "HalfMove".into())].into_iter());
    if creneau::PLANTED {
        assert!(Settings::of(layers).is_ok());
    } else {
        let said = "CRENEAU_PLANTED is not a setting: see creneau config print";
        assert_eq!(faults(layers), [said]);
    }
}

#[test]
fn the_command_line_decides_between_directory_and_memory() {
    let mut layers = file("data = \"/a\"");
    layers.argument("memory=true");
    assert_eq!(Settings::of(layers).unwrap().data, None);
    let mut layers = file("memory = true");
    layers.argument("data=/b");
    assert_eq!(Settings::of(layers).unwrap().data.as_deref(), Some(Path::new("/b")));
}

#[test]
fn what_is_printed_can_be_read() {
    let mut layers = file("data = \"/a\\\"b\"\n[http]\nfeeds_max = 3");
    let printed = print(&layers);
    assert!(printed.contains("\nfeeds_max = 3 # set in "), "{printed}");
    assert!(printed.contains("\n#drain_timeout_seconds = 10\n"), "{printed}");
    for setting in ALL {
        assert!(printed.contains(&setting.variable()), "{}", setting.key);
    }
    let again = file(&printed);
    assert_eq!(again.value(&table::DATA), layers.value(&table::DATA));
    // Every standard value that is shown can be set.
    let all = file(
        &printed
            .replace("\n#", "\n")
            .replace(" =\n", " = 1\n")
            .lines()
            .filter(|line| {
                line.is_empty()
                    || line.starts_with('[')
                    || line.split_once(" = ").is_some_and(|(name, _)| !name.contains(' '))
            })
            .filter(|line| {
                !["tls", "certificate", "key", "token_file"]
                    .iter()
                    .any(|text| line.starts_with(text))
            })
            .collect::<Vec<_>>()
            .join("\n"),
    );
    assert_eq!(all.faults, [], "{printed}");
    layers.argument("hold_seconds=9");
    assert!(print(&layers).contains("\nhold_seconds = 9 # set on the command line\n"));
}
