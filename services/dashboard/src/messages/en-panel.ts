/** Every word of the pages Session, Events, Tokens and System, in English. `vi-panel.ts` has the same keys. */
export const enPanel = {
  sessionPage: {
    title: 'Session',
  },
  events: {
    title: 'Events',
  },
  tokens: {
    title: 'Tokens',
  },
  system: {
    title: 'System',
  },
};

export type PanelMessages = typeof enPanel;
