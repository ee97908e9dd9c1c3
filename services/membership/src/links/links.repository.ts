import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import type { MemberLink } from '#libs/directory';

@Injectable()
export class LinksRepository {
  /** Which of these brands and wallets still have a live link, as `brand wallet`. */
  async live(tx: EntityManager, pairs: readonly Pick<MemberLink, 'brand' | 'walletId'>[]): Promise<Set<string>> {
    const rows: { pair: string }[] = await tx.query(
      `select distinct p.brand || ' ' || p.wallet as pair from unnest($1::text[], $2::text[]) as p (brand, wallet)
         join member_link l on l.wallet_id = p.wallet and l.brand = p.brand and l.active`,
      [pairs.map(({ brand }) => brand), pairs.map(({ walletId }) => walletId)],
    );
    return new Set(rows.map(({ pair }) => pair));
  }
}
