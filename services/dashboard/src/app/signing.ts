export type SignInOutcome = 'in' | 'wrong' | 'limited' | 'unreachable';

/** Gives the token to the platform, which keeps it in a cookie that no script can read. */
export async function signIn(token: string): Promise<SignInOutcome> {
  try {
    const response = await fetch('/auth/sign-in', {
      method: 'POST', credentials: 'same-origin', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ token }), signal: AbortSignal.timeout(20_000),
    });
    if (response.ok) return 'in';
    if (response.status === 429) return 'limited';
    return response.status < 500 ? 'wrong' : 'unreachable';
  } catch {
    return 'unreachable';
  }
}

export async function signOut(): Promise<void> {
  try {
    await fetch('/auth/sign-out', { method: 'POST', credentials: 'same-origin', headers: { 'content-type': 'application/json' }, body: '{}' });
  } catch {
    // The platform is away: the cookie stays until it is back, and the page is left all the same.
  }
}

export function signInPath(from: string): string {
  return from === '/' || from.startsWith('/sign-in') ? '/sign-in' : `/sign-in?next=${encodeURIComponent(from)}`;
}

/** Where to go after signing in: only ever a path of this page. */
export function nextAfterSignIn(search: string): string {
  const next = new URLSearchParams(search).get('next') ?? '/channels';
  return /^\/(?![/\\])/.test(next) && !next.startsWith('/sign-in') ? next : '/channels';
}
