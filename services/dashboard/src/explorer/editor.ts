import { autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap } from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap, indentWithTab } from '@codemirror/commands';
import { json } from '@codemirror/lang-json';
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { lintKeymap } from '@codemirror/lint';
import { highlightSelectionMatches, searchKeymap } from '@codemirror/search';
import { EditorState, Prec, type Extension } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, highlightSpecialChars, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { graphql, updateSchema } from 'cm6-graphql';
import type { GraphQLSchema } from 'graphql';

export interface EditorOptions {
  label: string;
  text: string;
  language: 'graphql' | 'json';
  readOnly?: boolean;
  changed?(text: string): void;
  run?(): void;
  showInDocs?(type: string, field: string | null): void;
}

/** Colours are the page's own custom properties: they go through the shadow's edge, and follow the theme. */
const theme = EditorView.theme({
  '&': { height: '100%', color: 'var(--ink)', backgroundColor: 'transparent', fontSize: '13px' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55', overflow: 'auto' },
  '.cm-content': { caretColor: 'var(--accent)', padding: '10px 0' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)' },
  '.cm-gutters': { backgroundColor: 'transparent', color: 'var(--quiet)', border: 'none' },
  '.cm-lineNumbers .cm-gutterElement': { minWidth: '2.2em', paddingRight: '4px' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'color-mix(in srgb, var(--ink) 5%, transparent)' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': { backgroundColor: 'color-mix(in srgb, var(--accent) 28%, transparent) !important' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': { backgroundColor: 'color-mix(in srgb, var(--accent) 25%, transparent)', outline: 'none' },
  '.cm-tooltip': { backgroundColor: 'var(--raised)', color: 'var(--ink)', border: '1px solid var(--line)', borderRadius: '8px', overflow: 'hidden' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '3px 8px', fontFamily: 'var(--mono)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': { backgroundColor: 'var(--accent)', color: 'var(--accent-ink)' },
  '.cm-completionInfo': { padding: '6px 10px', maxWidth: '26em', fontFamily: 'var(--sans)' },
  '.cm-completionDetail': { color: 'var(--quiet)', fontStyle: 'normal' },
  'li[aria-selected] .cm-completionDetail': { color: 'inherit' },
  '.cm-panels': { backgroundColor: 'var(--raised)', color: 'var(--ink)', borderColor: 'var(--line)' },
  '.cm-panel input, .cm-panel button': { font: 'inherit' },
  '.cm-foldPlaceholder': { backgroundColor: 'color-mix(in srgb, var(--ink) 10%, transparent)', border: 'none', color: 'var(--quiet)', padding: '0 4px' },
  // CodeMirror's own marks are data: pictures, which the policy refuses.
  '.cm-lintRange': { backgroundImage: 'none !important', textDecoration: 'underline wavy var(--quiet) 1px', textUnderlineOffset: '3px' },
  '.cm-lintRange-error': { textDecorationColor: 'var(--bad)' },
  '.cm-lintRange-warning': { textDecorationColor: 'var(--warn)' },
  '.cm-diagnostic': { fontFamily: 'var(--sans)', padding: '4px 8px' },
});

const highlight = HighlightStyle.define([
  { tag: [tags.keyword, tags.definitionKeyword, tags.modifier, tags.operatorKeyword], color: 'var(--code-keyword)' },
  { tag: [tags.propertyName, tags.definition(tags.propertyName), tags.special(tags.propertyName)], color: 'var(--code-name)' },
  { tag: [tags.attributeName, tags.variableName, tags.special(tags.variableName), tags.definition(tags.variableName)], color: 'var(--code-variable)' },
  { tag: [tags.typeName, tags.className, tags.atom], color: 'var(--code-type)' },
  { tag: [tags.string, tags.special(tags.string)], color: 'var(--code-string)' },
  { tag: [tags.number, tags.bool, tags.null, tags.integer, tags.float], color: 'var(--code-number)' },
  { tag: tags.comment, color: 'var(--quiet)', fontStyle: 'italic' },
]);

/**
 * An editor inside `host`. It lives in a shadow root of its own: there CodeMirror hands its styles over as constructed sheets, which a
 * `style-src 'self'` policy allows, instead of writing them into the page.
 */
export class Editor {
  readonly #view: EditorView;
  readonly #root: ShadowRoot;

  constructor(host: HTMLElement, options: EditorOptions) {
    this.#root = host.shadowRoot ?? host.attachShadow({ mode: 'open' });
    const place = document.createElement('div');
    place.style.height = '100%';
    this.#root.replaceChildren(place);
    this.#view = new EditorView({ root: this.#root, parent: place, state: EditorState.create({ doc: options.text, extensions: extensions(options) }) });
  }

  get text(): string {
    return this.#view.state.doc.toString();
  }

  get cursor(): number {
    return this.#view.state.selection.main.head;
  }

  /** Puts `text` in place of all; it can be undone. */
  set(text: string): void {
    if (text !== this.text) this.#view.dispatch({ changes: { from: 0, to: this.#view.state.doc.length, insert: text } });
  }

  /** Completion and checks by this schema. */
  know(schema: GraphQLSchema): void {
    updateSchema(this.#view, schema);
  }

  focus(): void {
    this.#view.focus();
  }

  destroy(): void {
    this.#view.destroy();
    this.#root.replaceChildren();
  }
}

function extensions({ label, language, readOnly = false, changed, run, showInDocs }: EditorOptions): Extension[] {
  const runKey = { key: 'Mod-Enter', preventDefault: true, run: () => { run?.(); return true; } };
  const common = [
    theme, syntaxHighlighting(highlight), lineNumbers(), foldGutter(), highlightSpecialChars(), drawSelection(), EditorView.lineWrapping,
    EditorView.contentAttributes.of({ 'aria-label': label, spellcheck: 'false', autocapitalize: 'off', tabindex: '0' }),
    Prec.highest(keymap.of([runKey])),
  ];
  if (readOnly) return [...common, json(), EditorState.readOnly.of(true), EditorView.editable.of(false), EditorView.contentAttributes.of({ role: 'textbox', 'aria-readonly': 'true', 'aria-multiline': 'true' }), keymap.of([...foldKeymap, ...searchKeymap])];
  return [
    ...common, history(), indentOnInput(), bracketMatching(), closeBrackets(), autocompletion(), highlightActiveLine(), highlightSelectionMatches(),
    // Escape and then Tab leaves the editor, as CodeMirror has it: Tab alone would be a trap for who has no mouse.
    keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...searchKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap, indentWithTab]),
    EditorView.updateListener.of((update) => { if (update.docChanged) changed?.(update.state.doc.toString()); }),
    ...(language === 'json' ? [json()] : graphql(undefined, {
      ...(showInDocs === undefined ? {} : {
        onShowInDocs: (field, type, parent) => { if (parent !== undefined || type !== undefined) showInDocs(parent ?? type ?? '', parent === undefined ? null : field ?? null); },
      }),
    })),
  ];
}
