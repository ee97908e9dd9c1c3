import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

export interface Credentials {
  clientId: string;
  clientSecret: string;
}

/** The operator's client, and the second one, which approves acts that need two people. */
export interface OperatorCredentials extends Credentials {
  second: Credentials;
}

/** `.hezong/sandbox.json`: addresses and credentials of a running network. */
export interface SandboxFile {
  gateway: string;
  tokenUrl: string;
  operator: OperatorCredentials;
  /** Loopback URL of each service behind the gateway, for measurements and debugging. */
  services: Record<string, string>;
  brands: (Credentials & { slug: string })[];
}

/** @throws Error when the sandbox has no such brand */
export function credentialsOf({ brands }: Pick<SandboxFile, 'brands'>, slug: string): Credentials {
  const found = brands.find((brand) => brand.slug === slug);
  if (found === undefined) throw new Error(`no credentials for ${slug}`);
  return found;
}

export function readSandboxFile(file: string): SandboxFile | null {
  if (!existsSync(file)) return null;
  return JSON.parse(readFileSync(file, 'utf8')) as SandboxFile;
}

/** Written to a temporary file and renamed: a reader never sees a partial file. Readable only by its owner. */
export function writeSandboxFile(file: string, content: SandboxFile): void {
  writePrivate(file, content);
}

export function writePrivate(file: string, content: unknown): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}
