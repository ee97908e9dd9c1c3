import { appendOnlySql, defineMigration } from '#libs/postgres';

/**
 * The key under which ids of a wallet's things are masked before anybody outside sees them. It is made once and stays with the books, so
 * that a restored backup still knows every id that was ever handed out; there is no secret to deploy.
 */
export const wireKey = defineMigration({
  id: '0009',
  name: 'wire key',
  up: `
    create table wire_key (
      only_one boolean primary key default true check (only_one),
      key bytea not null check (length(key) = 32)
    );
    insert into wire_key (key) select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));
    ${appendOnlySql('wire_key')}
    revoke insert, update, delete, truncate, references, trigger on wire_key from public, hezong_ledger;
  `,
});
