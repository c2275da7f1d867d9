import { useSpeech } from '../../messages/react';
import { Page } from '../../ui/page';

export default function Tokens() {
  const { m } = useSpeech();
  return <Page title={m.tokens.title}>{null}</Page>;
}
