import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

import { runInTransaction } from '#libs/postgres';

const EVERYBODY = { brand: '*' };

/** One process's count of a brand's day. */
export interface BrandDayRow {
  readonly brand: string;
  /** `2026-03-02` */
  readonly day: string;
  readonly points: bigint;
  /** Points that the operator allows the brand to give on this day; 0 if no more than its contract. */
  readonly allowed: bigint;
}

/** Points given per day, one row for each brand and process, so that processes never wait for each other. */
@Injectable()
export class BrandDaysRepository {
  constructor(private readonly dataSource: DataSource) {}

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

  /** Reads, per brand, what other processes gave on a day and the highest allowance that any of them has. */
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
