/**
 * `npm run compose:env`: generates the secrets for docker-compose.yml in `.hezong/compose.env`, readable only by its owner. Existing
 * secrets stay, so it can be repeated after an update. If the file is lost, the provision step gives existing databases the new passwords,
 * but data encrypted with lost vault keys stay unreadable: keep a copy of the file.
 */
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname } from 'node:path';
import { drawInternalKey, publicPart } from '#libs/auth';
import { EVERY_SERVICE } from '#libs/config';
import type { PrivateKey, PublicKey } from '#libs/config';

const SERVICES = ['partners', 'identity', 'crm', 'ledger', 'membership', 'referrals', 'settlement'];

const password = (): string => randomBytes(24).toString('base64url');
const key = (): string => randomBytes(32).toString('base64');

/** `LEDGER_INTERNAL_KEY`: the key with which the service signs its calls to others. */
function internalKeyVariable(service: string): string {
  return `${service.toUpperCase()}_INTERNAL_KEY`;
}

export const SECRETS: Readonly<Record<string, () => string>> = {
  POSTGRES_PASSWORD: password,
  ...Object.fromEntries(
    SERVICES.flatMap((name) =>
      ['DB_PASSWORD', 'DB_OWNER_PASSWORD'].map((suffix) => [`${name.toUpperCase()}_${suffix}`, password]),
    ),
  ),
  ...Object.fromEntries(
    EVERY_SERVICE.map((name) => [internalKeyVariable(name), () => JSON.stringify(drawInternalKey(name))]),
  ),
  CRM_DB_ROTATION_PASSWORD: password,
  KEY_ENCRYPTION_KEY: key,
  VAULT_KEYS: () => `1:${key()}`,
  VAULT_PEPPERS: () => `1:${key()}`,
  GRAFANA_PASSWORD: password,
};

/** Reads `NAME=value` lines. */
export function readEnvFile(file: string): Record<string, string> {
  if (!existsSync(file)) return {};
  const pairs = readFileSync(file, 'utf8')
    .split('\n')
    .filter((line) => /^[A-Z_]+=/.test(line))
    .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const);
  return Object.fromEntries(pairs);
}

/** The public keys of all services: the previous ones, so that a key can be phased out, and the current ones. */
function publishedKeys(values: Readonly<Record<string, string>>): { keys: PublicKey[] } {
  const before = JSON.parse(values['INTERNAL_JWKS'] ?? '{"keys":[]}') as { keys: PublicKey[] };
  const inUse = EVERY_SERVICE.map((name) =>
    publicPart(JSON.parse(values[internalKeyVariable(name)] ?? '') as PrivateKey),
  );
  const kids = new Set(inUse.map(({ kid }) => kid));
  return { keys: [...before.keys.filter(({ kid }) => !kids.has(kid)), ...inUse] };
}

/** Adds missing secrets; returns their names. */
export function writeComposeEnv(file: string): string[] {
  const known = readEnvFile(file);
  const missing = Object.keys(SECRETS).filter((name) => known[name] === undefined);
  const drawn = { ...known, ...Object.fromEntries(missing.map((name) => [name, SECRETS[name]?.() ?? ''])) };
  const values = { ...drawn, INTERNAL_JWKS: JSON.stringify(publishedKeys(drawn)) };
  mkdirSync(dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}`;
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`);
  writeFileSync(draft, lines.join(''), { mode: 0o600 });
  chmodSync(draft, 0o600);
  renameSync(draft, file);
  return missing;
}
