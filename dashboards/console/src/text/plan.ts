// Plans that auto_explain writes into the log, as text or as JSON, read into a tree.

export interface Node {
  name: string;
  /** Milliseconds and rows as they were, where the plan was run with them. */
  time: number | null;
  rows: number | null;
  expected: number | null;
  cost: number | null;
  loops: number;
  notes: string[];
  children: Node[];
}

export interface Plan {
  /** Milliseconds that the statement took. */
  duration: number;
  query: string;
  root: Node;
}

/** The plan in a message; null where there is none, or one that can't be read. */
export function planOf(message: string): Plan | null {
  const head = /^duration: ([\d.]+) ms\s+plan:\s*\n?/.exec(message);
  if (!head) return null;
  const body = message.slice(head[0].length);
  const duration = Number(head[1]);
  try {
    const found = body.trimStart().startsWith("{") || body.trimStart().startsWith("[") ? ofJson(body) : ofText(body);
    return found && { duration, ...found };
  } catch {
    return null;
  }
}

type Json = Record<string, unknown>;

function ofJson(body: string): { query: string; root: Node } | null {
  const parsed = JSON.parse(body);
  const top: Json = Array.isArray(parsed) ? parsed[0] : parsed;
  const plan = top.Plan as Json | undefined;
  return plan ? { query: String(top["Query Text"] ?? ""), root: jsonNode(plan) } : null;
}

const NOT_NOTES =
  /^(Node Type|Plans|Startup|Total Cost|Plan Rows|Plan Width|Actual|Parallel Aware|Async Capable|Parent Relationship|Relation Name|Alias|Index Name|Join Type|Schema|Disabled)/;

function jsonNode(plan: Json): Node {
  const text = (key: string) => (plan[key] === undefined ? "" : String(plan[key]));
  const number = (key: string) => (typeof plan[key] === "number" ? (plan[key] as number) : null);
  const join = text("Join Type") && text("Join Type") !== "Inner" ? ` ${text("Join Type")} Join` : "";
  const index = text("Index Name") && ` using ${text("Index Name")}`;
  const relation = text("Relation Name") && ` on ${text("Relation Name")}`;
  const alias = text("Alias") && text("Alias") !== text("Relation Name") ? ` ${text("Alias")}` : "";
  return {
    name: text("Node Type") + join + index + relation + alias,
    time: number("Actual Total Time"),
    rows: number("Actual Rows"),
    expected: number("Plan Rows"),
    cost: number("Total Cost"),
    loops: number("Actual Loops") ?? 1,
    notes: Object.entries(plan).flatMap(([key, value]) =>
      NOT_NOTES.test(key) || value === 0
        ? []
        : [`${key}: ${typeof value === "object" ? JSON.stringify(value) : value}`],
    ),
    children: ((plan.Plans as Json[] | undefined) ?? []).map(jsonNode),
  };
}

const LINE =
  /^(\s*)(->\s+)?(.*?)\s+\(cost=[\d.]+\.\.([\d.]+) rows=(\d+) width=\d+\)(?:\s+\(actual (?:time=[\d.]+\.\.([\d.]+) )?rows=([\d.]+) loops=(\d+)\)|\s+\((never executed)\))?/;

function ofText(body: string): { query: string; root: Node } | null {
  const lines = body.split("\n");
  const first = lines.findIndex((line) => LINE.test(line));
  if (first < 0) return null;
  const query = lines
    .slice(0, first)
    .join("\n")
    .replace(/^Query Text: /, "");
  let root: Node | null = null;
  const open: { depth: number; node: Node }[] = [];
  for (const line of lines.slice(first)) {
    const match = LINE.exec(line);
    if (!match) {
      const note = line.trim();
      if (note) open.at(-1)?.node.notes.push(note);
      continue;
    }
    const [, indent = "", , name = "", cost, expected, time, rows, loops] = match;
    const node: Node = {
      name: name.trim(),
      time: time === undefined ? null : Number(time),
      rows: rows === undefined ? null : Number(rows),
      expected: Number(expected),
      cost: Number(cost),
      loops: loops === undefined ? 1 : Number(loops),
      notes: [],
      children: [],
    };
    while (open.length > 0 && (open.at(-1)?.depth ?? 0) >= indent.length) open.pop();
    const parent = open.at(-1)?.node;
    if (parent) parent.children.push(node);
    else root ??= node;
    open.push({ depth: indent.length, node });
  }
  return root && { query, root };
}

/** What a node took by itself, without its children: all its runs together. */
export function ownTime(node: Node): number | null {
  if (node.time === null) return null;
  const children = node.children.reduce((sum, child) => sum + (child.time ?? 0) * child.loops, 0);
  return Math.max(0, node.time * node.loops - children);
}
