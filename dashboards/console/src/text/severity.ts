// Severities: each has a sign and a word beside its colour, since not everybody sees the colours.

export interface Look {
  sign: string;
  /** The class of its colours. */
  tone: "debug" | "info" | "notice" | "warning" | "error" | "fatal" | "panic" | "none";
}

const LOOKS: Record<string, Look> = {
  LOG: { sign: "·", tone: "info" },
  INFO: { sign: "i", tone: "info" },
  NOTICE: { sign: "◇", tone: "notice" },
  WARNING: { sign: "▲", tone: "warning" },
  ERROR: { sign: "✖", tone: "error" },
  FATAL: { sign: "⬣", tone: "fatal" },
  PANIC: { sign: "☠", tone: "panic" },
};

export const SEVERITIES = [
  "DEBUG5",
  "DEBUG4",
  "DEBUG3",
  "DEBUG2",
  "DEBUG1",
  "DEBUG",
  "LOG",
  "INFO",
  "NOTICE",
  "WARNING",
  "ERROR",
  "FATAL",
  "PANIC",
];

export function look(severity: string | undefined | null): Look {
  if (!severity || severity === "NONE") return { sign: " ", tone: "none" };
  return LOOKS[severity] ?? { sign: "∘", tone: "debug" };
}

/** What a bar of the histogram is made of, from the bottom up. */
export const TONES = ["debug", "info", "notice", "warning", "error", "fatal", "panic"] as const;
