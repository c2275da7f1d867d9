import { useSpeech } from '../../messages/react';
import { Page } from '../../ui/page';

export default function Channels() {
  const { m } = useSpeech();
  return <Page title={m.channels.title}>{null}</Page>;
}
