// Moments in the zone that a person reads in, with all the digits that the log has.

export const BROWSER_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function zoneName(zone: string): string {
  return zone === "utc" ? "UTC" : zone === "browser" ? BROWSER_ZONE : zone;
}

/** `2026-11-22 00:00:03.715`, in this zone. */
export function showTime(moment: string, zone: string): string {
  const epoch = Date.parse(moment);
  if (Number.isNaN(epoch)) return moment;
  const local = new Date(epoch + offset(epoch, zone)).toISOString();
  const digits = /\.(\d+)/.exec(moment)?.[1] ?? "000";
  return `${local.slice(0, 10)} ${local.slice(11, 19)}.${digits.padEnd(3, "0")}`;
}

/** The same without what nobody needs to the minute. */
export function showMinute(moment: string | number, zone: string): string {
  const epoch = typeof moment === "number" ? moment : Date.parse(moment);
  if (Number.isNaN(epoch)) return String(moment);
  const local = new Date(epoch + offset(epoch, zone)).toISOString();
  return `${local.slice(0, 10)} ${local.slice(11, 16)}`;
}

const SLOT = 15 * 60_000;
const offsets = new Map<string, number>();

/** Milliseconds that the zone is ahead of UTC. No zone changes within a quarter of an hour but at its ends. */
export function offset(epoch: number, zone: string): number {
  if (zone === "utc") return 0;
  const slot = Math.floor(epoch / SLOT);
  const key = `${zone} ${slot}`;
  let known = offsets.get(key);
  if (known === undefined) {
    known = measured(slot * SLOT, zoneName(zone));
    if (offsets.size > 5_000) offsets.clear();
    offsets.set(key, known);
  }
  return known;
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Of one zone; to make one takes long. */
function format(zone: string): Intl.DateTimeFormat {
  let known = formats.get(zone);
  if (!known) {
    const part = {
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    } as const;
    known = new Intl.DateTimeFormat("en-US", { timeZone: zone, ...part });
    formats.set(zone, known);
  }
  return known;
}

function measured(epoch: number, name: string): number {
  try {
    const parts = format(name).formatToParts(epoch);
    const number = (type: string) => Number(parts.find((one) => one.type === type)?.value);
    const local = Date.UTC(
      number("year"),
      number("month") - 1,
      number("day"),
      number("hour"),
      number("minute"),
      number("second"),
    );
    return Math.round((local - epoch) / 60_000) * 60_000;
  } catch {
    return 0;
  }
}

/** What `datetime-local` holds, `2026-11-22T00:00:03`, read in this zone. */
export function fromLocal(text: string, zone: string): string | null {
  const naive = Date.parse(`${text}Z`);
  if (Number.isNaN(naive)) return null;
  const guess = naive - offset(naive, zone);
  return new Date(naive - offset(guess, zone)).toISOString().replace(".000Z", "Z");
}

export function toLocal(moment: string | number, zone: string): string {
  const epoch = typeof moment === "number" ? moment : Date.parse(moment);
  return Number.isNaN(epoch) ? "" : new Date(epoch + offset(epoch, zone)).toISOString().slice(0, 19);
}

/** How uPlot writes moments along an axis: by the distance of its marks, with 24 hours to the day. */
export const TICKS: (string | number | null)[][] = [
  [86_400, "{YYYY}-{MM}-{DD}", null, null, null, null, null, null, 1],
  [3_600, "{HH}:{mm}", "\n{YYYY}-{MM}-{DD}", null, null, null, null, null, 0],
  [60, "{HH}:{mm}", null, null, null, null, null, null, 0],
  [1, "{HH}:{mm}:{ss}", null, null, null, null, null, null, 0],
];

const UNITS: [number, string][] = [
  [604_800, "w"],
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** `3 min`, `2 h`, … */
export function showSpan(seconds: number): string {
  const [length, unit] = UNITS.find(([length]) => seconds >= length * (length === 604_800 ? 2 : 1)) ?? [1, "s"];
  const count = seconds / length;
  return `${count < 10 && length > 1 ? Number(count.toFixed(1)) : Math.round(count)} ${unit}`;
}

export function ago(moment: string, now = Date.now()): string {
  const seconds = (now - Date.parse(moment)) / 1_000;
  if (Number.isNaN(seconds)) return moment;
  return seconds < 1 ? "now" : `${showSpan(seconds)} ago`;
}

const SECONDS: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };

/** `-15m` as a moment in milliseconds; also RFC 3339. */
export function moment(text: string, now = Date.now()): number {
  const relative = /^(?:now)?(?:([-+])(\d+)([smhdw]))?$/.exec(text);
  if (relative && text) {
    const [, sign, count, unit] = relative;
    return now + (sign ? (sign === "-" ? -1 : 1) * Number(count) * (SECONDS[unit ?? "s"] ?? 1) * 1_000 : 0);
  }
  return Date.parse(text);
}
