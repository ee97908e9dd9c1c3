/** Four projects by file name: unit, property, medium (real PostgreSQL or a real broker), e2e (the whole network). */
const shared = {
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {},
  runtime: '<rootDir>/libs/testing/jest/runtime.cjs',
  testEnvironment: '<rootDir>/libs/testing/jest/environment.mjs',
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/.hezong'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.hezong'],
};
const servers = {
  globalSetup: '<rootDir>/libs/testing/jest/servers.mjs',
  globalTeardown: '<rootDir>/libs/testing/jest/servers-ended.mjs',
};

export default {
  maxWorkers: 3,
  testSequencer: '<rootDir>/deploy/tools/longest-first.mjs',
  // a spec boots real servers beside others on a small machine; its own waits end sooner and say why
  testTimeout: 60_000,
  workerIdleMemoryLimit: '1GB',
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['**/*.spec.ts'],
      testPathIgnorePatterns: [...shared.testPathIgnorePatterns, '\\.(medium|property|e2e)\\.spec\\.ts$'],
      globalSetup: '<rootDir>/libs/testing/jest/built.mjs',
    },
    { ...shared, displayName: 'property', testMatch: ['**/*.property.spec.ts'], ...servers },
    { ...shared, displayName: 'medium', testMatch: ['**/*.medium.spec.ts'], ...servers },
    { ...shared, displayName: 'e2e', testMatch: ['**/*.e2e.spec.ts'], ...servers },
  ],
};
