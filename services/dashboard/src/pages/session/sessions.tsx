import { useSpeech } from '../../messages/react';
import { Page } from '../../ui/page';

export default function Sessions() {
  const { m } = useSpeech();
  return <Page title={m.sessionPage.title}>{null}</Page>;
}
