import { defineMigration, readerKeySql } from '#libs/postgres';

/** The key that masks ids of a wallet's objects before anybody outside sees them. */
export const readerKey = defineMigration({
  id: '0009',
  name: 'reader key',
  up: `
    ${readerKeySql()}
    revoke insert, update, delete, truncate, references, trigger on reader_key from public, hezong_ledger;
  `,
});
