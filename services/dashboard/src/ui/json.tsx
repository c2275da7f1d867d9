import { useState } from 'react';
import { useSpeech } from '../messages/react';
import './json.css';

/** Levels that are open at first. */
const OPEN_TO = 2;
/** Members shown of an array or object before somebody asks for all. */
const SHOWN_MEMBERS = 100;

/** A value as JSON: objects and arrays can be folded, with the keyboard too. */
export function Json({ value, label }: { value: unknown; label: string }) {
  return <div className="json" role="group" aria-label={label} tabIndex={0}><Value value={value} depth={0} name={null} last /></div>;
}

function Value({ value, depth, name, last }: { value: unknown; depth: number; name: string | null; last: boolean }) {
  const { m } = useSpeech();
  const [all, setAll] = useState(false);
  const comma = last ? '' : ',';
  const key = name === null ? null : <><span className="json-key">{JSON.stringify(name)}</span>: </>;
  if (typeof value !== 'object' || value === null) {
    const kind = value === null ? 'null' : typeof value;
    return <div className="json-line">{key}<span className={`json-${kind}`}>{JSON.stringify(value)}</span>{comma}</div>;
  }
  const isArray = Array.isArray(value);
  const members: (readonly [string | null, unknown])[] = isArray ? value.map((member) => [null, member] as const) : Object.entries(value);
  const [open, close] = isArray ? ['[', ']'] : ['{', '}'];
  if (members.length === 0) return <div className="json-line">{key}{open}{close}{comma}</div>;
  const shown = all ? members : members.slice(0, SHOWN_MEMBERS);
  return (
    <details className="json-branch" open={depth < OPEN_TO}>
      <summary>{key}{open}<span className="json-folded">… {close}{comma} <span className="json-count">{m.events.items(members.length)}</span></span></summary>
      <div className="json-members">
        {shown.map(([memberName, member], index) => <Value key={memberName ?? index} value={member} depth={depth + 1} name={memberName} last={index === members.length - 1} />)}
        {shown.length < members.length && <button type="button" className="json-all" onClick={() => setAll(true)}>{m.common.more} ({m.events.items(members.length - shown.length)})</button>}
      </div>
      <div className="json-line">{close}{comma}</div>
    </details>
  );
}
