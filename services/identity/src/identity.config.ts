import { z } from 'zod';
import { defineConfig, field, serviceFields } from '#libs/config';
import type { ConfigOf } from '#libs/config';

const keyEncryptionKey = z
  .string()
  .refine((value) => Buffer.from(value, 'base64').length === 32, 'must be 32 random bytes, base64');

export const identityConfig = defineConfig('identity', {
  ...serviceFields(),
  keyEncryptionKey: field(
    'KEY_ENCRYPTION_KEY',
    keyEncryptionKey,
    'Key under which the private signing keys lie in the database; 32 random bytes, base64.',
    { secret: true },
  ),
});

export type IdentityConfig = ConfigOf<typeof identityConfig>;
