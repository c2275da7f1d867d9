import { useEffect, useEffectEvent, useRef, useState, type FormEvent, type RefObject } from 'react';
import { useLocation } from 'wouter';
import { CutClipDocument, TrimAssetDocument, UntrimAssetDocument, type AssetFactsFragment } from '../../api/generated';
import { useAction } from '../../api/react';
import { useSpeech } from '../../messages/react';
import { secondsOf } from '../../player/lengths';
import type { Viewing } from '../../player/react';
import { Button, IconButton } from '../../ui/button';
import { Switch, TextField } from '../../ui/fields';
import { Card } from '../../ui/page';
import { FaultNotice, Notice } from '../../ui/states';
import { useToast } from '../../ui/toast';
import { CutStrip } from './cut-strip';
import { marked, problemsOf, rangesOf, wholeRange, type Edge, type RangeDraft } from './ranges';

/** The platform takes no more pieces in one clip. */
const MOST_RANGES = 50;

/** Marks pieces where the picture stands, and makes a clip of them, one behind the other, or shows one alone. */
export function CutForm({ asset, viewing }: { asset: AssetFactsFragment; viewing: RefObject<Viewing | null> }) {
  const { m, f } = useSpeech();
  const t = m.recordings;
  const toast = useToast();
  const [, navigate] = useLocation();
  const whole = asset.durationSeconds ?? 0;
  const keys = useRef(0);
  const [ranges, setRanges] = useState<readonly RangeDraft[]>(() => [wholeRange(whole, 0)]);
  const [chosen, setChosen] = useState(0);
  const [exact, setExact] = useState(false);
  const [title, setTitle] = useState('');
  const [tried, setTried] = useState(false);
  const clip = useAction(CutClipDocument);
  const trim = useAction(TrimAssetDocument);
  const untrim = useAction(UntrimAssetDocument);
  const busy = clip.busy || trim.busy || untrim.busy;
  const fault = clip.fault ?? trim.fault ?? untrim.fault;
  const isOne = ranges.length === 1;
  const total = rangesOf(ranges, whole, m)?.reduce((sum, { from, to }) => sum + to - from, 0) ?? null;

  /** What is wrong with an edge, by us or by the platform, which names several pieces by their place. */
  const told = (range: RangeDraft, place: number, edge: Edge) =>
    (tried ? problemsOf(range, whole, m)[edge] : undefined) ?? fault?.fields.get(isOne ? edge : `ranges.${place}.${edge}`);
  const shownFields = ['title', ...ranges.flatMap((_, place) => (isOne ? ['from', 'to'] : [`ranges.${place}.from`, `ranges.${place}.to`]))];

  const change = (key: number, next: (range: RangeDraft) => RangeDraft) => setRanges(ranges.map((range) => (range.key === key ? next(range) : range)));
  const mark = (edge: Edge) => {
    const at = viewing.current?.frameTime;
    if (at !== undefined) change(chosen, (range) => marked(range, edge, at, whole));
  };
  const onKey = useEffectEvent((event: KeyboardEvent) => {
    const edge = event.key === 'i' ? 'from' : event.key === 'o' ? 'to' : null;
    if (edge === null || event.ctrlKey || event.metaKey || event.altKey || event.target instanceof Element && event.target.closest('input, textarea, select, [role="dialog"], [role="alertdialog"]') !== null) return;
    event.preventDefault();
    mark(edge);
  });
  useEffect(() => {
    const listener = (event: KeyboardEvent) => onKey(event);
    document.addEventListener('keydown', listener);
    return () => document.removeEventListener('keydown', listener);
  }, []);
  const show = (at: number | null) => { if (at !== null) viewing.current?.seekTo(at); };
  const resetFaults = () => { clip.reset(); trim.reset(); untrim.reset(); };

  function add() {
    keys.current += 1;
    const last = secondsOf(ranges.at(-1)?.to ?? '') ?? 0;
    setRanges([...ranges, marked(wholeRange(whole, keys.current), 'from', last < whole ? last : 0, whole)]);
    setChosen(keys.current);
  }

  function remove(key: number) {
    const left = ranges.filter((range) => range.key !== key);
    setRanges(left);
    if (key === chosen) setChosen(left[0]?.key ?? 0);
  }

  async function cut(event: FormEvent) {
    event.preventDefault();
    setTried(true);
    resetFaults();
    const pieces = rangesOf(ranges, whole, m);
    const [first] = pieces ?? [];
    if (busy || pieces === null || first === undefined) return;
    const named = title.trim() === '' ? {} : { title: title.trim() };
    const made = await clip.run({ input: { assetId: asset.id, exact, ...(isOne ? first : { ranges: pieces }), ...named } });
    if (made === null) return;
    toast.say(isOne ? t.clipReady : t.highlightsReady);
    navigate(`/recordings/${encodeURIComponent(made.createClip.asset.id)}`);
  }

  async function showOnly() {
    setTried(true);
    resetFaults();
    const [range] = rangesOf(ranges, whole, m) ?? [];
    if (busy || range === undefined) return;
    if ((await trim.run({ id: asset.id, ...range, exact })) === null) return;
    // What is shown is another thing now: the form begins anew with it.
    toast.say(t.trimmedNow);
  }

  async function showAll() {
    resetFaults();
    if ((await untrim.run({ id: asset.id })) === null) return;
    toast.say(t.untrimmedNow);
  }

  return (
    <Card title={t.cut} className="cut">
      <form onSubmit={(event) => void cut(event)} noValidate>
        <div className="cut-steps" role="group" aria-label={t.steps}>
          <IconButton icon="stepBack" label={t.frameBack} onPress={() => viewing.current?.step(-1)} />
          <IconButton icon="stepOn" label={t.frameOn} onPress={() => viewing.current?.step(1)} />
          <Button small onPress={() => mark('from')}>{t.markFrom}</Button>
          <Button small onPress={() => mark('to')}>{t.markTo}</Button>
        </div>
        <CutStrip ranges={ranges} chosen={chosen} whole={whole} />
        <ol className="cut-ranges">
          {ranges.map((range, place) => (
            <li key={range.key} className={range.key === chosen && !isOne ? 'cut-range chosen' : 'cut-range'} onFocus={() => setChosen(range.key)} aria-label={isOne ? undefined : t.piece(place + 1)}>
              {!isOne && <span className="cut-number" aria-hidden="true">{place + 1}</span>}
              <TextField label={t.from} autoComplete="off" inputMode="decimal" value={range.from} onChange={(from) => change(range.key, (before) => ({ ...before, from }))} error={told(range, place, 'from')} />
              <TextField label={t.to} autoComplete="off" inputMode="decimal" value={range.to} onChange={(to) => change(range.key, (before) => ({ ...before, to }))} error={told(range, place, 'to')} />
              <span className="cut-range-acts">
                <IconButton icon="play" label={t.showPiece} onPress={() => { setChosen(range.key); show(secondsOf(range.from)); }} />
                {!isOne && <IconButton icon="trash" label={t.removePiece(place + 1)} onPress={() => remove(range.key)} />}
              </span>
            </li>
          ))}
        </ol>
        <div className="cut-more">
          <Button small icon="plus" isDisabled={ranges.length >= MOST_RANGES} onPress={add}>{t.addPiece}</Button>
          <span className="help" role="status">{total === null ? '' : isOne ? f.span(Math.round(total)) : t.together(ranges.length, f.span(Math.round(total)))}</span>
        </div>
        <p className="help">{t.cutHelp}</p>
        <Switch label={t.exact} help={t.exactHelp} value={exact} onChange={setExact} />
        <TextField label={t.clipTitle} help={t.clipTitleHelp} autoComplete="off" value={title} onChange={setTitle} maxLength={200} error={fault?.fields.get('title')} />
        {fault !== null && <FaultNotice fault={fault} shownFields={shownFields} />}
        <div className="cut-foot">
          <Button type="submit" look="primary" icon="scissors" isPending={clip.busy} pendingLabel={t.cutting}>{isOne ? t.makeClip : t.makeHighlights}</Button>
          {!asset.trimmed && <Button isPending={trim.busy} isDisabled={!isOne} onPress={() => void showOnly()}>{t.trim}</Button>}
          {asset.trimmed && <Button isPending={untrim.busy} onPress={() => void showAll()}>{t.untrim}</Button>}
        </div>
        {asset.trimmed && <Notice>{t.trimmedHelp}</Notice>}
      </form>
    </Card>
  );
}
