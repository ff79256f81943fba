//! Who may do what: tokens, their scopes, and the file that lists them.
//!
//! The file holds hashes, so that whoever reads it has no token. A token has 256 random bits:
//! nothing can be tried out against its hash.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use blake3::Hash;
use creneau::CallerId;
use hyper::header::{self, HeaderMap, HeaderValue};
use serde::Deserialize;

use super::problem::{Code, Problem};

/// Bytes of a file of tokens.
const FILE_BYTES_MAX: u64 = 4 << 20;

/// What stands before a hash in the file.
const HASH_PREFIX: &str = "blake3:";

/// What a name must be.
const NAME_RULE: &str =
    "name must be 1 to 64 visible ASCII characters without a space, and not `local`";

/// Who calls where nobody is asked.
const LOCAL: &str = "local";

/// What a token may be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scope {
    /// Holds and appointments.
    Book,
    /// Creating and changing calendars, the change feed, backups, metrics.
    Operate,
}

impl Scope {
    fn named(name: &str) -> Option<Self> {
        [Self::Book, Self::Operate].into_iter().find(|scope| scope.to_string() == name)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Book => "book",
            Self::Operate => "operate",
        })
    }
}

/// What an operation asks of who calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Nothing: it says nothing about anyone.
    Nothing,
    /// A secret that stands in the path.
    Secret,
    /// A token, whatever its scopes.
    Token,
    /// A token with this scope.
    Scope(Scope),
}

/// Who calls.
#[derive(Debug)]
pub(super) struct Caller {
    /// In whose name commands are remembered.
    pub(super) name: CallerId,
    scopes: Vec<Scope>,
}

impl Caller {
    /// Whether it may speak for the practice.
    pub(super) fn operates(&self) -> bool {
        self.scopes.contains(&Scope::Operate)
    }
}

/// The tokens that are known, from their file. A clone is a handle to the same.
#[derive(Clone, Debug)]
pub struct Tokens {
    path: Arc<PathBuf>,
    known: Arc<RwLock<Known>>,
}

type Known = Arc<HashMap<Hash, Arc<Caller>>>;

/// A token as the file has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    scopes: Vec<String>,
    hash: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    token: Vec<Listed>,
}

impl Tokens {
    /// Reads the tokens of a file.
    ///
    /// # Errors
    ///
    /// What is wrong with it, in a line: it cannot be read, others may write it, or an entry
    /// breaks a rule.
    pub fn open(path: &Path) -> Result<Self, String> {
        let known = Arc::new(RwLock::new(Arc::new(read(path)?)));
        Ok(Self { path: Arc::new(path.to_owned()), known })
    }

    /// Reads the file again, and says how many tokens there are now.
    ///
    /// # Errors
    ///
    /// As [`Tokens::open`]; then those known before stay.
    pub fn reload(&self) -> Result<usize, String> {
        let known = Arc::new(read(&self.path)?);
        let count = known.len();
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(count)
    }

    /// How many tokens there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.now().len()
    }

    fn now(&self) -> Known {
        self.known.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who calls, by the token in the header.
    fn caller(&self, headers: &HeaderMap) -> Result<Arc<Caller>, Problem> {
        let mut values = headers.get_all(header::AUTHORIZATION).iter();
        let Some(value) = values.next() else {
            let detail = "this server asks for a token: send Authorization: Bearer TOKEN";
            return Err(challenge(Code::Unauthorized, detail, "Bearer realm=\"creneau\""));
        };
        let token = value.to_str().ok().and_then(|text| {
            let (scheme, token) = text.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        // Looked up by its hash: how long that takes tells nothing about those that are known.
        let caller = token.and_then(|token| self.now().get(&hash(token)).cloned());
        match caller {
            Some(caller) if values.next().is_none() => Ok(caller),
            _ => Err(challenge(
                Code::Unauthorized,
                "the token is not known: send one of this server as Authorization: Bearer TOKEN",
                "Bearer realm=\"creneau\", error=\"invalid_token\"",
            )),
        }
    }
}

/// Whom the server asks for what.
#[derive(Debug)]
pub(super) struct Access {
    tokens: Option<Tokens>,
    local: Arc<Caller>,
}

impl Access {
    /// With these tokens; without any, nobody is asked.
    pub(super) fn new(tokens: Option<Tokens>) -> Result<Self, String> {
        let name = CallerId::new(LOCAL).map_err(|error| error.to_string())?;
        let local = Arc::new(Caller { name, scopes: vec![Scope::Book, Scope::Operate] });
        Ok(Self { tokens, local })
    }

    /// Whether tokens are asked for.
    pub(super) fn asks(&self) -> bool {
        self.tokens.is_some()
    }

    /// Who calls, if they may.
    pub(super) fn admit(&self, headers: &HeaderMap, need: Need) -> Result<Arc<Caller>, Problem> {
        let Some(tokens) = &self.tokens else { return Ok(self.local.clone()) };
        if matches!(need, Need::Nothing | Need::Secret) {
            return Ok(self.local.clone());
        }
        let caller = tokens.caller(headers)?;
        match need {
            Need::Scope(scope) if !caller.scopes.contains(&scope) => {
                let detail = format!("this needs a token with the scope {scope}");
                let asked = format!(
                    "Bearer realm=\"creneau\", error=\"insufficient_scope\", scope=\"{scope}\""
                );
                Err(challenge(Code::Forbidden, detail, &asked))
            }
            _ => Ok(caller),
        }
    }
}

/// A refusal that says how to be admitted (RFC 6750).
fn challenge(
    code: Code,
    detail: impl Into<std::borrow::Cow<'static, str>>,
    asked: &str,
) -> Problem {
    let problem = Problem::new(code, detail);
    match HeaderValue::from_str(asked) {
        Ok(asked) => problem.with_header(header::WWW_AUTHENTICATE, asked),
        Err(_) => problem,
    }
}

fn hash(token: &str) -> Hash {
    blake3::hash(token.as_bytes())
}

fn read(path: &Path) -> Result<HashMap<Hash, Arc<Caller>>, String> {
    let named = |why: String| format!("{}: {why}", path.display());
    let about = std::fs::metadata(path).map_err(|error| named(error.to_string()))?;
    if FILE_BYTES_MAX < about.len() {
        return Err(named(format!("a file of tokens has at most {FILE_BYTES_MAX} bytes")));
    }
    if others_may_write(&about) {
        let why = "others may write it, and so give themselves a token: chmod go-w it";
        return Err(named(why.to_owned()));
    }
    let text = std::fs::read_to_string(path).map_err(|error| named(error.to_string()))?;
    // What a parser says may show the line, which may hold a token put there by mistake.
    let file: File = toml::from_str(&text).map_err(|error| {
        let line = error.span().map(|span| line_of(&text, span.start));
        let line = line.map(|line| format!(", see line {line}")).unwrap_or_default();
        named(format!("it must be [[token]] entries of name, scopes and hash{line}"))
    })?;
    let mut known = HashMap::new();
    for Listed { name, scopes, hash } in file.token {
        let broken = |rule: &str| named(format!("the token named {name:?}: {rule}"));
        let caller = CallerId::new(&name).ok().filter(|_| name != LOCAL);
        let caller = caller.ok_or_else(|| broken(NAME_RULE))?;
        let scopes: Option<Vec<_>> = scopes.iter().map(|scope| Scope::named(scope)).collect();
        let scopes = scopes.filter(|scopes| !scopes.is_empty());
        let scopes = scopes.ok_or_else(|| broken("scopes must name book, operate, or both"))?;
        let hash = hash.strip_prefix(HASH_PREFIX).and_then(|hex| Hash::from_hex(hex).ok());
        let hash = hash.ok_or_else(|| broken("hash must be blake3: and 64 hexadecimal digits"))?;
        if known.insert(hash, Arc::new(Caller { name: caller, scopes })).is_some() {
            return Err(broken("this hash stands twice"));
        }
    }
    if known.is_empty() {
        return Err(named("it lists no token: make one with creneau token".to_owned()));
    }
    Ok(known)
}

#[cfg(unix)]
fn others_may_write(about: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    const WRITE_BY_GROUP_OR_OTHERS: u32 = 0o022;
    about.permissions().mode() & WRITE_BY_GROUP_OR_OTHERS != 0
}

#[cfg(not(unix))]
fn others_may_write(_: &std::fs::Metadata) -> bool {
    false
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// A new token: the token itself, which is shown once, and its entry for the file.
///
/// # Errors
///
/// What is wrong with the name.
pub fn issue(
    name: &str,
    scopes: &[Scope],
    random: &impl creneau::RandomBits,
) -> Result<(String, String), String> {
    if name == LOCAL || CallerId::new(name).is_err() {
        return Err(NAME_RULE.to_owned());
    }
    let token = format!("creneau_{:032x}{:032x}", random.bits(), random.bits());
    let scopes: Vec<_> = scopes.iter().map(|scope| format!("\"{scope}\"")).collect();
    let entry = format!(
        "[[token]]\nname = {}\nscopes = [{}]\nhash = \"{HASH_PREFIX}{}\"\n",
        serde_json::Value::from(name),
        scopes.join(", "),
        hash(&token).to_hex(),
    );
    Ok((token, entry))
}

#[cfg(test)]
mod tests {
    use creneau::SystemRandom;

    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("tokens");
        std::fs::write(&path, text).unwrap();
        (root, path)
    }

    fn bearer(token: &str) -> HeaderMap {
        let value = HeaderValue::from_str(&format!("bearer {token}")).unwrap();
        HeaderMap::from_iter([(header::AUTHORIZATION, value)])
    }

    fn code(admitted: Result<Arc<Caller>, Problem>) -> Result<String, Code> {
        admitted.map(|caller| caller.name.to_string()).map_err(|problem| problem.code())
    }

    #[test]
    fn a_token_opens_what_its_scopes_say() {
        let random = SystemRandom::default();
        let (booker, first) = issue("portal", &[Scope::Book], &random).unwrap();
        let (both, second) = issue("desk", &[Scope::Book, Scope::Operate], &random).unwrap();
        let (_root, path) = file(&format!("{first}{second}"));
        let tokens = Tokens::open(&path).unwrap();
        let access = Access::new(Some(tokens.clone())).unwrap();
        let admit = |token: &str, need| code(access.admit(&bearer(token), need));
        let operate = Need::Scope(Scope::Operate);
        assert_eq!(admit(&booker, Need::Scope(Scope::Book)), Ok("portal".to_owned()));
        assert_eq!(admit(&booker, Need::Token), Ok("portal".to_owned()));
        assert_eq!(admit(&booker, operate), Err(Code::Forbidden));
        assert_eq!(admit(&both, operate), Ok("desk".to_owned()));
        assert_eq!(admit("creneau_0", Need::Token), Err(Code::Unauthorized));
        assert_eq!(admit("creneau_0", Need::Nothing), Ok(LOCAL.to_owned()));
        let none = HeaderMap::new();
        assert_eq!(code(access.admit(&none, operate)), Err(Code::Unauthorized));
        let open = Access::new(None).unwrap();
        assert_eq!(code(open.admit(&none, operate)), Ok(LOCAL.to_owned()));

        std::fs::write(&path, second).unwrap();
        assert_eq!(tokens.reload(), Ok(1));
        assert_eq!(admit(&booker, Need::Token), Err(Code::Unauthorized), "it was taken away");
        std::fs::write(&path, "").unwrap();
        assert!(tokens.reload().is_err());
        assert_eq!(admit(&both, operate), Ok("desk".to_owned()), "those known before stay");
    }

    #[test]
    fn a_file_that_breaks_a_rule_is_refused_without_showing_a_token() {
        let hash = format!("blake3:{}", "0".repeat(64));
        let entry = |name: &str, scopes: &str, hash: &str| {
            format!("[[token]]\nname = \"{name}\"\nscopes = [{scopes}]\nhash = \"{hash}\"\n")
        };
        for (text, said) in [
            (String::new(), "lists no token"),
            (entry("local", "\"book\"", &hash), "not `local`"),
            (entry("a b", "\"book\"", &hash), "visible ASCII"),
            (entry("a", "", &hash), "scopes must name"),
            (entry("a", "\"all\"", &hash), "scopes must name"),
            (entry("a", "\"book\"", "secret"), "hash must be"),
            (entry("a", "\"book\"", &hash).repeat(2), "stands twice"),
            ("token = \"secret\"".to_owned(), "see line 1"),
            ("[[token]]\nsecret".to_owned(), "see line 2"),
        ] {
            let (_root, path) = file(&text);
            let why = Tokens::open(&path).unwrap_err();
            assert!(why.contains(said) && !why.contains("secret"), "{text}: {why}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_write_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let (_, entry) = issue("a", &[Scope::Book], &SystemRandom::default()).unwrap();
        let (_root, path) = file(&entry);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o622)).unwrap();
        assert!(Tokens::open(&path).unwrap_err().contains("others may write it"));
    }
}
