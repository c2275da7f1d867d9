import { defineConfig } from 'vitest/config';

// Against the real binary (SIGMA_BINARY) with a real ffmpeg: `make test-dashboard`.
export default defineConfig({
  test: {
    include: ['tests/real/**/*.test.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // A busy machine takes longer than vitest's second.
    expect: { poll: { timeout: 20_000 } },
    fileParallelism: false,
  },
});
