import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';

export interface KnownBinding {
  readonly walletId: string;
  readonly contributor: string;
  readonly since: Date;
}

/** The service's own copy of crm's bindings. */
@Injectable()
export class MembersRepository {
  /** Stores bindings, the newest per wallet. Waits for transactions that have just looked in vain, so that none is missed. */
  async putBindings(tx: EntityManager, bindings: readonly KnownBinding[]): Promise<void> {
    await tx.query(
      `insert into binding (wallet_id, contributor, since)
       select distinct on (wallet_id) wallet_id, contributor, since
         from unnest($1::text[], $2::text[], $3::timestamptz[]) as g (wallet_id, contributor, since) order by wallet_id, since desc
       on conflict (wallet_id) do update set contributor = excluded.contributor, since = excluded.since,
           earlier = case when excluded.contributor <> binding.contributor and binding.contributor <> all (binding.earlier)
             then array_append(binding.earlier, binding.contributor) else binding.earlier end
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

  /** Marks wallets that are not bound yet. The event of their binding then waits for this transaction. */
  async expectBindings(tx: EntityManager, walletIds: readonly string[]): Promise<void> {
    await tx.query(
      `insert into binding (wallet_id) select w from unnest($1::text[]) w order by w
       on conflict (wallet_id) do update set wallet_id = excluded.wallet_id`,
      [[...new Set(walletIds)].sort()],
    );
  }
}
