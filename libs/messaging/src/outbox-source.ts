import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { RELAY_START } from './ports.js';
import type { OutgoingRecord, RelayPosition, RelaySource } from './ports.js';

interface OutboxRow {
  readonly xid: string;
  readonly seq: bigint;
  readonly id: string;
  readonly topic: string;
  readonly key: string;
  readonly type: string;
  readonly schema: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer | null;
  readonly created_at: Date;
}

@Injectable()
export class OutboxSource implements RelaySource {
  readonly name = 'outbox';

  async read(
    client: PoolClient,
    after: RelayPosition,
    limit: number,
  ): Promise<{ records: OutgoingRecord[]; next: RelayPosition }> {
    const { rows } = await client.query<OutboxRow>({
      name: 'outbox-read',
      text: `select tx_id::text as xid, seq, id, topic, key, type, schema, headers, body, created_at
             from outbox
             where (tx_id, seq) > ($1::xid8, $2::bigint) and tx_id < pg_snapshot_xmin(pg_current_snapshot())
             order by tx_id, seq limit $3`,
      values: [after.xid, after.seq, limit],
    });
    const last = rows.at(-1);
    return {
      records: rows.map((row) => ({
        topic: row.topic,
        key: row.key,
        id: row.id,
        type: row.type,
        schemaName: row.schema,
        time: row.created_at,
        value: row.body,
        headers: row.headers,
      })),
      next: last === undefined ? after : { epoch: 0, xid: last.xid, seq: last.seq.toString() },
    };
  }

  async backlog(client: PoolClient, after: RelayPosition): Promise<number> {
    const { rows } = await client.query<{ events: bigint }>(
      'select count(*) as events from outbox where (tx_id, seq) > ($1::xid8, $2::bigint)',
      [after.xid, after.seq],
    );
    return Number(rows[0]?.events ?? 0);
  }

  /** Published rows are deleted; the rest get an id of this cluster and keep their order by sequence. */
  async rebase(client: PoolClient, published: RelayPosition, restarted: boolean): Promise<RelayPosition> {
    if (!restarted) return published;
    await client.query('delete from outbox where (tx_id, seq) <= ($1::xid8, $2::bigint)', [
      published.xid,
      published.seq,
    ]);
    await client.query('update outbox set tx_id = pg_current_xact_id()');
    return RELAY_START;
  }
}
