import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

export interface KnownMember {
  readonly memberRef: string;
  readonly brand: string;
  readonly walletId: string;
  readonly active: boolean;
  readonly version: bigint;
}

export interface KnownBinding {
  readonly walletId: string;
  readonly contributor: string;
  readonly since: Date;
}

/** The service's own copies of crm's links and bindings. */
@Injectable()
export class MembersRepository {
  async putLinks(tx: EntityManager, members: readonly KnownMember[]): Promise<void> {
    await tx.query(
      `insert into member_link (brand, member_ref, wallet_id, active, version)
       select distinct on (member_ref) brand, member_ref, wallet_id, active, version
         from unnest($1::text[], $2::text[], $3::text[], $4::boolean[], $5::bigint[]) as g (brand, member_ref, wallet_id, active, version)
        order by member_ref, version desc
       on conflict (member_ref) do update set wallet_id = excluded.wallet_id, active = excluded.active, version = excluded.version
         where member_link.version < excluded.version`,
      [
        members.map(({ brand }) => brand),
        members.map(({ memberRef }) => memberRef),
        members.map(({ walletId }) => walletId),
        members.map(({ active }) => active),
        members.map(({ version }) => version.toString()),
      ],
    );
  }

  /** Ends links for good; they stay, so that a late word of one does not bring it back. */
  async endLinks(tx: EntityManager, memberRefs: readonly string[], version: bigint): Promise<void> {
    await tx.query('update member_link set active = false, version = $2 where member_ref = any ($1)', [
      memberRefs,
      version.toString(),
    ]);
  }

  async find(tx: EntityManager, brand: string, memberRef: string): Promise<string | null | undefined> {
    const rows: { wallet_id: string; active: boolean }[] = await tx.query(
      'select wallet_id, active from member_link where brand = $1 and member_ref = $2',
      [brand, memberRef],
    );
    const [row] = rows;
    return row === undefined ? undefined : row.active ? row.wallet_id : null;
  }

  /** Takes bindings in, the newest of each wallet. Waits for orders that just asked in vain, so that none is forgotten. */
  async putBindings(tx: EntityManager, bindings: readonly KnownBinding[]): Promise<void> {
    await tx.query(
      `insert into binding (wallet_id, contributor, since)
       select distinct on (wallet_id) wallet_id, contributor, since
         from unnest($1::text[], $2::text[], $3::timestamptz[]) as g (wallet_id, contributor, since) order by wallet_id, since desc
       on conflict (wallet_id) do update set contributor = excluded.contributor, since = excluded.since
         where binding.since is null or binding.since <= excluded.since`,
      [
        bindings.map(({ walletId }) => walletId),
        bindings.map(({ contributor }) => contributor),
        bindings.map(({ since }) => since.toISOString()),
      ],
    );
  }

  async bindings(tx: EntityManager, walletIds: readonly string[]): Promise<Map<string, string>> {
    const rows: { wallet_id: string; contributor: string }[] = await tx.query(
      'select wallet_id, contributor from binding where wallet_id = any($1) and contributor is not null',
      [walletIds],
    );
    return new Map(rows.map((row) => [row.wallet_id, row.contributor]));
  }

  /** Leaves a mark on wallets that are not bound yet: the event of their binding then waits for this transaction. */
  async expectBindings(tx: EntityManager, walletIds: readonly string[]): Promise<void> {
    await tx.query(
      `insert into binding (wallet_id) select w from unnest($1::text[]) w order by w
       on conflict (wallet_id) do update set wallet_id = excluded.wallet_id`,
      [[...new Set(walletIds)].sort()],
    );
  }
}
