/** Four projects by file name: unit, property, medium (real PostgreSQL or a real broker), e2e (the whole network). */
const shared = {
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': [
      '@swc/jest',
      {
        swcrc: false,
        jsc: {
          parser: { syntax: 'typescript', decorators: true },
          transform: { legacyDecorator: true, decoratorMetadata: true, useDefineForClassFields: false },
          keepClassNames: true,
          target: 'es2023',
        },
        module: { type: 'es6' },
        sourceMaps: 'inline',
      },
    ],
  },
  testEnvironment: 'node',
  testEnvironmentOptions: { customExportConditions: ['source', 'node', 'node-addons'] },
  testPathIgnorePatterns: ['/node_modules/', '/dist/', '/.hezong'],
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.hezong'],
};
const servers = {
  globalSetup: '<rootDir>/libs/testing/src/global-setup.ts',
  globalTeardown: '<rootDir>/libs/testing/src/global-teardown.ts',
};

export default {
  maxWorkers: 3,
  testSequencer: '<rootDir>/deploy/tools/longest-first.mjs',
  // a spec boots real servers beside others on a small machine; its own waits end sooner and say why
  testTimeout: 60_000,
  workerIdleMemoryLimit: '1GB',
  coverageProvider: 'babel',
  projects: [
    {
      ...shared,
      displayName: 'unit',
      testMatch: ['**/*.spec.ts'],
      testPathIgnorePatterns: [...shared.testPathIgnorePatterns, '\\.(medium|property|e2e)\\.spec\\.ts$'],
    },
    { ...shared, displayName: 'property', testMatch: ['**/*.property.spec.ts'], ...servers },
    { ...shared, displayName: 'medium', testMatch: ['**/*.medium.spec.ts'], ...servers },
    { ...shared, displayName: 'e2e', testMatch: ['**/*.e2e.spec.ts'], ...servers },
  ],
};
