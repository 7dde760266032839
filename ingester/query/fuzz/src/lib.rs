//! What must hold of a request whatever it says: it is refused with a reason, or becomes a statement in which nothing of it stands.
//!
//! `ingester/query/tests/properties.rs` calls this too, on the inputs in `seeds/` and on random ones.

use chrono::{DateTime, Utc};
use trunkline_query::{Filter, FilterError, Page, Parameters, Scope, Sql, Tables};

/// Lines of `name=value`.
pub fn filter(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let pairs = text.lines().map(|line| line.split_once('=').unwrap_or((line, "")));
    if let Err(error) = request(pairs, DateTime::UNIX_EPOCH) {
        assert!(!error.to_string().is_empty());
    }
}

/// The statements of a request, all of whose words are ours.
pub fn request<'a>(
    pairs: impl IntoIterator<Item = (&'a str, &'a str)>,
    now: DateTime<Utc>,
) -> Result<Sql, FilterError> {
    let pairs: Vec<_> = pairs.into_iter().collect();
    let check = |error: FilterError| {
        let value = pairs.iter().filter(|(name, _)| *name == error.parameter);
        let longest = value.map(|(_, value)| value.chars().count()).max().unwrap_or_default();
        let position = error.position.unwrap_or(1);
        assert!((1..=longest + 1).contains(&position), "{error}");
        error
    };
    let mut parameters = Parameters::new(pairs.iter().copied()).map_err(check)?;
    let filter = Filter::read(&mut parameters, now).map_err(check)?;
    let page = Page::read(&mut parameters, true).map_err(check)?;
    parameters.finish().map_err(check)?;
    let scope = Scope::of(&filter, page.place(), page.order_of_search());
    let sql = Sql::rows(&filter, &scope, page.limit);
    for sql in [
        &sql,
        &Sql::rows_of_first(&filter, &scope, 5_000, 100),
        &Sql::rows_gathered(&filter, &scope, 100),
        &Sql::rows(&filter.clone().by_row(), &scope, page.limit),
    ] {
        assert_only_our_words(sql);
    }
    Ok(sql)
}

/// Words of SQL that a statement may have, besides names of columns.
const WORDS: &str = "SELECT FROM WHERE TRUE FALSE AND OR NOT IN IS NULL UNKNOWN DISTINCT LIKE ILIKE AS UNION ALL ORDER BY DESC LIMIT \
    log postgres patroni component table every first severity text integer bigint timestamptz interval uuid jsonb boolean \
    lower upper length octet_length char_length CASE WHEN THEN ELSE END COLLATE C I i strpos starts_with coalesce make_interval months secs \
    DEBUG5 DEBUG4 DEBUG3 DEBUG2 DEBUG1 DEBUG LOG INFO NOTICE WARNING ERROR FATAL PANIC";

/// Every word is one of SQL's that we use, a column, or a parameter's number; and each number has its parameter.
fn assert_only_our_words(sql: &Sql) {
    const SIGNS: &str = " ()$,.:'\"=<>!~*+-[]";
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let text = &sql.text;
    assert!(text.chars().all(|c| is_of_word(c) || SIGNS.contains(c)), "{text}");
    assert!(!text.contains("--"), "{text}");
    let mut numbers = Vec::new();
    for word in text.split(|c: char| !is_of_word(c)).filter(|word| !word.is_empty()) {
        if let Ok(number) = word.parse::<usize>() {
            numbers.push(number);
            continue;
        }
        let is_column = Tables::All.columns().iter().any(|column| column.name == word);
        let is_ours = WORDS.split_whitespace().any(|ours| ours == word);
        assert!(is_column || is_ours, "{word:?} in {text}");
    }
    numbers.sort_unstable();
    numbers.dedup();
    assert!(numbers.into_iter().eq(1..=sql.params.len()), "{text} with {:?}", sql.params);
    let quoted = text.split('\'').skip(1).step_by(2);
    for literal in quoted {
        assert!(literal.chars().all(|c| c.is_ascii_alphanumeric()), "{literal:?} in {text}");
    }
}
