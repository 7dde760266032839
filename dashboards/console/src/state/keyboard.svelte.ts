// Keys: each page says which it knows, and the help shows them all.

export interface Key {
  key: string;
  does: string;
  act: (event: KeyboardEvent) => void;
}

class Keyboard {
  help = $state(false);
  keys = $state.raw<Key[]>([]);

  /** To be called within an effect: the keys are known as long as it lives. */
  use(keys: Key[]): () => void {
    this.keys = keys;
    return () => {
      if (this.keys === keys) this.keys = [];
    };
  }

  press(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event)) return;
    if (event.key === "?") {
      this.help = !this.help;
      event.preventDefault();
      return;
    }
    if (this.help || document.querySelector('[role="dialog"], [role="menu"]')) return;
    const known = this.keys.find((one) => one.key === event.key);
    if (!known) return;
    // Enter and space belong to the button that has the focus.
    if ((event.key === "Enter" || event.key === " ") && (event.target as Element).closest("button, a, summary")) return;
    event.preventDefault();
    known.act(event);
  }
}

/** Whether the key is a letter of a text, also of an editor within a shadow root. */
function typing(event: KeyboardEvent): boolean {
  const target = event.composedPath()[0];
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) &&
    event.key !== "Escape"
  );
}

export const keyboard = new Keyboard();
