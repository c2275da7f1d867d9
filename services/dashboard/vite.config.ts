import { defineConfig } from 'vite';

const PLATFORM = process.env['SIGMA_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
  appType: 'mpa',
  oxc: { jsx: { runtime: 'automatic' } },
  build: {
    target: 'es2022',
    // No data: addresses and no injected polyfill: the pages run under a policy that allows neither.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['index.html', 'watch.html', 'embed.html', 'explorer.html'] },
  },
  server: {
    // `npm run dev` beside a running platform: the pages from here, the streams and the API from there.
    proxy: {
      '/live': PLATFORM, '/media': PLATFORM, '/public': PLATFORM, '/preview': PLATFORM, '/auth': PLATFORM,
      '/graphql': { target: PLATFORM, ws: true },
    },
  },
});
