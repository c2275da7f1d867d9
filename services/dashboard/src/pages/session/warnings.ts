import type { Messages } from '../../messages/en';
import type { Format } from '../../messages/format';

/** A warning as the platform tells it. */
export interface WarningTold {
  readonly name: string;
  /** The platform's own sentence, in English. */
  readonly message: string;
  /** The numbers in it. */
  readonly data: unknown;
}

export interface WarningWords {
  readonly title: string;
  readonly text: string;
}

class Missing extends Error {}

/** A warning in the reader's language. One that this page does not know, or whose numbers are not all there, is said as the platform says it. */
export function warningWords({ name, message, data }: WarningTold, m: Pick<Messages, 'warningTexts' | 'warningTitles'>, f: Format): WarningWords {
  const title = m.warningTitles[name] ?? sentenceCase(name);
  const figure = (key: string) => {
    const value = typeof data === 'object' && data !== null ? (data as Record<string, unknown>)[key] : undefined;
    if (typeof value !== 'number') throw new Missing(key);
    return value;
  };
  try {
    const text = m.warningTexts[name]?.(figure, f) ?? '';
    return { title, text: text === '' ? message : text };
  } catch (error) {
    if (error instanceof Missing) return { title, text: message };
    throw error;
  }
}

/** `AUDIO_SILENT` → "Audio silent". */
function sentenceCase(name: string): string {
  const words = name.toLowerCase().replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

interface Told {
  readonly type: string;
  readonly message: string;
  readonly data: unknown;
}

/** What an entry of the timeline says: a warning's own words, the event's, else the platform's sentence. */
export function timelineWords(entry: Told, m: Pick<Messages, 'warningTexts' | 'warningTitles' | 'timelineWords' | 'sessionPage'>, f: Format): string {
  const details = typeof entry.data === 'object' && entry.data !== null ? (entry.data as Record<string, unknown>) : {};
  const name = typeof details['name'] === 'string' ? details['name'] : '';
  switch (entry.type) {
    case 'health.warning_raised': {
      const message = typeof details['message'] === 'string' ? details['message'] : entry.message;
      return warningWords({ name, message, data: details['data'] }, m, f).text;
    }
    case 'health.warning_cleared':
      return name === '' ? entry.message : m.sessionPage.cleared(m.warningTitles[name] ?? sentenceCase(name));
    default:
      return m.timelineWords[entry.type]?.(details, f) ?? entry.message;
  }
}
