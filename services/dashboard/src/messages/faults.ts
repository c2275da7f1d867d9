import type { Fault } from '../api/faults';
import type { Messages } from './en';

/** Whether the platform's own sentence says more than ours for the code. */
const OWN_SENTENCE: ReadonlySet<Fault['code']> = new Set(['REFUSED', 'BAD_INPUT', 'CONFLICT', 'TOO_COMPLEX']);

/** What went wrong, in the reader's language where we have it, else in the platform's own words. */
export function sentenceOf(fault: Fault, m: Messages): string {
  const byReason = fault.reason === null ? undefined : m.faults.reasons[fault.reason];
  if (byReason !== undefined) return byReason;
  if (fault.fields.size > 0) return m.faults.codes[fault.code];
  if (OWN_SENTENCE.has(fault.code) && fault.message !== '') return asSentence(fault.message);
  return m.faults.codes[fault.code];
}

function asSentence(text: string): string {
  const first = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}
