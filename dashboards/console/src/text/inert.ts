// Text of others, made harmless to look at: what commands a terminal, turns the direction of reading or takes no room is shown as a mark.
//
// The page never takes text for markup, so that `<script>` is five letters in brackets. This is about what Unicode itself can do.

export interface Segment {
  text: string;
  /** `mark` stands for a character that can't be shown, `hit` was searched for, the others are kinds of SQL. */
  kind: string;
  /** What a mark stands for. */
  title?: string;
}

// Control characters but tab and line feed; soft hyphen; marks of direction; what has no width; variation of language tags.
const ODD =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  // biome-ignore lint/suspicious/noMisleadingCharacterClass: each of them stands for itself
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb]|[\u{e0000}-\u{e0fff}]/u;
const ODDS = new RegExp(ODD, "gu");
const PICTURE = /\p{Extended_Pictographic}|\ufe0f|[\u{1f3fb}-\u{1f3ff}]/u;

/** Splits off what is odd. On `oneLine`, line feeds become marks too. */
export function inert(text: string, kind = "", oneLine = false): Segment[] {
  if (!ODD.test(text) && !(oneLine && text.includes("\n"))) return text ? [{ text, kind }] : [];
  const segments: Segment[] = [];
  let at = 0;
  const found = oneLine ? new RegExp(`${ODD.source}|\n`, "gu") : ODDS;
  for (const match of text.matchAll(found)) {
    const odd = match[0];
    if (odd === "\u200d" && joins(text, match.index)) continue;
    if (match.index > at) segments.push({ text: text.slice(at, match.index), kind });
    segments.push(mark(odd));
    at = match.index + odd.length;
  }
  if (at < text.length) segments.push({ text: text.slice(at), kind });
  return segments;
}

/** Whether the zero-width joiner here makes one picture of two, as in a family of emoji. */
function joins(text: string, at: number): boolean {
  const before = Array.from(text.slice(Math.max(0, at - 2), at)).pop() ?? "";
  const behind = String.fromCodePoint(text.codePointAt(at + 1) ?? 0);
  return PICTURE.test(before) && PICTURE.test(behind);
}

function mark(odd: string): Segment {
  const code = odd.codePointAt(0) ?? 0;
  const title = `U+${code.toString(16).toUpperCase().padStart(4, "0")}`;
  if (odd === "\n") return { text: "⏎", kind: "mark", title: "line feed" };
  if (odd === "\r") return { text: "␍", kind: "mark", title };
  if (code < 0x20) return { text: String.fromCodePoint(0x2400 + code), kind: "mark", title };
  return { text: code === 0x7f ? "␡" : title, kind: "mark", title };
}

/** The same as one text, for titles and labels. */
export function inertText(text: string): string {
  return inert(text, "", true)
    .map((segment) => segment.text)
    .join("");
}
