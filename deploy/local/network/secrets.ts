import { existsSync, readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { drawInternalKey } from '#libs/auth';
import { EVERY_SERVICE, type PrivateKey } from '#libs/config';
import { newRolePasswords, type RolePasswords } from '#libs/postgres';
import { writePrivate, type OperatorCredentials } from './sandbox-file.js';

/** Secrets that a local network keeps between two starts; generated at the first. */
export interface Secrets {
  databases: Record<string, RolePasswords>;
  /** Key of each service, for its calls to others. */
  internalKeys: Record<string, PrivateKey>;
  vaultKeys: string;
  vaultPeppers: string;
  keyEncryptionKey: string;
  /** The operator's clients, once identity has created them. */
  operator: OperatorCredentials | undefined;
}

const key = (): string => randomBytes(32).toString('base64');

const secretsFile = (dataDir: string): string => join(dataDir, 'secrets.json');

export function saveSecrets(dataDir: string, secrets: Secrets): void {
  writePrivate(secretsFile(dataDir), secrets);
}

/** `.hezong/secrets.json`, mode 0600. */
export function loadSecrets(dataDir: string, databases: readonly string[]): Secrets {
  const file = secretsFile(dataDir);
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as Partial<Secrets>) : {};
  const secrets: Secrets = {
    internalKeys: Object.fromEntries(
      EVERY_SERVICE.map((name) => [name, known.internalKeys?.[name] ?? drawInternalKey(name)]),
    ),
    vaultKeys: known.vaultKeys ?? `1:${key()}`,
    vaultPeppers: known.vaultPeppers ?? `1:${key()}`,
    keyEncryptionKey: known.keyEncryptionKey ?? key(),
    operator: known.operator,
    databases: Object.fromEntries(databases.map((name) => [name, known.databases?.[name] ?? newRolePasswords()])),
  };
  saveSecrets(dataDir, secrets);
  return secrets;
}
