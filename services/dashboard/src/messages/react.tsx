import { createContext, useContext, useEffect, useMemo, useState, type ReactNode } from 'react';
import { I18nProvider } from 'react-aria-components/I18nProvider';
import { en, type Messages } from './en';
import { Format, preferredLanguage, type Language } from './format';
import { remember, remembered } from '../app/memory';

export { preferredLanguage } from './format';
export type { Messages } from './en';

interface Speech {
  readonly language: Language;
  readonly speak: (language: Language) => void;
  readonly m: Messages;
  readonly f: Format;
}

const SpeechContext = createContext<Speech | null>(null);

/** Languages other than English are fetched when they are spoken. */
const OTHERS: Record<Exclude<Language, 'en'>, () => Promise<Messages>> = {
  vi: () => import('./vi').then(({ vi }) => vi),
};

/** The reader's own habits within the language: `en-GB` for who has it in his browser. */
function localeOf(language: Language): string {
  return navigator.languages.find((tag) => tag.toLowerCase().split('-')[0] === language) ?? language;
}

export async function firstSpeech(): Promise<{ language: Language; messages: Messages }> {
  const language = preferredLanguage(remembered('sigma.language'), navigator.languages);
  return { language, messages: await messagesOf(language) };
}

const messagesOf = async (language: Language): Promise<Messages> => (language === 'en' ? en : OTHERS[language]());

export function SpeechProvider({ first, children }: { first: { language: Language; messages: Messages }; children: ReactNode }) {
  const [{ language, messages }, setSpoken] = useState(first);
  useEffect(() => { document.documentElement.lang = language; }, [language]);
  const speech = useMemo<Speech>(() => ({
    language,
    speak: (wanted) => {
      remember('sigma.language', wanted);
      void messagesOf(wanted).then((found) => setSpoken({ language: wanted, messages: found }));
    },
    m: messages,
    f: new Format(localeOf(language)),
  }), [language, messages]);
  return (
    <I18nProvider locale={speech.f.locale}>
      <SpeechContext value={speech}>{children}</SpeechContext>
    </I18nProvider>
  );
}

/** `m`: the words; `f`: numbers and times, in the language that the reader chose. */
export function useSpeech(): Speech {
  const speech = useContext(SpeechContext);
  if (speech === null) throw new Error('SpeechProvider is missing');
  return speech;
}
