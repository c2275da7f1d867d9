import type { PanelMessages } from './en-panel';

/** The words of `en-panel.ts` in Vietnamese. */
export const viPanel: PanelMessages = {
  sessionPage: {
    title: 'Phiên phát',
  },
  events: {
    title: 'Sự kiện',
  },
  tokens: {
    title: 'Mã truy cập',
  },
  system: {
    title: 'Hệ thống',
  },
};
