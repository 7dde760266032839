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

const dark = matchMedia("(prefers-color-scheme: dark)");

function theme(): "light" | "dark" {
  return settings.theme === "system" ? (dark.matches ? "dark" : "light") : settings.theme;
}

/** What is on the screen, before anything is drawn. */
export const shown = $state({ theme: theme() });
document.documentElement.dataset.theme = shown.theme;

/** Writes what changes, and shows the theme. To be called once, within an effect root. */
export function keepSettings(): void {
  const show = () => {
    shown.theme = theme();
    document.documentElement.dataset.theme = shown.theme;
  };
  dark.addEventListener("change", show);
  $effect(show);
  $effect(() => {
    try {
      localStorage.setItem(KEY, JSON.stringify(settings));
    } catch {
      // Full, or forbidden: then it is not remembered.
    }
  });
}
