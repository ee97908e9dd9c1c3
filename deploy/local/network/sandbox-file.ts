import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';

export interface Credentials {
  clientId: string;
  clientSecret: string;
}

/** The operator's client, and the second one that acts of two people are approved by. */
export interface OperatorCredentials extends Credentials {
  second: Credentials;
}

/** `.hezong/sandbox.json`: where a running network listens and how to log in. */
export interface SandboxFile {
  gateway: string;
  tokenUrl: string;
  operator: OperatorCredentials;
  /** Where each service listens behind the gateway, on loopback, for measurements and debugging. */
  services: Record<string, string>;
  brands: (Credentials & { slug: string })[];
}

export function readSandboxFile(file: string): SandboxFile | null {
  if (!existsSync(file)) return null;
  return JSON.parse(readFileSync(file, 'utf8')) as SandboxFile;
}

/** Written aside and renamed: a reader never sees half a file, nobody else may read it. */
export function writeSandboxFile(file: string, content: SandboxFile): void {
  writePrivate(file, content);
}

export function writePrivate(file: string, content: unknown): void {
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
}
