// What can be written in a condition: columns by the API's own description, the words it understands, and values that there are.

import type { Completion, CompletionContext, CompletionResult, CompletionSource } from "@codemirror/autocomplete";
import type { Facets } from "../api/answers";
import { get } from "../api/client";
import { SEVERITIES } from "../text/severity";

const WORDS = "AND,OR,NOT,IN,BETWEEN,LIKE,ILIKE,IS NULL,IS NOT NULL,TRUE,FALSE,now(),interval ''".split(",");
const FUNCTIONS = ["lower", "upper", "length", "octet_length", "strpos", "starts_with", "coalesce"];

interface Property {
  type?: string | string[];
  format?: string;
  enum?: string[];
}

interface Description {
  components: { schemas: { Row: { properties: Record<string, Property> } } };
}

let columns: Promise<Completion[]> | undefined;

/** The columns with their types; asked for once. */
export function columnCompletions(): Promise<Completion[]> {
  columns ??= get<Description>("/openapi.json").then(
    ({ components }) =>
      Object.entries(components.schemas.Row.properties)
        .filter(([name]) => name !== "table")
        .map(([label, of]) => ({
          label,
          type: "property",
          boost: 2,
          detail: ` ${of.enum ? "severity" : (of.format ?? of.type ?? "json")}`,
        })),
    () => {
      columns = undefined;
      return [];
    },
  );
  return columns;
}

/** A quote that was opened behind a column and a comparison: `user_name = 'a`. */
const IN_VALUE = /(\w+)\s*(?:=|<>|!=|<=?|>=?|(?:NOT\s+)?I?LIKE|(?:NOT\s+)?IN\s*\((?:\s*'[^']*'\s*,)*)\s*'([^']*)$/i;

/** `query` is the filter that the values are to be found with. */
export function conditionSource(query: () => URLSearchParams): CompletionSource {
  return async (context: CompletionContext): Promise<CompletionResult | null> => {
    const before = context.state.sliceDoc(0, context.pos);
    const value = IN_VALUE.exec(before);
    if (value) {
      const [, column = "", begun = ""] = value;
      return { from: context.pos - begun.length, options: await values(column, query()), validFor: /^[^']*$/ };
    }
    // Within a text there is nothing to complete.
    if ((before.match(/'/g)?.length ?? 0) % 2 === 1) return null;
    const word = context.matchBefore(/[\w.]*/);
    if (!word || (word.from === word.to && !context.explicit)) return null;
    const options: Completion[] = [
      ...(await columnCompletions()),
      ...FUNCTIONS.map((label) => ({ label, type: "function", apply: `${label}(`, detail: " function" })),
      ...WORDS.map((label) => ({ label, type: "keyword" })),
    ];
    return { from: word.from, options, validFor: /^\w*$/ };
  };
}

async function values(column: string, query: URLSearchParams): Promise<Completion[]> {
  if (column === "error_severity") return SEVERITIES.toReversed().map((label) => ({ label, type: "constant" }));
  const asked = new URLSearchParams(query);
  asked.delete("where");
  asked.set("field", column);
  asked.set("limit", "50");
  try {
    const { facets } = await get<Facets>("/api/v1/facets", asked);
    return (facets[0]?.values ?? []).flatMap(({ value, count }) =>
      value ? [{ label: value, apply: value.replaceAll("'", "''"), detail: ` ${count}`, type: "constant" }] : [],
    );
  } catch {
    // A column that isn't one has no values; the condition itself will say so.
    return [];
  }
}
