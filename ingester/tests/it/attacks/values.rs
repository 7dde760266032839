//! What is tried as the value of every parameter, and what is tried once. What a tenant may not see holds "of theirs", which none of these does.

/// Put into each parameter of each endpoint in turn. May be answered where it is a text that no row has; else by 4xx.
pub fn everywhere() -> Vec<String> {
    let plain = [
        "'",
        "' OR '1'='1",
        "'; DROP TABLE log.postgres; --",
        "1 UNION SELECT message FROM log.postgres",
        "$1",
        "\\",
        "%",
        "a\0b",
        "-1",
        "0",
        "1e309",
        "NaN",
        "99999999999999999999",
        "9223372036854775807",
        "-1000000000y",
        "infinity",
        "{}",
        "../../etc/passwd",
        "\u{feff}\u{202e}\u{1f418}",
    ];
    let mut all: Vec<_> = plain.map(str::to_owned).into();
    all.push("x".repeat(20_000));
    all.push("(".repeat(5_000));
    all
}

/// Conditions, each refused wherever there is a filter.
pub const CONDITIONS: &[&str] = &[
    "1=1; DROP TABLE log.postgres",
    "1=1) OR (1=1",
    "true) UNION SELECT message FROM log.postgres --",
    "message = (SELECT message FROM log.postgres LIMIT 1)",
    "EXISTS (SELECT 1 FROM pg_authid)",
    "pg_sleep(100) IS NULL",
    "set_config('role', 'postgres', false) = 'x'",
    "query_to_xml('SELECT 1', true, true, '') IS NULL",
    "dblink('', '') IS NULL",
    "pg_read_file('postgresql.conf') LIKE '%'",
    "lo_import('/etc/passwd') > 0",
    "current_user = 'postgres'",
    "log.postgres.message = 'a'",
    "tableoid::regclass::text = 'x'",
    "xmin::text = '1'",
    "message::int = 1",
    "message OPERATOR(pg_catalog.=) 'a'",
    "(message COLLATE \"C\") = 'a'",
    "message = $1",
    "message = U&'\\0000'",
    "message = '\0'",
    "CASE WHEN true THEN pg_sleep(1) END IS NULL",
    "(ARRAY[1,2])[1] = 1",
    "row(1) = row(1)",
    "generate_series(1, 1000000) > 0",
    "repeat('x', 1000000000) = message",
    "message = ANY (SELECT message FROM log.postgres)",
    "message LIKE '%' ESCAPE ''",
    "/* */ --",
];

/// Regular expressions that are wrong, or that a server would work on for ever.
pub const REGEXES: &[&str] = &[
    "(",
    "[",
    "*",
    "(?<n>a)",
    "a{1,99999}",
    "((((a{1,255}){1,255}){1,255}){1,255})",
    "((a*)*)*((a*)*)*((a*)*)*b{1,255}{1,255}",
];

/// Bodies of JSON that aren't what they should be.
pub fn bodies() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        "",
        "null",
        "[]",
        "\"x\"",
        "{",
        "{}",
        "{\"sql\": null, \"name\": null}",
        "{\"sql\": {\"a\": 1}, \"name\": [], \"query\": 1}",
        "{\"sql\": 1e400, \"name\": 1e400, \"query\": \"\"}",
        "{\"sql\": \"SELECT 1\", \"name\": \"n\", \"query\": \"q\", \"more\": 1}",
        "{\"sql\": \"\\u0000\", \"name\": \"\\u0000\", \"query\": \"\\u0000\"}",
        "{\"sql\": \"\\ud800\", \"name\": \"\\ud800\", \"query\": \"\"}",
        "{\"sql\": \"SELECT 1\", \"sql\": \"SELECT 2\", \"name\": \"a\", \"name\": \"b\", \"query\": \"\"}",
        "{\"sql\": \"SELECT 1\", \"limit\": -1}",
        "{\"sql\": \"SELECT 1\", \"limit\": 4294967296}",
        "{\"sql\": \"SELECT 1\", \"limit\": 1.5}",
        "{\"sql\": \"SELECT 1\", \"format\": \"../csv\"}",
        "{\"__proto__\": {}}",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    all.push(b"{\"sql\": \"\xff\xfe\", \"name\": \"\xff\", \"query\": \"\"}".to_vec());
    all.push("[".repeat(200_000).into_bytes());
    all.push("{\"sql\":".repeat(100_000).into_bytes());
    all.push(format!("{{\"sql\": \"{}\"}}", "x".repeat(2 << 20)).into_bytes());
    all.push(format!("{{\"name\": \"{}\", \"query\": \"\"}}", "x".repeat(100_000)).into_bytes());
    all
}

/// What is shown as who one is, and doesn't make anybody anybody.
pub fn authorizations() -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer trunkline_",
        "Bearer trunkline_' OR true --",
        "Bearer null",
        "Bearer eyJhbGciOiJub25lIn0.eyJ0ZW5hbnQiOiIqIn0.",
        "Bearer a b c",
        "Digest username=\"a\"",
        "Negotiate AAAA",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    all.push([b"Bearer ", &[0xff, 0xfe, 0x80][..]].concat());
    all.push(format!("Bearer trunkline_{}", "0".repeat(60_000)).into_bytes());
    all
}

/// Where somebody who watches says it was, and wasn't.
pub const PLACES: &[&str] = &[
    "'",
    "1",
    "a.b:c:d",
    "99999999999999999999.1:1:",
    "-1.-1:-1:",
    "1.1:1:1,1,1",
    "1.18446744073709551615:18446744073709551615:",
    "1.5:1:",
];

/// What isn't HTTP, or more of it than there should be: refused before anybody looks at what is asked.
pub fn wires() -> Vec<Vec<u8>> {
    let get = |rest: &str| format!("GET /api/v1/logs{rest}").into_bytes();
    vec![
        get(&format!("?text={} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100_000))),
        get(&format!(" HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(5_000))),
        get(&format!(" HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "x".repeat(1 << 20))),
        get(" HTTP/1.1\r\nHost: a\r\nA: b\0c\r\n\r\n"),
        get(" HTTP/9.9\r\n\r\n"),
        get(" HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"),
        get(" HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec(),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
        b"GET\r\n\r\n".to_vec(),
        b"\0\0\0\0\r\n\r\n".to_vec(),
    ]
}
