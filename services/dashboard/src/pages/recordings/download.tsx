import { useEffect, useRef, useState } from 'react';
import { ProgressBar } from 'react-aria-components/ProgressBar';
import type { AssetFactsFragment } from '../../api/generated';
import { useSpeech } from '../../messages/react';
import { Button } from '../../ui/button';
import { Icon } from '../../ui/icon';
import { Notice } from '../../ui/states';
import { nameOf } from './figures';
import { make, type Making } from './making';

/** Makes a recording's file, says how far that is, and hands it to the browser. */
export function Download({ asset }: { asset: AssetFactsFragment }) {
  const { m, f } = useSpeech();
  const t = m.recordings;
  const [making, setMaking] = useState<Making | null>(null);
  const asking = useRef<AbortController>(null);
  useEffect(() => () => asking.current?.abort(), []);
  const begin = () => {
    asking.current?.abort();
    asking.current = new AbortController();
    void make(asset.id, (step) => {
      setMaking(step);
      // Several files are the reader's to choose.
      if (step.step === 'ready' && step.urls.length === 1) hand(step.urls[0] ?? '', fileName(nameOf(asset, m), 0));
    }, asking.current.signal);
  };
  const stop = () => {
    asking.current?.abort();
    setMaking(null);
  };
  return (
    <div className="download">
      {making?.step !== 'making' && <Button icon="download" onPress={begin}>{making?.step === 'failed' ? t.downloadAgain : t.download}</Button>}
      {making?.step === 'making' && (
        <div className="download-making">
          <ProgressBar value={making.percent} aria-label={t.downloadMaking} className="progress">
            {({ percentage = 0 }) => <><span className="progress-label">{t.downloadMaking} {f.percent(percentage / 100)}</span><span className="progress-track"><span className="progress-filled" style={{ width: `${percentage}%` }} /></span></>}
          </ProgressBar>
          <Button small look="quiet" onPress={stop}>{m.common.cancel}</Button>
        </div>
      )}
      {making?.step === 'ready' && making.urls.length > 1 && (
        <div className="download-parts" role="group" aria-label={t.download}>
          {making.urls.map((url, place) => (
            <a key={url} className="button plain small" href={url} download={fileName(nameOf(asset, m), place + 1)}><Icon name="download" /><span>{t.downloadPart(place + 1)}</span></a>
          ))}
        </div>
      )}
      {making?.step === 'ready' && making.missingSeconds > 0 && <Notice warned icon="warning">{t.downloadMissing(f.span(Math.ceil(making.missingSeconds)))}</Notice>}
      {making?.step === 'failed' && <Notice warned icon="warning">{making.why === null ? t.downloadFailed : `${t.downloadFailed} (${making.why})`}</Notice>}
    </div>
  );
}

/** The browser's own download goes on when the page is left. */
function hand(url: string, name: string): void {
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
}

function fileName(title: string, part: number): string {
  const plain = title.replaceAll(/[^\p{L}\p{N} ._-]+/gu, ' ').trim() || 'recording';
  return part === 0 ? `${plain}.mp4` : `${plain} ${part}.mp4`;
}
