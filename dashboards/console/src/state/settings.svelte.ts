// What a person likes, remembered by the browser.

export type Theme = "system" | "light" | "dark";

const KEY = "trunkline.settings";

interface Stored {
  theme: Theme;
  /** `utc`, `browser`, or the name of a zone, such as that of the servers. */
  zone: string;
  columns: string[];
  widths: Record<string, number>;
  wrap: boolean;
  facets: boolean;
  panel: number;
}

const DEFAULTS: Stored = {
  theme: "system",
  zone: "browser",
  columns: ["log_time", "error_severity", "cluster", "pod", "database_name", "user_name", "message"],
  widths: {},
  wrap: false,
  facets: true,
  panel: 460,
};

function read(): Stored {
  try {
    return { ...DEFAULTS, ...JSON.parse(localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return { ...DEFAULTS };
  }
}

export const settings = $state<Stored>(read());

export const defaults: Readonly<Stored> = DEFAULTS;

/** Writes what changes, and shows the theme. To be called once, within an effect root. */
export function keepSettings(): void {
  $effect(() => {
    try {
      localStorage.setItem(KEY, JSON.stringify(settings));
    } catch {
      // Full, or forbidden: then it is not remembered.
    }
  });
  const dark = matchMedia("(prefers-color-scheme: dark)");
  let system = $state(dark.matches);
  dark.addEventListener("change", () => {
    system = dark.matches;
  });
  $effect(() => {
    const theme = settings.theme === "system" ? (system ? "dark" : "light") : settings.theme;
    document.documentElement.dataset.theme = theme;
  });
}
