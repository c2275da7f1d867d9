import { readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

const PLATFORM = process.env['SIGMA_URL'] ?? 'http://127.0.0.1:8080';

/** Puts the few lines that choose the colour scheme before the first paint at the head of our pages: no module, as modules come late. */
function schemeFirst(): Plugin {
  const source = 'src/app/scheme-first.js';
  let building = false;
  return {
    name: 'scheme-first',
    configResolved({ command }) { building = command === 'build'; },
    buildStart() { if (building) this.emitFile({ type: 'asset', name: 'scheme.js', source: readFileSync(source) }); },
    transformIndexHtml: {
      order: 'post',
      handler(_, { path, bundle }) {
        if (!['/index.html', '/explorer.html'].includes(path)) return [];
        const made = Object.values(bundle ?? {}).find((file) => file.type === 'asset' && file.names.includes('scheme.js'));
        return [{ tag: 'script', attrs: { src: `/${made?.fileName ?? source}` }, injectTo: 'head' }];
      },
    },
  };
}

export default defineConfig({
  appType: 'mpa',
  plugins: [schemeFirst()],
  oxc: { jsx: { runtime: 'automatic' } },
  build: {
    target: 'es2022',
    // No data: addresses and no injected polyfill: the pages run under a policy that allows neither.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['index.html', 'watch.html', 'embed.html', 'replay.html', 'explorer.html'] },
  },
  server: {
    // `npm run dev` beside a running platform: the pages from here, the streams and the API from there.
    proxy: {
      '/live': PLATFORM, '/vod': PLATFORM, '/media': PLATFORM, '/public': PLATFORM, '/preview': PLATFORM, '/auth': PLATFORM,
      '/graphql': { target: PLATFORM, ws: true },
    },
  },
});
