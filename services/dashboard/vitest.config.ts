import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['tests/{unit,pages,dashboard}/**/*.test.{ts,tsx}'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A busy machine takes longer than vitest's second.
    expect: { poll: { timeout: 20_000 } },
    // One instance of graphql-js for the scripted platform and the library that carries its subscriptions.
    server: { deps: { inline: ['graphql', 'graphql-ws'] } },
  },
});
