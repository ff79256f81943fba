use super::*;

const SMALL: &str = "name = \"small\"\n[[phases]]\nname = \"all\"\nseconds = 1\nrate = 10\n";

/// A scenario with nothing but its standards.
pub(crate) fn plain() -> Scenario {
    Scenario::parse(SMALL).unwrap()
}

#[test]
fn what_is_left_out_has_its_standard() {
    let scenario = plain();
    assert_eq!(scenario.arrivals, Law::Poisson);
    assert_eq!((scenario.in_flight_max, scenario.seconds()), (10_000, 1));
    assert_eq!(scenario.mix, Mix::default());
    assert_eq!(scenario.thresholds, Thresholds::default());
}

#[test]
fn errors_name_the_field_and_the_rule() {
    let cases = [
        ("", "missing field `name`"),
        ("name = 1", "name: invalid type: integer `1`, expected a string"),
        ("colour = 1", "colour: unknown field `colour`, expected one of `name`"),
        ("[mix]\nlok = 1", "mix.lok: unknown field `lok`, expected one of `look`, `book`"),
        ("[mix]\nbook = -1", "mix.book: invalid value: integer `-1`"),
        ("[mix]\nlook=0\nbook=0\nrelease=0\nabandon=0\ncancel=0\nmove=0", "mix must have a weight"),
        ("[habits]\nretry = 1.5", "habits.retry must be 0 to 1, and is 1.5"),
        ("[habits]\nretry = nan", "habits.retry must be 0 to 1, and is NaN"),
        ("[spread]\nlaw = \"warm\"", "spread.law: unknown variant `warm`"),
        ("[spread]\nlaw = \"hot\"\ncalendars = 101", "spread.calendars must be 1 to 100"),
        ("[think]\nmin_ms = 5\nmax_ms = 4", "think.max_ms must be 5 to 3600000, and is 4"),
        ("[calendars]\nhours = [\"8-12\"]", "calendars.hours[0] must be HH:MM-HH:MM"),
        ("[calendars]\ngrid_minutes = 7", "calendars.grid_minutes must divide 60"),
        ("[calendars]\nhorizon_days = 20", "search.last_day must lie before"),
        ("[server]\nkill_every_seconds = 0", "server.kill_every_seconds must be 1 to 3600"),
        ("[thresholds.p99_ms]\nhould = 1", "thresholds.p99_ms.?: unknown variant `hould`"),
        ("[thresholds.p99_ms]\nread = 1", "thresholds.p99_ms.read is no call of a patient"),
        ("[[phases]]\nname=\"b\"\nseconds=0\nrate=1", "phases[1].seconds must be 1 to 86400"),
        ("[[phases]]\nname=\"b\"\nseconds=1\nrate=-1", "phases[1].rate must be 0 to 100000"),
    ];
    for (text, expected) in cases {
        let whole = match text.split('\n').next() {
            Some("" | "name = 1") => SMALL.replace("name = \"small\"", text),
            Some(line) if line.starts_with('[') => format!("{SMALL}{text}"),
            _ => format!("{text}\n{SMALL}"),
        };
        let error = Scenario::parse(&whole).unwrap_err();
        assert!(error.starts_with(expected), "{text:?}: {error}");
    }
}

#[test]
fn errors_of_a_campaign_name_the_field_and_the_rule() {
    const SOUND: &str = "[campaign]\ndoses_per_centre = 1\npeople_per_dose = 1\n\
        days_min = 21\ndays_max = 28\ncut = { after_seconds = 0, doses = 1 }\n\
        extra = { after_seconds = 1, doses = 1 }\n\
        [[campaign.cohorts]]\nband = \"old\"\nweight = 1\nopens_after_seconds = 0\n\
        [calendars]\ncount = 10\nhorizon_days = 60\n";
    let scenario = |text: &str| Scenario::parse(&format!("{SMALL}{text}"));
    let campaign = scenario(SOUND).unwrap().campaign.unwrap();
    assert_eq!((campaign.given_share, campaign.after_infection_days), (0.5, 60));
    let cases = [
        ("days_max = 28", "days_max = 20", "campaign.days_max must be 21 to 365, and is 20"),
        ("days_max = 28", "days_max = 40", "campaign.days_max with search.last_day must lie"),
        ("days_min = 21", "days_min = 20", "search.last_day must lie before campaign.days_min"),
        ("_per_dose = 1", "_per_dose = 2", "campaign.people_per_dose must be at most what the"),
        ("doses = 1 }\next", "doses = 2 }\next", "campaign.cut.doses must be 0 to 1"),
        ("1, doses = 1", "1, doses = 0", "campaign.extra.doses must be 1 to 10000"),
        ("_seconds = 1", "_seconds = 2", "campaign.extra.after_seconds must be 0 to 1"),
        ("\"old\"", "\"too old\"", "campaign.cohorts[0].band must be 1 to 64 visible"),
        ("opens_after_seconds = 0", "", "campaign.cohorts must have one"),
        ("opens_after", "opens_before", "campaign.cohorts[0].opens_before_seconds: unknown"),
        ("days_min", "given_share = 2\ndays_min", "campaign.given_share must be 0 to 1"),
        ("days_min", "line = [\"young\"]\ndays_min", "campaign.line[0] must be the band of"),
        ("days_min", "line = [\"old\",\"old\"]\ndays_min", "campaign.line[0] must be there once"),
        ("days_min", "line_share = 2\ndays_min", "campaign.line_share must be 0 to 1"),
        ("days_min", "decline_share = -1\ndays_min", "campaign.decline_share must be 0 to 1"),
        ("days_min", "ignore_share = 0.95\ndays_min", "campaign.ignore_share must be 0 to 0.9"),
        ("days_min", "look_every_ms = 9\ndays_min", "campaign.look_every_ms must be 10 to"),
        ("days_min", "mix = { bth = 1 }\ndays_min", "campaign.mix.bth: unknown field `bth`"),
    ];
    for (from, to, expected) in cases {
        let error = scenario(&SOUND.replacen(from, to, 1)).unwrap_err();
        assert!(error.starts_with(expected), "{to:?}: {error}");
    }
}

#[test]
fn shipped_scenarios_are_sound_and_short() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let scenario = Scenario::read(&path).unwrap();
        assert_eq!(path.file_stem().unwrap().to_str().unwrap(), scenario.name);
        assert!(scenario.seconds() <= 300, "{}: {} s", scenario.name, scenario.seconds());
        names.push(scenario.name);
    }
    names.sort();
    let shipped = [
        "abandoners",
        "campaign-two-doses",
        "everyone-wants-monday",
        "first-hour",
        "hostile",
        "killed-at-full-load",
        "killed-every-ten-seconds",
        "knee",
        "overload",
        "real-centres",
    ];
    assert_eq!(names, shipped);
}
