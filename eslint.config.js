import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

const clockAndChance = [
  { object: 'Date', property: 'now', message: 'Ask a Clock of #libs/kernel.' },
  { object: 'Math', property: 'random', message: 'Use ids of #libs/kernel or node:crypto.' },
];
const realTime = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: 'Ask a Clock of #libs/kernel.',
};

export default tseslint.config(
  {
    ignores: [
      'dist/**',
      'node_modules/**',
      'coverage/**',
      'libs/*/src/gen/**',
      '.hezong*/**',
      '**/*.js',
      '**/*.mjs',
      '**/*.cjs',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      // Nest modules and DTOs are classes without bodies
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allow: ['bigint'] },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/require-await': 'off',
      // a loop that sleeps between two tries is clearer with the sleep in its head
      '@typescript-eslint/no-confusing-void-expression': 'off',
      '@typescript-eslint/no-unnecessary-condition': ['error', { allowConstantLoopConditions: true }],
      'no-restricted-properties': [
        'error',
        ...clockAndChance,
        { object: 'process', property: 'env', message: 'Read it through #libs/config.' },
      ],
      'no-restricted-syntax': ['error', realTime],
      'no-console': 'error',
    },
  },
  {
    // where the environment, real time and the console are the point
    files: [
      'libs/config/**',
      'libs/kernel/src/clock.ts',
      'libs/testing/**',
      'libs/servers/**',
      'deploy/**',
      '**/*.spec.ts',
      'services/*/src/main.ts',
    ],
    rules: { 'no-restricted-properties': 'off', 'no-restricted-syntax': 'off', 'no-console': 'off' },
  },
  {
    files: ['**/*.spec.ts', '**/test/**', 'libs/testing/**'],
    rules: {
      // what beforeAll sets is not there when beforeAll failed
      '@typescript-eslint/no-unnecessary-condition': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  prettier,
);
