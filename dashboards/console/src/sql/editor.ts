// The editor for SQL: CodeMirror, loaded only when somebody wants to write some.
//
// It lives in a shadow root, where its styles are constructed sheets: the page's policy forbids style elements.

import {
  acceptCompletion,
  autocompletion,
  type CompletionSource,
  closeBrackets,
  completionKeymap,
  startCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { PostgreSQL, type SQLNamespace, sql } from "@codemirror/lang-sql";
import { HighlightStyle, syntaxHighlighting } from "@codemirror/language";
import { setDiagnostics } from "@codemirror/lint";
import { Compartment, EditorState, Prec } from "@codemirror/state";
import { EditorView, keymap, lineNumbers, placeholder } from "@codemirror/view";
import { tags } from "@lezer/highlight";

export interface EditorOptions {
  text: string;
  label: string;
  hint: string;
  /** One line high, and Enter submits. */
  oneLine: boolean;
  source?: CompletionSource;
  onchange: (text: string) => void;
  onsubmit: (text: string) => void;
}

export interface Editor {
  setText(text: string): void;
  insert(text: string): void;
  /** Underlines what stands at this character, from 1; without one there is nothing wrong. */
  setProblem(message: string | null, position?: number): void;
  setSchema(schema: SQLNamespace): void;
  focus(): void;
  destroy(): void;
}

const colours = HighlightStyle.define([
  { tag: [tags.keyword, tags.bool, tags.null], color: "var(--sql-word)", fontWeight: "600" },
  { tag: [tags.string, tags.special(tags.string)], color: "var(--sql-string)" },
  { tag: tags.number, color: "var(--sql-number)" },
  { tag: tags.comment, color: "var(--sql-comment)", fontStyle: "italic" },
  { tag: tags.typeName, color: "var(--sql-parameter)" },
]);

const look = EditorView.theme({
  "&": { color: "var(--text)", backgroundColor: "transparent", fontSize: "13px", height: "100%" },
  "&.cm-focused": { outline: "none" },
  ".cm-content": { fontFamily: "var(--mono)", caretColor: "var(--text)", padding: "6px 0" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.5" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-placeholder": { color: "var(--faint)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--faint)", border: "0" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": { backgroundColor: "var(--selected) !important" },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    color: "var(--text)",
    border: "1px solid var(--line-strong)",
    borderRadius: "7px",
    zIndex: "80",
  },
  ".cm-tooltip-autocomplete > ul > li": { padding: "3px 8px", fontFamily: "var(--mono)" },
  ".cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--selected)", color: "var(--text)" },
  ".cm-completionDetail": { color: "var(--faint)", fontStyle: "normal" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-diagnostic-error": { borderLeft: "3px solid var(--bad)" },
  ".cm-lintRange-error": {
    backgroundImage: "none",
    textDecoration: "underline wavy var(--bad)",
    textUnderlineOffset: "3px",
    textDecorationSkipInk: "none",
  },
});

export function createEditor(host: HTMLElement, options: EditorOptions): Editor {
  const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
  const language = new Compartment();
  const dialect = (schema?: SQLNamespace) =>
    sql({ dialect: PostgreSQL, upperCaseKeywords: true, ...(schema ? { schema } : {}) });
  const submit = (view: EditorView) => {
    options.onsubmit(view.state.doc.toString());
    return true;
  };
  const keys = [
    { key: "Tab", run: acceptCompletion },
    { key: "Mod-Enter", run: submit },
  ];
  const view: EditorView = new EditorView({
    root,
    parent: root,
    state: EditorState.create({
      doc: options.text,
      extensions: [
        // A completion that is open takes Enter first.
        Prec.highest(keymap.of(keys)),
        options.oneLine ? [] : lineNumbers(),
        history(),
        closeBrackets(),
        language.of(dialect()),
        autocompletion({ icons: false, ...(options.source ? { override: [options.source] } : {}) }),
        Prec.high(keymap.of(completionKeymap)),
        options.oneLine ? keymap.of([{ key: "Enter", run: submit }]) : [],
        keymap.of([...historyKeymap, ...defaultKeymap]),
        syntaxHighlighting(colours),
        look,
        placeholder(options.hint),
        EditorView.lineWrapping,
        EditorView.contentAttributes.of({ "aria-label": options.label, spellcheck: "false" }),
        EditorView.updateListener.of((update) => {
          if (update.docChanged) options.onchange(update.state.doc.toString());
        }),
      ],
    }),
  });
  const text = () => view.state.doc.toString();
  return {
    setText(wanted) {
      if (text() !== wanted) view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: wanted } });
    },
    insert(piece) {
      view.dispatch(view.state.replaceSelection(piece));
      view.focus();
    },
    setProblem(message, position) {
      const found = message === null ? [] : [{ ...span(text(), position), severity: "error" as const, message }];
      view.dispatch(setDiagnostics(view.state, found));
    },
    setSchema: (schema) => view.dispatch({ effects: language.reconfigure(dialect(schema)) }),
    focus() {
      view.focus();
      if (options.oneLine && view.state.doc.length === 0) startCompletion(view);
    },
    destroy: () => view.destroy(),
  };
}

/** The word at a character, counted as the API counts: characters, not the halves that JavaScript counts. */
export function span(text: string, position?: number): { from: number; to: number } {
  if (position === undefined) return { from: 0, to: text.length };
  const from = Array.from(text)
    .slice(0, position - 1)
    .join("").length;
  const word = /^(?:[\w.]+|'(?:[^']|'')*'?|[^\s\w])/.exec(text.slice(from))?.[0] ?? "";
  // At the very end there is nothing to underline but what is before it.
  if (!word) return { from: Math.max(0, from - 1), to: Math.max(from, Math.min(1, text.length)) };
  return { from, to: from + word.length };
}
