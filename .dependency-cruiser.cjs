/** The table of design section "The house" as rules: who may import whom. */
module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true, dependencyTypesNot: ['type-only'] } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'kernel-imports-no-other-library',
      severity: 'error',
      from: { path: '^libs/kernel/' },
      to: { path: '^(libs/(?!kernel/)|services/|deploy/)|node_modules/(@nestjs|typeorm|pg|kafkajs|fastify)/' },
    },
    {
      name: 'libraries-know-no-service',
      severity: 'error',
      from: { path: '^libs/' },
      to: { path: '^(services|deploy)/' },
    },
    {
      name: 'services-talk-by-events-and-calls-only',
      comment: 'A service imports nothing of another service.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^services/([^/]+)/', pathNot: '^services/$1/' },
    },
    {
      name: 'services-know-no-deployment',
      severity: 'error',
      from: { path: '^services/' },
      to: { path: '^deploy/' },
    },
    {
      name: 'libraries-are-entered-by-their-door',
      comment: 'Another library is imported as #libs/<name>, never by a path inside it.',
      severity: 'error',
      from: { path: '^(libs/([^/]+)|services|deploy)/' },
      to: { path: '^libs/[^/]+/src/(?!index\\.ts$)', pathNot: '^libs/$2/' },
    },
    {
      name: 'domain-is-pure',
      comment: 'A file without a layer suffix holds rules and types: no framework, no database, no broker, no I/O.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/[^/]+/[^/.]+\\.ts$' },
      to: {
        path: 'node_modules/(@nestjs|typeorm|pg|kafkajs|fastify|undici)/|^(node:)?(net|fs|http|https|fs/promises)$',
      },
    },
    {
      name: 'domain-knows-no-layer',
      severity: 'error',
      from: { path: '^services/[^/]+/src/[^/]+/[^/.]+\\.ts$' },
      to: { path: '\\.(service|repository|controller|consumer|module)\\.ts$' },
    },
    {
      name: 'domain-knows-no-body',
      comment: 'A body becomes a domain value in its x.dto.ts.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/[^/]+/[^/.]+\\.ts$' },
      to: { path: '\\.dto\\.ts$' },
    },
    {
      name: 'domain-runs-no-table',
      comment: 'It may name the type of a row, as a rule often is about one.',
      severity: 'error',
      from: { path: '^services/[^/]+/src/[^/]+/[^/.]+\\.ts$' },
      to: { path: '\\.tables\\.ts$', dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'use-cases-know-no-edge',
      severity: 'error',
      from: { path: '\\.service\\.ts$' },
      to: { path: '\\.(controller|consumer)\\.ts$' },
    },
    {
      name: 'features-meet-in-services',
      comment: "A feature uses another feature's service or domain, never its repository, controller or consumer.",
      severity: 'error',
      from: { path: '^services/([^/]+)/src/([^/]+)/' },
      to: {
        path: '^services/$1/src/[^/]+/[^/]+\\.(repository|controller|consumer)\\.ts$',
        pathNot: '^services/$1/src/$2/',
      },
    },
    {
      name: 'shipped-code-needs-no-test-code',
      severity: 'error',
      from: { pathNot: '\\.spec\\.ts$|^libs/testing/|/test/|^deploy/(processes|chaos)/' },
      to: { path: '^libs/testing/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      conditionNames: ['source', 'import', 'node', 'default'],
      exportsFields: ['exports'],
      mainFields: ['module', 'main', 'types'],
    },
  },
};
