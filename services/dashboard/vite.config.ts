import { defineConfig } from 'vite';

export default defineConfig({
  appType: 'mpa',
  build: {
    target: 'es2022',
    // No data: addresses and no injected polyfill: the pages run under a policy that allows neither.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { input: ['index.html', 'watch.html', 'embed.html'] },
  },
  server: {
    // `npm run dev` beside a running platform: the pages from here, the streams from there.
    proxy: { '/live': 'http://127.0.0.1:8080', '/media': 'http://127.0.0.1:8080', '/public': 'http://127.0.0.1:8080' },
  },
});
