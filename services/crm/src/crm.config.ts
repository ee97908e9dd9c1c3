import { z } from 'zod';
import { databaseUrl, defineConfig, field, serviceFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';
import { parseKeyring } from './vault/keyring.js';
import type { Keyring } from './vault/keyring.js';

const SECRET_BYTES = 32;

function keyring(exactly: boolean): z.ZodType<Keyring> {
  return z.string().transform((text, context): Keyring => {
    const ring = parseKeyring(text, SECRET_BYTES, exactly);
    if (!('fault' in ring)) return ring;
    context.addIssue({ code: 'custom', message: ring.fault });
    return z.NEVER;
  });
}

const version: z.ZodType<number | null> = z
  .string()
  .regex(/^([1-9]\d{0,3})?$/, 'must be the version of a pepper')
  .transform((text) => (text === '' ? null : Number(text)));

const vaultFields = {
  vaultKeys: field(
    'VAULT_KEYS',
    keyring(true),
    'AES-256 keys of the vault, version:base64 of 32 bytes, comma-separated; the highest version encrypts.',
    { secret: true },
  ),
  vaultPeppers: field(
    'VAULT_PEPPERS',
    keyring(false),
    'Peppers of the contact index, version:base64 of at least 32 bytes, comma-separated; all are accepted, the highest writes.',
    { secret: true },
  ),
  vaultPepperCurrent: field(
    'VAULT_PEPPER_CURRENT',
    version,
    'Version of the pepper that writes while a new one is rolled out to all instances; empty: the highest.',
    { default: '' },
  ),
};

export const crmConfig = defineConfig('crm', { ...serviceFields(), ...vaultFields });

/** Configuration of the command that rotates the vault. */
export const rotationConfig = defineConfig('crm rotation', {
  ...vaultFields,
  rotationUrl: field(
    'ROTATION_DATABASE_URL',
    databaseUrl,
    'crm’s database as the role hezong_crm_rotation; only the command that rotates the vault has it.',
    { secret: true },
  ),
});

export type CrmConfig = ConfigOf<typeof crmConfig>;
