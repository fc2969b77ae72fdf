//! Masks secrets in commands and texts: values of known shapes, and values that
//! follow a name such as `API_KEY=`.

const MASK: &str = "***";

/// Beginnings of tokens. A word that starts with one and is long enough is masked.
const PREFIXES: &str = "sk- sk_ pk_ rk_ ghp_ gho_ ghu_ ghs_ ghr_ github_pat_ glpat- xox AKIA AIza";

/// Minimum length of a masked word.
const MIN_TOKEN: usize = 10;

/// Ends of names whose value is masked, in lower case.
const NAMES: &str = "token secret password passwd passphrase api_key api-key apikey access_key \
                     private_key credential credentials";

/// Returns the text with its secrets masked.
pub fn mask(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // The value that follows belongs to the name of a secret.
    let mut is_value = false;
    while let Some(first) = rest.chars().next() {
        if !is_word(first) {
            let length = first.len_utf8();
            out.push(first);
            rest = &rest[length..];
            continue;
        }
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if is_value || is_token(word) {
            out.push_str(MASK);
            // A token may continue after characters that are not part of words.
            let end = after.find(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`'));
            rest = &after[end.unwrap_or(after.len())..];
            is_value = false;
            continue;
        }
        out.push_str(word);
        rest = after;
        let lower = word.to_ascii_lowercase();
        if lower == "bearer" && after.starts_with(' ') {
            is_value = true;
        } else if lower.ends_with("authorization") && after.starts_with(':') {
            // The scheme and the credentials, to the end of the quoted header.
            out.push_str(": ");
            out.push_str(MASK);
            let end = after.find(['"', '\'', '`']).unwrap_or(after.len());
            rest = &after[end..];
        } else if names_secret(word, &lower) && takes_value(word, after) {
            is_value = true;
        } else if after.starts_with("://")
            && let Some(end) = after.find('@')
            && !after[3..end].contains(|c: char| c.is_whitespace() || c == '/')
        {
            // The user and the password of a URL.
            out.push_str("://");
            out.push_str(MASK);
            rest = &after[end..];
        }
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

fn is_token(word: &str) -> bool {
    let is_web_token = word.starts_with("eyJ") && word.len() > 2 * MIN_TOKEN;
    let mut prefixes = PREFIXES.split(' ');
    is_web_token || word.len() >= MIN_TOKEN && prefixes.any(|prefix| word.starts_with(prefix))
}

fn names_secret(word: &str, lower: &str) -> bool {
    let is_constant = !word.contains(|c: char| c.is_ascii_lowercase()) && word.ends_with("KEY");
    is_constant || NAMES.split(' ').any(|name| lower.ends_with(name))
}

/// Returns true if a value follows a name: after `=`, after `:` in JSON and in a
/// header such as `X-Api-Key`, after a space for an option such as `--token`.
fn takes_value(word: &str, after: &str) -> bool {
    let unquoted = after.trim_start_matches(['"', '\'']);
    match unquoted.chars().next() {
        Some('=') => true,
        Some(':') => word.contains('-') || unquoted.len() < after.len(),
        Some(' ') => word.starts_with("--"),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_masked() {
        for (text, masked) in [
            (
                "curl -H \"Authorization: Bearer abc.def/+=\" x",
                "curl -H \"Authorization: ***\" x",
            ),
            (
                "curl -H 'authorization: Basic dXNlcg==' x",
                "curl -H 'authorization: ***' x",
            ),
            ("call with Bearer abc.def now", "call with Bearer *** now"),
            ("API_KEY=sk-not-a-real-key-123 make", "API_KEY=*** make"),
            (
                "export GITHUB_TOKEN='a b'; make",
                "export GITHUB_TOKEN='*** b'; make",
            ),
            ("run sk-not-a-real-key-123 x", "run *** x"),
            (
                "git clone https://u:pw@host/x",
                "git clone https://***@host/x",
            ),
            ("psql --password=hunter2 db", "psql --password=*** db"),
            ("login --password hunter2 db", "login --password *** db"),
            ("curl -H 'X-Api-Key: abc' x", "curl -H 'X-Api-Key: ***' x"),
            ("Fix the token: it expires", "Fix the token: it expires"),
            ("{\"api_key\": \"abc\"}", "{\"api_key\": \"***\"}"),
            ("mail a@b.c https://host/x@y", "mail a@b.c https://host/x@y"),
            (
                "sort --key=2 monkey=1 MONEY=2",
                "sort --key=2 monkey=1 MONEY=2",
            ),
            ("cargo test tokenizer: ok", "cargo test tokenizer: ok"),
        ] {
            assert_eq!(mask(text), masked);
        }
    }
}
