import { useSpeech } from '../../messages/react';
import { Page } from '../../ui/page';

export default function Session({ id }: { id: string }) {
  const { m } = useSpeech();
  return <Page title={m.sessionPage.title}><p>{id}</p></Page>;
}
