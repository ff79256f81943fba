//! Where in France a centre lies: its department, its time zone, and its rough bounds.
//!
//! The INSEE code of the commune decides, and the postcode in the address where there is none.
//! The two are not the same: postcodes cross departments, and Corsica's begin with 20 while its
//! INSEE codes begin with 2A and 2B. Lists mix them up, so a field that repeats the postcode of
//! the address is read as that postcode.

use super::quote;

/// Where a centre lies.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Territory {
    /// None where neither the code nor the postcode is of a department.
    pub department: Option<String>,
    pub time_zone: &'static str,
    bounds: Bounds,
}

/// South, north, west, east, in degrees; with room to spare, since it only tells a slip (swapped
/// numbers, a forgotten sign, zeros) from a place.
type Bounds = (f64, f64, f64, f64);

const ANYWHERE: Bounds = (-90.0, 90.0, -180.0, 180.0);
const METROPOLITAN: Bounds = (41.0, 51.5, -5.7, 10.0);
const ANTILLES: Bounds = (14.0, 18.5, -63.5, -60.5);

/// The overseas territories by the first three digits.
const OVERSEAS: [(&str, &str, Bounds); 11] = [
    ("971", "America/Guadeloupe", ANTILLES),
    ("972", "America/Martinique", ANTILLES),
    ("973", "America/Cayenne", (1.5, 6.5, -55.0, -51.0)),
    ("974", "Indian/Reunion", (-22.0, -20.0, 54.5, 56.5)),
    ("975", "America/Miquelon", (46.0, 48.0, -57.5, -55.0)),
    ("976", "Indian/Mayotte", (-14.0, -12.0, 44.0, 46.0)),
    ("977", "America/St_Barthelemy", ANTILLES),
    ("978", "America/Marigot", ANTILLES),
    ("986", "Pacific/Wallis", (-15.5, -12.5, -179.5, -175.0)),
    ("987", "Pacific/Tahiti", (-29.0, -7.0, -156.0, -133.0)),
    ("988", "Pacific/Noumea", (-24.0, -17.0, 156.0, 174.0)),
];

/// The INSEE codes of the communes of the Marquesas, half an hour ahead of Tahiti: Fatu-Hiva,
/// Hiva-Oa, Nuku-Hiva, Tahuata, Ua-Huka, Ua-Pou.
const MARQUESAS: [&str; 6] = ["98718", "98723", "98731", "98746", "98756", "98757"];
/// The INSEE code of the Gambier islands, one hour ahead of Tahiti.
const GAMBIER: &str = "98719";

impl Territory {
    /// Whether the position can lie in it.
    pub(super) fn holds(&self, lat: f64, lon: f64) -> bool {
        let (south, north, west, east) = self.bounds;
        (south..=north).contains(&lat) && (west..=east).contains(&lon)
    }
}

/// Where the centre with this INSEE code, which may be empty, and this address lies.
pub(super) fn locate(insee: &str, address: &str, notes: &mut Vec<String>) -> Territory {
    let postcode = postcode(address).map(|(_, code)| code).unwrap_or_default();
    let code = read_insee(insee, notes).unwrap_or_default();
    let is_insee = !code.is_empty() && code != postcode;
    let department = department(&code).or_else(|| {
        let department = department(postcode);
        if !insee.trim().is_empty() && department.is_some() {
            notes.push(format!("insee: {} is of no department; postcode used", quote(insee)));
        }
        department
    });
    let Some(mut department) = department else {
        notes.push("insee, address: no department in them; the time of Paris used".to_owned());
        return Territory { department: None, time_zone: "Europe/Paris", bounds: ANYWHERE };
    };

    // Saint-Barthélemy and Saint-Martin were communes of Guadeloupe, whose postcodes they kept.
    // The postcode decides where there is one: as INSEE codes the same digits are other places.
    if department == "971" {
        let island = match (postcode, code.as_str()) {
            ("97133", _) | ("", "97123") => "977",
            ("97150", _) | ("", "97127" | "97150") => "978",
            _ => "971",
        };
        department = island.to_owned();
    }
    let overseas = OVERSEAS.iter().find(|(prefix, _, _)| *prefix == department);
    let (mut time_zone, bounds) =
        overseas.map_or(("Europe/Paris", METROPOLITAN), |(_, zone, bounds)| (*zone, *bounds));
    if is_insee && MARQUESAS.contains(&code.as_str()) {
        time_zone = "Pacific/Marquesas";
    } else if is_insee && code == GAMBIER {
        time_zone = "Pacific/Gambier";
    }
    Territory { department: Some(department), time_zone, bounds }
}

/// The city as the address gives it: what follows the postcode.
pub(super) fn city(address: &str) -> String {
    let (end, _) = postcode(address).unwrap_or((address.len(), ""));
    let after = address.get(end..).unwrap_or_default();
    after.trim_matches(|c: char| !c.is_alphanumeric()).to_owned()
}

/// The last five digits that stand alone, and where they end; the earlier ones, in addresses that
/// have several, are a first try at the same or part of the street.
fn postcode(address: &str) -> Option<(usize, &str)> {
    let words = address.rmatch_indices(|c: char| c.is_ascii_digit());
    for (last, _) in words {
        let end = last + 1;
        let Some(start) = end.checked_sub(5) else {
            break;
        };
        let (before, after) = (address.get(..start), address.get(end..));
        let alone = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        if let Some(code) = address.get(start..end)
            && code.bytes().all(|byte| byte.is_ascii_digit())
            && alone(before.and_then(|text| text.chars().next_back()))
            && alone(after.and_then(|text| text.chars().next()))
        {
            return Some((end, code));
        }
    }
    None
}

/// The INSEE code in the field: five digits, of which the second is a letter in Corsica.
fn read_insee(field: &str, notes: &mut Vec<String>) -> Option<String> {
    let field = field.trim();
    let mut code: String = field.chars().take_while(char::is_ascii_alphanumeric).collect();
    code.make_ascii_uppercase();
    if code.len() == 4 && code.bytes().all(|byte| byte.is_ascii_digit()) {
        // A spreadsheet took the code for a number.
        code.insert(0, '0');
    }
    let mut digits = code.strip_prefix("2A").or(code.strip_prefix("2B")).unwrap_or(&code).bytes();
    let valid = code.len() == 5 && digits.all(|byte| byte.is_ascii_digit());
    if valid && code != field.to_ascii_uppercase() {
        notes.push(format!("insee: {} was read as {code}", quote(field)));
    } else if !valid && !field.is_empty() {
        notes.push(format!("insee: {} is no INSEE code; left out", quote(field)));
    }
    valid.then_some(code)
}

/// The department of an INSEE code or a postcode.
fn department(code: &str) -> Option<String> {
    let (two, three) = (code.get(..2)?, code.get(..3)?);
    let department = match three {
        "200" | "201" => "2A",
        "202" | "206" => "2B",
        _ if matches!(two, "97" | "98") => {
            OVERSEAS.iter().map(|(prefix, _, _)| *prefix).find(|prefix| *prefix == three)?
        }
        _ if matches!(two, "2A" | "2B") => two,
        _ => {
            let number: u8 = two.parse().ok()?;
            (matches!(number, 1..=19 | 21..=95)).then_some(two)?
        }
    };
    Some(department.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(insee: &str, address: &str, department: Option<&str>, time_zone: &str) {
        let found = locate(insee, address, &mut Vec::new());
        let found = (found.department.as_deref(), found.time_zone);
        assert_eq!(found, (department, time_zone), "{insee:?} {address:?}");
    }

    #[test]
    fn the_insee_code_decides() {
        check("01004", "1 Rue X, 01500 Ambérieu", Some("01"), "Europe/Paris");
        check("2A004", "Avenue X, 20090 Ajaccio", Some("2A"), "Europe/Paris");
        check("97302", "Route de Montabo 97306 Cayenne", Some("973"), "America/Cayenne");
        check("97209", "Fort-de-France", Some("972"), "America/Martinique");
        check("97411", "Saint-Denis", Some("974"), "Indian/Reunion");
        check("97502", "Saint-Pierre", Some("975"), "America/Miquelon");
        check("97611", "Mamoudzou", Some("976"), "Indian/Mayotte");
        check("98613", "Mata-Utu", Some("986"), "Pacific/Wallis");
        check("98818", "Nouméa", Some("988"), "Pacific/Noumea");
        // As found: a lost zero, a postcode in its place, a place abroad.
        check("1606", "14 RUE DE L'HOPITAL, 1606 TREVOUX", Some("01"), "Europe/Paris");
        check("59462 Cedex", "Rue X, 59462 Cedex Lomme", Some("59"), "Europe/Paris");
        check("99138", "1 Rue Grimaldi, 98000 98000", None, "Europe/Paris");
    }

    #[test]
    fn the_postcode_stands_in() {
        check("", "1 Rue Y 12345, 20137 Porto-Vecchio", Some("2A"), "Europe/Paris");
        check("", "Chemin Z, 20600 Bastia", Some("2B"), "Europe/Paris");
        check("?", "Bourg, 97100 Basse-Terre", Some("971"), "America/Guadeloupe");
        check("", "no code 123456", None, "Europe/Paris");
    }

    #[test]
    fn islands_share_digits_with_other_places() {
        check("97123", "Gustavia, 97133 Saint-Barthélemy", Some("977"), "America/St_Barthelemy");
        check("97701", "Gustavia", Some("977"), "America/St_Barthelemy");
        check("", "Marigot, 97150 Saint-Martin", Some("978"), "America/Marigot");
        check("97133", "Le Bourg, 97141 Vieux-Fort", Some("971"), "America/Guadeloupe");
        check("98731", "Taiohae, 98742 Nuku Hiva", Some("987"), "Pacific/Marquesas");
        check("98719", "Rikitea, 98755 Mangareva", Some("987"), "Pacific/Gambier");
        // The postcode of Taravao, on Tahiti, is the INSEE code of the Gambier islands.
        check("98719", "Route X, 98719 Taravao", Some("987"), "Pacific/Tahiti");
    }

    #[test]
    fn a_code_that_cannot_be_cut_is_no_code() {
        for code in ["é97", "97é", "2C123", "²3456", "0", "00000", "96000", "97999"] {
            check(code, code, None, "Europe/Paris");
        }
    }
}
