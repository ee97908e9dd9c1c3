/**
 * `npm run check:chart`: checks the chart through Helm. It lints the chart, renders it with the defaults and with everything enabled, and
 * compares the result with the types and schemas of Kubernetes, with the variables that the services read, and with the calls in their
 * code.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { parseAllDocuments } from 'yaml';
import { kafkaFields } from '#libs/config';
import { DEFINITIONS } from '../local/network/definitions.js';
import { projectRoot } from '../local/network/root.js';

const KUBERNETES = '1.31.0';
const CHART = 'deploy/helm/hezong';
const NEEDED = { publicUrl: 'https://api.example.com', 'kafka.brokers': 'kafka:9093', internalKeys: 'keys' };
const ALL_ON = {
  ...NEEDED,
  'kafka.ssl': 'verify-full',
  'kafka.sslSecret': 'kafka-tls',
  'kafka.clientCertificate': 'true',
  'kafka.sasl': 'oauthbearer',
  'kafka.tokenUrl': 'https://tokens.example.com',
  'kafka.acls': 'true',
  'kafka.replication': '3',
  'kafka.minInsyncReplicas': '2',
  'postgres.caSecret': 'postgres-ca',
  'autoscaling.enabled': 'true',
  serviceMonitor: 'true',
  'backup.enabled': 'true',
  'trustedProxies[0]': '10.42.0.0/16',
};

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly data?: Record<string, string>;
  readonly spec?: Record<string, unknown>;
}

function helm(...words: string[]): string {
  const places = [process.env['HELM'], join(homedir(), 'go/bin/helm')].filter((place) => place !== undefined);
  const command = places.find((place) => existsSync(place)) ?? 'helm';
  try {
    return execFileSync(command, words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: string; stdout?: string; stderr?: string };
    throw new Error(
      code === 'ENOENT'
        ? 'no Helm: go install helm.sh/helm/v3/cmd/helm@v3.22.0, or name it in HELM'
        : `helm ${words.join(' ')}\n${stdout}${stderr}`,
      { cause: error },
    );
  }
}

const settings = (values: Record<string, string>): string[] =>
  Object.entries(values).flatMap(([name, value]) => ['--set', `${name}=${value.replaceAll(',', '\\,')}`]);

function render(values: Record<string, string>): Manifest[] {
  const text = helm('template', 'hezong', CHART, '--kube-version', KUBERNETES, ...settings(values));
  return parseAllDocuments(text)
    .map((document) => {
      if (document.errors.length > 0) throw new Error(String(document.errors[0]));
      return document.toJS() as Manifest | null;
    })
    .filter((manifest) => manifest !== null);
}

const packageOf = ({ apiVersion, kind }: Manifest): string => {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  const base = group === 'monitoring.coreos.com' ? '@kubernetes-models/prometheus-operator' : 'kubernetes-models';
  return [base, group, version, kind].filter((part) => part !== '').join('/');
};

/** Faults by the types, which contain every field, so a misspelt one is found. */
function typeFaults(manifests: readonly Manifest[]): string[] {
  const text = manifests
    .map((manifest, i) => {
      const { kind } = manifest;
      const where = packageOf(manifest);
      return `import type { I${kind} as T${i} } from '${where}';\nexport const m${i}: T${i} = ${JSON.stringify(manifest)};`;
    })
    .join('\n');
  const name = join(projectRoot(), 'chart-check.generated.ts');
  const options: ts.CompilerOptions = {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
  };
  const host = ts.createCompilerHost(options);
  const disk = { ...host };
  host.getSourceFile = (file, ...more) =>
    file === name ? ts.createSourceFile(file, text, ts.ScriptTarget.ES2022) : disk.getSourceFile(file, ...more);
  host.fileExists = (file) => file === name || disk.fileExists(file);
  host.readFile = (file) => (file === name ? text : disk.readFile(file));
  const program = ts.createProgram([name], options, host);
  return ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const line = file === undefined || start === undefined ? 0 : file.text.slice(0, start).split('\n').length;
    const manifest = manifests[Math.floor((line - 1) / 2)];
    const words = ts.flattenDiagnosticMessageText(messageText, ' ');
    return `${manifest?.kind ?? ''} ${manifest?.metadata.name ?? ''}: ${words.slice(0, 400)}`;
  });
}

/** Faults by the schemas, which define the allowed values. */
async function schemaFaults(manifests: readonly Manifest[]): Promise<string[]> {
  const faults: string[] = [];
  for (const manifest of manifests) {
    const models = (await import(packageOf(manifest))) as Record<string, new (data: Manifest) => { validate(): void }>;
    const Model = models[manifest.kind];
    if (Model === undefined) throw new Error(`no schema of ${manifest.apiVersion} ${manifest.kind}`);
    try {
      new Model(manifest).validate();
    } catch (error) {
      faults.push(`${manifest.kind} ${manifest.metadata.name}: ${String(error)}`);
    }
  }
  return faults;
}

const services = DEFINITIONS.map(({ name }) => name);

/** Calls between services, by the addresses that code reads: every service reads those that a library reads. */
function callsInCode(): Map<string, Set<string>> {
  const called = (place: string, own: boolean): string[] => {
    const text = readdirSync(place, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts') && !file.includes('.spec.'))
      .map((file) => readFileSync(join(place, file), 'utf8'))
      .join('\n');
    // a library passes all addresses on to code that may need one
    const all = own && text.includes('instanceUrls(') ? services.filter((name) => name !== 'gateway') : [];
    return [...all, ...[...text.matchAll(/\bconfig\.([a-z]+)Urls?\b/g)].map(([, name = '']) => name)].filter((name) =>
      services.includes(name),
    );
  };
  const byAll = readdirSync('libs')
    .filter((library) => !['config', 'testing', 'sdk'].includes(library))
    .flatMap((library) => called(`libs/${library}/src`, false));
  return new Map(
    services.map((name) => [
      name,
      new Set([...byAll, ...called(`services/${name}/src`, true)].filter((other) => other !== name)),
    ]),
  );
}

interface Peer {
  podSelector?: { matchLabels?: Record<string, string> };
}
interface Rules {
  ingress?: { from?: Peer[]; ports?: { port: number }[] }[];
  egress?: { to?: Peer[]; ports?: { port: number }[] }[];
}

function networkFaults(manifests: readonly Manifest[]): string[] {
  const calls = callsInCode();
  const faults: string[] = [];
  const peers = (list: Peer[] | undefined): string[] =>
    (list ?? []).flatMap((peer) => peer.podSelector?.matchLabels?.['app.kubernetes.io/name'] ?? []).sort();
  const is = (what: string, found: string[], wanted: string[]): void => {
    if (found.join() !== wanted.join()) faults.push(`${what}: ${found.join(', ')}; the code says ${wanted.join(', ')}`);
  };
  for (const name of services) {
    const policy = manifests.find(({ kind, metadata }) => kind === 'NetworkPolicy' && metadata.name === name);
    const { ingress = [], egress = [] } = (policy?.spec ?? {}) as Rules;
    const rules = ingress.filter(({ ports }) => ports?.some(({ port }) => port === 8080));
    const callers = services.filter((other) => calls.get(other)?.has(name)).sort();
    is(
      `who may call ${name}`,
      rules.flatMap(({ from }) => peers(from)),
      callers,
    );
    is(`whom ${name} may call`, egress.flatMap(({ to }) => peers(to)).sort(), [...(calls.get(name) ?? [])].sort());
    for (const { from = [] } of ingress) if (from.length === 0) faults.push(`${name} admits every caller`);
    for (const { to, ports } of egress)
      if ((to ?? []).length === 0 && ports?.some(({ port }) => port !== 53))
        faults.push(`${name} may connect anywhere`);
  }
  return faults;
}

/** Checks that every service has all its settings, and that its environment has only variables that code reads. */
function completenessFaults(manifests: readonly Manifest[]): string[] {
  const faults: string[] = [];
  for (const kind of ['Service', 'StatefulSet', 'PodDisruptionBudget', 'NetworkPolicy']) {
    const names = manifests.filter((manifest) => manifest.kind === kind).map(({ metadata }) => metadata.name);
    for (const name of services) if (!names.includes(name)) faults.push(`${name} has no ${kind}`);
  }
  const known = new Set(
    DEFINITIONS.flatMap(({ config }) => Object.values(config.fields as Record<string, { variable: string }>)).map(
      ({ variable }) => variable,
    ),
  );
  const config = manifests.find(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name === 'hezong');
  for (const variable of Object.keys(config?.data ?? {}))
    if (!known.has(variable)) faults.push(`the ConfigMap has ${variable}, which no service reads`);
  const text = JSON.stringify(manifests);
  const kafka = Object.values(kafkaFields()).map(({ variable }) => variable);
  for (const variable of kafka.filter((one) => one !== 'KAFKA_SASL_PASSWORD'))
    if (!text.includes(variable)) faults.push(`nothing sets ${variable}`);
  return faults;
}

process.chdir(projectRoot());
const faults: string[] = [];
try {
  helm('lint', CHART, '--strict', '--kube-version', KUBERNETES, ...settings(NEEDED));
  const rendered = [render(NEEDED), render(ALL_ON)];
  const [asItComes = [], allOn = []] = rendered;
  faults.push(...typeFaults(rendered.flat()), ...networkFaults(asItComes), ...completenessFaults(allOn));
  for (const manifests of rendered) faults.push(...(await schemaFaults(manifests)));
  // proves that the check detects faults
  const misspelt = allOn.map((one) =>
    one.kind === 'StatefulSet' ? { ...one, spec: { ...one.spec, replicaz: 1 } } : one,
  );
  if (typeFaults(misspelt).length === 0) faults.push('a misspelt field is not found');
  if (faults.length === 0) process.stdout.write(`${asItComes.length} and ${allOn.length} objects, all correct\n`);
} catch (error) {
  faults.push(error instanceof Error ? error.message : String(error));
}
for (const fault of faults) process.stderr.write(`${fault}\n`);
process.exitCode = faults.length === 0 ? 0 : 1;
