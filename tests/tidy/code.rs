//! Rust as far as the checks need it: source with comments and literals blanked, the part before the tests, and the paths
//! that it names. No parser; what it cannot tell it leaves out.

/// The source with every comment and every literal's content replaced by spaces; line breaks stay.
pub(crate) fn bare(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let end = literal_end(bytes, at);
        if end > at {
            out.extend(bytes[at..end].iter().map(|b| if *b == b'\n' { b'\n' } else { b' ' }));
            at = end;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The source up to its `#[cfg(test)]` module, where it has one at the end.
pub(crate) fn production(bare: &str) -> &str {
    let tests =
        bare.match_indices("#[cfg(test)]").find(|(at, mark)| bare[at + mark.len()..].trim_start().starts_with("mod "));
    tests.map_or(bare, |(at, _)| &bare[..at])
}

/// Where the comment or literal that begins at `at` ends; `at` itself where none begins.
fn literal_end(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    let begins_word = at == 0 || !is_word(bytes[at - 1]);
    if rest.starts_with(b"//") {
        return at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
    }
    if rest.starts_with(b"/*") {
        return at + block_comment(rest);
    }
    if begins_word && (rest.starts_with(b"r\"") || rest.starts_with(b"r#") || rest.starts_with(b"br")) {
        return at + raw_string(rest);
    }
    match rest[0] {
        b'"' => at + quoted(rest, b'"'),
        // A lifetime is a quote and a name without a closing quote right after its first character.
        b'\'' if rest.get(1) == Some(&b'\\') || char_literal(rest) => at + quoted(rest, b'\''),
        _ => at,
    }
}

fn char_literal(rest: &[u8]) -> bool {
    let width = match rest.get(1) {
        None => return false,
        Some(b) if *b < 0x80 => 1,
        Some(b) if *b >= 0xf0 => 4,
        Some(b) if *b >= 0xe0 => 3,
        Some(_) => 2,
    };
    rest.get(1 + width) == Some(&b'\'')
}

fn quoted(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != quote {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

fn raw_string(rest: &[u8]) -> usize {
    let from = rest.iter().position(|b| *b == b'r').map_or(0, |r| r + 1);
    let hashes = rest[from..].iter().take_while(|b| **b == b'#').count();
    if rest.get(from + hashes) != Some(&b'"') {
        return 0;
    }
    let close: Vec<u8> = [b'"'].into_iter().chain(std::iter::repeat_n(b'#', hashes)).collect();
    let body = from + hashes + 1;
    rest[body..].windows(close.len()).position(|w| w == close).map_or(rest.len(), |p| body + p + close.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Every path in the bare source that begins with `first`, its braces spelled out: `a::{b, c::d}` gives `[a,b]`, `[a,c,d]`.
pub(crate) fn paths_from(bare: &str, first: &str) -> Vec<Vec<String>> {
    let bytes = bare.as_bytes();
    let mut paths = Vec::new();
    for (at, _) in bare.match_indices(first) {
        let before = bare[..at].trim_end();
        let starts = !bare[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') && !before.ends_with("::");
        let follows = bare[at + first.len()..].trim_start().starts_with("::");
        if starts && follows {
            branches(bytes, at, &mut Vec::new(), &mut paths);
        }
    }
    paths
}

/// Reads one branch of a path at `at`, adds its leaves to `paths`, and says where it ended.
fn branches(bytes: &[u8], at: usize, prefix: &mut Vec<String>, paths: &mut Vec<Vec<String>>) -> usize {
    let mut at = skip_space(bytes, at);
    let depth = prefix.len();
    if bytes.get(at) == Some(&b'{') {
        at += 1;
        loop {
            at = skip_space(bytes, branches(bytes, at, prefix, paths));
            match bytes.get(at) {
                Some(b',') => at += 1,
                Some(b'}') => return at + 1,
                _ => return at,
            }
        }
    }
    let end = at + bytes[at..].iter().take_while(|b| is_word(**b)).count();
    if end > at {
        prefix.push(String::from_utf8_lossy(&bytes[at..end]).into_owned());
    }
    let next = skip_space(bytes, end);
    let at = if end > at && bytes[next..].starts_with(b"::") {
        branches(bytes, next + 2, prefix, paths)
    } else {
        paths.push(prefix.clone());
        // `as name` of an import is passed over.
        let rest = &bytes[next..];
        if rest.starts_with(b"as ") {
            next + rest.iter().take_while(|b| is_word(**b) || **b == b' ').count()
        } else {
            next.max(end)
        }
    };
    prefix.truncate(depth);
    at
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    at + bytes.get(at..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_whitespace()).count())
}

#[test]
fn blanks_what_is_no_code() {
    let source =
        "let a = \"{ \\\" }\"; // {\nlet b = '{'; /* { /* { */ } */ let c: &'a str = r#\"{\"\"#; let d = b'\\'';";
    let bare = bare(source);
    assert_eq!(bare.matches(['{', '}']).count(), 0, "{bare}");
    assert_eq!(bare.lines().count(), 2);
    assert!(bare.contains("let c: &'a str =") && bare.contains("let d ="), "{bare}");
}

#[test]
fn spells_out_the_braces_of_a_path() {
    let found =
        paths_from("use crate::{a::B, c::{D, e::F as G}, H}; crate::i::j(); not_crate::k; x::crate::l", "crate");
    let shown: Vec<String> = found.iter().map(|p| p.join("::")).collect();
    assert_eq!(shown, ["crate::a::B", "crate::c::D", "crate::c::e::F", "crate::H", "crate::i::j"]);
}

#[test]
fn tests_are_no_production() {
    assert_eq!(production("fn a() {}\n#[cfg(test)]\nmod tests {}"), "fn a() {}\n");
    assert_eq!(production("#[cfg(test)]\nfn a() {}"), "#[cfg(test)]\nfn a() {}");
}
