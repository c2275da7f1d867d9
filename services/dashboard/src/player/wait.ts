/** In a page that nobody sees, waits are this much longer. */
const HIDDEN_FACTOR = 3;

/** Waits; shorter when the page comes into view or the network comes back. */
export function wait(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const hidden = document.visibilityState === 'hidden';
    const done = () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
      window.removeEventListener('online', done);
      resolve();
    };
    const onVisible = () => { if (document.visibilityState === 'visible') done(); };
    const timer = setTimeout(done, hidden ? ms * HIDDEN_FACTOR : ms);
    document.addEventListener('visibilitychange', onVisible);
    window.addEventListener('online', done);
  });
}
