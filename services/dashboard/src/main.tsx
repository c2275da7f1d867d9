import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { App } from './app/app';
import { firstSpeech, SpeechProvider } from './messages/react';
import { ToastProvider } from './ui/toast';

// react-aria would put a style element of this id into the page, which our content policy refuses; the rule stands in ui.css.
const placeholder = document.createElement('meta');
placeholder.id = 'react-aria-pressable-style';
document.head.append(placeholder);

const root = document.getElementById('root');
if (root !== null) {
  const first = await firstSpeech();
  createRoot(root).render(
    <StrictMode>
      <SpeechProvider first={first}>
        <ToastProvider>
          <App />
        </ToastProvider>
      </SpeechProvider>
    </StrictMode>,
  );
}
