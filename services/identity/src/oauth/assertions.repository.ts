import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';

/** Used client assertions, stored until they expire. */
@Injectable()
export class AssertionsRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Records an assertion as used; returns false if any instance had already recorded it. */
  async take(id: string, lifetimeS: number): Promise<boolean> {
    const rows: unknown[] = await this.dataSource.query(
      `with forgotten as (delete from used_assertion where expires_at < clock_timestamp()),
            taken as (insert into used_assertion (id, expires_at)
                      values ($1, clock_timestamp() + make_interval(secs => $2))
                      on conflict (id) do nothing returning 1)
       select 1 from taken`,
      [id, lifetimeS],
    );
    return rows.length > 0;
  }
}
