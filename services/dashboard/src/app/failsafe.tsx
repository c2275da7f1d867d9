import { Component, type ReactNode } from 'react';
import { useSpeech } from '../messages/react';
import { Button } from '../ui/button';
import { EmptyState } from '../ui/states';

/** A fault in one page leaves the rest of the dashboard standing. */
export class Failsafe extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    return this.state.failed ? <Failed /> : this.props.children;
  }
}

function Failed() {
  const { m } = useSpeech();
  return (
    <EmptyState icon="warning" title={m.faults.brokenTitle} action={<Button look="primary" onPress={() => location.reload()}>{m.faults.reload}</Button>}>
      {m.faults.broken}
    </EmptyState>
  );
}
