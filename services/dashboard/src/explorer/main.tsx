import { createRoot } from 'react-dom/client';
import { remembered } from '../app/memory';
import { explorerEn } from '../messages/explorer.en';
import { preferredLanguage } from '../messages/format';
import { Explorer } from './explorer';

const language = preferredLanguage(remembered('sigma.language'), navigator.languages);
const text = language === 'vi' ? (await import('../messages/explorer.vi')).explorerVi : explorerEn;
document.documentElement.lang = language;
document.title = `${text.title} · Sigma Livestream`;
const place = document.getElementById('explorer');
if (place !== null) createRoot(place).render(<Explorer text={text} />);
