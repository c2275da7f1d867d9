type Children = readonly (Node | string)[];
type Attributes = Readonly<Record<string, string | boolean | ((event: Event) => void)>>;

/** Makes an element: attributes by name, listeners by `onNAME`. */
export function h<K extends keyof HTMLElementTagNameMap>(tag: K, attributes: Attributes = {}, ...children: Children): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === 'function') element.addEventListener(name.slice(2), value);
    else if (typeof value === 'boolean') element.toggleAttribute(name, value);
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

const SVG = 'http://www.w3.org/2000/svg';

/** A 24×24 line icon from path data. */
export function icon(...paths: readonly string[]): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('aria-hidden', 'true');
  for (const d of paths) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}

export const icons = {
  play: ['M8 5.5v13l10.5-6.5z'],
  pause: ['M8 5.5v13', 'M16 5.5v13'],
  back: ['M12 1.8L8.4 5.2l3.6 3.4', 'M8.8 5.2H12a8 8 0 1 1-8 8'],
  sound: ['M4 9.5v5h3.5l4.5 4v-13l-4.5 4z', 'M15.5 9a4.2 4.2 0 0 1 0 6', 'M18 6.5a7.8 7.8 0 0 1 0 11'],
  muted: ['M4 9.5v5h3.5l4.5 4v-13l-4.5 4z', 'M16 9.5l5 5', 'M21 9.5l-5 5'],
  enter: ['M9 4.5H4.5V9', 'M15 4.5h4.5V9', 'M9 19.5H4.5V15', 'M15 19.5h4.5V15'],
  leave: ['M4.5 9H9V4.5', 'M19.5 9H15V4.5', 'M4.5 15H9v4.5', 'M19.5 15H15v4.5'],
  inset: ['M3.5 5.5h17v13h-17z', 'M12 12h6v4h-6z'],
  quality: ['M4 7h9', 'M17 7h3', 'M4 17h3', 'M11 17h9', 'M15 5v4', 'M9 15v4'],
  help: ['M9.2 9.2a2.9 2.9 0 1 1 4.3 2.6c-.9.5-1.5 1-1.5 2.2', 'M12 17.2v.1'],
  close: ['M6 6l12 12', 'M18 6L6 18'],
} as const;
