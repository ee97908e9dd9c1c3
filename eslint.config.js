import { basename, dirname } from 'node:path';
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
const style = [
  {
    selector: "CallExpression[callee.name='Inject'] > Identifier.arguments[name=/[a-z]/]",
    message: 'Nest injects a class by the type of the parameter: @Inject is for tokens.',
  },
  ...[
    'TemplateElement[value.raw=/(^|\\s)(SELECT|INSERT INTO|DELETE FROM|(LEFT |CROSS )?JOIN|WHERE|ORDER BY|GROUP BY|RETURNING|ON CONFLICT|CREATE TABLE|ALTER TABLE)\\s/]',
    'Literal[value=/^(SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|ALTER|DROP|GRANT|REVOKE|SET|LISTEN|TRUNCATE) [a-z]/]',
  ].map((selector) => ({ selector, message: 'SQL keywords are in lower case.' })),
];
const testGlobals = ['afterAll', 'afterEach', 'beforeAll', 'beforeEach', 'describe', 'expect', 'it', 'jest', 'test'];

const LAYERS = /\.(adapter|client|consumer|controller|module|repository|service|session|source)$/;

/** The class of `order-returns.service.ts` is OrderReturnsService; helpers may stand beside it. */
const classOfFile = {
  create(context) {
    const file = basename(context.filename, '.ts');
    if (!LAYERS.test(file)) return {};
    const name = file.replace(/(?:^|[-.])(.)/g, (_, letter) => letter.toUpperCase());
    return {
      Program(program) {
        const classes = program.body.flatMap(({ declaration }) =>
          declaration?.type === 'ClassDeclaration' ? [declaration.id.name] : [],
        );
        if (classes.length > 0 && !classes.includes(name)) {
          context.report({ node: program, message: `The class of this file is ${name}.` });
        }
      },
    };
  },
};

/** A feature that holds things is named after many of them, its folder and the files of its layers: `offers/offers.service.ts` beside `offer.ts`. */
const pluralFeatures = {
  create(context) {
    const [, name] = /^([^.]+)\.(\w+)\.ts$/.exec(basename(context.filename)) ?? [];
    const folder = basename(dirname(context.filename));
    const wanted = folder === `${name}s` ? 'file' : name === `${folder}s` ? 'folder' : null;
    if (wanted === null || context.filename.endsWith('.spec.ts')) return {};
    return {
      Program(node) {
        context.report({ node, message: `The ${wanted} is named in the plural.` });
      },
    };
  },
};

/** What a body becomes is made in its `x.dto.ts`, by a function that is named after it. */
const bodyToDomain = {
  create(context) {
    const takesBody = ({ params }) =>
      params.some((param) => /\b\w+(Dto|Body)\b/.test(context.sourceCode.getText(param.typeAnnotation ?? param)));
    return {
      FunctionDeclaration(node) {
        if (!takesBody(node)) return;
        if (!context.filename.endsWith('.dto.ts')) {
          context.report({ node, message: 'What a body becomes is made beside it, in its x.dto.ts.' });
        } else if (node.parent.type === 'ExportNamedDeclaration' && !node.id.name.endsWith('From')) {
          context.report({ node, message: 'The function that makes a thing of a body is called thingFrom.' });
        }
      },
    };
  },
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
    plugins: {
      hezong: {
        rules: { 'class-of-file': classOfFile, 'body-to-domain': bodyToDomain, 'plural-features': pluralFeatures },
      },
    },
    rules: {
      'hezong/class-of-file': 'error',
      'no-restricted-exports': ['error', { restrictedNamedExports: testGlobals }],
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
      'no-restricted-syntax': ['error', realTime, ...style],
      'no-console': 'error',
    },
  },
  {
    files: ['services/*/src/**'],
    rules: { 'hezong/body-to-domain': 'error', 'hezong/plural-features': 'error' },
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
    rules: {
      'no-restricted-properties': 'off',
      'no-restricted-syntax': ['error', ...style],
      'no-console': 'off',
    },
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
