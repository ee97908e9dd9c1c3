import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { runInTransaction } from '#libs/postgres';

const EVERYBODY = { brand: '*' };

/** What one process knows of a brand's day. */
export interface BrandDayRow {
  readonly brand: string;
  /** `2026-03-02` */
  readonly day: string;
  /** Points that this process gave. */
  readonly points: bigint;
  /** What the operator lets the brand give; 0 for no more than its contract. */
  readonly allowed: bigint;
}

/** Points given a day, one row for each brand and process, so that no two ever wait for each other. */
@Injectable()
export class BrandDaysRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Keeps what this process gave. */
  async keep(process: string, rows: readonly BrandDayRow[]): Promise<void> {
    await runInTransaction(this.dataSource, EVERYBODY, (tx) =>
      tx.query(
        `insert into brand_day (brand, day, process, points, allowed)
         select * from unnest($1::text[], $2::date[], array_fill($3::uuid, array[$6::integer]), $4::numeric[], $5::bigint[])
         on conflict (brand, day, process) do update set points = excluded.points, allowed = excluded.allowed`,
        [
          rows.map(({ brand }) => brand),
          rows.map(({ day }) => day),
          process,
          rows.map(({ points }) => `${points}`),
          rows.map(({ allowed }) => `${allowed}`),
          rows.length,
        ],
      ),
    );
  }

  /** What the other processes gave on a day, by brand, and the most that any of them knows to be allowed. */
  async ofOthers(process: string, brands: readonly string[], day: string): Promise<BrandDayRow[]> {
    const rows = await runInTransaction(this.dataSource, EVERYBODY, (tx) =>
      tx.query<{ brand: string; points: string; allowed: bigint }[]>(
        `select brand, sum(points)::text as points, max(allowed) as allowed from brand_day
          where brand = any($1) and day = $2 and process <> $3 group by brand`,
        [brands, day, process],
      ),
    );
    return rows.map(({ brand, points, allowed }) => ({ brand, day, points: BigInt(points), allowed }));
  }
}
