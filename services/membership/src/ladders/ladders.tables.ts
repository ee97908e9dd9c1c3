import { defineTable, integer, jsonb, key, orNull, text, timestamptz } from '#libs/postgres';
import type { StoredTerms } from './ladder-document.js';

export const LADDERS = defineTable('ladder', {
  version: key(integer()),
  name: text(),
  validFrom: timestamptz(),
  validTo: orNull(timestamptz()),
  terms: jsonb<StoredTerms>(),
  createdBy: text(),
  createdAt: timestamptz(),
});
