import { defineTable, filled, jsonb, key, orNull, text, texts, timestamptz } from '#libs/postgres';
import type { PublicJwks } from './client.js';

export const CLIENTS = defineTable('client', {
  clientId: key(text()),
  kind: text<'brand' | 'operator'>(),
  brand: orNull(text()),
  name: text(),
  scopes: texts(),
  jwks: orNull(jsonb<PublicJwks>()),
  madeBy: orNull(text()),
  createdAt: filled(timestamptz()),
  revokedAt: filled(orNull(timestamptz())),
});
