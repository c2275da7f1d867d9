import { useSpeech } from '../../messages/react';
import { Page } from '../../ui/page';

export default function Channel({ id }: { id: string }) {
  const { m } = useSpeech();
  return <Page title={m.settings.title}><p>{id}</p></Page>;
}
