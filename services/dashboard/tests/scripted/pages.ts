import { existsSync, readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { extname } from 'node:path';

const DIST = new URL('../../dist/', import.meta.url);
/** As services/api/src/http/pages.rs has it. */
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; font-src 'self'; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES: Record<string, string> = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.m3u8': 'application/vnd.apple.mpegurl', '.json': 'application/json', '.jpg': 'image/jpeg', '.webp': 'image/webp', '.vtt': 'text/vtt; charset=utf-8' };

export function send(response: ServerResponse, extension: string, body: string | Buffer, status = 200): void {
  response.statusCode = status;
  response.setHeader('content-type', TYPES[extension] ?? 'application/octet-stream');
  response.end(body);
}

/** The platform's refusal outside GraphQL. */
export function refuse(response: ServerResponse, code: string, status = 404): void {
  send(response, '.json', JSON.stringify({ error: { code, message: '', mend: '' } }), status);
}

/** A page of the build, under the policy that the platform gives it. */
export function sendPage(response: ServerResponse, name: string): void {
  response.setHeader('content-security-policy', POLICY);
  send(response, '.html', readFileSync(new URL(name, DIST)));
}

/** A file of the build under /assets/, as the platform serves no other; false when there is none. */
export function sendAsset(response: ServerResponse, path: string): boolean {
  const file = new URL(`.${path}`, DIST);
  if (!file.href.startsWith(`${DIST.href}assets/`) || path.endsWith('.html') || extname(path) === '' || !existsSync(file)) return false;
  send(response, extname(path), readFileSync(file));
  return true;
}

export function wantBuild(page: string): void {
  if (!existsSync(new URL(page, DIST))) throw new Error('the pages are not built: npm run build');
}
