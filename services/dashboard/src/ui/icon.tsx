/** Line icons on a 24×24 grid, drawn in the colour of the text around them. */
const PATHS = {
  channels: ['M4 8.5h16v10H4z', 'M9 4.5l3 4 3-4'],
  recordings: ['M4 6h16v12H4z', 'M10 9.5v5l4.5-2.5z'],
  scissors: ['M8 8.5a2.5 2.5 0 1 0-5 0 2.5 2.5 0 0 0 5 0z', 'M8 15.5a2.5 2.5 0 1 0-5 0 2.5 2.5 0 0 0 5 0z', 'M7.5 10L20 17', 'M7.5 14L20 7'],
  stepBack: ['M17 6.5v11L9.5 12z', 'M7 6.5v11'],
  stepOn: ['M7 6.5v11l7.5-5.5z', 'M17 6.5v11'],
  events: ['M5 6h14', 'M5 12h14', 'M5 18h9'],
  tokens: ['M14.5 9.5a4 4 0 1 1-1.2-2.8 4 4 0 0 1 1.2 2.8z', 'M13.3 12.3l6.2 6.2', 'M17 16l2-2'],
  system: ['M4 5h16v5.5H4z', 'M4 13.5h16V19H4z', 'M7.5 7.75v.1', 'M7.5 16.25v.1'],
  account: ['M12 12.2a3.6 3.6 0 1 0 0-7.2 3.6 3.6 0 0 0 0 7.2z', 'M5 19.5c.8-3.2 3.6-4.7 7-4.7s6.2 1.5 7 4.7'],
  plus: ['M12 5v14', 'M5 12h14'],
  search: ['M10.8 16.6a5.8 5.8 0 1 0 0-11.6 5.8 5.8 0 0 0 0 11.6z', 'M15.2 15.2l4.3 4.3'],
  close: ['M6 6l12 12', 'M18 6L6 18'],
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  copy: ['M9 9h10v10H9z', 'M15 9V5H5v10h4'],
  eye: ['M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12z', 'M12 14.6a2.6 2.6 0 1 0 0-5.2 2.6 2.6 0 0 0 0 5.2z'],
  eyeOff: ['M4 4l16 16', 'M9.5 5.9A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-3 3.7', 'M6.3 7.7A17 17 0 0 0 2.5 12S6 18.5 12 18.5a9.3 9.3 0 0 0 4-.9', 'M10.2 10.3a2.6 2.6 0 0 0 3.6 3.6'],
  chevronDown: ['M6 9.5l6 6 6-6'],
  chevronRight: ['M9.5 6l6 6-6 6'],
  arrowLeft: ['M19 12H5', 'M11 6l-6 6 6 6'],
  external: ['M13 5h6v6', 'M19 5l-8.5 8.5', 'M17 14v5H5V7h5'],
  dots: ['M6 12v.1', 'M12 12v.1', 'M18 12v.1'],
  play: ['M8 5.5v13l10.5-6.5z'],
  stop: ['M6.5 6.5h11v11h-11z'],
  trash: ['M5 7h14', 'M9.5 7V4.5h5V7', 'M7 7l.8 12.5h8.4L17 7'],
  rotate: ['M19 8.5A7.5 7.5 0 0 0 5.4 8', 'M5 4v4.2h4.2', 'M5 15.5A7.5 7.5 0 0 0 18.6 16', 'M19 20v-4.2h-4.2'],
  warning: ['M12 4.5l8.8 15H3.2z', 'M12 10.5v4', 'M12 17v.1'],
  info: ['M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z', 'M12 11v5', 'M12 8v.1'],
  signOut: ['M14 5H6v14h8', 'M11 12h9.5', 'M17 8l4 4-4 4'],
  live: ['M12 13.5a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z', 'M7.8 16.2a6 6 0 0 1 0-8.4', 'M16.2 7.8a6 6 0 0 1 0 8.4', 'M5 19a10 10 0 0 1 0-14', 'M19 5a10 10 0 0 1 0 14'],
  cloudOff: ['M4 4l16 16', 'M8 8.5A5.5 5.5 0 0 1 17.5 10a4.2 4.2 0 0 1 2.8 6.5', 'M6.3 10.5A4.3 4.3 0 0 0 7 18.5h9'],
  light: ['M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z', 'M12 3v2', 'M12 19v2', 'M3 12h2', 'M19 12h2', 'M5.6 5.6L7 7', 'M17 17l1.4 1.4', 'M5.6 18.4L7 17', 'M17 7l1.4-1.4'],
  pause: ['M8 5.5v13', 'M16 5.5v13'],
  filter: ['M4 6h16', 'M7 12h10', 'M10 18h4'],
  clock: ['M12 20.5a8.5 8.5 0 1 0 0-17 8.5 8.5 0 0 0 0 17z', 'M12 7.5V12l3 2'],
  image: ['M3.5 5.5h17v13h-17z', 'M4 17l5-5 4 4 3-3 4 4', 'M15.5 9v.1'],
  download: ['M12 4.5v10', 'M7.5 10.5L12 15l4.5-4.5', 'M5 19.5h14'],
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, className }: { name: IconName; className?: string }) {
  return (
    <svg className={className === undefined ? 'icon' : `icon ${className}`} viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      {PATHS[name].map((d) => <path key={d} d={d} />)}
    </svg>
  );
}
