//! The OpenAPI document, against which every exchange is held.
//!
//! It is taken more strictly than it is written: an answer may have no field that its schema does
//! not name.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::client::Answer;

/// A request as it was sent.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    /// By their names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<String>,
}

pub(crate) struct Document {
    pub(crate) json: Value,
    strict: Value,
    /// By the place or the text of their schema.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

pub(crate) fn document() -> &'static Document {
    static DOCUMENT: LazyLock<Document> = LazyLock::new(|| {
        let json: Value = serde_json::from_str(&creneau_server::http::openapi()).unwrap();
        let mut strict = json.clone();
        close_all(&mut strict);
        Document { json, strict, validators: Mutex::default() }
    });
    &DOCUMENT
}

/// Allows no field that a schema does not name, wherever a schema is used.
fn close_all(part: &mut Value) {
    match part {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match (name.as_str(), member) {
                    ("properties", Value::Object(fields)) => fields.values_mut().for_each(close),
                    ("items" | "schema", schema) => close(schema),
                    _ => {}
                }
            }
            members.values_mut().for_each(close_all);
        }
        Value::Array(items) => items.iter_mut().for_each(close_all),
        _ => {}
    }
}

fn close(schema: &mut Value) {
    let Value::Object(members) = schema else { return };
    // The document's own schema is open: it names what a reader of it looks at first.
    let open = members.get("required").is_some_and(|names| *names == json!(OPEN));
    if !open && ["$ref", "properties", "allOf", "oneOf"].iter().any(|k| members.contains_key(*k)) {
        members.insert("unevaluatedProperties".to_owned(), json!(false));
    }
}

const OPEN: [&str; 4] = ["openapi", "info", "paths", "components"];

impl Document {
    /// Every operation with its method, path and id.
    pub(crate) fn operations(&self) -> Vec<(String, String, String)> {
        let mut all = Vec::new();
        for (path, item) in self.json["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let id = operation["operationId"].as_str().unwrap().to_owned();
                all.push((method.to_ascii_uppercase(), path.clone(), id));
            }
        }
        all
    }

    /// The example of an operation's request.
    pub(crate) fn example(&self, id: &str) -> Value {
        let operations = self.json["paths"].as_object().unwrap().values();
        let mut operations = operations.flat_map(|item| item.as_object().unwrap().values());
        let operation = operations.find(|operation| operation["operationId"] == id).unwrap();
        operation["requestBody"]["content"]["application/json"]["example"].clone()
    }

    /// Makes sure that the data of a message of the change feed is as described.
    pub(crate) fn entry(&self, data: &Value) {
        self.valid(
            &json!({"type": "array", "minItems": 1, "items": {
                "$ref": "#/components/schemas/Event", "unevaluatedProperties": false,
            }}),
            data,
            &"an entry of the feed",
        );
    }

    /// Makes sure that an answer is as described, and so is a request that succeeded. Tells which
    /// operation it was.
    pub(crate) fn check(&self, asked: Option<&Asked>, answer: &Answer) -> Option<String> {
        let Some(asked) = asked else {
            self.check_unasked(answer);
            return None;
        };
        let path = asked.path.split('?').next().unwrap();
        let Some(item) = self.item(path) else {
            self.check_unasked(answer);
            assert!(answer.status == 404, "{asked:?} is not described: {answer:?}");
            return None;
        };
        let method = if asked.method == "HEAD" { "GET" } else { &asked.method };
        let described = item.iter().find(|(known, _)| known.to_ascii_uppercase() == *method);
        let Some((_, operation)) = described else {
            self.check_unasked(answer);
            assert_eq!(answer.status, 405, "{asked:?}: {answer:?}");
            let mut methods: BTreeSet<_> = item.keys().map(|m| m.to_ascii_uppercase()).collect();
            if methods.contains("GET") {
                methods.insert("HEAD".to_owned());
            }
            let allowed = answer.header("allow").unwrap().split(", ").map(str::to_owned).collect();
            assert_eq!(methods, allowed, "{asked:?}");
            return None;
        };
        let response = &operation["responses"][answer.status.to_string()];
        let response = self.resolved(response);
        assert!(response.is_object(), "{asked:?}: the document has no {}", answer.status);
        self.check_answer(asked, response, answer);
        if answer.status < 300 {
            self.check_request(asked, operation);
        }
        Some(operation["operationId"].as_str().unwrap().to_owned())
    }

    /// The answer to what was no request for an operation: a problem, or nothing at all.
    fn check_unasked(&self, answer: &Answer) {
        if answer.header("content-type") == Some("application/problem+json") {
            let code = answer.json()["code"].as_str().unwrap().to_owned();
            let known = self.strict["components"]["schemas"].get(format!("problem.{code}"));
            let of = if known.is_some() { format!("problem.{code}") } else { "Problem".into() };
            let schema = json!({"$ref": format!("#/components/schemas/{of}")});
            self.valid(&schema, &answer.json(), &answer);
        }
    }

    fn item(&self, path: &str) -> Option<&Map<String, Value>> {
        let parts = |path: &str| path.split('/').map(str::to_owned).collect::<Vec<_>>();
        let wanted = parts(path);
        let fits = |template: &str| {
            let template = parts(template);
            let pair = |(t, w): (&String, &String)| t == w || t.starts_with('{') && !w.is_empty();
            template.len() == wanted.len() && template.iter().zip(&wanted).all(pair)
        };
        let paths = self.strict["paths"].as_object().unwrap();
        let found = paths.get(path).or_else(|| paths.iter().find(|(t, _)| fits(t)).map(|p| p.1));
        found.and_then(Value::as_object)
    }

    fn resolved<'a>(&'a self, part: &'a Value) -> &'a Value {
        match part["$ref"].as_str() {
            Some(reference) => self.strict.pointer(reference.trim_start_matches('#')).unwrap(),
            None => part,
        }
    }

    fn check_answer(&self, asked: &Asked, response: &Value, answer: &Answer) {
        let context = (asked, answer);
        for (name, header) in response["headers"].as_object().into_iter().flatten() {
            match answer.header(&name.to_ascii_lowercase()) {
                Some(value) => self.valid(&header["schema"], &of_text(value, header), &context),
                None => assert!(header["required"] != true, "{context:?} has no {name}"),
            }
        }
        // Who is refused for now is told until when.
        let code = (400 <= answer.status && !answer.body.is_empty()).then(|| answer.json());
        let code = code.as_ref().and_then(|problem| problem["code"].as_str());
        if matches!(code, Some("overloaded" | "too_many_requests")) {
            assert!(answer.header("retry-after").is_some(), "{context:?}");
        }
        let kind = answer.header("content-type").map(|kind| kind.split(';').next().unwrap());
        let Some(contents) = response["content"].as_object() else {
            assert!(answer.body.is_empty() && kind.is_none(), "{context:?}");
            return;
        };
        let kind = kind.unwrap_or_else(|| panic!("{context:?} has no Content-Type"));
        let content = contents.get(kind).unwrap_or_else(|| panic!("{context:?}: not described"));
        if kind.ends_with("json") && asked.method != "HEAD" {
            self.valid(&content["schema"], &answer.json(), &context);
        }
    }

    fn check_request(&self, asked: &Asked, operation: &Value) {
        let body = &operation["requestBody"];
        match &asked.body {
            Some(text) if !text.is_empty() => {
                let json: Value = serde_json::from_str(text).unwrap();
                self.valid(&body["content"]["application/json"]["schema"], &json, asked);
            }
            _ => assert!(body["required"] != true, "{asked:?} has no body"),
        }
        let query = asked.path.split_once('?').map_or("", |(_, query)| query);
        let query: HashMap<String, String> =
            form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let parameters = operation["parameters"].as_array().unwrap();
        for parameter in parameters {
            let name = parameter["name"].as_str().unwrap();
            let lower = name.to_ascii_lowercase();
            let header = || asked.headers.iter().find(|(known, _)| *known == lower);
            let value = match parameter["in"].as_str().unwrap() {
                // A plus sign that was not encoded arrives as a space, which is forgiven.
                "query" => query.get(name).map(|value| value.replace(' ', "+")),
                "header" => header().map(|(_, value)| value.clone()),
                _ => continue,
            };
            match value {
                Some(value) => {
                    self.valid(&parameter["schema"], &of_text(&value, parameter), asked);
                }
                None => assert!(parameter["required"] != true, "{asked:?} has no {name}"),
            }
        }
        let known = |name: &String| parameters.iter().any(|parameter| parameter["name"] == **name);
        assert!(query.keys().all(known), "{asked:?}");
    }

    #[track_caller]
    fn valid(&self, schema: &Value, value: &Value, context: &dyn std::fmt::Debug) {
        let key = schema.to_string();
        let known = self.validators.lock().unwrap().get(&key).cloned();
        let validator = known.unwrap_or_else(|| {
            let whole = json!({"allOf": [schema], "components": self.strict["components"]});
            let options = jsonschema::draft202012::options().should_validate_formats(true);
            let validator = Arc::new(options.build(&whole).unwrap());
            self.validators.lock().unwrap().insert(key, validator.clone());
            validator
        });
        let faults: Vec<_> = validator
            .iter_errors(value)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(faults.is_empty(), "{faults:#?}\n{schema}\n{context:?}");
    }
}

/// A header's or a parameter's value as its schema has it.
fn of_text(text: &str, described: &Value) -> Value {
    if described["schema"]["type"] == "integer" {
        return text.parse::<u64>().map_or_else(|_| json!(text), |number| json!(number));
    }
    if described["schema"]["type"] == "boolean" {
        return text.parse::<bool>().map_or_else(|_| json!(text), |truth| json!(truth));
    }
    json!(text)
}

#[test]
fn what_is_not_described_is_seen() {
    let asked = |method: &str, path: &str, body: Option<&str>| Asked {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: Vec::new(),
        body: body.map(str::to_owned),
    };
    let answer = |status, kind: &str, body: &str| Answer {
        status,
        headers: vec![("content-type".to_owned(), kind.to_owned())],
        body: body.as_bytes().to_vec(),
    };
    let (json, problem) = ("application/json", "application/problem+json");
    let sound = (asked("GET", "/livez", None), answer(200, json, "{\"status\":\"alive\"}"));
    assert_eq!(document().check(Some(&sound.0), &sound.1).as_deref(), Some("livez"));
    let release = "/v1/holds/hold_00000000000000000000000000";
    let no_hold = |more: &str| {
        let text = "{\"type\":\"urn:creneau:problem:unknown_hold\",\"title\":\"t\",\"status\":404,\
                    \"code\":\"unknown_hold\",\"detail\":\"d\"MORE}";
        answer(404, problem, &text.replace("MORE", more))
    };
    document().check(Some(&asked("GET", release, None)), &no_hold(""));
    for (asked, answer) in [
        (asked("GET", "/livez", None), answer(200, json, "{\"status\":\"alive\",\"more\":1}")),
        (asked("GET", "/livez", None), answer(200, json, "{}")),
        (asked("GET", "/livez", None), answer(200, "text/plain", "{\"status\":\"alive\"}")),
        (asked("GET", "/livez", None), answer(201, json, "{\"status\":\"alive\"}")),
        (asked("GET", "/livez?a=b", None), answer(200, json, "{\"status\":\"alive\"}")),
        (asked("GET", "/nothing", None), answer(200, json, "{\"status\":\"alive\"}")),
        (asked("GET", release, None), no_hold(",\"hold_id\":\"x\"")),
        (asked("POST", &format!("{release}/confirm"), None), answer(404, problem, "{}")),
        (asked("GET", "/livez", None), no_hold("")),
    ] {
        let seen = std::panic::catch_unwind(|| document().check(Some(&asked), &answer));
        assert!(seen.is_err(), "{asked:?} {answer:?}");
    }
}
