import { createRoot } from 'react-dom/client';
import { explorerEn } from '../messages/explorer.en';
import { explorerVi } from '../messages/explorer.vi';
import { Explorer } from './explorer';

const language = document.documentElement.lang;
const text = language === 'vi' ? explorerVi : explorerEn;
document.title = `${text.title} · Sigma Livestream`;
const place = document.getElementById('explorer');
if (place !== null) createRoot(place).render(<Explorer text={text} />);
