import { useSpeech } from '../../messages/react';
import { Page } from '../../ui/page';

export default function System() {
  const { m } = useSpeech();
  return <Page title={m.system.title}>{null}</Page>;
}
