import { en, type Messages } from './en';
import { viPanel } from './vi-panel';

export const vi: Messages = { ...en, ...viPanel };
