import { useSpeech } from '../../messages/react';
import { Page } from '../../ui/page';

export default function Events() {
  const { m } = useSpeech();
  return <Page title={m.events.title}>{null}</Page>;
}
