import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { include: ['tests/{unit,pages,dashboard}/**/*.test.ts'], testTimeout: 60_000 } });
