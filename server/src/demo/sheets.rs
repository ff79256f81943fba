//! Who can be booked in the demonstration. Nobody here exists.

/// One calendar, as a practice would write it on its door.
pub(super) struct Sheet {
    /// The practitioner and their specialty; none for a centre.
    pub(super) who: Option<(&'static str, &'static str)>,
    pub(super) place: &'static str,
    pub(super) address: &'static str,
    /// Degrees north and east.
    pub(super) position: (f64, f64),
    pub(super) department: &'static str,
    pub(super) time_zone: &'static str,
    pub(super) lanes: u16,
    /// The hours of each day, Monday first.
    pub(super) week: [&'static str; 7],
    /// Id, name and minutes of each reason.
    pub(super) reasons: &'static [(&'static str, &'static str, u16)],
    /// Whether it is open on public holidays too.
    pub(super) holidays: bool,
}

const GP: &[(&str, &str, u16)] = &[
    ("consultation", "Consultation de médecine générale", 15),
    ("first-visit", "Première consultation", 30),
    ("vaccination", "Vaccination", 10),
];

const EYES: &[(&str, &str, u16)] = &[
    ("check-up", "Bilan visuel", 20),
    ("fundus", "Fond d'œil", 30),
    ("lenses", "Adaptation de lentilles", 45),
];

const CHILDREN: &[(&str, &str, u16)] = &[
    ("consultation", "Consultation de pédiatrie", 20),
    ("newborn", "Suivi du nourrisson", 30),
    ("vaccination", "Vaccination de l'enfant", 15),
];

const TEETH: &[(&str, &str, u16)] = &[
    ("check-up", "Examen de contrôle", 20),
    ("scaling", "Détartrage", 30),
    ("cavity", "Soin d'une carie", 40),
    ("emergency", "Urgence dentaire", 20),
];

const MIDWIFE: &[(&str, &str, u16)] = &[
    ("pregnancy", "Suivi de grossesse", 30),
    ("birth-class", "Préparation à la naissance", 60),
    ("smear", "Frottis de dépistage", 20),
];

const PHYSIO: &[(&str, &str, u16)] =
    &[("session", "Séance de rééducation", 30), ("assessment", "Bilan kinésithérapique", 45)];

const PHARMACY: &[(&str, &str, u16)] = &[
    ("flu", "Vaccination contre la grippe", 10),
    ("covid", "Vaccination contre la Covid-19", 10),
    ("angina", "Test rapide d'angine", 10),
];

const CENTRE: &[(&str, &str, u16)] = &[
    ("vaccination", "Vaccination, toutes doses", 5),
    ("first-dose", "Première dose, avec entretien médical", 10),
];

const HEART: &[(&str, &str, u16)] = &[
    ("consultation", "Consultation de cardiologie avec électrocardiogramme", 30),
    ("ultrasound", "Échographie cardiaque", 45),
];

/// A practice that closes on Wednesday afternoons and at weekends.
const CLOSED_WEDNESDAYS: [&str; 7] = [
    "08:30-12:00 14:00-18:30",
    "08:30-12:00 14:00-18:30",
    "08:30-12:00",
    "08:30-12:00 14:00-18:30",
    "08:30-12:00 14:00-17:00",
    "",
    "",
];

/// A practice that is open on Saturday mornings.
const OPEN_SATURDAYS: [&str; 7] = [
    "09:00-12:30 14:00-19:00",
    "09:00-12:30 14:00-19:00",
    "09:00-12:30 14:00-19:00",
    "09:00-12:30",
    "09:00-12:30 14:00-18:00",
    "09:00-12:00",
    "",
];

/// Where the day begins before the heat.
const EARLY: [&str; 7] = [
    "07:00-12:00 13:30-16:30",
    "07:00-12:00 13:30-16:30",
    "07:00-12:00",
    "07:00-12:00 13:30-16:30",
    "07:00-12:00 13:30-16:30",
    "07:30-11:30",
    "",
];

/// The calendars; the first is the one that the guide books.
#[rustfmt::skip]
pub(super) const SHEETS: &[Sheet] = &[
    Sheet {
        who: Some(("Dr Claire Fontaine", "médecin généraliste")),
        place: "Cabinet médical de la Butte", address: "12 rue des Saules, 75018 Paris",
        position: (48.8884, 2.3394), department: "75", time_zone: "Europe/Paris",
        lanes: 1, week: CLOSED_WEDNESDAYS, reasons: GP, holidays: false,
    },
    Sheet {
        who: Some(("Dr Anouk Delmas", "ophtalmologue")),
        place: "Centre de la vision Bastille", address: "48 rue de la Roquette, 75011 Paris",
        position: (48.8545, 2.3733), department: "75", time_zone: "Europe/Paris",
        lanes: 1, week: OPEN_SATURDAYS, reasons: EYES, holidays: false,
    },
    Sheet {
        who: Some(("Dr Karim Benali", "médecin généraliste")),
        place: "Maison de santé des Pentes", address: "5 montée de la Grande-Côte, 69001 Lyon",
        position: (45.7702, 4.8321), department: "69", time_zone: "Europe/Paris",
        lanes: 1, week: OPEN_SATURDAYS, reasons: GP, holidays: false,
    },
    Sheet {
        who: Some(("Dr Yann Le Goff", "médecin généraliste")),
        place: "Cabinet du Port", address: "21 quai de la Douane, 29200 Brest",
        position: (48.3814, -4.4892), department: "29", time_zone: "Europe/Paris",
        lanes: 1, week: CLOSED_WEDNESDAYS, reasons: GP, holidays: false,
    },
    Sheet {
        who: Some(("Dr Hélène Weber", "pédiatre")),
        place: "Cabinet de pédiatrie de la Krutenau", address: "9 rue de Zurich, 67000 Strasbourg",
        position: (48.5788, 7.7582), department: "67", time_zone: "Europe/Paris",
        lanes: 1, week: OPEN_SATURDAYS, reasons: CHILDREN, holidays: false,
    },
    Sheet {
        who: Some(("Dr Sophie Marchand", "chirurgien-dentiste")),
        place: "Cabinet dentaire des Chartrons", address: "33 rue Notre-Dame, 33000 Bordeaux",
        position: (44.8521, -0.5712), department: "33", time_zone: "Europe/Paris",
        lanes: 1, week: CLOSED_WEDNESDAYS, reasons: TEETH, holidays: false,
    },
    Sheet {
        who: Some(("Léa Rousseau", "sage-femme")),
        place: "Maison des naissances", address: "14 rue Crébillon, 44000 Nantes",
        position: (47.2135, -1.5631), department: "44", time_zone: "Europe/Paris",
        lanes: 1, week: OPEN_SATURDAYS, reasons: MIDWIFE, holidays: false,
    },
    Sheet {
        who: Some(("Thomas Garnier", "masseur-kinésithérapeute")),
        place: "Cabinet de kinésithérapie du Panier", address: "7 rue du Refuge, 13002 Marseille",
        position: (43.2985, 5.3691), department: "13", time_zone: "Europe/Paris",
        lanes: 2, week: CLOSED_WEDNESDAYS, reasons: PHYSIO, holidays: false,
    },
    Sheet {
        who: Some(("Camille Dubois", "pharmacien")),
        place: "Pharmacie du Beffroi", address: "2 rue du Molinel, 59800 Lille",
        position: (50.6346, 3.0668), department: "59", time_zone: "Europe/Paris",
        lanes: 1, reasons: PHARMACY, holidays: false,
        week: [
            "09:00-12:30 14:00-19:30", "09:00-12:30 14:00-19:30", "09:00-12:30 14:00-19:30",
            "09:00-12:30 14:00-19:30", "09:00-12:30 14:00-19:30", "09:30-12:30 14:00-18:00", "",
        ],
    },
    Sheet {
        who: None,
        place: "Centre de vaccination du Palais des sports",
        address: "3 allée des Platanes, 31000 Toulouse",
        position: (43.6117, 1.4370), department: "31", time_zone: "Europe/Paris",
        lanes: 20, reasons: CENTRE, holidays: true,
        week: [
            "08:00-12:30 13:30-20:00", "08:00-12:30 13:30-20:00", "08:00-12:30 13:30-20:00",
            "08:00-12:30 13:30-20:00", "08:00-12:30 13:30-20:00", "08:00-18:00", "09:00-17:00",
        ],
    },
    Sheet {
        who: Some(("Dr Marie-Ange Payet", "médecin généraliste")),
        place: "Maison médicale du Barachois", address: "18 rue de Nice, 97400 Saint-Denis",
        position: (-20.8772, 55.4481), department: "974", time_zone: "Indian/Reunion",
        lanes: 1, week: EARLY, reasons: GP, holidays: false,
    },
    Sheet {
        who: Some(("Dr Joël Bazile", "cardiologue")),
        place: "Cabinet de cardiologie de la Darse",
        address: "6 quai Lefèvre, 97110 Pointe-à-Pitre",
        position: (16.2373, -61.5343), department: "971", time_zone: "America/Guadeloupe",
        lanes: 1, week: EARLY, reasons: HEART, holidays: false,
    },
];
